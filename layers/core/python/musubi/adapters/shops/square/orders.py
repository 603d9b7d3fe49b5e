"""An order of Square as it stands now, told as all that it proves (connect-api-specification, `Order`; ec-platforms §9.3).

An order is placed once it is paid or to be handed over: what is `OPEN` without either is a basket at a till. A refund is an
order of its own, whose `returns` name the orders that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from musubi.adapters.shops.square.frame import Frame, Told
from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.square import Fulfillment, LineItem, Order, Tender
from musubi.contracts.text import clean, content_hash
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone

_STATES = frozenset({"OPEN", "COMPLETED", "CANCELED"})
_DRAFT = "DRAFT"
_OVER = frozenset({"CANCELED", "FAILED"})
"""Of a fulfilment: it will not happen."""
_UNPAID = frozenset({"FAILED", "VOIDED"})
_PARCEL, _PICKUP, _DELIVERY = "SHIPMENT", "PICKUP", "DELIVERY"
_WAYS = frozenset({_PARCEL, _PICKUP, _DELIVERY})

_NEWEST = (
    "OrderPlaced",
    "OrderPaid",
    "ShipmentDispatched",
    "OrderShipped",
    "OrderReadyForPickup",
    "OrderDelivered",
    "OrderRefunded",
    "OrderCancelled",
)
"""Of two milestones of one instant, the later in this list names the event."""


def order_events(document: Mapping[str, Any], frame: Frame) -> Told:
    """The order's event, one for each order that it is a refund of, and one unread for each word in it that nobody knows.

    Raises Permanent naming the field.
    """
    order = Order.model_validate(document)
    if order.id is None:
        raise Permanent("order.id: missing or no id")
    if order.state == _DRAFT:
        return [frame.unread("order", "order draft", document)]
    # What is read of it, since a search and a fetch need not agree in the rest.
    content = content_hash(order.model_dump())
    as_of = _as_of(order, frame)
    # What has no lines and only gives money back was bought by nobody.
    is_purchase = bool(order.line_items) or not (order.returns or order.refunds)
    told: Told = [_own(order, content, as_of, frame)] if is_purchase else []
    refunds = tuple(_refunds(order, as_of))
    for source in _sources(order) if refunds else ():
        change = OrderChange(order_id=source, milestones=refunds)
        told.append(frame.event("order", "OrderRefunded", content_hash([content, source]), as_of, order=change))
    return [*told, *_unknown(order, frame)]


def refunded_orders(document: Mapping[str, Any]) -> list[str]:
    """The orders that a refund's `document` is about; itself, if it is no order of its own."""
    order = Order.model_validate(document)
    return _sources(order) or [order.id or ""]


def _sources(order: Order) -> list[str]:
    return sorted({one.source_order_id for one in order.returns if one.source_order_id} - {order.id})


def _own(order: Order, content: str, as_of: datetime, frame: Frame) -> ShopEvent:
    milestones = tuple(_milestones(order, as_of))
    newest = max(milestones, key=lambda one: (one.at, _NEWEST.index(one.name)), default=None)
    change = OrderChange(
        order_id=order.id or "",
        number=order.reference_id,
        member_id=_member(order),
        total_yen=_total(order),
        milestones=milestones,
        shipments=tuple(
            shipment(
                one.uid,
                one.shipment_details.carrier,
                one.shipment_details.tracking_number,
                one.shipment_details.tracking_url,
            )
            for one in _handed_over(order)
            if one.uid and one.type == _PARCEL
        ),
        lines=_lines(order),
    )
    name, at = (newest.name, newest.at) if newest else ("OrderEdited", as_of)
    return frame.event("order", name, content, as_of, occurred_at=at, order=change)


