"""EC-CUBE asked what changed: the searches of its administration, by GraphQL (`orders`, `customers`), newest first.

Its webhooks are sent once and batch imports send none (ec-platforms §2.3), so this is part of the platform, not a luxury.
Orders that never got beyond the till (7, 8) are left out by the search itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from musubi.adapters.shops.eccube.graphql import CUSTOMER, ORDER, GraphQl
from musubi.adapters.shops.eccube.normalise import SNAPSHOT
from musubi.adapters.shops.http import TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent, Retryable
from musubi.ports import Snapshot, SourcePage, What

PAGE = 20

_QUERY = """query ($since: DateTime, $until: DateTime, $page: Int, $limit: Int) {{
  {name}(update_datetime_start: $since, update_datetime_end: $until, page: $page, limit: $limit) {{
    nodes {{ ...{spread} }} totalCount pageInfo {{ hasNextPage }}
  }}
}}
{fragments}"""

_ASKED: Mapping[What, tuple[str, str, str]] = {
    "orders": ("orders", "order", _QUERY.format(name="orders", spread="O", fragments=f"{CUSTOMER}\n{ORDER}")),
    "members": ("customers", "customer", _QUERY.format(name="customers", spread="C", fragments=CUSTOMER)),
}
_CURSOR = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


class EccubeSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._graphql = GraphQl(api)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page (see `ShopSource`). A cursor is `<page>/<how many there were>`.

        What is modified while we read leaves the window, and everything behind it moves up. Its number tells by how much,
        and as many pages are read again: an event that is known already is recognised.
        """
        name, entity, query = _ASKED[what]
        page, before = _place(cursor)
        variables = {"since": _time(since), "until": _time(until + timedelta(seconds=1)), "page": page, "limit": PAGE}
        try:
            found = self._graphql.ask(query, variables).get(name)
        except TooLarge:
            raise Permanent(f"{name}: the shop's answer is too large") from None
        if not isinstance(found, dict) or not isinstance(found.get("nodes"), list):
            raise Retryable(f"shop API: no {name}", after_s=60)
        nodes = [one for one in found["nodes"] if isinstance(one, dict)]
        counted = found.get("totalCount")
        total = counted if isinstance(counted, int) else before or 0
        gone = max(0, (before or 0) - total)
        following = max(1, page + 1 - -(-gone // PAGE))
        info = found.get("pageInfo")
        more = (isinstance(info, dict) and info.get("hasNextPage") is True) or following <= page
        return SourcePage([_snapshot(entity, one) for one in nodes], f"{following}/{total}" if more else None)


def open_source(api: ShopApi) -> EccubeSource:
    """The source of one shop (see `source.open_source`)."""
    return EccubeSource(api)


def _place(cursor: str | None) -> tuple[int, int | None]:
    """(page, total when it was written); an unreadable cursor begins anew, which only costs time."""
    found = _CURSOR.fullmatch(cursor or "")
    return (max(1, int(found[1])), int(found[2])) if found else (1, None)


def _time(at: datetime) -> str:
    """The one form that the plugin takes (`Y-m-d\\TH:i:sP`): whole seconds with an offset."""
    return at.astimezone(TOKYO).isoformat(timespec="seconds")


def _snapshot(entity: str, document: Mapping[str, Any]) -> Snapshot:
    return Snapshot({SNAPSHOT: entity}, canonical(document).encode())
