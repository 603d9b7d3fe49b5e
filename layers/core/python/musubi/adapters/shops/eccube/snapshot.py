"""What an order or a customer of EC-CUBE proves, as it stands in the shop now (status ids, points: ec-platforms §2.3).

A snapshot names no event: it is told as all the events that it proves, and the projection knows which of them are new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from musubi.adapters.shops.eccube.lines import lines_of
from musubi.contracts import values
from musubi.contracts.ec import shipment
from musubi.contracts.eccube import Customer, Order, Shipping
from musubi.contracts.text import canonical, content_hash
from musubi.domain.calendar import TOKYO, tokyo_date
from musubi.domain.changes import CartChange, CartState, MemberChange, OrderChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import MemberState

PLATFORM = "eccube"

NEW, CANCELLED, IN_PROGRESS, DELIVERED, PAID, PENDING, PROCESSING, RETURNED = "1", "3", "4", "5", "6", "7", "8", "9"
_ORDERED = frozenset({NEW, CANCELLED, IN_PROGRESS, DELIVERED, PAID, RETURNED})
"""Statuses that an order reaches only by being placed."""

_TOLD_AS = {
    NEW: "OrderPlaced",
    IN_PROGRESS: "OrderPlaced",
    PAID: "OrderPaid",
    DELIVERED: "OrderShipped",
    CANCELLED: "OrderCancelled",
    RETURNED: "OrderReturned",
}
_PROVISIONAL, _REGULAR, _WITHDRAWN = "1", "2", "3"

_WELCOME_WITHIN = timedelta(hours=24)
"""A registration older than this would message nobody anyway."""

_DST = timedelta(hours=2)
"""A birth is a midnight of the shop's Tokyo clock, which stood an hour ahead in the summers of 1948 to 1951: any instant of
the two hours before a midnight means the day that follows."""

Told = list[ShopEvent | UnreadShopEvent]


@dataclass(frozen=True)
class Frame:
    """What a snapshot does not say itself. `created`: the webhook that named it called it new. `statuses` maps the shop's
    own order statuses to known ones, by id.
    """

    shop_id: str
    received_at: datetime
    created: bool = False
    statuses: Mapping[str, str] = field(default_factory=dict)

    def event(self, entity: str, kind: str, content: str, as_of: datetime, **change: Any) -> ShopEvent:
        """An event about `entity`; equal content is the same event, however often and on whichever way it comes."""
        return ShopEvent(
            source=f"{self.shop_id}/{PLATFORM}/{entity}",
            event_id=content,
            type=kind,
            shop_id=self.shop_id,
            platform=PLATFORM,
            occurred_at=change.pop("occurred_at", as_of),
            as_of=as_of,
            received_at=self.received_at,
            content=content,
            **change,
        )

    def unread(self, entity: str, kind: str, document: Any) -> UnreadShopEvent:
        """Something about `entity` that is kept and counted, once per content."""
        content = content_hash([kind, document])
        source = f"{self.shop_id}/{PLATFORM}/{entity}"
        return UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(document))


def order_events(document: Mapping[str, Any], frame: Frame) -> Told:
    """The order, and its customer's profile and points where it has one. Raises Permanent naming the field."""
    order = Order.model_validate(document)
    if order.id is None:
        raise Permanent("order.id: missing or no id")
    customer = document.get("Customer")
    people = customer_events(customer, frame) if isinstance(customer, dict) else []
    # The customer's own changes are no news of the order.
    content = content_hash({**document, "Customer": order.Customer.id})
    own = order.OrderStatus.id or "none"
    status = frame.statuses.get(own, own)
    as_of = _order_as_of(order, frame)
    if status == PROCESSING:
        return [*people, _checkout(order, frame, content, as_of)]
    if status == PENDING:
        return people
    change = OrderChange(
        order_id=order.id,
        number=order.order_no,
        member_id=order.Customer.id,
        total_yen=_total(order),
        milestones=tuple(_milestones(order, status, as_of)),
        shipments=tuple(
            shipment(one.id, one.shipping_delivery_name, one.tracking_number, None)
            for one in order.Shippings
            if one.id and one.shipping_date
        ),
        lines=lines_of(order.OrderItems),
        checkout_ids=(order.id,),
    )
    # People first: who is thanked is then known by name.
    told: Told = [*people, frame.event("order", _TOLD_AS.get(status, "OrderEdited"), content, as_of, order=change)]
    if status not in _TOLD_AS:
        told.append(frame.unread("order", f"order status {own}", {"order": order.id, "status": own}))
    return told


def _order_as_of(order: Order, frame: Frame) -> datetime:
    """A parcel is changed without its order: the newest of their versions is the snapshot's."""
    stamps = [values.instant(order.update_date, "order.update_date")]
    stamps += [values.instant(one.update_date, "Shipping.update_date") for one in order.Shippings]
    return max((stamp for stamp in stamps if stamp), default=frame.received_at)


