"""Square's events. What a body proves is reported, whichever verb its type has: `updated` may be the first that arrives.

Orders come as ids alone (their lines are behind Square's API), so of an order only its payment, refunds and end are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from musubi.contracts import values
from musubi.contracts.square import Event, Payment, ThinOrder
from musubi.contracts.text import bounded_id, canonical, content_hash, parse_json
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import (
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    ReservationChange,
    ReservationState,
)
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import Consent, MemberState

_PLATFORM = "square"

_BOOKED = frozenset({"PENDING", "ACCEPTED"})
_CALLED_OFF = frozenset({"CANCELLED_BY_CUSTOMER", "CANCELLED_BY_SELLER", "DECLINED"})


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What one event says: its canonical name, when it happened, the version of what it describes, and the changes."""

    name: str
    at: Any = None
    as_of: Any = None
    changes: Mapping[str, Any] = field(default_factory=dict)


_Reader = Callable[[Event, datetime], _Told | None]


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one call (see `base.Normalise`)."""
    document = parse_json(body, "Square body")
    if not isinstance(document, dict):
        raise Permanent("Square body: not an object")
    event = Event.model_validate(document)
    kind, content = event.type or "unknown", content_hash(document)
    source, event_id = f"{shop_id}/{_PLATFORM}/{kind}", bounded_id(event.event_id or content)
    sent_at = values.instant(event.created_at, "created_at") or received_at
    reader = _READERS.get(kind)
    told = reader(event, sent_at) if reader else None
    if told is None:
        raw = canonical(document)
        return (UnreadShopEvent(source=source, event_id=event_id, kind=kind, content=content, raw=raw),)
    as_of = values.instant(told.as_of, "updated_at") or sent_at
    return (
        ShopEvent(
            source=source,
            event_id=event_id,
            type=told.name,
            shop_id=shop_id,
            platform=_PLATFORM,
            occurred_at=values.instant(told.at, "created_at") or as_of,
            as_of=as_of,
            received_at=received_at,
            content=content,
            **told.changes,
        ),
    )


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
    if customer.id is None:
        raise Permanent("data.object.customer.id: missing or no id")
    created = values.instant(customer.created_at, "data.object.customer.created_at")
    said = event.data.object.customer.model_fields_set
    is_new = event.type == "customer.created"
    change = MemberChange(
        member_id=customer.id,
        state=MemberState.ACTIVE if is_new else None,
        family_name=customer.family_name,
        given_name=customer.given_name,
        birthday=values.birthday(customer.birthday, tokyo_date(sent_at)),
        birthday_withdrawn="birthday" in said and customer.birthday is None,
        registered_at=created,
        tags=tuple(customer.group_ids) if customer.group_ids is not None else None,
        consents=_consents(event, sent_at),
    )
    name, at = ("MemberRegistered", customer.created_at) if is_new else ("MemberUpdated", customer.updated_at)
    return _Told(name=name, at=at, as_of=customer.updated_at, changes={"member": change})


def _consents(event: Event, sent_at: datetime) -> tuple[Consent, ...]:
    customer = event.data.object.customer
    refused = customer.preferences.email_unsubscribed
    if refused is not True:
        # False only says that nobody has unsubscribed; in Japan that is no opt-in.
        return ()
    at = values.instant(customer.updated_at, "data.object.customer.updated_at") or sent_at
    return (Consent(channel="email", purpose="marketing", allowed=False, source=_PLATFORM, at=at),)


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
