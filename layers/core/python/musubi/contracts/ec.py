"""Canonical shop events (their `type` and `data`) → `ShopEvent`. Every way in ends here: CloudEvents, the bus.

Strict about what identifies (member, order) and about amounts, tolerant about everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.text import as_id, bounded_id, canonical, clean, content_hash
from musubi.domain.calendar import tokyo_date
from musubi.domain.carriers import allowed_url, carrier_of, tracking_number, tracking_url
from musubi.domain.changes import MemberChange, OrderChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import SHOP_EVENTS, ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone, Shipment
from musubi.domain.people import MemberState, PointLot

Data = Mapping[str, Any]


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


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the data of one event says; `at` is when it happened, if the data says so itself."""

    at: datetime | None = None
    member: MemberChange | None = None
    points: PointsChange | None = None
    order: OrderChange | None = None


def read_event(envelope: Envelope) -> ShopEvent | UnreadShopEvent:
    """The domain's event; raises Permanent naming the field that can not be read."""
    content = content_hash({"type": envelope.type, "data": envelope.data})
    source, event_id = bounded_id(envelope.source), bounded_id(envelope.event_id)
    if envelope.type not in SHOP_EVENTS:
        kind = clean(envelope.type) or "unknown"
        return UnreadShopEvent(
            source=source, event_id=event_id, kind=kind, content=content, raw=canonical(envelope.data)
        )
    data = envelope.data
    reader = _READERS.get(envelope.type)
    if not isinstance(data, dict):
        if reader is not None:
            raise Permanent("data: not an object")
        data = {}
    fallback = envelope.time or envelope.received_at
    told = reader(data, fallback, envelope) if reader else _Told()
    occurred_at = told.at or fallback
    return ShopEvent(
        source=source,
        event_id=event_id,
        type=envelope.type,
        shop_id=envelope.shop_id,
        platform=envelope.platform,
        occurred_at=occurred_at,
        as_of=values.instant(data.get("version"), "version") or envelope.time or occurred_at,
        received_at=envelope.received_at,
        content=content,
        is_test=_flag(data, "is_test"),
        is_backfill=_flag(data, "is_backfill"),
        member=told.member,
        points=told.points,
        order=told.order,
    )


def said_with(carrier: Mapping[str, Any], data: Any) -> Any:
    """`data` with what a canonical envelope (ec-platforms §9.1) says beside it: whom and which order, and the two
    flags.

    What the data says itself counts more.
    """
    if not isinstance(data, dict):
        return data
    subject = carrier.get("subject")
    named = subject if isinstance(subject, dict) else {}
    beside = {key: named[key] for key in ("member_id", "order_id") if key in named}
    return {**beside, **{key: carrier[key] for key in ("is_test", "is_backfill") if key in carrier}, **data}


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


def _flag(data: Data, field: str) -> bool:
    """True for a flag however it is written: a test order that is taken for a real one would be thanked for."""
    return str(data.get(field, "")).strip().lower() in ("true", "1")


def _required(data: Data, field: str) -> str:
    found = as_id(data.get(field))
    if found is None:
        raise Permanent(f"data.{field}: missing or no id")
    return found


def _profile(data: Data, state: MemberState | None, envelope: Envelope, registered: datetime | None) -> MemberChange:
    profile = data.get("profile")
    said = {**data, **profile} if isinstance(profile, dict) else data
    family, given = values.person_name(said.get("name"))
    birthday = values.birthday(said.get("birthday"), tokyo_date(envelope.received_at))
    return MemberChange(
        member_id=_required(data, "member_id"),
        state=state,
        family_name=family,
        given_name=given,
        birthday=birthday,
        # Only a plain null takes it back; a value that can not be read must not.
        birthday_withdrawn="birthday" in said and said["birthday"] is None,
        registered_at=registered,
    )


