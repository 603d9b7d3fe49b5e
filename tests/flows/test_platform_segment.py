"""Segment's e-commerce events: carts and orders that are placed, and nothing that a browser must not decide."""

from __future__ import annotations

import pytest

from musubi.domain.changes import CartState
from musubi.domain.store_keys import CartKey, OrderKey
from tests.support.flows_world import World
from tests.support.platform_flows import row, send


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


@pytest.mark.shows("segment", "cart")
def test_a_cart_is_what_was_seen_last_until_its_order(world: World) -> None:
    send(world, "segment", "product_added")
    send(world, "segment", "cart_viewed")
    cart = row(world, CartKey("main", "cart-7c1d"))
    assert (cart.state, cart.member_id) == (CartState.OPEN, "1001")
    assert [(line.title, line.quantity, line.unit_yen) for line in cart.lines] == [
        ("知覧茶 100g", 2, 1480),
        ("ひとくち羊羹 5個", 1, 980),
    ]
    send(world, "segment", "checkout_started")
    assert row(world, CartKey("main", "SG-20001")).total_yen == 3940
    send(world, "segment", "order_completed")
    assert row(world, CartKey("main", "SG-20001")).over
    assert row(world, CartKey("main", "cart-7c1d")).over


@pytest.mark.shows("segment", "order")
def test_an_order_is_thanked_for_and_not_paid(world: World) -> None:
    send(world, "segment", "order_completed")
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。")
    order = row(world, OrderKey("main", "SG-20001"))
    assert [one.id for one in order.milestones] == ["OrderPlaced"]
    assert order.total_yen == 4490
    world.check()


def test_a_browser_cancels_nothing(world: World) -> None:
    send(world, "segment", "order_completed")
    send(world, "segment", "order_cancelled")
    assert not row(world, OrderKey("main", "SG-20001")).has("OrderCancelled")


def test_dollars_are_no_total(world: World) -> None:
    send(world, "segment", "order_completed_usd")
    assert row(world, OrderKey("main", "SG-20002")).total_yen is None
