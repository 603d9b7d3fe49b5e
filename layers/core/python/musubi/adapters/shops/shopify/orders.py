"""Orders. Deliveries are late, repeated and out of order, so every milestone that an order proves is reported, whichever
topic brought it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from musubi.adapters.shops.shopify.call import SAMPLE_ORDERS, Call, required
from musubi.adapters.shops.shopify.lines import read_lines
from musubi.adapters.shops.shopify.parcels import arrivals, dispatch, dispatched, parcel_of, shipped
from musubi.contracts import values
from musubi.contracts.shopify import Fulfillment, Order, OrderEdit, PriceSet, Refund, Transaction
from musubi.domain.changes import OrderChange
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone

_TEST_GATEWAY = "bogus"

_NAMES: Mapping[str, str] = {
    "orders/create": "OrderPlaced",
    "orders/paid": "OrderPaid",
    "orders/cancelled": "OrderCancelled",
    "orders/fulfilled": "OrderShipped",
    "orders/partially_fulfilled": "ShipmentDispatched",
}
"""What each topic stands for, where the body bears it out or is silent."""

_PAID = frozenset({"paid", "partially_refunded", "refunded"})
_CHARGES = frozenset({"sale", "capture", "authorization"})


@dataclass(frozen=True)
class _Times:
    created_at: datetime | None
    updated_at: datetime | None
    processed_at: datetime | None
    cancelled_at: datetime | None

    @classmethod
    def of(cls, order: Order) -> _Times:
        return cls(
            values.instant(order.created_at, "created_at"),
            values.instant(order.updated_at, "updated_at"),
            values.instant(order.processed_at, "processed_at"),
            values.instant(order.cancelled_at, "cancelled_at"),
        )


def order_event(call: Call) -> Sequence[ShopEvent]:
    """`orders/*` with the order as it is now."""
    order = Order.model_validate(call.object)
    order_id, times = required(order.id, "id"), _Times.of(order)
    parcels = [parcel for parcel in order.fulfillments if parcel.id and dispatched(parcel)]
    milestones = (*_milestones(order, times, call), *_parcel_milestones(order, parcels, times, call))
    change = OrderChange(
        order_id=order_id,
        number=order.name,
        member_id=order.customer.id,
        total_yen=_total(order),
        milestones=milestones,
        shipments=tuple(parcel_of(parcel) for parcel in parcels),
        lines=read_lines(order.line_items, order.currency),
        checkout_ids=tuple(token for token in (order.checkout_token, order.cart_token) if token),
    )
    name = _NAMES.get(call.topic, "")
    as_of = times.updated_at or call.now
    return (
        call.event(
            name if any(milestone.name == name for milestone in milestones) else "OrderEdited",
            at=_happened(name, times) or as_of,
            as_of=as_of,
            is_test=order.test
            or order_id in SAMPLE_ORDERS
            or _TEST_GATEWAY in (order.gateway, *order.payment_gateway_names),
            order=change,
        ),
    )


def _happened(name: str, times: _Times) -> datetime | None:
    return {"OrderPlaced": times.created_at, "OrderCancelled": times.cancelled_at}.get(name)


def _milestones(order: Order, times: _Times, call: Call) -> list[Milestone]:
    """What the body proves. Where it is silent (a body of an id alone), the topic is the only witness."""
    found = []
    if times.created_at or call.topic == "orders/create":
        found.append(Milestone("OrderPlaced", times.created_at or call.now))
    if order.financial_status in _PAID or (order.financial_status is None and call.topic == "orders/paid"):
        found.append(Milestone("OrderPaid", _paid_at(order, times, call)))
    if times.cancelled_at or call.topic == "orders/cancelled":
        found.append(Milestone("OrderCancelled", times.cancelled_at or call.now))
    return found + _refunds(order, call)


def _paid_at(order: Order, times: _Times, call: Call) -> datetime:
    """REST orders carry no time of payment. The change that told us is it while nothing came after: 「コンビニ前払い」 is paid
    days after the placement, and any topic may be the first to say so. Otherwise the placement.
    """
    just_paid = order.financial_status == "paid" and not (order.fulfillments or order.refunds or times.cancelled_at)
    placed = times.processed_at or times.created_at
    told = times.updated_at if just_paid or call.topic == "orders/paid" else placed
    return told or placed or times.updated_at or call.now


def _parcel_milestones(order: Order, parcels: Sequence[Fulfillment], times: _Times, call: Call) -> list[Milestone]:
    found = [dispatch(parcel, call) for parcel in parcels]
    silent = order.fulfillment_status is None and not parcels
    if order.fulfillment_status != "fulfilled" and not (silent and call.topic == "orders/fulfilled"):
        return found
    found.append(shipped(parcels, call, times.updated_at or call.now))
    arrived = [one for parcel in parcels for one in arrivals(parcel, call)]
    if len(arrived) == len(parcels) and len({one.name for one in arrived}) == 1:
        # The order has arrived with its last parcel.
        found.append(max(arrived, key=lambda one: one.at))
    return found


def _total(order: Order) -> int | None:
    """What the order comes to after edits and refunds, in the shop's own money. All amounts are read, because each must be
    whole yen.
    """
    placed = _yen(order.total_price, order.total_price_set, order.currency, "total_price")
    current = _yen(order.current_total_price, order.current_total_price_set, order.currency, "current_total_price")
    return placed if current is None else current


def _yen(plain: Any, prices: PriceSet, currency: str | None, field: str) -> int | None:
    amount = values.yen({"amount": plain, "currency": currency}, field)
    return values.yen(prices.shop_money, f"{field}_set.shop_money") if prices.shop_money else amount


def _refunds(order: Order, call: Call) -> list[Milestone]:
    return [refunded for refund in order.refunds if (refunded := _refunded(refund, call))]


def _refunded(refund: Refund, call: Call) -> Milestone | None:
    """A refund without money is how Shopify notes removed lines and the cancellation of an unpaid order: none for the
    customer.
    """
    if refund.id is None or (refund.transactions is not None and not any(map(_moved, refund.transactions))):
        return None
    return Milestone("OrderRefunded", call.at(refund.processed_at or refund.created_at, "processed_at"), refund.id)


def _moved(transaction: Transaction) -> bool:
    return transaction.status in (None, "success")


def refund_event(call: Call) -> Sequence[ShopEvent]:
    """`refunds/create`."""
    refund = Refund.model_validate(call.object)
    order_id = required(refund.order_id if refund.id else None, "id, order_id")
    refunded = _refunded(refund, call)
    return (
        call.event(
            "OrderRefunded" if refunded else "OrderEdited",
            at=refunded.at if refunded else call.at(refund.created_at, "created_at"),
            is_test=order_id in SAMPLE_ORDERS,
            order=OrderChange(order_id=order_id, milestones=(refunded,) if refunded else ()),
        ),
    )


def transaction_event(call: Call) -> Sequence[ShopEvent]:
    """`order_transactions/create`. One that succeeded may be a part of the sum, a gift card's for example: that an order is
    paid is the order's to say. One that failed is news of its own.
    """
    transaction = Transaction.model_validate(call.object)
    order_id = required(transaction.order_id, "order_id")
    at = call.at(transaction.processed_at or transaction.created_at, "processed_at")
    failed = transaction.kind in _CHARGES and transaction.status in ("failure", "error")
    return (
        call.event(
            "OrderPaymentFailed" if failed else "OrderEdited",
            at=at,
            is_test=transaction.test or transaction.gateway == _TEST_GATEWAY or order_id in SAMPLE_ORDERS,
            order=OrderChange(order_id=order_id, milestones=(Milestone("OrderPaymentFailed", at),) if failed else ()),
        ),
    )


def edited_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`orders/edited` names what was changed; the order as it became comes with `orders/updated`."""
    inside = call.object.get("order_edit")
    if not isinstance(inside, dict):
        return order_event(call) if "id" in call.object else (call.unread("shape"),)
    edit = OrderEdit.model_validate(inside)
    order_id = required(edit.order_id, "order_edit.order_id")
    at = call.at(edit.created_at, "order_edit.created_at")
    change = OrderChange(order_id=order_id)
    return (call.event("OrderEdited", at=at, is_test=order_id in SAMPLE_ORDERS, order=change),)


def deleted_event(call: Call) -> Sequence[ShopEvent]:
    """`orders/delete`: only the id is left. What waits for this order ends, and nobody is told: shops tidy up old orders."""
    order_id = required(Order.model_validate(call.object).id, "id")
    change = OrderChange(order_id=order_id, milestones=(Milestone("OrderCancelled", call.now),))
    return (
        call.event("OrderCancelled", at=call.now, is_test=order_id in SAMPLE_ORDERS, is_backfill=True, order=change),
    )
