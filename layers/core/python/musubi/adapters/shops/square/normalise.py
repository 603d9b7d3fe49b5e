"""Square's events. What a body proves is reported, whichever verb its type has: `updated` may be the first that arrives.

Bookings, customers, points and payments come whole. Of an order only the id comes, so it is fetched, as is the one that a
payment or a refund names. A shop without an API loses what only the order tells: of it just the payment, refunds and end are
known, and the rest is stored unread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from musubi.adapters.shops.source import Apis, NoApi
from musubi.adapters.shops.square.api import PLATFORM, SNAPSHOT, SquareRest, mendable
from musubi.adapters.shops.square.customers import member_change, named
from musubi.adapters.shops.square.frame import Frame
from musubi.adapters.shops.square.orders import order_events, refunded_orders
from musubi.adapters.shops.square.snapshot import snapshot_events
from musubi.contracts import values
from musubi.contracts.square import Event, Payment, ThinOrder
from musubi.contracts.text import bounded_id, canonical, content_hash, parse_json
from musubi.domain.changes import (
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    ReservationChange,
    ReservationState,
)
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import MemberState

_SETTLES_S = 10
"""Seconds until an order that was read from a lagging copy is asked for again."""

_BOOKED = frozenset({"PENDING", "ACCEPTED"})
_CALLED_OFF = frozenset({"CANCELLED_BY_CUSTOMER", "CANCELLED_BY_SELLER", "DECLINED"})


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What one event says: its canonical name, when it happened, the version of what it describes, and the changes."""

    name: str
    at: Any = None
    as_of: Any = None
    changes: Mapping[str, Any] = field(default_factory=dict)


