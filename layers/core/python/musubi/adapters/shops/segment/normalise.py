"""Segment's e-commerce events. Browsers send most of them, so they are hints: they open carts and place orders that are
not paid; what would pay, ship, refund or cancel an order is kept unread (ec-platforms §3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from musubi.contracts import values
from musubi.contracts.segment import Product, Properties, Track
from musubi.contracts.text import bounded_id, canonical, clean, content_hash, parse_json
from musubi.domain.changes import CartChange, CartState, OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone

_PLATFORM = "segment"
_CART_EVENTS = {
    "Product Added": "CheckoutUpdated",
    "Cart Viewed": "CheckoutUpdated",
    "Checkout Started": "CheckoutStarted",
}
_ORDER_EVENTS = {"Order Completed": "OrderPlaced", "Order Updated": "OrderEdited"}
_MOST_QUANTITY = 10_000


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """All events of one call: one track call, a list of them, or `{"batch": […]}` (see `base.Normalise`)."""
    document = parse_json(body, "Segment body")
    if isinstance(document, dict) and isinstance(document.get("batch"), list):
        document = document["batch"]
    calls = document if isinstance(document, list) else [document]
    return tuple(_read(_object(one), shop_id, received_at) for one in calls)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Permanent("Segment body: not an object")
    return value


def _read(document: dict[str, Any], shop_id: str, received_at: datetime) -> ShopEvent | UnreadShopEvent:
    call = Track.model_validate(document)
    name = call.event if call.type == "track" and call.event else None
    content = content_hash(document)
    source = bounded_id(f"{shop_id}/{_PLATFORM}/{(name or call.type or 'unknown').replace(' ', '_')}")
    event_id = bounded_id(call.message_id or content)
    at = values.instant(call.timestamp, "timestamp") or received_at
    told = _changes(call, at)
    if told is None:
        kind = clean(name or call.type) or "unknown"
        return UnreadShopEvent(source=source, event_id=event_id, kind=kind, content=content, raw=canonical(document))
    return ShopEvent(
        source=source,
        event_id=event_id,
        type=(_CART_EVENTS | _ORDER_EVENTS)[name or ""],
        shop_id=shop_id,
        platform=_PLATFORM,
        occurred_at=at,
        as_of=at,
        received_at=received_at,
        content=content,
        **told,
    )


def _changes(call: Track, at: datetime) -> dict[str, Any] | None:
    if call.type != "track":
        return None
    if call.event in _CART_EVENTS:
        cart = _cart(call)
        return {"cart": cart} if cart else None
    if call.event in _ORDER_EVENTS and call.properties.order_id:
        return {"order": _order(call, call.properties.order_id, at)}
    return None


def _cart(call: Track) -> CartChange | None:
    """The whole cart, or (Product Added) only the sign that somebody is filling it. Without any id there is no cart."""
    said = call.properties
    checkout_id = next(iter(_tokens(said)), None)
    if checkout_id is None:
        return None
    return CartChange(
        checkout_id=checkout_id,
        state=CartState.OPEN,
        member_id=call.user_id,
        lines=_lines(said),
        total_yen=_yen(said.total if said.total is not None else said.value, said, "properties.total"),
    )


def _order(call: Track, order_id: str, at: datetime) -> OrderChange:
    said = call.properties
    return OrderChange(
        order_id=order_id,
        member_id=call.user_id,
        total_yen=_yen(said.total, said, "properties.total"),
        milestones=(Milestone("OrderPlaced", at),) if call.event == "Order Completed" else (),
        lines=_lines(said),
        checkout_ids=_tokens(said),
    )


def _tokens(said: Properties) -> tuple[str, ...]:
    """What names the cart, best first. Segment's own checkout samples have an `order_id` only, the later order's."""
    return tuple(dict.fromkeys(one for one in (said.checkout_id, said.cart_id, said.order_id) if one))


def _lines(said: Properties) -> tuple[Line, ...] | None:
    if said.products is None:
        return None
    return tuple(_line(one, said, f"properties.products.{i}") for i, one in enumerate(said.products))


def _line(product: Product, said: Properties, field: str) -> Line:
    return Line(
        title=product.name or product.sku or product.product_id or "",
        quantity=_quantity(product.quantity),
        product_id=product.product_id,
        sku=product.sku,
        categories=(product.category,) if product.category else (),
        unit_yen=_yen(product.price, said, f"{field}.price"),
    )


def _quantity(value: Any) -> int:
    """Whole pieces; what is none counts as one, since the line itself is certain."""
    if isinstance(value, Decimal) and value.adjusted() < 5 and value == value.to_integral_value():
        value = int(value)
    return value if type(value) is int and 0 < value <= _MOST_QUANTITY else 1


def _yen(value: Any, said: Properties, field: str) -> int | None:
    return values.yen({"amount": value, "currency": said.currency or "JPY"}, field)
