"""Rakuten, asked every hour: an order is known as far as it is, told to nobody, whatever a poll loses or reads twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from musubi.adapters.shops.rakuten import source
from musubi.adapters.shops.source import open_source
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.polling import Missed, Poll
from tests.support.asked_shop import asked
from tests.support.flows_polls import poll
from tests.support.flows_world import World
from tests.support.markdown import ROOT
from tests.support.rakuten_shop import KEY, RakutenShop
from tests.support.woocommerce_shop import Said


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[RakutenShop]:
    monkeypatch.setattr(source, "PACE_S", 0.0)
    made = RakutenShop()
    with asked(made):
        yield made


@pytest.fixture
def world(shop: RakutenShop) -> World:
    """A shop that has been polled before; one friend is linked, and none of the orders is hers."""
    made = World()
    made.given_linked()
    made.to("2026-11-24T12:00")
    ask(made, shop)
    return made


def sample(name: str) -> dict[str, Any]:
    page = json.loads((ROOT / "events" / "shop_api" / "rakuten" / f"{name}.json").read_bytes())
    (found,) = page["OrderModelList"]
    assert isinstance(found, dict)
    return found


def ask(world: World, shop: RakutenShop) -> Outcome:
    """One run of the schedule, and what comes of it."""
    outcome = poll(world, open_source("rakuten", shop.api(KEY)), "rakuten", pushes=False)
    world.settle()
    return outcome


def order(world: World) -> Order:
    (found,) = world.peek(Order)
    return found


@pytest.mark.shows("rakuten", "order")
@pytest.mark.shows("rakuten", "shipping")
def test_an_order_is_known_from_its_placing_to_its_parcels(world: World, shop: RakutenShop) -> None:
    world.to("2026-11-24T12:20")
    shop.orders = [sample("order_placed")]
    ask(world, shop)
    known = order(world)
    assert (known.number, known.total_yen, known.member_id) == ("123456-20261124-0000012345", None, None)
    assert [line.title for line in known.lines] == ["煎茶ティーバッグ 30包"]
    world.to("2026-11-24T13:20")
    shop.orders = [sample("order_shipped")]
    ask(world, shop)
    known = order(world)
    assert known.has("OrderShipped")
    assert not known.has("OrderPaid")
    assert known.total_yen == 7100
    assert [(one.carrier, one.tracking_numbers) for one in known.shipments] == [
        ("yamato", ("123456789012",)),
        ("sagawa", ("400011112222",)),
    ]
    world.to("2026-11-24T14:20")
    shop.orders = [sample("order_settled")]
    shop.settled = {known.order_id: "2026-11-24T14:00:00+0900"}
    ask(world, shop)
    assert order(world).has("OrderPaid")
    assert world.line.accepted == [], "nobody is linked to a guest's order"
    world.check()


@pytest.mark.shows("rakuten", "cancel")
def test_an_order_that_is_cancelled_stays_so_when_an_older_answer_arrives_later(
    world: World, shop: RakutenShop
) -> None:
    world.to("2026-11-24T12:55")
    shop.orders = [sample("order_cancelled")]
    ask(world, shop)
    shop.orders = [sample("order_awaiting_dispatch")]
    ask(world, shop)
    known = order(world)
    assert (known.total_yen, known.has("OrderCancelled")) == (0, True)
    world.check()


@pytest.mark.shows("rakuten", "reconcile")
def test_a_poll_that_broke_is_made_up_by_the_next_and_read_twice_it_is_one_order(
    world: World, shop: RakutenShop
) -> None:
    shop.orders = [sample("order_awaiting_dispatch")]
    world.to("2026-11-24T12:45")
    shop.answers.append(Said(503))
    assert ask(world, shop).counts["PollsFailed"] == 1
    assert world.peek(Order) == []
    world.to("2026-11-24T13:10")
    assert ask(world, shop).counts["PollFound"] > 0
    first = order(world)
    world.to("2026-11-24T13:20")
    assert ask(world, shop).counts["PollFound"] > 0, "a window reaches back over the last one"
    assert order(world) == first
    (row,) = world.peek(Poll)
    assert (row.window, row.failure) == (None, None)
    assert world.peek(Missed) == [], "nobody calls, so no call was missed"
    world.check()


def test_a_key_that_has_ended_is_said_and_loses_nothing(world: World, shop: RakutenShop) -> None:
    shop.orders = [sample("order_awaiting_dispatch")]
    world.to("2026-11-24T12:45")
    shop.tokens = {"secret-1:license-2"}
    assert ask(world, shop).counts["PollsRefused"] == 1
    (row,) = world.peek(Poll)
    assert "shops/main/rakuten-api" in str(row.failure)
    shop.tokens = {KEY}
    world.to("2026-11-24T15:45")
    ask(world, shop)
    assert order(world).has("OrderPlaced")


def test_half_a_yen_is_put_aside_and_the_others_of_its_page_are_taken(world: World, shop: RakutenShop) -> None:
    world.to("2026-11-24T12:45")
    shop.orders = [sample("order_half_a_yen"), sample("order_awaiting_dispatch")]
    ask(world, shop)
    assert order(world).total_yen == 4100
    assert "order.requestPrice: a fraction of a yen" in str(world.quarantine.__dict__)