def _milestones(order: Order, status: str, as_of: datetime) -> Iterable[Milestone]:
    """What dates and status prove. A status of the shop's own proves nothing, the dates beside it do."""
    ordered_at = values.instant(order.order_date, "order.order_date")
    paid_at = values.instant(order.payment_date, "order.payment_date")
    if ordered_at and status in _ORDERED:
        yield Milestone("OrderPlaced", ordered_at)
    if paid_at or status == PAID:
        yield Milestone("OrderPaid", paid_at or as_of)
    shipped = [found for one in order.Shippings if (found := _dispatched(one))]
    yield from shipped
    if status == DELIVERED:
        yield Milestone("OrderShipped", max((one.at for one in shipped), default=as_of))
    if status == CANCELLED:
        yield Milestone("OrderCancelled", as_of)
    if status == RETURNED:
        yield Milestone("OrderReturned", as_of)


def _dispatched(one: Shipping) -> Milestone | None:
    at = values.instant(one.shipping_date, "Shipping.shipping_date")
    return Milestone("ShipmentDispatched", at, one.id) if at and one.id else None


def _total(order: Order) -> int | None:
    """What the customer pays, after points."""
    amount = {"amount": order.payment_total, "currency": order.currency_code or "JPY"}
    return values.yen(amount, "order.payment_total")


def _checkout(order: Order, frame: Frame, content: str, as_of: datetime) -> ShopEvent:
    """購入処理中: somebody stands at the till. The order that it may become keeps the id."""
    assert order.id is not None
    cart = CartChange(
        checkout_id=order.id,
        state=CartState.OPEN,
        member_id=order.Customer.id,
        lines=lines_of(order.OrderItems),
        total_yen=_total(order),
    )
    kind = "CheckoutStarted" if frame.created else "CheckoutUpdated"
    return frame.event("checkout", kind, content, as_of, cart=cart)


def customer_events(document: Mapping[str, Any], frame: Frame) -> Told:
    """The profile, the balance, and for a day the registration. Nothing of who has not confirmed the address (仮会員).

    Raises Permanent naming the field.
    """
    customer = Customer.model_validate(document)
    if customer.id is None:
        raise Permanent("customer.id: missing or no id")
    status = customer.Status.id
    as_of = values.instant(customer.update_date, "customer.update_date") or frame.received_at
    if status == _PROVISIONAL:
        return []
    if status == _WITHDRAWN:
        gone = MemberChange(member_id=customer.id, state=MemberState.WITHDRAWN)
        content = content_hash({"id": customer.id, "Status": status, "update_date": document.get("update_date")})
        return [frame.event("customer", "MemberWithdrawn", content, as_of, member=gone)]
    if status != _REGULAR:
        return [frame.unread("customer", f"customer status {status}", {"customer": customer.id, "status": status})]
    return [
        *_registration(customer, frame),
        _profile(customer, document, frame, as_of),
        *_balance(customer, frame, as_of),
    ]


def _registration(customer: Customer, frame: Frame) -> Told:
    """The shop does not say that a provisional customer became a regular one: the first regular snapshot is that news.

    Once per customer: its id and content never change, and only while it is fresh.
    """
    at = values.instant(customer.create_date, "customer.create_date")
    if at is None or frame.received_at - at > _WELCOME_WITHIN:
        return []
    change = MemberChange(member_id=customer.id or "", state=MemberState.ACTIVE, registered_at=at)
    content = content_hash({"registered": customer.id})
    return [frame.event("registration", "MemberRegistered", content, at, member=change)]


def _profile(customer: Customer, document: Mapping[str, Any], frame: Frame, as_of: datetime) -> ShopEvent:
    family, given = values.person_name({"family": customer.name01, "given": customer.name02})
    change = MemberChange(
        member_id=customer.id or "",
        state=MemberState.ACTIVE,
        family_name=family,
        given_name=given,
        birthday=values.birthday(_birth(customer), tokyo_date(frame.received_at)),
        birthday_withdrawn="birth" in document and document["birth"] is None,
        registered_at=values.instant(customer.create_date, "customer.create_date"),
    )
    said = {name: value for name, value in document.items() if name != "point"}
    return frame.event("customer", "MemberUpdated", content_hash(said), as_of, member=change)


def _birth(customer: Customer) -> Any:
    """The day that is meant, as a date; what is no time goes on as it is."""
    try:
        # Not `instant`: it refuses the years in which most customers were born.
        born = datetime.fromisoformat(customer.birth) if isinstance(customer.birth, str) else None
        return (born + _DST).astimezone(TOKYO).date().isoformat() if born and born.tzinfo else customer.birth
    except (ValueError, OverflowError):
        return None


def _balance(customer: Customer, frame: Frame, as_of: datetime) -> Told:
    if customer.point is None:
        return []
    change = PointsChange(member_id=customer.id or "", balance=values.points(customer.point, "customer.point"))
    # The version belongs to it: 100, 200, 100 are three balances.
    content = content_hash({"id": customer.id, "point": str(change.balance), "as_of": as_of.isoformat()})
    return [frame.event("points", "PointsBalanceChanged", content, as_of, points=change)]