def _as_of(order: Order, frame: Frame) -> datetime:
    """`updated_at`, which counts in milliseconds; below them stands the version, which settles two changes of one."""
    at = values.instant(order.updated_at, "order.updated_at") or values.instant(order.created_at, "order.created_at")
    at = at or frame.received_at
    return at.replace(microsecond=at.microsecond // 1000 * 1000 + min(order.version or 0, 999))


def _member(order: Order) -> str | None:
    """The order's customer; at a till it may be known by the card only."""
    payers = {one.customer_id for one in order.tenders if one.customer_id}
    return order.customer_id or (payers.pop() if len(payers) == 1 else None)


def _total(order: Order) -> int | None:
    """What the order comes to, less what came back."""
    net = order.net_amounts.total_money
    return values.yen(order.total_money if net is None else net, "order.total_money")


def _milestones(order: Order, as_of: datetime) -> Iterator[Milestone]:
    tenders = [one for one in order.tenders if one.card_details.status not in _UNPAID]
    if order.state == "COMPLETED" or tenders or order.fulfillments:
        yield Milestone("OrderPlaced", values.instant(order.created_at, "order.created_at") or as_of)
    if paid := _paid_at(order, tenders, as_of):
        yield Milestone("OrderPaid", paid)
    yield from _fulfilled(order, as_of)
    yield from _refunds(order, as_of) if not order.returns else ()
    if order.state == "CANCELED":
        yield Milestone("OrderCancelled", values.instant(order.closed_at, "order.closed_at") or as_of)


def _paid_at(order: Order, tenders: Sequence[Tender], as_of: datetime) -> datetime | None:
    """Paid once nothing is due and no card is merely authorized: an order may be paid in parts."""
    if not tenders or any(one.card_details.status == "AUTHORIZED" for one in tenders):
        return None
    due = values.yen(order.net_amount_due_money, "order.net_amount_due_money")
    if due > 0 if due is not None else order.state != "COMPLETED":
        return None
    times = [values.instant(one.created_at, "order.tenders.created_at") for one in tenders]
    return max((at for at in times if at), default=as_of)


def _refunds(order: Order, as_of: datetime) -> Iterator[Milestone]:
    for one in order.refunds:
        if one.id and one.status == "APPROVED":
            at = values.instant(one.created_at, "order.refunds.created_at")
            yield Milestone("OrderRefunded", at or as_of, one.id)


def _handed_over(order: Order) -> list[Fulfillment]:
    return [one for one in order.fulfillments if one.state == "COMPLETED"]


def _fulfilled(order: Order, as_of: datetime) -> Iterator[Milestone]:
    """A parcel that has left, all of them; what waits at the counter; what was picked up or brought."""
    going = [one for one in order.fulfillments if one.state not in _OVER]
    done = [(one, _done_at(one) or as_of) for one in _handed_over(order)]
    yield from (Milestone("ShipmentDispatched", at, one.uid) for one, at in done if one.type == _PARCEL and one.uid)
    ready = [at for one in going if (at := _ready_at(one, as_of))]
    if ready:
        yield Milestone("OrderReadyForPickup", min(ready))
    if not done or len(done) < len(going):
        return
    last = max(at for _, at in done)
    if any(one.type == _PARCEL for one in going):
        yield Milestone("OrderShipped", last)
    elif all(one.type in _WAYS for one in going):
        yield Milestone("OrderDelivered", last)


def _done_at(one: Fulfillment) -> datetime | None:
    match one.type:
        case "SHIPMENT":
            found, field = one.shipment_details.shipped_at, "shipment_details.shipped_at"
        case "PICKUP":
            found, field = one.pickup_details.picked_up_at, "pickup_details.picked_up_at"
        case _:
            details = one.delivery_details
            found, field = details.delivered_at or details.completed_at, "delivery_details.delivered_at"
    return values.instant(found, f"order.fulfillments.{field}")


def _ready_at(one: Fulfillment, as_of: datetime) -> datetime | None:
    """Since when the customer can come for it; what was picked up without being announced never was."""
    if one.type != _PICKUP:
        return None
    at = values.instant(one.pickup_details.ready_at, "order.fulfillments.pickup_details.ready_at")
    return at or (as_of if one.state == "PREPARED" else None)


def _lines(order: Order) -> tuple[Line, ...] | None:
    if order.line_items is None:
        return None
    charges = [{"title": one.name, "unit_price": one.total_money, "kind": "fee"} for one in order.service_charges]
    return lines_of({"lines": [*(_line(item) for item in order.line_items), *charges]})


def _line(item: LineItem) -> dict[str, Any]:
    """What is sold by weight or length counts as one. Shops and conditions know a variation by its id alone."""
    quantity = _number(item.quantity)
    count = int(quantity) if quantity is not None and quantity == int(quantity) else 1
    return {
        "title": " ".join(name for name in (item.name, item.variation_name) if name),
        "product_id": item.catalog_object_id,
        "variant_id": item.catalog_object_id,
        "quantity": count,
        "unit_price": _unit(item, count),
    }


def _unit(item: LineItem, count: int) -> Any:
    """The price of one piece with tax and extras, where the line is not discounted; else the one in the catalogue."""
    total, discount = _yen(item.total_money), _yen(item.total_discount_money)
    if total is not None and not discount and count > 0 and total % count == 0:
        return total // count
    return item.base_price_money


def _yen(value: Any) -> int | None:
    try:
        return values.yen(value, "line_items")
    except Permanent:
        return None


def _number(value: Any) -> Decimal | None:
    try:
        found = Decimal(value) if isinstance(value, str) and len(value) <= 12 else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() and abs(found) < 10**6 else None


def _unknown(order: Order, frame: Frame) -> Iterator[UnreadShopEvent]:
    """States and ways that Square has added, by their names: counted once per order, not stored whole again."""
    words = {("state", order.state)} if order.state not in _STATES else set()
    words |= {("fulfillment", one.type) for one in order.fulfillments if one.type not in _WAYS}
    for what, word in sorted((what, word) for what, word in words if word):
        yield frame.unread("order", clean(f"order {what} {word}") or "order", {"order": order.id, what: word})
