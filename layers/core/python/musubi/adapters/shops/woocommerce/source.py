"""Asking WooCommerce what changed: its REST API v3 (`/wp-json/wc/v3`), read in WooCommerce's own code (11.x).

Orders can be listed by the time of their last change (since WooCommerce 5.8). Customers cannot: core knows no filter and
no order by change for them, so only registrations are found; a changed profile comes by webhook or not at all.

Times are sent without a zone and with `dates_are_gmt`: WordPress would first turn a time with a `Z` into the shop's own
zone and then compare it with the GMT column, nine hours off in Japan.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.domain.errors import Permanent, Retryable

SIZES = (100, 20, 5)
"""Things on a page: as many as WooCommerce gives, fewer where plugins make the orders of a shop very large."""

LIMIT = 16 * 1024 * 1024
TOTAL_S = 25.0
"""A hundred orders with their plugins' data take a small server a while."""

BUSY_S = 60
_SECOND = timedelta(seconds=1)
API = "/wp-json/wc/v3"


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`. A line of its secret is `<consumer key>:<consumer secret>`, with the right to read."""
    return WooSource(api)


@dataclass(frozen=True)
class _Place:
    """Where to read on: page `page` (from 1, of `size`) of what changed after `after`.

    The page's number alone would lose things: an order that changes between two requests leaves its place, and all behind it
    move up. So after each page `after` moves to the last change seen, and pages are only counted within one second.
    """

    after: str = ""
    page: int = 1
    size: int = SIZES[0]

    def smaller(self) -> _Place:
        """The same place with smaller pages; Permanent if there are none."""
        at = SIZES.index(self.size) + 1
        if at == len(SIZES):
            raise Permanent("woocommerce api: a page is too large")
        return replace(self, page=(self.page - 1) * (self.size // SIZES[at]) + 1, size=SIZES[at])


@dataclass(frozen=True)
class _Thing:
    """An order or a customer, and its JSON as it came."""

    fields: Mapping[str, Any]
    text: str

    def time(self, field: str) -> datetime | None:
        """A `…_gmt` field as an aware time; None for what is none: the reader of the body will say what is wrong."""
        text = self.fields.get(field)
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC) if isinstance(text, str) else None
        except ValueError:
            return None


class WooSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._api = api
        self._http = Http(api.base_url, api.left_s, limit=LIMIT, total_s=TOTAL_S)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """Orders changed, or customers registered, in the window."""
        place = _place(cursor)
        return self._orders(since, until, place) if what == "orders" else self._customers(since, place)

    def _orders(self, since: datetime, until: datetime, place: _Place) -> SourcePage:
        # Both bounds are exclusive and in whole seconds.
        place = place if place.after else replace(place, after=_gmt(since - _SECOND))
        query = {
            "modified_after": place.after,
            "modified_before": _gmt(until + _SECOND),
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc",
        }
        found, more, place = self._list("orders", query, place)
        last = max((at for at in (one.time("date_modified_gmt") for one in found) if at), default=None)
        return SourcePage(_snapshots("order", found), _cursor(_onward(place, last)) if more else None)

    def _customers(self, since: datetime, place: _Place) -> SourcePage:
        # Newest first: whoever registers meanwhile moves the others back, which shows somebody twice and loses nobody.
        found, more, place = self._list("customers", {"orderby": "registered_date", "order": "desc"}, place)
        fresh = [one for one in found if (one.time("date_created_gmt") or since) >= since - _SECOND]
        on = _cursor(replace(place, page=place.page + 1)) if more and len(fresh) == len(found) else None
        return SourcePage(_snapshots("customer", fresh), on)

    def _list(self, path: str, query: Mapping[str, str], place: _Place) -> tuple[list[_Thing], bool, _Place]:
        """The things on one page, whether there are more, and the place that was read (pages may have become smaller)."""
        while True:
            asked = {**query, "page": str(place.page), "per_page": str(place.size)}
            try:
                answer = self._get(f"{API}/{path}?{urlencode(asked)}")
            except TooLarge:
                place = place.smaller()
                continue
            found = _things(answer)
            return found, bool(found) and _more(answer, len(found), place), place

    def _get(self, path: str) -> Answer:
        """An answer with status 200, by the first key that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Permanent(f"shops/{self._api.shop_id}/woocommerce-api: no such secret")
        for key in keys:
            answer = self._http.request("GET", path, None, {"Accept": "application/json", **basic(key)})
            if answer.status != 401:
                break
        return _accepted(answer)


def basic(key: str) -> dict[str, str]:
    """The header that proves who asks. WooCommerce takes it over TLS only; Permanent for what is no key."""
    if ":" not in key:
        raise Permanent("woocommerce-api: not <consumer key>:<consumer secret>")
    return {"Authorization": f"Basic {b64encode(key.encode()).decode()}"}


def _accepted(answer: Answer) -> Answer:
    """`answer` if it is one. A redirect is refused, not followed: the key would go with it."""
    if answer.status == 200:
        return answer
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise Retryable(f"woocommerce api: {answer.status}", after_s=BUSY_S)
    hint = {401: "the key", 403: "the key's rights", 404: "base URL and permalinks"}.get(answer.status, "the base URL")
    raise Permanent(f"woocommerce api: {answer.status}, check {hint}")


def _things(answer: Answer) -> list[_Thing]:
    """The objects of a list, each with the text that it had there: the worker reads what the shop wrote, digit for digit."""
    try:
        text = answer.body.decode()
        whole = json.loads(text)
        if not isinstance(whole, list) or not all(isinstance(one, dict) for one in whole):
            raise ValueError("no list of objects")
        return list(_with_text(text, len(whole)))
    except (ValueError, RecursionError):
        raise Permanent("woocommerce api: answer is no list of objects") from None


def _with_text(text: str, count: int) -> Iterator[_Thing]:
    """The `count` objects of the JSON array `text`."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    for _ in range(count):
        at = text.index("{", at)
        found, end = decoder.raw_decode(text, at)
        yield _Thing(found, text[at:end])
        at = end


def _more(answer: Answer, count: int, place: _Place) -> bool:
    """Whether there is a next page. A page may be short of things that the key may not read, so its length proves nothing
    where the shop says how many pages there are.
    """
    pages = answer.headers.get("x-wp-totalpages", "")
    return place.page < int(pages) if pages.isdecimal() else count >= place.size


def _onward(place: _Place, last: datetime | None) -> _Place:
    """Behind a page whose last change was at `last`; what changed in that very second is read again."""
    after = _gmt(last - _SECOND) if last else place.after
    return replace(place, after=after, page=1) if after > place.after else replace(place, page=place.page + 1)


def _snapshots(resource: str, found: Sequence[_Thing]) -> list[Snapshot]:
    headers = {"content-type": "application/json", "x-wc-webhook-topic": f"{resource}.updated"}
    return [Snapshot(headers, one.text.encode()) for one in found]


def _place(cursor: str | None) -> _Place:
    if cursor is None:
        return _Place()
    try:
        place = _Place(**json.loads(cursor))
    except (ValueError, TypeError):
        raise Permanent("woocommerce api: cursor") from None
    if place.size not in SIZES:
        raise Permanent("woocommerce api: cursor")
    return place


def _cursor(place: _Place) -> str:
    return json.dumps(asdict(place))


def _gmt(at: datetime) -> str:
    """`2026-11-24T03:00:00`: in GMT, without a zone, cut to the second. Sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
