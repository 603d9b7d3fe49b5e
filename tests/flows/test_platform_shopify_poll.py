"""Shopify asked: what its webhooks lost is found, told once and named in the report; what they only name is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from musubi.adapters.shops.source import open_source
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.people import MemberState
from musubi.domain.polling import Missed, Poll
from musubi.domain.store_keys import OrderKey
from musubi.ports import What
from tests.support.flows_polls import poll
from tests.support.flows_world import World
from tests.support.markdown import ROOT
from tests.support.platform_flows import day, member, row
from tests.support.shopify_shop import ShopifyShop, shopify_shop, stamp
from tests.support.woocommerce_shop import Said

BOTH: Sequence[What] = ("orders", "members")
PARTNER = ROOT / "events" / "bus" / "shopify_orders_create_too_large.json"

TOO_LARGE = 6211220009003


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        yield running


@pytest.fixture
def world(shop: ShopifyShop) -> World:
    """A linked friend of a shop that has been polled before, an hour ago."""
    made = World(polled=frozenset({("main", "shopify")}))
    made.given_linked()
    ask(made, shop)
    made.pass_time(hours=1)
    return made


def ask(world: World, shop: ShopifyShop) -> Outcome:
    """One run of the schedule, and what comes of it."""
    outcome = poll(world, open_source("shopify", shop.api()), "shopify", BOTH)
    world.settle()
    return outcome


def webhook(world: World, topic: str, body: Mapping[str, Any], delivery: str = "") -> None:
    """Shopify's call, now; then until all is quiet."""
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": delivery or f"{topic} {body.get('updated_at')}"}
    world.put_shop("shopify", headers, json.dumps(body))
    world.settle()


def missed(world: World) -> list[str]:
    """What the report names."""
    return [one.type for one in world.store.latest_missed("main", "shopify", 9)]


def order(world: World, number: int = 727) -> Order:
    return row(world, OrderKey("main", str(number)))


def parcel(world: World, **more: Any) -> dict[str, Any]:
    numbers = {"tracking_company": "Yamato (JA)", "tracking_number": "400012345672"}
    now = stamp(world.now - timedelta(minutes=20))
    return {"id": 9, "order_id": 727, "status": "success", "created_at": now, "updated_at": now, **numbers, **more}


@pytest.mark.shows("shopify", "reconcile")
def test_an_order_whose_webhook_never_came_is_found_told_once_and_named(world: World, shop: ShopifyShop) -> None:
    shop.order(727, world.now - timedelta(minutes=30))
    assert ask(world, shop).counts == {"PollFound": 1}
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。\nご注文番号：#727")
    assert (world.counts["PollMissed"], missed(world)) == (1, ["OrderEdited"])
    assert order(world).has("OrderPaid")
    world.check()


@pytest.mark.shows("shopify", "reconcile")
@pytest.mark.parametrize("minutes", [5, 50])
def test_the_webhooks_that_come_later_say_nothing_new(world: World, shop: ShopifyShop, minutes: int) -> None:
    """Shopify repeats for four hours, each topic by itself; the body stays the one of the first try."""
    body = shop.order(727, world.now - timedelta(minutes=minutes))
    ask(world, shop)
    known = order(world)
    for topic in ("orders/create", "orders/paid", "orders/updated"):
        webhook(world, topic, body)
    assert order(world) == known
    assert len(world.line.accepted) == 1
    assert (world.counts["PollMissed"], world.counts["PollAhead"]) == ((1, 0) if minutes > 10 else (0, 1))
    world.check()


def test_what_the_webhooks_brought_is_known_and_not_missed(world: World, shop: ShopifyShop) -> None:
    placed = world.now - timedelta(minutes=50)
    webhook(world, "orders/create", shop.order(727, placed, financial_status="pending"))
    later = stamp(placed + timedelta(minutes=20))
    webhook(world, "orders/paid", paid := shop.order(727, placed, updated_at=later))
    webhook(world, "orders/updated", paid)
    webhook(world, "customers/update", shop.customer(1001, placed, created_at="2020-01-01T00:00:00+09:00"))
    before, told = (order(world), member(world)), len(world.line.accepted)
    for _ in range(2):
        ask(world, shop)
    assert ((order(world), member(world)), len(world.line.accepted)) == (before, told)
    assert (world.counts["PollKnown"], world.counts["PollMissed"], world.peek(Missed)) == (2, 0, [])
    world.check()


@pytest.mark.shows("shopify", "reconcile")
def test_a_parcel_whose_webhook_was_lost_is_told_once(world: World, shop: ShopifyShop) -> None:
    placed = world.now - timedelta(minutes=50)
    webhook(world, "orders/create", shop.order(727, placed))
    left = parcel(world)
    shop.order(727, placed, updated_at=left["updated_at"], fulfillment_status="fulfilled", fulfillments=[left])
    ask(world, shop)
    webhook(world, "fulfillments/create", left)
    texts = [one.text for one in world.line.accepted]
    assert len(texts) == 2
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：400012345672" in texts[1]
    assert order(world).has("OrderShipped")
    assert world.counts["PollMissed"] == 1
    world.check()


def test_a_cancellation_whose_webhook_was_lost_ends_the_follow_up(world: World, shop: ShopifyShop) -> None:
    placed = world.now - timedelta(minutes=50)
    webhook(world, "orders/create", shop.order(727, placed))
    cancelled = stamp(placed + timedelta(minutes=30))
    shop.order(727, placed, updated_at=cancelled, cancelled_at=cancelled, financial_status="refunded")
    ask(world, shop)
    ended = {one.scenario: one.ended_reason for one in world.enrolments()}
    assert ended["order_followup"] == "OrderCancelled"
    world.check()


