"""Reconciliation: what a webhook did not bring is found by asking, told once, and counted as missed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from musubi.adapters.shops.source import ShopApi, open_source
from musubi.domain.orders import Order
from musubi.domain.polling import Missed
from tests.support.eccube_documents import order
from tests.support.eccube_shop import Raw, eccube_shop
from tests.support.flows_faults import Crash
from tests.support.flows_polls import WireLess, poll
from tests.support.flows_world import World
from tests.support.woocommerce_shop import WooShop

WOO = frozenset({("main", "woocommerce")})
TOPIC = {"x-wc-webhook-topic": "order.updated", "content-type": "application/json"}


@pytest.fixture
def world() -> World:
    """A linked friend of a shop that has been polled before."""
    world = World(polled=WOO)
    world.given_linked()
    poll(world, WireLess(WooShop()), "woocommerce")
    world.pass_time(hours=1)
    return world


def _webhook(world: World, shop: WooShop, number: int) -> None:
    world.put_shop("woocommerce", TOPIC, json.dumps(shop.orders[number]))


@pytest.mark.shows("woocommerce", "reconcile")
def test_an_order_whose_webhook_never_came_is_found_and_told_once(world: World) -> None:
    shop = WooShop()
    shop.order(727, world.now - timedelta(minutes=30))
    outcome = poll(world, WireLess(shop), "woocommerce")
    world.settle()
    assert outcome.counts == {"PollFound": 1}
    (accepted,) = world.line.accepted
    assert "727" in json.dumps(accepted.messages, ensure_ascii=False)
    assert world.counts["PollMissed"] == 1
    assert [(row.platform, row.event_id != "") for row in world.store.latest_missed("main", "woocommerce", 9)] == [
        ("woocommerce", True)
    ]
    world.check()


@pytest.mark.shows("woocommerce", "reconcile")
@pytest.mark.parametrize("minutes", [5, 50])
def test_the_webhook_that_comes_later_says_nothing_new(world: World, minutes: int) -> None:
    """Whether it is the poll or the webhook that is first, the message goes out once."""
    shop = WooShop()
    shop.order(727, world.now - timedelta(minutes=minutes))
    poll(world, WireLess(shop), "woocommerce")
    world.settle()
    _webhook(world, shop, 727)
    world.settle()
    assert len(world.line.accepted) == 1
    assert world.counts["PollMissed"] == (1 if minutes > 10 else 0)
    assert world.counts["PollAhead"] == (0 if minutes > 10 else 1)
    world.check()


def test_what_the_webhook_brought_costs_nothing_and_is_not_missed(world: World) -> None:
    shop = WooShop()
    shop.order(727, world.now - timedelta(minutes=30))
    _webhook(world, shop, 727)
    world.settle()
    before = world.peek(Order)
    for _ in range(2):
        poll(world, WireLess(shop), "woocommerce")
        world.settle()
    assert world.peek(Order) == before
    assert len(world.line.accepted) == 1
    assert (world.counts["PollMissed"], world.counts["PollKnown"]) == (0, 1)
    assert world.peek(Missed) == []
    world.check()


def test_a_change_whose_webhook_was_lost_is_missed_though_the_order_is_known(world: World) -> None:
    shop = WooShop()
    shop.order(727, world.now - timedelta(minutes=40), status="pending", date_paid_gmt=None)
    _webhook(world, shop, 727)
    world.settle()
    world.line.accepted.clear()
    paid = shop.order(727, world.now - timedelta(minutes=20))
    paid["date_created_gmt"] = paid["date_modified_gmt"]
    poll(world, WireLess(shop), "woocommerce")
    world.settle()
    (order,) = world.peek(Order)
    assert order.has("OrderPaid")
    assert world.counts["PollMissed"] == 1


def test_the_first_poll_of_a_deployment_tells_nobody_anything() -> None:
    world = World(polled=WOO)
    world.given_linked()
    shop = WooShop()
    shop.order(727, world.now - timedelta(minutes=30))
    poll(world, WireLess(shop), "woocommerce")
    world.settle()
    (order,) = world.peek(Order)
    assert order.has("OrderPlaced")
    assert (world.line.accepted, world.counts["PollMissed"]) == ([], 0)
    world.check()


def test_a_run_that_dies_after_enqueuing_tells_once_all_the_same(world: World) -> None:
    shop = WooShop()
    for number in range(1, 131):
        shop.order(number, world.now - timedelta(minutes=50, seconds=-number))
    source, pages = WireLess(shop), iter([None])

    def die() -> None:
        if next(pages, "over") == "over":
            raise Crash

    shop.before = die
    with pytest.raises(Crash):
        poll(world, source, "woocommerce")
    world.drain()
    told = len(world.line.accepted)
    assert told >= 100
    shop.before = lambda: None
    world.pass_time(hours=1)
    poll(world, source, "woocommerce")
    world.settle()
    assert len({one.key for one in world.line.accepted}) == len(world.line.accepted) == 130
    world.check()


def test_the_first_poll_does_not_hush_an_order_whose_webhook_is_on_its_way() -> None:
    world = World(polled=WOO)
    world.given_linked()
    shop = WooShop()
    shop.order(727, world.now - timedelta(seconds=20))
    poll(world, WireLess(shop), "woocommerce")
    world.settle()
    _webhook(world, shop, 727)
    world.settle()
    assert len(world.line.accepted) == 1
    world.check()


@pytest.mark.shows("eccube", "reconcile")
def test_an_order_of_eccube_whose_one_webhook_was_lost_is_found_and_told_once() -> None:
    """EC-CUBE calls once and never again; its webhook that was only slow is a repeat."""
    with eccube_shop() as shop:
        api = ShopApi("main", shop.url, tuple, lambda: 60.0, bearer=lambda refused=None: "access-0")
        world = World(polled=frozenset({("main", "eccube")}))
        world.apis = lambda *_: api
        world.given_linked()
        source = open_source("eccube", api)
        shop.laid_out["/api"] = [_page(), _page()]
        poll(world, source, "eccube")
        world.pass_time(hours=1)
        at = (world.now - timedelta(minutes=30)).isoformat(timespec="seconds")
        document = order(order_date=at, update_date=at)
        shop.put("order", document)
        for _ in range(2):
            shop.laid_out["/api"] = [_page(document)]
            assert poll(world, source, "eccube").counts == {"PollFound": 1}
            world.settle()
        world.put_shop("eccube", {}, json.dumps([{"entity": "order", "id": 1203, "action": "updated"}]))
        world.settle()
    assert len(world.line.accepted) == 1
    # One order of EC-CUBE tells of its member and points, too.
    assert world.counts["PollMissed"] == world.counts["PollKnown"] > 0
    world.check()


def _page(*documents: dict[str, Any]) -> Raw:
    found = {"nodes": list(documents), "totalCount": len(documents), "pageInfo": {"hasNextPage": False}}
    return Raw(200, json.dumps({"data": {"orders": found}}).encode())
