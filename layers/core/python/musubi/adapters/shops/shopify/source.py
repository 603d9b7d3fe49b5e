"""Asking Shopify what changed: `orders.json` and `customers.json` of its Admin API (see `admin` for why REST).

Shopify's own advice to receivers of webhooks ("not always delivered", ec-platforms §1). What changed is found by
`updated_at`; a thing that is deleted, merged away or redacted leaves the lists, so a poll can not see it go.

Pages go on by a cursor, the `page_info` of the `Link` header, which stands for a place in the order and not for a number:
whoever changes while we read leaves the window and moves nobody. Of that header only the cursor is taken, never the
address. Shopify says that cursors are not for keeping; one that it has forgotten is refused, and the window is read anew.

Topics: an order is `orders/updated`, whose reader reports every milestone that the body proves. A customer is
`customers/update`, which registers nobody; only who was made just now is `customers/create`. Birthdays, which REST's
customers lack, are asked for beside them, one request a page; [?] whether a changed metafield alone changes `updated_at`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from musubi.adapters.shops.http import Answer, TooLarge
from musubi.adapters.shops.shopify.admin import Admin
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts import values
from musubi.contracts.shopify import Named
from musubi.contracts.text import canonical
from musubi.domain.errors import Permanent

SIZES = (250, 50, 5)
"""Things on a page: as many as Shopify gives, fewer where they are very large."""

TOTAL_S = 25.0

NEW = timedelta(hours=12)
"""How long before the window a customer may have been made who counts as new: who went on changing left every window so far.
Less than the day after which a registration is no news."""

_SECOND = timedelta(seconds=1)
_RESOURCES: Mapping[What, str] = {"orders": "orders", "members": "customers"}
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')
_CURSOR = re.compile(r"[A-Za-z0-9_=.~+/-]{1,2000}")
_VERSION = "x-shopify-api-version"


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`; for its secret see `admin.Admin`."""
    return ShopifySource(api)


class ShopifySource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._admin = Admin(api, TOTAL_S)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """Orders or customers last changed in the window; for the cursor see the module."""
        resource = _RESOURCES[what]
        answer = self._page(resource, _first(resource, since, until) if cursor is None else {"page_info": cursor})
        found = self._admin.read(answer).get(resource)
        if not isinstance(found, list):
            raise Permanent(f"shopify api: answer has no list of {resource}")
        documents = [one for one in found if isinstance(one, dict)]
        if what == "members":
            documents = self._with_birthdays(documents)
        version = answer.headers.get(_VERSION, "")
        return SourcePage([_snapshot(resource, one, since, version) for one in documents], _following(answer))

    def _with_birthdays(self, customers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`customers` with the birthdays that the shop knows. Of who has none nothing is said: not that it was taken back."""
        numbers = [number for one in customers if (number := _number(one))]
        if not numbers:
            return customers
        try:
            known = self._admin.birthdays(numbers)
        except TooLarge:
            raise Permanent("shopify api: answer is too large") from None
        told = [(one, known.get(_number(one))) for one in customers]
        return [{**one, "metafields": [birthday]} if birthday else one for one, birthday in told]

    def _page(self, resource: str, query: Mapping[str, str]) -> Answer:
        for size in SIZES:
            try:
                return self._admin.page(resource, {**query, "limit": str(size)})
            except TooLarge:
                continue
        raise Permanent("shopify api: a page is too large")


def _first(resource: str, since: datetime, until: datetime) -> dict[str, str]:
    """What the first page is asked by; the cursor remembers it for the others, and Shopify takes it with no other word.

    Shopify's list of parameters leaves `order` out, though clients have used it for years [T]; nothing rests on it, for a
    cursor holds its place in any order.
    """
    window = {"updated_at_min": _time(since), "updated_at_max": _time(until + _SECOND)}
    return {**window, "status": "any", "order": "updated_at asc"} if resource == "orders" else window


def _snapshot(resource: str, document: Mapping[str, Any], since: datetime, version: str) -> Snapshot:
    topic = "orders/updated" if resource == "orders" else f"customers/{_verb(document, since)}"
    told = {_VERSION: version} if version else {}
    headers = {"content-type": "application/json", "x-shopify-topic": topic, **told}
    return Snapshot(headers, canonical(document).encode())


def _number(customer: Mapping[str, Any]) -> str:
    """The customer's id; empty if it can be none."""
    found = Named.model_validate(customer).id or ""
    return found if found.isascii() and found.isdigit() else ""


def _verb(customer: Mapping[str, Any], since: datetime) -> str:
    """Whether it is the customer's making that a webhook would have told."""
    try:
        made = values.instant(customer.get("created_at"), "created_at")
    except Permanent:  # its reader says so of this one customer, the others of the page are none the worse
        made = None
    return "create" if made and made >= since - NEW else "update"


def _following(answer: Answer) -> str | None:
    """The cursor of the next page; None when there is none."""
    link = _NEXT.search(answer.headers.get("link", ""))
    if link is None:
        return None
    cursor = next(iter(parse_qs(link[1].partition("?")[2]).get("page_info", [])), "")
    if not _CURSOR.fullmatch(cursor):
        raise Permanent("shopify api: Link header without a cursor")
    return cursor


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