@pytest.mark.shows("shopify", "reconcile")
def test_who_registered_unheard_is_known_once_and_an_old_member_has_not_registered(
    world: World, shop: ShopifyShop
) -> None:
    new = shop.customer(1901, world.now - timedelta(minutes=30))
    shop.customer(1001, world.now - timedelta(minutes=30), created_at="2020-01-01T00:00:00+09:00", first_name="花")
    ask(world, shop)
    registered, known = member(world, "1901"), member(world)
    assert (registered.state, registered.joined, registered.family_name) == (MemberState.ACTIVE, True, "結城")
    assert (known.given_name, known.joined) == ("花", False)
    assert sorted(missed(world)) == ["MemberRegistered", "MemberUpdated"]
    webhook(world, "customers/create", {**new, "tags": None, "orders_count": None})
    assert member(world, "1901") == registered
    world.check()


@pytest.mark.shows("shopify", "birthday")
def test_a_birthday_that_no_webhook_brought_is_congratulated(world: World, shop: ShopifyShop) -> None:
    shop.customer(1001, world.now - timedelta(minutes=30), created_at="2020-01-01T00:00:00+09:00")
    shop.birthdays[1001] = "1990-11-30"
    ask(world, shop)
    day(world, "2026-11-30")
    (wish,) = world.line.accepted
    assert wish.text.startswith("結城 はな様、お誕生日おめでとうございます。")
    world.check()


def test_the_first_poll_tells_nobody_anything(shop: ShopifyShop) -> None:
    world = World(polled=frozenset({("main", "shopify")}))
    world.given_linked()
    shop.order(727, world.now - timedelta(minutes=30))
    ask(world, shop)
    assert order(world).has("OrderPlaced")
    assert (world.line.accepted, world.counts["PollMissed"]) == ([], 0)
    world.check()


def test_a_shop_whose_webhooks_have_fallen_silent_rings(world: World, shop: ShopifyShop) -> None:
    webhook(world, "orders/create", shop.order(700, world.now))
    rung = []
    for hour in range(26):
        world.pass_time(hours=1)
        shop.order(701 + hour, world.now - timedelta(minutes=30))
        rung.append(ask(world, shop).counts.get("SilentShops", 0))
    assert rung.index(1) in (23, 24)
    webhook(world, "orders/updated", shop.orders[-1])
    assert "SilentShops" not in ask(world, shop).counts
    world.check()


@pytest.mark.parametrize(
    ("answer", "counted"), [(Said(401), "PollsRefused"), (Said(429, headers={"Retry-After": "2.0"}), "PollsFailed")]
)
def test_a_poll_that_broke_is_made_up_by_the_next(world: World, shop: ShopifyShop, answer: Said, counted: str) -> None:
    shop.order(727, world.now - timedelta(minutes=30))
    shop.answers.append(answer)
    assert ask(world, shop).counts[counted] == 1
    assert world.peek(Order) == []
    world.pass_time(hours=1)
    assert ask(world, shop).counts["PollFound"] >= 1
    assert len(world.line.accepted) == 1
    assert {(one.window, one.failure) for one in world.peek(Poll)} == {(None, None)}
    world.check()


def test_a_cursor_that_shopify_forgot_over_night_begins_the_window_anew(world: World, shop: ShopifyShop) -> None:
    for number in range(1, 301):
        shop.order(number, world.now - timedelta(minutes=30))
    turns = iter([False, True])
    source = open_source("shopify", shop.api())
    poll(world, source, "shopify", ("orders",), out_of_time=lambda: next(turns))
    world.pass_time(hours=1)
    shop.cursors.clear()
    assert poll(world, source, "shopify", ("orders",)).counts["PollsRefused"] == 1
    world.pass_time(hours=1)
    assert poll(world, source, "shopify", ("orders",)).counts["PollFound"] >= 300
    world.settle()
    assert len(world.peek(Order)) == 300
    assert len({one.key for one in world.line.accepted}) == len(world.line.accepted) == 300
    world.check()


def partner(world: World) -> None:
    """An order over the partner bus, too large for it."""
    world.put("shop-events", PARTNER.read_text(encoding="utf-8"))
    world.settle()


def test_an_order_too_large_for_the_bus_is_fetched_and_thanked_for_once(world: World, shop: ShopifyShop) -> None:
    world.apis = lambda *_: shop.api()
    shop.order(TOO_LARGE, world.now - timedelta(minutes=5))
    shop.answers.append(Said(503))
    partner(world)
    partner(world)
    (thanks,) = world.line.accepted
    assert f"#{TOO_LARGE}" in thanks.text
    assert order(world, TOO_LARGE).member_id == "1001"
    ask(world, shop)
    assert len(world.line.accepted) == 1
    assert world.counts["PollMissed"] == 0
    world.check()


def test_without_an_api_an_order_of_an_id_alone_is_known_until_the_next_whole_body(
    world: World, shop: ShopifyShop
) -> None:
    partner(world)
    assert (order(world, TOO_LARGE).member_id, world.line.accepted) == (None, [])
    webhook(world, "orders/updated", shop.order(TOO_LARGE, world.now))
    assert len(world.line.accepted) == 1
    world.check()
