"""makeshop asked what there is: `searchOrder` and `searchMember` of its GraphQL API. The endpoint, which makeshop mails to
whoever registers an app or a shop's own use, is the base URL; each call says who asks by a token and a key, and when.

No filter by change is known `[?]`. So orders of two weeks are looked through by each poll; older ones, and all members, by the
one whose window holds the morning. What was known already is recognised by its content. Of people only what is read is asked
for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from musubi.adapters.shops.makeshop.normalise import SNAPSHOT
from musubi.adapters.shops.rest import Rest
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts.text import canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

PAGE = 200
"""Of the thousand that makeshop gives: a page must fit into one invocation."""

RECENT = timedelta(days=14)
OLDER = timedelta(days=60)
MORNING = 4
"""The hour in Tokyo at which the day's long look is due."""

TOTAL_S = 25.0
_SECOND = timedelta(seconds=1)

ORDERS = """query searchOrder($input: SearchOrderRequest!) { searchOrder(input: $input) { orders {
  systemOrderNumber displayOrderNumber orderDate memberId sumPrice
  deliveryInfos { deliveryStatus slipNumber
    basketInfos { productCode productName variationName variationCustomCode price amount } }
} } }"""
MEMBERS = """query searchMember($input: SearchMemberRequest!) { searchMember(input: $input) { members {
  memberId name groupId groupName shopPoint registrationDate
} } }"""


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`. A line of its secret is `<x-api-key>:<token>`."""
    return MakeshopSource(api)


class _GraphQl(Rest):
    """makeshop's way in, and its answers: `{"data": …}`, or `errors` whatever the status."""

    def __init__(self, api: ShopApi) -> None:
        super().__init__("makeshop", api, total_s=TOTAL_S)

    def headers(self, key: str) -> Mapping[str, str]:
        assert self._api.now is not None
        name, colon, token = key.partition(":")
        if not (name and colon and token):
            raise Permanent(f"shops/{self._api.shop_id}/makeshop-api: not <x-api-key>:<token>")
        return {
            "Authorization": f"Bearer {token}",
            "x-api-key": name,
            "x-timestamp": str(int(self._api.now().timestamp())),
        }

    def ask(self, query: str, asked: Mapping[str, Any], field: str, name: str) -> list[dict[str, Any]]:
        """The objects of the list `name` under `field`. Raises as `ShopSource.changed` does."""
        found = self.object("", {"query": query, "variables": {"input": dict(asked)}})
        if found.get("errors"):
            raise Permanent(f"makeshop api: {field} is refused, check that the app may use it")
        data = found.get("data")
        result = data.get(field) if isinstance(data, dict) else None
        listed = result.get(name) if isinstance(result, dict) else None
        if not isinstance(listed, list):
            raise Permanent(f"makeshop api: answer has no list of {name}")
        return [one for one in listed if isinstance(one, dict)]


class MakeshopSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._graphql = _GraphQl(api)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page. A cursor is its number."""
        page = _place(cursor)
        long_look = holds_morning(since, until)
        if what == "members":
            if not long_look:
                return SourcePage([], None)
            found = self._graphql.ask(MEMBERS, {"page": page, "limit": PAGE}, "searchMember", "members")
            return _page("member", found, page)
        asked = {
            "startOrderDate": _tokyo(since - (OLDER if long_look else RECENT)),
            "endOrderDate": _tokyo(until + _SECOND),
            "sortOrder": "ASC",
            "page": page,
            "limit": PAGE,
        }
        return _page("order", self._graphql.ask(ORDERS, asked, "searchOrder", "orders"), page)


def holds_morning(since: datetime, until: datetime) -> bool:
    """Whether `MORNING` in Tokyo lies after `since` and not after `until`."""
    last = until.astimezone(TOKYO)
    morning = last.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return since < (morning if morning <= last else morning - timedelta(days=1))


def _page(entity: str, found: list[dict[str, Any]], page: int) -> SourcePage:
    snapshots = [Snapshot({SNAPSHOT: entity}, canonical(one).encode()) for one in found]
    return SourcePage(snapshots, str(page + 1) if len(found) >= PAGE else None)


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 9 and int(cursor) > 0):
        raise Permanent("makeshop api: cursor")
    return int(cursor)


def _tokyo(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y%m%d%H%M%S")
