"""Rakuten's RMS asked what changed: `POST /es/2.0/order/searchOrder/` gives numbers and `…/getOrder/` their orders, below
https://api.rms.rakuten.co.jp.

The search knows no order by change, but most of what happens to an order by its date: placed, fixed, reported as
dispatched, settled. So several searches are read, each from its beginning. Two look further back: cancellations have no
date to search by, and the day of dispatch stands for numbers that are put right after it. Numbers are sorted by when orders
were placed, oldest first, so none leaves its place while pages are turned.

A key ends three months after it was issued; an older one lives on until then, so both may be lines of the secret. RMS
wants about one call a second `[T]`. How late an order may be found `[?]`: a window reaches back an hour beyond its beginning.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.rest import Pace, Rest
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts.text import as_id, canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

PAGE = 100
"""As many as `getOrder` takes; the search would give a thousand."""

VERSION = 7
LATE = timedelta(hours=1)
MOST = timedelta(days=62)
"""A search spans 63 days at most. What lies longer back, after a long silence, is left out."""

NUMBERS_WITHIN = timedelta(days=3)
PACE_S = 1.0
TOTAL_S = 25.0
"""Seconds for a hundred orders whole."""

_PERSONAL = frozenset({"OrdererModel", "SettlementModel", "SenderModel", "DeliveryCvsModel", "remarks", "memo", "Memo"})
"""Who bought, paid and receives: nothing reads it, so it does not leave RMS any further."""

_SECOND = timedelta(seconds=1)
_SEARCH, _GET = "/es/2.0/order/searchOrder/", "/es/2.0/order/getOrder/"
_KEY_ENDS = "(a license key ends three months after it was issued)"


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`. A line of its secret is `<serviceSecret>:<licenseKey>`."""
    return RakutenSource(api)


@dataclass(frozen=True)
class _Search:
    """One way to ask: orders whose date of the kind `date_type` is in the window or of the last `back` before it."""

    date_type: int
    back: timedelta
    progress: tuple[int, ...] = ()

    def body(self, since: datetime, until: datetime, page: int) -> dict[str, Any]:
        start = (until if self.progress else since) - self.back
        asked: dict[str, Any] = {
            "dateType": self.date_type,
            "startDatetime": _tokyo(max(start, until - MOST)),
            "endDatetime": _tokyo(until + _SECOND),
            "PaginationRequestModel": {
                "requestRecordsAmount": PAGE,
                "requestPage": page,
                "SortModelList": [{"sortColumn": 1, "sortDirection": 1}],
            },
        }
        return {**asked, "orderProgressList": list(self.progress)} if self.progress else asked


_PLACED, _FIXED, _SHIPPED_ON, _REPORTED, _SETTLED = 1, 3, 4, 5, 6
SEARCHES = (
    _Search(_PLACED, LATE),
    _Search(_FIXED, LATE),
    _Search(_REPORTED, LATE),
    _Search(_SETTLED, LATE),
    _Search(_SHIPPED_ON, NUMBERS_WITHIN),
    _Search(_PLACED, MOST, progress=(900,)),
)
"""注文日, 注文確定日, 発送完了報告日, 決済確定日, 発送日; and what is キャンセル確定."""


class _RmsRest(Rest):
    """RMS's way in: `Authorization: ESA base64(serviceSecret:licenseKey)`."""

    def headers(self, key: str) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Authorization": f"ESA {b64encode(key.encode()).decode()}",
        }

    def is_refused(self, answer: Answer) -> bool:
        """RMS may say either of a key that has ended."""
        return answer.status in (401, 403)

    def hint(self, status: int) -> str:
        if status in (401, 403):
            return f"the secret shops/{self._api.shop_id}/{self._platform}-api {_KEY_ENDS} and the APIs that it may use"
        return super().hint(status)


class RakutenSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = _RmsRest("rakuten", api, TOTAL_S, Pace(PACE_S))

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page of one of the searches, in two calls. A cursor is `[search, page]`."""
        turn, page = _place(cursor)
        found = self._rest.object(_SEARCH, SEARCHES[turn].body(since, until, page))
        numbers = _numbers(found)
        pages = _pages(found)
        following = [turn, page + 1] if numbers and page < pages else [turn + 1, 1]
        orders = self._orders(numbers) if numbers else []
        return SourcePage(
            [_snapshot(one) for one in orders], json.dumps(following) if following[0] < len(SEARCHES) else None
        )

    def _orders(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        answer = self._rest.object(_GET, {"orderNumberList": list(numbers), "version": VERSION})
        given = answer.get("OrderModelList")
        if not isinstance(given, list):
            raise Permanent("rakuten api: answer has no OrderModelList")
        return [one for one in given if isinstance(one, dict)]


def _numbers(found: Mapping[str, Any]) -> list[str]:
    """The order numbers of one answer, each once. Nothing found is an empty list, or none at all."""
    given = found.get("orderNumberList")
    if given is None and "PaginationResponseModel" in found:
        return []
    if not isinstance(given, list):
        raise Permanent("rakuten api: answer has no orderNumberList")
    return list(dict.fromkeys(number for one in given if (number := as_id(one))))


def _pages(found: Mapping[str, Any]) -> int:
    paging = found.get("PaginationResponseModel")
    pages = paging.get("totalPages") if isinstance(paging, dict) else None
    return pages if type(pages) is int else 0


def _snapshot(order: Mapping[str, Any]) -> Snapshot:
    kept = _impersonal(order)
    if isinstance(packages := kept.get("PackageModelList"), list):
        kept["PackageModelList"] = [_impersonal(one) if isinstance(one, dict) else one for one in packages]
    return Snapshot({"content-type": "application/json"}, canonical(kept).encode())


def _impersonal(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in _PERSONAL}


def _place(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 1
    try:
        turn, page = json.loads(cursor)
    except (ValueError, TypeError):
        raise Permanent("rakuten api: cursor") from None
    if type(turn) is not int or type(page) is not int or not 0 <= turn < len(SEARCHES) or page < 1:
        raise Permanent("rakuten api: cursor")
    return turn, page


def _tokyo(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y-%m-%dT%H:%M:%S+0900")
