"""STORES asked what changed: `GET /retail/202211/orders` (github.com/heyinc/retail-api-docs), below https://api.stores.dev.

The list knows no order and no filter by change. So several lists are read, each from its beginning, and what names no time of
late is left out: an order dates all that happens to it. Orders are listed by when they were placed, oldest first, so none
leaves its place while pages are turned; one that appears late moves others back, which shows them twice.

STORES says that an order may appear late, and not how late `[?]`. So a window reaches back a day, and every change is looked
at by each poll of that day. The same day covers what is `[?]` too: in which zone a filter's time, which has none, is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from musubi.adapters.shops.rest import Rest
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts import values
from musubi.contracts.text import canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

PAGE = 100
LATE = timedelta(hours=24)
SHIPS_WITHIN = timedelta(days=30)
_SECOND = timedelta(seconds=1)
_PATH = "/retail/202211/orders"


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`. A line of its secret is a bearer token (クレデンシャル)."""
    return StoresSource(api)


@dataclass(frozen=True)
class _List:
    """One way to ask: orders whose `field` is of the last `back` before the window."""

    field: str
    back: timedelta
    days: bool = False

    def query(self, since: datetime, until: datetime) -> dict[str, str]:
        start = (since - self.back).astimezone(TOKYO)
        if not self.days:
            return {f"{self.field}_from": start.strftime("%Y-%m-%dT%H:%M:%S")}
        end = until.astimezone(TOKYO) + timedelta(days=1)
        return {f"{self.field}_from": start.date().isoformat(), f"{self.field}_to": end.date().isoformat()}


LISTS = (
    _List("ordered_at", SHIPS_WITHIN),
    _List("readied_at", LATE),
    _List("canceled_at", LATE),
    _List("delivery_start_date", SHIPS_WITHIN, days=True),
)
"""No filter finds what was shipped: orders of a month are looked through, and those whose delivery was due in it (予約販売)."""


class StoresSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = Rest("stores", api)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page of one of the lists. A cursor is `[list, offset]`."""
        turn, offset = _place(cursor)
        paged = {"direction": "asc", "limit": str(PAGE), "offset": str(offset)}
        query = {**LISTS[turn].query(since, until), **paged}
        found = self._rest.listed(f"{_PATH}?{urlencode(query)}", "orders")
        following = [turn, offset + PAGE] if len(found) >= PAGE else [turn + 1, 0]
        snapshots = [_snapshot(one) for one in found if _is_of(one, since - LATE, until + _SECOND)]
        return SourcePage(snapshots, json.dumps(following) if following[0] < len(LISTS) else None)


def _is_of(order: Mapping[str, Any], after: datetime, until: datetime) -> bool:
    """Whether the newest time that the order names is of the window. One that names none is for its reader to judge."""
    times = [at for at in (_time(one) for one in _dates(order)) if at]
    return not times or after < max(times) <= until


def _dates(order: Mapping[str, Any]) -> list[Any]:
    parts = [order, *_objects(order.get("transactions")), *_objects(order.get("deliveries"))]
    return [
        part.get(name)
        for part in parts
        for name in ("ordered_at", "readied_at", "paid_at", "shipped_at", "canceled_at")
    ]


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _time(value: Any) -> datetime | None:
    try:
        return values.instant(value, "order")
    except Permanent:
        return None


def _snapshot(order: Mapping[str, Any]) -> Snapshot:
    return Snapshot({"content-type": "application/json"}, canonical(order).encode())


def _place(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    try:
        turn, offset = json.loads(cursor)
    except (ValueError, TypeError):
        raise Permanent("stores api: cursor") from None
    if type(turn) is not int or type(offset) is not int or not 0 <= turn < len(LISTS) or offset < 0:
        raise Permanent("stores api: cursor")
    return turn, offset
