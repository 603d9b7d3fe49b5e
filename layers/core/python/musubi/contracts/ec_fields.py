"""Pieces that the data of canonical events has in common: ids, flags, lines, parcels. Read by `contracts/ec.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.text import as_id, clean
from musubi.domain.carriers import allowed_url, carrier_of, tracking_number, tracking_url
from musubi.domain.changes import (
    CartChange,
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    PrivacyChange,
    ReservationChange,
    SubscriptionChange,
)
from musubi.domain.errors import Permanent
from musubi.domain.orders import Line, LineKind, Shipment

Data = Mapping[str, Any]

MAX_LINES = 200
"""Lines read of one order or cart; what a customer buys in one go is far below."""
_MAX_CATEGORIES = 8
_MAX_QUANTITY = 10**6


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What carried a canonical event. `source` + `event_id` identify it; `time` is the carrier's, if it had one."""

    shop_id: str
    platform: str
    source: str
    event_id: str
    type: str
    time: datetime | None
    received_at: datetime
    data: Any

    @property
    def fallback(self) -> datetime:
        """When it happened, for data that does not say."""
        return self.time or self.received_at

    def version(self, data: Data) -> datetime:
        """As of when the data describes its entity."""
        return values.instant(data.get("version"), "version") or self.fallback


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the data of one event says; `at` is when it happened, `as_of` its version, if the data says so itself."""

    at: datetime | None = None
    as_of: datetime | None = None
    member: MemberChange | None = None
    points: PointsChange | None = None
    order: OrderChange | None = None
    merge: MergeChange | None = None
    cart: CartChange | None = None
    reservation: ReservationChange | None = None
    subscription: SubscriptionChange | None = None
    privacy: PrivacyChange | None = None


DataReader = Callable[[Data, Envelope], Told]


def required(data: Data, field: str) -> str:
    """The id under `field`; Permanent without one."""
    found = as_id(data.get(field))
    if found is None:
        raise Permanent(f"data.{field}: missing or no id")
    return found


def optional(data: Data, field: str) -> str | None:
    """The id under `field`, None when absent. Something there that is no id raises: it means somebody."""
    return None if data.get(field) in (None, "") else required(data, field)


def flag(data: Data, field: str) -> bool:
    """True for a flag however it is written: a test order that is taken for a real one would be thanked for."""
    return str(data.get(field, "")).strip().lower() in ("true", "1")


def said(data: Data, field: str) -> datetime | None:
    """The instant under `field`."""
    return values.instant(data.get(field), f"data.{field}")


def word(value: Any) -> str | None:
    """A short text as people write it; numbers count as their digits."""
    return clean(str(value) if type(value) is int else value)


def total_of(data: Data) -> int | None:
    """Whole yen of `totals.grand`, else of `total`."""
    totals = data.get("totals")
    total = totals.get("grand") if isinstance(totals, dict) else data.get("total")
    return values.yen(total, "data.totals.grand")


def lines_of(data: Data) -> tuple[Line, ...] | None:
    """The lines of an order or a cart; None when the event does not speak of them. One that is no line is left out."""
    given = data.get("lines")
    if not isinstance(given, list):
        return None
    return tuple(line for one in given[:MAX_LINES] if isinstance(one, dict) and (line := _line(one)))


def _line(said_of: Data) -> Line | None:
    quantity = _whole(said_of.get("quantity", 1))
    if quantity is None or not 0 < quantity <= _MAX_QUANTITY:
        return None
    product, variant, sku = (as_id(said_of.get(name)) for name in ("product_id", "variant_id", "sku"))
    title = word(said_of.get("title")) or word(said_of.get("name")) or product or sku
    if title is None:
        return None
    return Line(
        title=title,
        quantity=quantity,
        product_id=product,
        variant_id=variant,
        sku=sku,
        categories=_categories(said_of),
        unit_yen=_unit_yen(said_of.get("unit_price")),
        kind=_kind(said_of.get("kind")),
    )


def _categories(line: Data) -> tuple[str, ...]:
    given = line.get("categories", line.get("category"))
    named = given if isinstance(given, list) else [given]
    found = (word(one.get("name")) if isinstance(one, dict) else word(one) for one in named[:50])
    return tuple(dict.fromkeys(one for one in found if one))[:_MAX_CATEGORIES]


def _unit_yen(value: Any) -> int | None:
    try:
        return values.yen(value, "unit_price")
    except Permanent:  # a share of a discount may well be 33.3 yen, and nobody is told of a single line's price
        return None


def _kind(value: Any) -> LineKind:
    try:
        return LineKind(str(value).strip().lower()) if value is not None else LineKind.PRODUCT
    except ValueError:
        return LineKind.FEE  # unknown, so nothing that somebody has bought


def _whole(value: Any) -> int | None:
    try:
        return values.points(value, "quantity")
    except Permanent:
        return None


def shipment(shipment_id: str, carrier_name: Any, numbers: Any, url: Any) -> Shipment:
    """One parcel. The shop's own link is used only if it is https and the carrier's; else it is made from the number."""
    carrier = carrier_of(clean(carrier_name))
    given = numbers if isinstance(numbers, list) else [numbers]
    cleaned = (clean(str(n) if type(n) is int else n, 40) for n in given[:20])
    tracking = tuple(dict.fromkeys(tracking_number(n) for n in cleaned if n))
    made = next((made for n in tracking if (made := tracking_url(carrier.code, n))), None)
    own = url.strip() if isinstance(url, str) and allowed_url(url.strip()) else None
    return Shipment(
        shipment_id=shipment_id,
        carrier=carrier.code,
        carrier_name=carrier.display,
        tracking_numbers=tracking,
        tracking_url=own or made,
    )
