"""BASE asked what changed: `GET /1/orders` and `/1/orders/detail/:unique_key` (docs.thebase.in), below https://api.thebase.in.

The list can be filtered by when orders were placed only. So those of two months are listed, and what was `modified` in the
window is fetched whole. `[?]`: how the list is sorted. Orders keep the time at which they were placed and the window's end
holds new ones off, so nobody should leave its place; a window reaches back an hour beyond its beginning for what did.

BASE allows 5,000 calls an hour and says 400 for everything, with a word for what is wrong.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.rest import Rest
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts.base_ec import unix
from musubi.contracts.text import as_id, canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

PAGE = 50
"""BASE gives a hundred; each that changed is a call of its own, and a page must fit into one invocation."""

LATE = timedelta(hours=1)
CHANGES_WITHIN = timedelta(days=60)
_SECOND = timedelta(seconds=1)
_LIMITS = frozenset({"hour_api_limit", "day_api_limit"})

_log = logging.getLogger("musubi.shops.base")


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`, by its grant with the scope `read_orders` (see `oauth`)."""
    return BaseSource(api)


class _BaseRest(Rest):
    """BASE's way to refuse: `{"error": …}`, whatever the status."""

    def is_passing(self, answer: Answer) -> bool:
        return super().is_passing(answer) or (answer.status != 200 and _error(answer) in _LIMITS)


class _ListRest(_BaseRest):
    """The first call of a page, which shows whether the token is taken: the same word says what else is wrong with a call, and
    the grant is not renewed for each order that BASE does not find.
    """

    def is_refused(self, answer: Answer) -> bool:
        return super().is_refused(answer) or (answer.status == 400 and _error(answer) == "invalid_request")


class BaseSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._list, self._detail = _ListRest("base", api), _BaseRest("base", api)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page. A cursor is the offset."""
        offset = _place(cursor)
        query = {
            "start_ordered": _tokyo(since - CHANGES_WITHIN),
            "end_ordered": _tokyo(until + _SECOND),
            "limit": str(PAGE),
            "offset": str(offset),
        }
        found = self._list.listed(f"/1/orders?{urlencode(query)}", "orders")
        changed = [self._whole(one) for one in found if _is_of(one, since - LATE, until + _SECOND)]
        return SourcePage([_snapshot(one) for one in changed], str(offset + PAGE) if len(found) >= PAGE else None)

    def _whole(self, listed: Mapping[str, Any]) -> Mapping[str, Any]:
        """The order with its parcel and lines; as it was listed where BASE does not give more of it."""
        key = as_id(listed.get("unique_key"))
        if key is None:
            return listed
        try:
            found = self._detail.object(f"/1/orders/detail/{quote(key, safe='')}").get("order")
        except Permanent as error:
            _log.warning("order not read whole", extra={"why": error.reason})
            return listed
        return found if isinstance(found, dict) else listed


def _is_of(order: Mapping[str, Any], after: datetime, until: datetime) -> bool:
    """Whether the order was modified in the window. One that does not say is for its reader to judge."""
    try:
        at = unix(order.get("modified"), "order.modified")
    except Permanent:
        return True
    return at is None or after < at <= until


def _error(answer: Answer) -> str | None:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    word = found.get("error") if isinstance(found, dict) else None
    return word if isinstance(word, str) else None


def _snapshot(order: Mapping[str, Any]) -> Snapshot:
    return Snapshot({"content-type": "application/json"}, canonical(order).encode())


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 9):
        raise Permanent("base api: cursor")
    return int(cursor)


def _tokyo(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S")
