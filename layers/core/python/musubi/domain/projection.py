"""How shop events change what is known of orders and points: by the source's version, never by arrival."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

from musubi.domain.calendar import is_fresh, tokyo_date
from musubi.domain.changes import OrderChange, PointsChange
from musubi.domain.events import ShopEvent
from musubi.domain.orders import Line, Milestone, Order, Shipment
from musubi.domain.people import ExpiringPoints, Member, MemberState, PointLot
from musubi.domain.writes import Create, Drop, Put, Replace, Write

T = TypeVar("T")

MAX_LOTS = 40
"""Expiry dates kept per member: each is one row of the date index, and a member's rows fit one transaction."""

MAX_LINES = 50
"""Lines kept of an order."""
_MAX_CHECKOUTS = 4

_RANK = {
    "OrderPlaced": 0,
    "OrderPaymentFailed": 1,
    "OrderPaymentOverdue": 1,
    "OrderPaid": 2,
    "ShipmentDispatched": 3,
    "OrderShipped": 4,
    "OrderReadyForPickup": 5,
    "OrderDelivered": 6,
    "OrderReturned": 7,
    "OrderRefunded": 8,
    "OrderCancelled": 9,
}


def apply_order(
    order: Order | None, change: OrderChange, shop_id: str, as_of: datetime, *, is_test: bool = False
) -> Order | None:
    """The order after `change`, or None if it says nothing new.

    Milestones only ever add up. Number, total, lines and each parcel follow the newest version that speaks of them: a
    parcel's event knows nothing of the total, however new it is. Versions that are equal (many shops count in seconds) are
    settled by what they say, never by arrival.
    """
    before = order or Order(shop_id=shop_id, order_id=change.order_id, version=0)
    newer = before.as_of is None or as_of > before.as_of
    tied = as_of == before.as_of
    after = replace(
        before,
        number=max(filter(None, (before.number, change.number)), default=None)
        if tied
        else _pick(before.number, change.number, newer),
        member_id=before.member_id or change.member_id,
        as_of=as_of if newer else before.as_of,
        shipments=_merge_shipments(before.shipments, change.shipments, as_of),
        milestones=_merge_milestones(before.milestones, change.milestones),
        checkout_ids=tuple(sorted({*before.checkout_ids, *change.checkout_ids}))[:_MAX_CHECKOUTS],
        is_test=before.is_test or is_test,
    )
    after = _with_lines(_with_total(after, change.total_yen, as_of), change.lines, as_of)
    if order is not None and after == before:
        return None
    return replace(after, version=before.version + 1)


def _with_total(order: Order, total: int | None, as_of: datetime) -> Order:
    if total is None or (order.total_as_of is not None and as_of < order.total_as_of):
        return order
    if as_of == order.total_as_of and order.total_yen is not None:
        # A second in which an order was placed and refunded ends with the refund.
        total = min(total, order.total_yen)
    return replace(order, total_yen=total, total_as_of=as_of)


def _with_lines(order: Order, lines: tuple[Line, ...] | None, as_of: datetime) -> Order:
    if lines is None or (order.lines_as_of is not None and as_of < order.lines_as_of):
        return order
    kept = lines[:MAX_LINES]
    if as_of == order.lines_as_of:
        kept = min(kept, order.lines, key=repr)
    return replace(order, lines=kept, lines_as_of=as_of)


@dataclass(frozen=True)
class Untold:
    """Milestones that scenarios have not seen (`news`). All of them end what they end; only `fresh` ones start anything:
    a cancellation that reaches us late must still stop the follow-up.
    """

    order: Order
    news: tuple[Milestone, ...] = ()
    fresh: tuple[Milestone, ...] = ()


def tell(order: Order, *, silent: bool, received_at: datetime, ahead: timedelta = timedelta()) -> Untold:
    """Mark what there is to tell as told. Nothing is marked while the order has no member to tell it to. For `received_at`
    and `ahead` see `is_fresh`.
    """
    pending = [m for m in order.milestones if m.id not in order.told]
    if not pending or (order.member_id is None and not silent):
        return Untold(order)
    known = {*order.told, *(m.id for m in pending)}
    told = replace(order, told=tuple(m.id for m in order.milestones if m.id in known))
    fresh = () if silent else tuple(m for m in pending if is_fresh(m.at, received_at, ahead))
    return Untold(told, tuple(pending), fresh)


