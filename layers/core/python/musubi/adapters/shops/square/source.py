"""Asking Square what changed: `POST /v2/orders/search` and `POST /v2/customers/search`, below https://connect.squareup.com.

A cursor of Square's lives for minutes, and one of ours may be stored for days. So a window is read in slices of time that fit
onto one page each, and only within a second, which is the smallest slice, pages are turned by Square's cursor. What changes
meanwhile leaves its slice for a later window, and takes nobody along.

Offline sales of a till may reach Square days late (72 hours); they are updated when they do. Customers are found by a search
some seconds after they change, at times a minute or longer: the next window reaches back over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.adapters.shops.square.api import SNAPSHOT, SquareRest
from musubi.contracts.text import as_id, canonical
from musubi.domain.errors import Permanent

PAGE = 100
"""Things asked for at once: as many customers as Square gives."""

LOCATIONS = 10
"""Locations that Square searches at once."""

_LEAST = timedelta(seconds=1)
_MOST_PAGES = 100
"""Of one second: ten thousand things."""


def open_source(api: ShopApi) -> ShopSource:
    """The seller behind `api`. A line of its secret is an access token (see `api`)."""
    return SquareSource(api)


class SquareSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = SquareRest(api)
        self._locations: list[str] | None = None
        self._names: dict[str, str] | None = None

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One slice. A cursor is `[where it begins, seconds that the next may be long]`."""
        start, span = _place(cursor) if cursor is not None else (since, max(until - since, _LEAST))
        while True:
            end = min(start + span, until)
            found, fits = self._slice(what, start, end, whole=span <= _LEAST)
            if fits:
                break
            span = max(span / 2, _LEAST)
        # A slice that was nearly empty says that the next one may be longer again.
        longer = span * 2 if len(found) < PAGE // 4 else span
        return SourcePage(self._snapshots(what, found), None if end >= until else _cursor(end, longer))

    def _slice(self, what: What, start: datetime, end: datetime, *, whole: bool) -> tuple[list[dict[str, Any]], bool]:
        """What changed from `start` to `end`, both included, and whether that is all of it."""
        within = {"updated_at": {"start_at": _time(start), "end_at": _time(end)}}
        found: list[dict[str, Any]] = []
        for path, name, question in self._questions(what, within):
            for page, is_last in self._pages(path, name, question):
                found += page
                if is_last:
                    break
                if not whole:
                    return [], False
        return found, True

    def _questions(self, what: What, within: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if what == "members":
            query = {"filter": within, "sort": {"field": "CREATED_AT", "order": "ASC"}}
            yield "/v2/customers/search", "customers", {"limit": PAGE, "query": query}
            return
        query = {
            "filter": {"date_time_filter": within},
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        }
        places = self._places()
        for at in range(0, len(places), LOCATIONS):
            some = places[at : at + LOCATIONS]
            yield "/v2/orders/search", "orders", {"location_ids": some, "limit": PAGE, "query": query}

    def _pages(self, path: str, name: str, question: Mapping[str, Any]) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """The pages of one question, each with whether it is the last. An empty answer has no list at all."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            document = self._rest.object(path, {**question, **({"cursor": cursor} if cursor else {})})
            cursor = document.get("cursor") if isinstance(document.get("cursor"), str) else None
            yield _objects(document.get(name), name), not cursor
        raise Permanent(f"square api: {name} of one second without end")

    def _places(self) -> list[str]:
        """All locations, closed ones too: what was sold there may still be refunded."""
        if self._locations is None:
            listed = _objects(self._rest.object("/v2/locations").get("locations"), "locations")
            self._locations = [found for one in listed if (found := as_id(one.get("id")))]
        return self._locations

    def _snapshots(self, what: What, found: Sequence[Mapping[str, Any]]) -> list[Snapshot]:
        if what == "orders":
            return [Snapshot({SNAPSHOT: "order"}, canonical(one).encode()) for one in found]
        return [Snapshot({SNAPSHOT: "customer"}, canonical(self._customer(one)).encode()) for one in found]

    def _customer(self, customer: Mapping[str, Any]) -> dict[str, Any]:
        """The customer with the names of its groups; the groups are asked for once, and only if there are any."""
        given = customer.get("group_ids")
        groups = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        if groups and self._names is None:
            self._names = dict(self._rest.groups())
        known = self._names or {}
        return {"customer": customer, "groups": {one: known[one] for one in groups if one in known}}


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Permanent(f"square api: answer has no list of {name}")
    return [one for one in value if isinstance(one, dict)]


def _place(cursor: str) -> tuple[datetime, timedelta]:
    try:
        start, seconds = json.loads(cursor)
        place = datetime.fromisoformat(start), timedelta(seconds=seconds)
    except (ValueError, TypeError, OverflowError):
        raise Permanent("square api: cursor") from None
    if place[0].tzinfo is None or place[1] < _LEAST:
        raise Permanent("square api: cursor")
    return place


def _cursor(start: datetime, span: timedelta) -> str:
    return json.dumps([start.isoformat(), max(span, _LEAST).total_seconds()])


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
