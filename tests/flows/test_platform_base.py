"""BASE, asked every hour: an order is known as far as it is, told to nobody, whatever a poll loses or reads twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from musubi.adapters.shops.source import open_source
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.polling import Missed, Poll
from tests.support.asked_shop import AskedShop, BaseShop, asked, said
from tests.support.flows_polls import poll
from tests.support.flows_world import World
from tests.support.markdown import ROOT


@pytest.fixture
def shop() -> Iterator[AskedShop]:
    with asked(BaseShop()) as running:
        yield running


@pytest.fixture
def world(shop: AskedShop) -> World:
    """A shop that has been polled before; one friend is linked, and none of the orders is hers."""
    made = World()
    made.given_linked()
    made.to("2026-11-24T12:00")
    ask(made, shop)
    return made


def sample(name: str) -> dict[str, Any]:
    (found,) = json.loads((ROOT / "events" / "shop_api" / "base" / f"{name}.json").read_bytes())["orders"]
    assert isinstance(found, dict)
    return found


def ask(world: World, shop: AskedShop) -> Outcome:
    """One run of the schedule, and what comes of it."""
    outcome = poll(world, open_source("base", shop.api()), "base", pushes=False)
    world.settle()
    return outcome


def order(world: World) -> Order:
    (found,) = world.peek(Order)
    return found


@pytest.mark.shows("base", "order")
@pytest.mark.shows("base", "shipping")
def test_an_order_is_known_from_its_placing_to_its_parcel(world: World, shop: AskedShop) -> None:
    shop.orders = [sample("order_unpaid")]
    ask(world, shop)
    known = order(world)
    assert (known.order_id, known.total_yen, known.member_id) == ("5E1F0A9C3B7D2468", 4200, None)
    assert [line.title for line in known.lines] == ["煎茶ティーバッグ 30包"]
    assert not known.has("OrderPaid")
    world.to("2026-11-24T13:20")
    shop.orders = [sample("order_dispatched")]
    ask(world, shop)
    known = order(world)
    assert known.has("OrderPaid")
    assert known.has("OrderShipped")
    assert [(one.carrier_name, one.tracking_numbers) for one in known.shipments] == [("ヤマト運輸", ("123456789012",))]
    assert world.line.accepted == [], "nobody is linked to a guest's order"
    world.check()


@pytest.mark.shows("base", "cancel")
def test_an_order_that_is_cancelled_stays_so_when_an_older_answer_arrives_later(world: World, shop: AskedShop) -> None:
    world.to("2026-11-24T12:55")
    shop.orders = [sample("order_cancelled")]
    ask(world, shop)
    shop.orders = [sample("order_paid")]
    ask(world, shop)
    known = order(world)
    assert (known.as_of, known.has("OrderCancelled")) == (known.milestones[-1].at, True)
    world.check()


@pytest.mark.shows("base", "reconcile")
def test_an_hour_over_its_limit_is_made_up_by_the_next_and_read_twice_it_is_one_order(
    world: World, shop: AskedShop
) -> None:
    shop.orders = [sample("order_paid")]
    world.to("2026-11-24T12:30")
    shop.answers.append(said({"error": "hour_api_limit"}, 400))
    assert ask(world, shop).counts["PollsFailed"] == 1
    assert world.peek(Order) == []
    world.to("2026-11-24T13:00")
    assert ask(world, shop).counts["PollFound"] > 0
    first = order(world)
    assert [one.name for one in first.milestones] == ["OrderPlaced", "OrderPaid"]
    world.to("2026-11-24T13:10")
    assert ask(world, shop).counts["PollFound"] > 0, "a window reaches back over the last one"
    assert order(world) == first
    (row,) = world.peek(Poll)
    assert (row.window, row.failure) == (None, None)
    assert world.peek(Missed) == [], "nobody calls, so no call was missed"
    world.check()