_Event = ShopEvent | UnreadShopEvent
_Reader = Callable[[Event, datetime], _Told | None]


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime, *, apis: Apis
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events of one call (see `base.Normalise`). Raises Retryable when the shop does not answer."""
    document = parse_json(body, "Square body")
    if not isinstance(document, dict):
        raise Permanent("Square body: not an object")
    frame = Frame(shop_id, received_at)
    if SNAPSHOT in headers:
        return snapshot_events(headers[SNAPSHOT], document, frame)
    event = Event.model_validate(document)
    kind = event.type or "unknown"
    sent_at = values.instant(event.created_at, "created_at") or received_at
    reader = _READERS.get(kind)
    told = reader(event, sent_at) if reader else None
    itself = _itself(document, event, told, sent_at, frame)
    order_id = _order_id(event, kind, told)
    groups = event.data.object.customer.group_ids if kind.startswith("customer.") else None
    api = _api(apis, shop_id) if order_id or groups else None
    if api is None:
        return (itself,)
    with mendable():
        if order_id is not None:
            return _with_order(api.order(order_id), event, itself, frame)
        return (_with_names(itself, api.groups()),)


def _itself(document: Any, event: Event, told: _Told | None, sent_at: datetime, frame: Frame) -> _Event:
    """What the webhook says by itself."""
    kind, content = event.type or "unknown", content_hash(document)
    source, event_id = f"{frame.shop_id}/{PLATFORM}/{kind}", bounded_id(event.event_id or content)
    if told is None:
        raw = canonical(document)
        return UnreadShopEvent(source=source, event_id=event_id, kind=kind, content=content, raw=raw)
    as_of = values.instant(told.as_of, "updated_at") or sent_at
    return ShopEvent(
        source=source,
        event_id=event_id,
        type=told.name,
        shop_id=frame.shop_id,
        platform=PLATFORM,
        occurred_at=values.instant(told.at, "created_at") or as_of,
        as_of=as_of,
        received_at=frame.received_at,
        content=content,
        **told.changes,
    )


def _api(apis: Apis, shop_id: str) -> SquareRest | None:
    try:
        return SquareRest(apis(shop_id, PLATFORM))
    except NoApi:
        return None


def _order_id(event: Event, kind: str, told: _Told | None) -> str | None:
    """The order that there is to fetch: one that the event names, or that its money is about."""
    thin = _thin(event, kind)
    if thin is not None:
        return thin.order_id
    change = told.changes.get("order") if told else None
    return change.order_id if isinstance(change, OrderChange) else None


def _thin(event: Event, kind: str) -> ThinOrder | None:
    told = event.data.object
    return {
        "order.created": told.order_created,
        "order.updated": told.order_updated,
        "order.fulfillment.updated": told.order_fulfillment_updated,
    }.get(kind)


def _with_order(
    document: Mapping[str, Any] | None, event: Event, itself: _Event, frame: Frame
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """What the order tells, and of the event itself what the order does not."""
    if document is None:
        return (itself,)
    thin, version = _thin(event, event.type or ""), document.get("version")
    if thin and thin.version and isinstance(version, int) and version < thin.version:
        raise Retryable("order: older than its webhook", after_s=_SETTLES_S)
    told = order_events(document, frame)
    if thin is None and isinstance(itself, ShopEvent) and itself.order is not None:
        told = [*told, *_money_of(itself, itself.order, document, told)]
    return told or (itself,)


def _money_of(
    itself: ShopEvent, said: OrderChange, document: Mapping[str, Any], told: Sequence[_Event]
) -> Iterator[ShopEvent]:
    """A payment's or a refund's own event, so far as the fetched order does not tell it: who paid at a till, a refund that is
    not listed, a payment that failed. That the order is paid the order says itself: this may be a part of it.
    """
    orders = [one.order for one in told if isinstance(one, ShopEvent) and one.order]
    known = {one.name for order in orders for one in order.milestones} & {"OrderRefunded"}
    milestones = tuple(one for one in said.milestones if one.name not in {"OrderPaid", *known})
    if not milestones and (said.member_id is None or any(order.member_id for order in orders)):
        return
    about = refunded_orders(document) if itself.type == "OrderRefunded" else [said.order_id]
    for order_id in about:
        change = replace(said, order_id=order_id, milestones=milestones)
        event_id = content_hash([itself.event_id, order_id])
        yield replace(itself, type=itself.type if milestones else "OrderEdited", event_id=event_id, order=change)


def _with_names(itself: _Event, groups: Iterable[tuple[str, str]]) -> _Event:
    """A customer's groups by the names that people know them by. One that is gone keeps its id."""
    if not isinstance(itself, ShopEvent) or itself.member is None or itself.member.tags is None:
        return itself
    return replace(itself, member=named(itself.member, dict(groups)))


def _booking(event: Event, sent_at: datetime) -> _Told | None:
    booking = event.data.object.booking
    if booking.id is None:
        raise Permanent("data.object.booking.id: missing or no id")
    if booking.status in _BOOKED:
        state = ReservationState.BOOKED
        name = "ReservationMade" if event.type == "booking.created" else "ReservationChanged"
    elif booking.status in _CALLED_OFF:
        state, name = ReservationState.CANCELLED, "ReservationCancelled"
    else:
        return None
    start = values.instant(booking.start_at, "data.object.booking.start_at")
    minutes = sum(one.duration_minutes or 0 for one in booking.appointment_segments)
    change = ReservationChange(
        reservation_id=booking.id,
        state=state,
        member_id=booking.customer_id,
        start_at=start,
        # Service, staff and place are ids here; an id is nothing to show to a customer.
        end_at=start + timedelta(minutes=minutes) if start and minutes else None,
    )
    at = booking.created_at if name == "ReservationMade" else booking.updated_at
    return _Told(name=name, at=at, as_of=booking.updated_at, changes={"reservation": change})


