"""futureshop asked what changed: `POST /oauth/token`, then `GET /admin-api/v1/shipping` (受注検索) and `…/orders/<orderNo>`,
below the address that futureshop gives with its keys (https://api.admin.future-shop.net for one shop).

The list can be filtered by when orders were placed, and by no change. So those of two months are listed, and kept is what names
a time of late: most things that happen to an order date it, some only by the day, and a day may be entered after it. A status
that is more than a date is always kept. An order is taken as listed; only of one that is new the whole is asked for too, which
says at what 会員ステージ it was placed. futureshop takes one call a second `[T]`.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from musubi.adapters.shops.futureshop.normalise import QUIET
from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.rest import Pace, Rest, Signed
from musubi.adapters.shops.source import ShopApi, ShopSource, Snapshot, SourcePage, What
from musubi.contracts import values
from musubi.contracts.futureshop import Buyer, day
from musubi.contracts.text import as_id, canonical
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

SHIPS_WITHIN = timedelta(days=60)
ENTERED_WITHIN = timedelta(days=3)
"""A dispatch of Friday may be entered on Monday."""

MOST_WHOLE = 15
"""New orders of a page that are asked for whole, a second each; the others have no stage."""

PACE_S = 1.0
TOTAL_S = 25.0
_SECOND = timedelta(seconds=1)
_TOKEN, _LIST, _ORDER = "/oauth/token", "/admin-api/v1/shipping", "/admin-api/v1/orders"
_LONGEST = 2048

_log = logging.getLogger("musubi.shops.futureshop")


def open_source(api: ShopApi) -> ShopSource:
    """The shop behind `api`. A line of its secret is `<shop key>:<client id>:<client secret>`."""
    return FutureshopSource(api)


class _FutureshopRest(Rest):
    """futureshop's way in: a token for the shop's client, and the shop's key with every call."""

    def __init__(self, api: ShopApi) -> None:
        super().__init__("futureshop", api, TOTAL_S, Pace(PACE_S))
        self._tokens: dict[str, str] = {}

    def headers(self, key: str) -> Mapping[str, str]:
        shop_key = self._parts(key)[0]
        return {**super().headers(self._tokens[key]), "X-SHOP-KEY": shop_key}

    def hint(self, status: int) -> str:
        if status in (401, 403):
            return f"the secret shops/{self._api.shop_id}/futureshop-api, and what it may use and from where"
        return super().hint(status)

    def signed_in(self, call: Signed, key: str) -> Answer:
        """The answer to the call, or to the request for its token if that was refused."""
        if key not in self._tokens and (refusal := self._enter(key)):
            return refusal
        return call(key)

    def _enter(self, key: str) -> Answer | None:
        shop_key, client, secret = self._parts(key)
        sent = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {b64encode(f'{client}:{secret}'.encode()).decode()}",
            "X-SHOP-KEY": shop_key,
        }
        self.keep_pace()
        answer = self._http.request("POST", _TOKEN, b"grant_type=client_credentials", sent)
        if answer.status != 200:
            return answer
        try:
            token = json.loads(answer.body)["access_token"]
        except (ValueError, RecursionError, KeyError, TypeError):
            token = None
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise Permanent("futureshop api: answer has no access_token")
        self._tokens[key] = token
        return None

    def _parts(self, key: str) -> Sequence[str]:
        parts = key.split(":")
        if len(parts) != 3 or not all(parts):
            raise Permanent(f"shops/{self._api.shop_id}/futureshop-api: not <shop key>:<client id>:<client secret>")
        return parts


class FutureshopSource:
    """Implements `ShopSource`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = _FutureshopRest(api)

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page. A cursor is futureshop's own."""
        query = {
            "orderDateStart": _tokyo(since - SHIPS_WITHIN),
            "orderDateEnd": _tokyo(until + _SECOND),
            **({"cursor": cursor} if cursor else {}),
        }
        answer = self._rest.object(f"{_LIST}?{urlencode(query)}")
        found = answer.get("orderList")
        if not isinstance(found, list):
            raise Permanent("futureshop api: answer has no orderList")
        kept = [one for one in found if isinstance(one, dict) and _is_of(one, since - ENTERED_WITHIN)]
        new = [one for one in kept if _is_new(one, since)][:MOST_WHOLE]
        buyers = {id(one): self._buyer(one) for one in new}
        return SourcePage([_snapshot(one, buyers.get(id(one), {})) for one in kept], _next(answer.get("nextUrl")))

    def _buyer(self, listed: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the whole order says of who placed it; nothing where futureshop does not give more of it."""
        number = as_id(listed.get("orderNo"))
        if number is None:
            return {}
        try:
            found = self._rest.object(f"{_ORDER}/{quote(number, safe='')}").get("buyerInfo")
        except Permanent as error:
            _log.warning("order not read whole", extra={"why": error.reason})
            return {}
        return found if isinstance(found, dict) else {}


def _is_of(order: Mapping[str, Any], after: datetime) -> bool:
    """Whether the order names a day not before that of `after`, or a status that says more. One that names none is for its
    reader to judge.
    """
    if order.get("status") not in QUIET:
        return True
    days = [found for value in _dates(order) if (found := _day(value))]
    return not days or max(days) >= after.astimezone(TOKYO).date()


def _is_new(order: Mapping[str, Any], since: datetime) -> bool:
    """Whether a member placed the order in the window."""
    try:
        placed = values.instant(order.get("date"), "order.date")
    except Permanent:
        return False
    return placed is not None and placed > since and order.get("isMember") is not False


def _dates(order: Mapping[str, Any]) -> list[Any]:
    parcels = order.get("shipmentList")
    infos = [one.get("shippingInfo") for one in parcels if isinstance(one, dict)] if isinstance(parcels, list) else []
    return [
        order.get("date"),
        order.get("receiptDate"),
        *(one.get("shippingDate") for one in infos if isinstance(one, dict)),
    ]


def _day(value: Any) -> Any:
    try:
        return day(value, "order")
    except Permanent:
        return None


def _next(url: Any) -> str | None:
    """The cursor in the address of the next page. Nothing else of it is used: no call goes where an answer says."""
    if not url:
        return None
    try:
        found = parse_qs(urlsplit(url).query).get("cursor", []) if isinstance(url, str) else []
    except ValueError:
        found = []
    if len(found) != 1 or not 0 < len(found[0]) <= _LONGEST:
        raise Permanent("futureshop api: nextUrl has no cursor")
    return found[0]


def _snapshot(order: Mapping[str, Any], buyer: Mapping[str, Any]) -> Snapshot:
    """Without whom it goes to, which nothing reads; the buyer is cut down to what is read of a member."""
    kept = {name: value for name, value in order.items() if name != "buyerInfo"}
    listed = order.get("buyerInfo")
    if isinstance(listed, dict):
        both = {**listed, **buyer}
        kept["buyerInfo"] = {name: both[name] for name in Buyer.model_fields if name in both}
    if isinstance(parcels := kept.get("shipmentList"), list):
        kept["shipmentList"] = [_unaddressed(one) if isinstance(one, dict) else one for one in parcels]
    return Snapshot({"content-type": "application/json"}, canonical(kept).encode())


def _unaddressed(parcel: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parcel.items() if name != "addressInfo"}


def _tokyo(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y-%m-%dT%H:%M:%S")