def _registered(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    at = values.instant(data.get("registered_at"), "data.registered_at")
    return _Told(at=at, member=_profile(data, MemberState.ACTIVE, envelope, at or fallback))


def _updated(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    at = values.instant(data.get("registered_at"), "data.registered_at")
    return _Told(member=_profile(data, None, envelope, at))


def _ended(state: MemberState) -> Callable[[Data, datetime, Envelope], _Told]:
    def read(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
        at = values.instant(data.get("at"), "data.at")
        return _Told(at=at, member=MemberChange(member_id=_required(data, "member_id"), state=state))

    return read


def _balance(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    change = PointsChange(
        member_id=_required(data, "member_id"),
        balance=values.points(data.get("balance"), "data.balance"),
        lots=values.lots(data.get("lots"), "data.lots"),
    )
    return _Told(points=change)


def _granted(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    granted = values.points(data.get("points"), "data.points")
    until = data.get("expires_at")
    lot = PointLot(values.last_day(until, "data.expires_at"), granted) if until not in (None, "") else None
    if granted <= 0:
        raise Permanent("data.points: a grant is more than 0")
    return _Told(points=PointsChange(member_id=_required(data, "member_id"), granted=granted, granted_lot=lot))


def _taken(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    """Points used, revoked or expired. The balance afterwards, if it is told, is worth more than our own subtraction."""
    member_id = _required(data, "member_id")
    if data.get("balance_after") is not None:
        balance = values.points(data["balance_after"], "data.balance_after")
        return _Told(points=PointsChange(member_id=member_id, balance=balance))
    taken = values.points(data.get("points"), "data.points")
    if taken <= 0:
        raise Permanent("data.points: what is taken is more than 0")
    return _Told(points=PointsChange(member_id=member_id, taken=taken))


def _order(
    data: Data, milestone: Milestone, parcels: tuple[Shipment, ...] = (), total: int | None = None
) -> OrderChange:
    return OrderChange(
        order_id=_required(data, "order_id"),
        number=clean(str(n) if type(n := data.get("order_number")) is int else n),
        member_id=_optional(data, "member_id"),
        total_yen=total,
        milestones=(milestone,),
        shipments=parcels,
    )


def _optional(data: Data, field: str) -> str | None:
    return None if data.get(field) in (None, "") else _required(data, field)


def _placed(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    at = values.instant(data.get("placed_at"), "data.placed_at")
    totals = data.get("totals")
    total = totals.get("grand") if isinstance(totals, dict) else data.get("total")
    order = _order(data, Milestone("OrderPlaced", at or fallback), total=values.yen(total, "data.totals.grand"))
    return _Told(at=at, order=order)


def _milestone(name: str, field: str) -> Callable[[Data, datetime, Envelope], _Told]:
    def read(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
        at = values.instant(data.get(field), f"data.{field}")
        # Only checked: an amount that is no whole yen shows that the shop counts in another unit.
        values.yen(data.get("amount"), "data.amount")
        return _Told(at=at, order=_order(data, Milestone(name, at or fallback)))

    return read


def _dispatched(data: Data, fallback: datetime, envelope: Envelope) -> _Told:
    parcel = data.get("shipment")
    if not isinstance(parcel, dict):
        raise Permanent("data.shipment: missing or not an object")
    shipment_id = as_id(parcel.get("shipment_id"))
    if shipment_id is None:
        raise Permanent("data.shipment.shipment_id: missing or no id")
    at = values.instant(parcel.get("shipped_at"), "data.shipment.shipped_at")
    numbers = parcel.get("tracking_numbers", parcel.get("tracking_number"))
    carrier = parcel.get("carrier_raw") or parcel.get("carrier")
    made = shipment(shipment_id, carrier, numbers, parcel.get("tracking_url"))
    order = _order(data, Milestone("ShipmentDispatched", at or fallback, shipment_id), (made,))
    return _Told(at=at, order=order)


_READERS: dict[str, Callable[[Data, datetime, Envelope], _Told]] = {
    "MemberRegistered": _registered,
    "MemberUpdated": _updated,
    "MemberWithdrawn": _ended(MemberState.WITHDRAWN),
    "MemberDeleted": _ended(MemberState.ERASED),
    "PointsBalanceChanged": _balance,
    "PointsGranted": _granted,
    "PointsUsed": _taken,
    "PointsRevoked": _taken,
    "PointsExpired": _taken,
    "OrderPlaced": _placed,
    "OrderPaid": _milestone("OrderPaid", "paid_at"),
    "OrderCancelled": _milestone("OrderCancelled", "cancelled_at"),
    "ShipmentDispatched": _dispatched,
}
"""Events with an effect on what we know. The other canonical ones are taken and recorded."""