def _loyalty(event: Event, sent_at: datetime) -> _Told | None:
    account = event.data.object.loyalty_account
    if account.customer_id is None:
        # Square allows accounts that are known by a phone number alone.
        return None
    balance = values.points(account.balance, "data.object.loyalty_account.balance")
    deadlines = values.lots(account.expiring_point_deadlines, "data.object.loyalty_account.expiring_point_deadlines")
    change = PointsChange(member_id=account.customer_id, balance=balance, lots=deadlines or ())
    # The account's own stamp can be older than the balance it comes with (its sample shows so): the event's counts.
    return _Told(name="PointsBalanceChanged", at=sent_at.isoformat(), changes={"points": change})


def _customer(event: Event, sent_at: datetime) -> _Told | None:
    customer = event.data.object.customer
    is_new = event.type == "customer.created"
    change = member_change(customer, MemberState.ACTIVE if is_new else None, sent_at)
    name, at = ("MemberRegistered", customer.created_at) if is_new else ("MemberUpdated", customer.updated_at)
    return _Told(name=name, at=at, as_of=customer.updated_at, changes={"member": change})


def _gone(event: Event, sent_at: datetime) -> _Told | None:
    """A deleted customer; merged ones are deleted too, and must not be forgotten but carried over."""
    told = event.data.object
    removed = told.customer.id or event.data.id
    if removed is None:
        raise Permanent("data.id: missing or no id")
    kept, at = told.event_context.merge.to_customer_id, sent_at.isoformat()
    if kept is not None and kept != removed:
        return _Told(name="MemberMerged", at=at, changes={"merge": MergeChange(kept_id=kept, removed_id=removed)})
    change = MemberChange(member_id=removed, state=MemberState.ERASED)
    return _Told(name="MemberDeleted", at=at, changes={"member": change})


def _paid(event: Event, sent_at: datetime) -> _Told | None:
    name = {"COMPLETED": "OrderPaid", "FAILED": "OrderPaymentFailed"}.get(event.data.object.payment.status or "")
    return _money(event.data.object.payment, name, "", sent_at) if name else None


def _refunded(event: Event, sent_at: datetime) -> _Told | None:
    refund = event.data.object.refund
    if refund.status != "COMPLETED" or refund.id is None:
        return None
    return _money(refund, "OrderRefunded", refund.id, sent_at)


def _money(payment: Payment, name: str, ref: str, sent_at: datetime) -> _Told | None:
    if payment.order_id is None:
        return None
    # Only checked: one order may be paid in parts, so the amount is no total.
    values.yen(payment.amount_money, "data.object.amount_money")
    at = values.instant(payment.updated_at, "updated_at") or sent_at
    milestone = Milestone(name, at, ref)
    order = OrderChange(order_id=payment.order_id, member_id=payment.customer_id, milestones=(milestone,))
    return _Told(name=name, at=payment.updated_at, as_of=payment.updated_at, changes={"order": order})


def _ended(event: Event, sent_at: datetime) -> _Told | None:
    """An order without its content proves one thing only: that it was cancelled."""
    told = event.data.object
    order: ThinOrder = told.order_updated if event.type == "order.updated" else told.order_created
    if order.state != "CANCELED" or order.order_id is None:
        return None
    stamp = order.updated_at or order.created_at
    at = values.instant(stamp, "updated_at") or sent_at
    change = OrderChange(order_id=order.order_id, milestones=(Milestone("OrderCancelled", at),))
    return _Told(name="OrderCancelled", at=stamp, as_of=stamp, changes={"order": change})


_READERS: dict[str, _Reader] = {
    "booking.created": _booking,
    "booking.updated": _booking,
    "loyalty.account.created": _loyalty,
    "loyalty.account.updated": _loyalty,
    "customer.created": _customer,
    "customer.updated": _customer,
    "customer.deleted": _gone,
    "order.created": _ended,
    "order.updated": _ended,
    "payment.created": _paid,
    "payment.updated": _paid,
    "refund.created": _refunded,
    "refund.updated": _refunded,
}
"""Types with an effect. All others are stored as they came."""
