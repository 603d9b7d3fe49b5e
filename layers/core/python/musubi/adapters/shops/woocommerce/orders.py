"""Orders. There is no topic for a payment or a shipment: status and dates say it, and states in between vanish, because a
body is made when it is delivered. So every milestone that a body proves is reported.

By convention `completed` means shipped. Parcels come from the Shipment Tracking plugin's metadata (and plugins that write the
same key). `assumed`: an order that is completed without it has left, but there is no parcel to tell of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from musubi.adapters.shops.woocommerce.call import Call, required
from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.text import bounded_id
from musubi.contracts.woocommerce import LineItem, Order, TrackingItem, gmt, tracking_items
from musubi.domain.calendar import TOKYO
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone, Shipment

_DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft", "new"})
_PAID = frozenset({"processing", "completed"})
_ENDS: Mapping[str, str] = {
    "cancelled": "OrderCancelled",
    "failed": "OrderPaymentFailed",
    "ready-for-pickup": "OrderReadyForPickup",
}
"""Statuses that are a milestone of their own, from the change that brought them."""

_KNOWN = frozenset({"pending", "on-hold", "processing", "completed", "refunded", *_ENDS})
_CASH = "cod"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Times:
    """`as_of` stands in for a state whose beginning the body does not date."""

    as_of: datetime
    placed: datetime | None
    paid: datetime | None
    completed: datetime | None

    @classmethod
    def of(cls, order: Order, call: Call) -> _Times:
        return cls(
            call.version(order.date_modified_gmt, order.date_created_gmt),
            gmt(order.date_created_gmt, "date_created_gmt"),
            gmt(order.date_paid_gmt, "date_paid_gmt"),
            gmt(order.date_completed_gmt, "date_completed_gmt"),
        )


def order_events(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`order.created|updated|restored`. Drafts are no orders yet. An unknown status (a plugin's) is stored besides what the
    rest of the body proves.
    """
    order = Order.model_validate(call.object)
    order_id = required(order.id, "id")
    if order.status in _DRAFTS:
        return (call.unread("draft"),)
    times = _Times.of(order, call)
    parcels = [parcel for one in tracking_items(order.meta_data) if (parcel := _parcel(one, times))]
    milestones = (*_milestones(order, times, call), *(milestone for milestone, _ in parcels))
    change = OrderChange(
        order_id=order_id,
        number=order.number,
        member_id=order.customer_id,
        total_yen=_total(order),
        milestones=milestones,
        shipments=tuple(parcel for _, parcel in parcels),
        lines=_lines(order),
    )
    name = _name(order, milestones, call)
    at = times.placed if name == "OrderPlaced" else None
    event = call.event(name, at=at or times.as_of, as_of=times.as_of, order=change)
    known = order.status is None or order.status in _KNOWN
    return (event,) if known else (event, call.unread(f"status {order.status}"))


def deleted_event(call: Call) -> Sequence[ShopEvent]:
    """`order.deleted`: only the id is left. What waits for this order ends, and nobody is told: shops tidy up old orders."""
    order_id = required(Order.model_validate(call.object).id, "id")
    change = OrderChange(order_id=order_id, milestones=(Milestone("OrderCancelled", call.received_at),))
    return (call.event("OrderCancelled", at=call.received_at, is_backfill=True, order=change),)


def _name(order: Order, milestones: Sequence[Milestone], call: Call) -> str:
    """The newest thing that the body says; for a new order, that it was placed."""
    if call.verb == "created" and any(milestone.name == "OrderPlaced" for milestone in milestones):
        return "OrderPlaced"
    by_status = {"completed": "OrderShipped", "refunded": "OrderRefunded", "processing": "OrderPaid", **_ENDS}
    name = by_status.get(order.status or "")
    return name if name and any(milestone.name == name for milestone in milestones) else "OrderEdited"


def _milestones(order: Order, times: _Times, call: Call) -> list[Milestone]:
    found = []
    if times.placed or call.verb == "created":
        found.append(Milestone("OrderPlaced", times.placed or times.as_of))
    paid = _paid_at(order, times)
    if paid:
        found.append(Milestone("OrderPaid", paid))
    # Downloads and the like are completed without a way to the customer: nothing has left.
    if order.status == "completed" and order.shipping_lines != []:
        found.append(Milestone("OrderShipped", times.completed or times.as_of))
    if name := _ENDS.get(order.status or ""):
        found.append(Milestone(name, times.as_of))
    return found + _refunds(order, times)


def _paid_at(order: Order, times: _Times) -> datetime | None:
    """WooCommerce dates the payment when an order starts to be processed, for 代金引換 too, which is paid at the door."""
    if order.payment_method == _CASH:
        return (times.completed or times.as_of) if order.status == "completed" else None
    return times.paid or (times.as_of if order.status in _PAID else None)


def _refunds(order: Order, times: _Times) -> list[Milestone]:
    """A refund in an order has no date; one made by status alone has no id either."""
    found = [Milestone("OrderRefunded", times.as_of, refund.id) for refund in order.refunds if refund.id]
    return found or ([Milestone("OrderRefunded", times.as_of)] if order.status == "refunded" else [])


def _total(order: Order) -> int | None:
    """What the order comes to after its refunds, whose totals are negative."""
    total = values.yen({"amount": order.total, "currency": order.currency}, "total")
    given = [values.yen({"amount": one.total, "currency": order.currency}, "refunds.total") for one in order.refunds]
    return None if total is None else total + sum(one for one in given if one is not None and one < 0)


def _lines(order: Order) -> Any:
    return None if order.line_items is None else lines_of({"lines": [_line(one, order) for one in order.line_items]})


def _line(item: LineItem, order: Order) -> dict[str, Any]:
    return {
        "title": item.name,
        "product_id": item.product_id,
        "variant_id": item.variation_id,
        "sku": item.sku,
        "quantity": item.quantity,
        "unit_price": {"amount": _unit(item), "currency": order.currency},
    }


def _unit(item: LineItem) -> Any:
    """One piece with its tax, before coupons. `price` is without tax and after coupons, and only better than nothing."""
    try:
        amounts = [Decimal(str(one)) for one in (item.subtotal, item.subtotal_tax, item.quantity)]
        if all(one.is_finite() and abs(one) < 10**12 for one in amounts) and amounts[2]:
            return (amounts[0] + amounts[1]) / amounts[2]
    except InvalidOperation:
        pass
    return item.price


def _parcel(item: TrackingItem, times: _Times) -> tuple[Milestone, Shipment] | None:
    name = item.tracking_id or item.tracking_number
    if name is None:
        return None
    parcel_id = bounded_id(name)
    carrier = item.custom_tracking_provider or item.tracking_provider
    parcel = shipment(parcel_id, carrier, item.tracking_number, item.custom_tracking_link)
    return Milestone("ShipmentDispatched", _left_at(item, times), parcel_id), parcel


def _left_at(item: TrackingItem, times: _Times) -> datetime:
    """The plugin keeps the day only: the change that told us, but not after that day; a parcel of last week is no news."""
    began = _unix(item.date_shipped)
    return min(times.as_of, began + _DAY) if began else times.completed or times.as_of


def _unix(value: Any) -> datetime | None:
    """A Unix time; WordPress' midnight of a day is UTC's or the site's, and Tokyo's day of either is meant."""
    try:
        seconds = values.points(value, "date_shipped")
        found = datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 10**10 else None
    except (Permanent, OverflowError, OSError):
        return None
    return found.astimezone(TOKYO).replace(hour=0, minute=0, second=0) if found else None
