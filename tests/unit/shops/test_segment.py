"""Segment's e-commerce events: hints of browsers, so they open carts and place orders, and never pay or end one."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from musubi.adapters.shops.segment.normalise import normalise
from musubi.domain.changes import CartChange, CartState, OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STAMP = "2026-11-24T02:58:00.000Z"
AT = datetime(2026, 11, 24, 2, 58, tzinfo=UTC)
PRODUCT = {"product_id": 551, "sku": "TEA-100", "name": "知覧茶 100g", "category": "お茶", "price": 1480, "quantity": 2}
LINE = Line(title="知覧茶 100g", quantity=2, product_id="551", sku="TEA-100", categories=("お茶",), unit_yen=1480)
NAMES = [
    "type", "event", "messageId", "userId", "timestamp", "properties", "order_id", "checkout_id", "cart_id", "total", "value",
    "currency", "products", "product_id", "sku", "name", "category", "price", "quantity", "batch",
]  # fmt: skip


def track(event: str, **more: Any) -> dict[str, Any]:
    properties = more.pop("properties", {})
    return {
        "type": "track",
        "event": event,
        "messageId": "ajs-1",
        "userId": "1001",
        "timestamp": STAMP,
        "properties": properties,
        **more,
    }


def read(body: Any) -> list[ShopEvent | UnreadShopEvent]:
    return list(normalise({}, json.dumps(body).encode(), "main", NOW))


def told(event: str, **properties: Any) -> ShopEvent:
    (found,) = read(track(event, properties=properties))
    assert isinstance(found, ShopEvent)
    return found


def test_a_checkout_opens_a_cart() -> None:
    event = told("Checkout Started", checkout_id="ck1", value=2960, currency="JPY", products=[PRODUCT])
    assert (event.type, event.occurred_at, event.event_id) == ("CheckoutStarted", AT, "ajs-1")
    assert event.source == "main/segment/Checkout_Started"
    assert event.cart == CartChange(
        checkout_id="ck1", state=CartState.OPEN, member_id="1001", lines=(LINE,), total_yen=2960
    )


def test_a_product_that_was_added_says_that_a_cart_is_alive_and_not_what_is_in_it() -> None:
    event = told("Product Added", cart_id="ct1", **PRODUCT)
    assert (event.type, event.cart) == (
        "CheckoutUpdated",
        CartChange(checkout_id="ct1", state=CartState.OPEN, member_id="1001"),
    )


def test_a_completed_order_is_placed_but_not_paid_and_ends_its_carts() -> None:
    event = told("Order Completed", order_id="O1", checkout_id="ck1", cart_id="ct1", total=3460, products=[PRODUCT])
    assert event.type == "OrderPlaced"
    assert event.order == OrderChange(
        order_id="O1",
        member_id="1001",
        total_yen=3460,
        milestones=(Milestone("OrderPlaced", AT),),
        lines=(LINE,),
        checkout_ids=("ck1", "ct1", "O1"),
    )


@pytest.mark.parametrize("event", ["Order Cancelled", "Order Refunded", "Payment Info Entered", "Product Viewed"])
def test_what_a_browser_must_not_decide_is_kept_unread(event: str) -> None:
    (found,) = read(track(event, properties={"order_id": "O1", "total": 3460}))
    assert isinstance(found, UnreadShopEvent)
    assert found.kind == event


def test_an_updated_order_changes_what_is_in_it_and_no_milestone() -> None:
    event = told("Order Updated", order_id="O1", total=1000)
    assert event.type == "OrderEdited"
    assert event.order == OrderChange(order_id="O1", member_id="1001", total_yen=1000, checkout_ids=("O1",))


@pytest.mark.parametrize("kind", ["identify", "page", None])
def test_other_calls_are_kept_unread_even_if_they_name_an_event(kind: str | None) -> None:
    (found,) = read(track("Order Completed", type=kind, properties={"order_id": "O1"}))
    assert isinstance(found, UnreadShopEvent)


def test_a_cart_that_nothing_names_is_kept_unread() -> None:
    (found,) = read(track("Cart Viewed", properties={"products": [PRODUCT]}))
    assert isinstance(found, UnreadShopEvent)


@pytest.mark.parametrize("wrap", [lambda calls: calls, lambda calls: {"batch": calls}])
def test_a_batch_holds_several(wrap: Any) -> None:
    calls = [track("Cart Viewed", properties={"cart_id": "ct1"}), track("Song Played")]
    assert [type(one) for one in read(wrap(calls))] == [ShopEvent, UnreadShopEvent]


def test_yen_have_no_fraction_and_dollars_are_not_counted() -> None:
    with pytest.raises(Permanent, match=r"properties\.total: a fraction of a yen"):
        told("Order Completed", order_id="O1", total=27.5, currency="JPY")
    with pytest.raises(Permanent, match=r"products\.0\.price"):
        told("Order Completed", order_id="O1", products=[{"price": 0.5}])
    event = told("Order Completed", order_id="O1", total=27.5, currency="USD", products=[{"price": 9.99}])
    assert event.order is not None
    assert (event.order.total_yen, event.order.lines) == (None, (Line(title=""),))


@pytest.mark.parametrize("quantity", [0, -3, 2.5, "2", 10**9, 1e300, True, None])
def test_a_line_is_certain_even_when_its_quantity_is_odd(quantity: Any) -> None:
    event = told("Order Completed", order_id="O1", products=[{"name": "茶", "quantity": quantity}])
    assert event.order is not None
    assert event.order.lines == (Line(title="茶", quantity=1),)


@given(body=objects_with(NAMES) | JSON)
def test_no_body_breaks_it(body: Any) -> None:
    with suppress(Permanent):
        normalise({}, json.dumps(body).encode(), "main", NOW)
