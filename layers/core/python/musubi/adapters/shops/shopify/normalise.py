"""Shopify's classic webhooks. The body decides, not the topic's verb: deliveries are late, repeated and out of order,
so every milestone that an order proves is reported, whichever topic brought it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec import shipment
from musubi.contracts.shopify import Fulfillment, Order
from musubi.contracts.text import bounded_id, canonical, clean, content_hash, parse_json
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone, Shipment

_PLATFORM = "shopify"

SAMPLE_ORDERS = frozenset({"820982911946154508", "820982911946154500"})
"""The order of Shopify's 「テスト通知を送信」 button, and the same id after a JSON reader with doubles."""

_TEST_GATEWAY = "bogus"


class _Call:
    """One webhook call: its headers read, its body parsed."""

    def __init__(self, headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime) -> None:
        self.topic = clean(headers.get("x-shopify-topic")) or "unknown"
        self.document = parse_json(body, "Shopify body")
        self.shop_id = shop_id
        self.received_at = received_at
        self.content = content_hash(self.document)
        # The id is stable over Shopify's retries, but an action's several topics may share one: the topic
        # belongs to it.
        self.source = f"{shop_id}/{_PLATFORM}/{self.topic}"
        self.event_id = bounded_id(headers.get("x-shopify-webhook-id") or self.content)
        self.triggered_at = _lenient(headers.get("x-shopify-triggered-at"))
        self.is_test = headers.get("x-shopify-test", "").lower() == "true"

    @property
    def now(self) -> datetime:
        return self.triggered_at or self.received_at


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one call (see `base.Normalise`)."""
    call = _Call(headers, body, shop_id, received_at)
    if call.topic in _ORDER_TOPICS:
        return (_order_event(call),)
    if call.topic in _PARCEL_TOPICS:
        return (_parcel_event(call),)
    return (
        UnreadShopEvent(
            source=call.source,
            event_id=call.event_id,
            kind=call.topic,
            content=call.content,
            raw=canonical(call.document),
        ),
    )


def _order_event(call: _Call) -> ShopEvent:
    order = Order.model_validate(_object(call.document))
    if order.id is None:
        raise Permanent("id: missing or no id")
    name, at_of = _ORDER_TOPICS[call.topic]
    updated_at = values.instant(order.updated_at, "updated_at")
    parcels = tuple(p for p in order.fulfillments if p.id and _dispatched(p))
    change = OrderChange(
        order_id=order.id,
        number=order.name,
        member_id=order.customer.id,
        total_yen=_total(order),
        milestones=(*_milestones(order, call), *(_parcel_milestone(p, call) for p in parcels)),
        shipments=tuple(_shipment(p) for p in parcels),
    )
    is_test = order.test or order.id in SAMPLE_ORDERS or _TEST_GATEWAY in (order.gateway, *order.payment_gateway_names)
    at = values.instant(at_of(order), "time") or updated_at or call.now
    return _event(call, name, change, at=at, as_of=updated_at or call.now, is_test=is_test)


def _milestones(order: Order, call: _Call) -> list[Milestone]:
    """What the body proves. Where it is silent (a body of an id alone), the topic is the only witness."""
    created_at = values.instant(order.created_at, "created_at")
    cancelled_at = values.instant(order.cancelled_at, "cancelled_at")
    found = []
    if created_at or call.topic == "orders/create":
        found.append(Milestone("OrderPlaced", created_at or call.now))
    if order.financial_status == "paid" or (order.financial_status is None and call.topic == "orders/paid"):
        found.append(Milestone("OrderPaid", _paid_at(order, call)))
    if cancelled_at or call.topic == "orders/cancelled":
        found.append(Milestone("OrderCancelled", cancelled_at or call.now))
    return found


def _paid_at(order: Order, call: _Call) -> datetime:
    """REST orders carry no time of payment: the change that told us, or the placement when it was paid at once."""
    stamp = order.updated_at if call.topic == "orders/paid" else order.processed_at or order.created_at
    return values.instant(stamp, "updated_at") or call.now


def _total(order: Order) -> int | None:
    """The shop's own currency decides; the plain amount is read too, because both must be whole yen."""
    plain = values.yen({"amount": order.total_price, "currency": order.currency}, "total_price")
    if order.total_price_set.shop_money:
        return values.yen(order.total_price_set.shop_money, "total_price_set.shop_money")
    return plain


def _parcel_event(call: _Call) -> ShopEvent:
    parcel = Fulfillment.model_validate(_object(call.document))
    if parcel.id is None or parcel.order_id is None:
        raise Permanent("id, order_id: missing or no id")
    dispatched = _dispatched(parcel)
    milestone = _parcel_milestone(parcel, call)
    change = OrderChange(
        order_id=parcel.order_id,
        # Shopify names parcels after their order: `#1001.1`.
        number=parcel.name.rpartition(".")[0] or None if parcel.name else None,
        milestones=(milestone,) if dispatched else (),
        shipments=(_shipment(parcel),) if dispatched else (),
    )
    updated_at = values.instant(parcel.updated_at, "updated_at")
    is_test = parcel.order_id in SAMPLE_ORDERS
    name = "ShipmentDispatched" if call.topic == "fulfillments/create" else "ShipmentTrackingUpdated"
    return _event(call, name, change, at=milestone.at, as_of=updated_at or call.now, is_test=is_test)


def _dispatched(parcel: Fulfillment) -> bool:
    """`pending` and `open` wait for a warehouse; `cancelled`, `error` and `failure` never left."""
    return parcel.status in (None, "success")


def _parcel_milestone(parcel: Fulfillment, call: _Call) -> Milestone:
    at = values.instant(parcel.created_at, "created_at") or call.now
    return Milestone("ShipmentDispatched", at, parcel.id or "")


def _shipment(parcel: Fulfillment) -> Shipment:
    return shipment(parcel.id or "", parcel.tracking_company, parcel.numbers, parcel.url)


def _event(call: _Call, name: str, change: OrderChange, *, at: datetime, as_of: datetime, is_test: bool) -> ShopEvent:
    return ShopEvent(
        source=call.source,
        event_id=call.event_id,
        type=name,
        shop_id=call.shop_id,
        platform=_PLATFORM,
        occurred_at=at,
        as_of=as_of,
        received_at=call.received_at,
        content=call.content,
        is_test=is_test or call.is_test,
        order=change,
    )


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Permanent("Shopify body: not an object")
    return document


def _lenient(text: str | None) -> datetime | None:
    """A header that only helps where the body is silent: unreadable is absent."""
    try:
        return values.instant(text, "x-shopify-triggered-at")
    except Permanent:
        return None


_ORDER_TOPICS: dict[str, tuple[str, Callable[[Order], Any]]] = {
    "orders/create": ("OrderPlaced", lambda order: order.created_at),
    "orders/paid": ("OrderPaid", lambda order: order.updated_at),
    "orders/cancelled": ("OrderCancelled", lambda order: order.cancelled_at),
}
_PARCEL_TOPICS = frozenset({"fulfillments/create", "fulfillments/update"})