def apply_points(member: Member | None, change: PointsChange, shop_id: str, as_of: datetime) -> Member | None:
    """The member after a points event. A balance must be newer than the stored one; what was granted or taken always counts.

    A balance without lots leaves no more in the stored ones than it holds: points that were used no longer end.
    """
    before = member or Member(shop_id=shop_id, member_id=change.member_id, version=0)
    if before.state is MemberState.ERASED:
        return None
    if change.granted is not None:
        lots = (*before.lots, *((change.granted_lot,) if change.granted_lot else ()))
        after = replace(before, points=(before.points or 0) + change.granted, lots=_by_date(lots, as_of))
    elif change.taken is not None:
        left = max(0, (before.points or 0) - change.taken)
        after = replace(before, points=left, lots=_within(left, _by_date(before.lots, as_of)))
    else:
        if before.points_as_of is not None and as_of < before.points_as_of:
            return None
        kept = change.balance if change.balance is not None else 0
        lots = _within(kept, before.lots) if change.lots is None else _by_date(change.lots, as_of)
        after = replace(before, points=change.balance, lots=lots, points_as_of=as_of)
    return None if member is not None and after == before else replace(after, version=before.version + 1)


def member_writes(before: Member | None, after: Member) -> list[Write]:
    """Store the member and keep the expiry index equal to its lots, in one commit."""
    writes: list[Write] = [Create(after) if before is None else Replace(after)]
    was = _totals(before.lots if before else ())
    gone = after.state is not MemberState.ACTIVE
    now = {} if gone else _totals(after.lots)
    for on in sorted(was.keys() | now.keys()):
        row = ExpiringPoints(shop_id=after.shop_id, member_id=after.member_id, expires_on=on, points=now.get(on, 0))
        if on not in now:
            writes.append(Drop(row.key))
        elif was.get(on) != now[on] or (before is not None and before.state is not MemberState.ACTIVE):
            writes.append(Put(row))
    return writes


def order_writes(before: Order | None, after: Order) -> list[Write]:
    """Store the order if it changed."""
    if before is None:
        return [Create(replace(after, version=1))]
    return [] if after == before else [Replace(replace(after, version=before.version + 1))]


def is_silent(event: ShopEvent, ahead: timedelta = timedelta()) -> bool:
    """Test orders, backfills and what is old news when it reaches us update state but message nobody."""
    return event.is_test or event.is_backfill or not is_fresh(event.occurred_at, event.received_at, ahead)


def _pick(old: T | None, new: T | None, newer: bool) -> T | None:
    first, second = (new, old) if newer else (old, new)
    return first if first is not None else second


def _merge_milestones(old: tuple[Milestone, ...], new: tuple[Milestone, ...]) -> tuple[Milestone, ...]:
    """Each once, at its earliest instant: two sources that date it differently must not make the arrival decide."""
    merged = {m.id: m for m in sorted((*old, *new), key=lambda m: m.at, reverse=True)}
    return tuple(sorted(merged.values(), key=lambda m: (_RANK.get(m.name, 9), m.at, m.ref)))


def _merge_shipments(old: tuple[Shipment, ...], new: tuple[Shipment, ...], as_of: datetime) -> tuple[Shipment, ...]:
    merged = {s.shipment_id: s for s in old}
    for parcel in new:
        known = merged.get(parcel.shipment_id)
        said = replace(parcel, as_of=as_of)
        if known is None or known.as_of is None or (as_of, *_detail(said)) > (known.as_of, *_detail(known)):
            merged[parcel.shipment_id] = said
    return tuple(sorted(merged.values(), key=lambda s: s.shipment_id))


def _detail(parcel: Shipment) -> tuple[int, str]:
    """Settles two versions of one second: the one that knows more numbers."""
    return len(parcel.tracking_numbers), repr((parcel.carrier, parcel.tracking_numbers, parcel.tracking_url))


def _by_date(lots: tuple[PointLot, ...], as_of: datetime) -> tuple[PointLot, ...]:
    """One lot per date, the nearest dates first; beyond MAX_LOTS the farthest are left to a later event.

    Lots that were over at `as_of` go: a shop that only sends grants would fill the list with the past.
    """
    today = tokyo_date(as_of)
    totals = sorted((on, points) for on, points in _totals(lots).items() if points > 0 and on >= today)
    return tuple(PointLot(on, points) for on, points in totals[:MAX_LOTS])


def _within(balance: int, lots: tuple[PointLot, ...]) -> tuple[PointLot, ...]:
    """`lots` with no more points than `balance`; what is too much was in the lots that end first, as shops use them."""
    excess, kept = sum(lot.points for lot in lots) - balance, list[PointLot]()
    for lot in sorted(lots, key=lambda one: one.expires_on):
        gone = min(lot.points, max(0, excess))
        excess -= gone
        if lot.points > gone:
            kept.append(PointLot(lot.expires_on, lot.points - gone))
    return tuple(kept)


def _totals(lots: tuple[PointLot, ...]) -> dict[date, int]:
    totals: dict[date, int] = {}
    for lot in lots:
        totals[lot.expires_on] = totals.get(lot.expires_on, 0) + lot.points
    return totals
