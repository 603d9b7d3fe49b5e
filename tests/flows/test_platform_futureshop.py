"""futureshop, asked every hour: its orders name their member, who is thanked and told of the parcel on LINE."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from musubi.adapters.shops.futureshop import source
from musubi.adapters.shops.source import open_source
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.people import Birthday, Member, Rank
from musubi.domain.polling import Missed, Poll
from tests.support.asked_shop import asked
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_polls import poll
from tests.support.flows_world import World
from tests.support.futureshop_shop import KEY, FutureshopShop
from tests.support.markdown import ROOT
from tests.support.woocommerce_shop import Said


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FutureshopShop]:
    monkeypatch.setattr(source, "PACE_S", 0.0)
    made = FutureshopShop()
    with asked(made):
        yield made


@pytest.fixture
def world(shop: FutureshopShop) -> World:
    """A shop that has been polled before; one friend is linked, and the sample's order is hers."""
    made = World()
    made.given_linked()
    made.to("2026-11-24T12:00")
    ask(made, shop)
    return made


def sample(name: str) -> dict[str, Any]:
    page = json.loads((ROOT / "events" / "shop_api" / "futureshop" / f"{name}.json").read_bytes())
    (found,) = page["orderList"]
    assert isinstance(found, dict)
    return found


def ask(world: World, shop: FutureshopShop) -> Outcome:
    """One run of the schedule, and what comes of it."""
    outcome = poll(world, open_source("futureshop", shop.api(KEY)), "futureshop", pushes=False)
    world.settle()
    return outcome


def order(world: World) -> Order:
    (found,) = world.peek(Order)
    return found


@pytest.mark.shows("futureshop", "order")
@pytest.mark.shows("futureshop", "shipping")
def test_an_order_is_thanked_for_and_followed_to_its_parcels(world: World, shop: FutureshopShop) -> None:
    world.to("2026-11-24T12:20")
    shop.orders = [sample("order_placed")]
    ask(world, shop)
    (thanks,) = world.line.accepted
    assert (thanks.to, "100000012240" in thanks.text) == (USER, True)
    world.to("2026-11-24T13:20")
    shop.orders = [sample("order_shipped")]
    ask(world, shop)
    known = order(world)
    assert (known.member_id, known.total_yen, known.has("OrderPaid"), known.has("OrderShipped")) == (
        MEMBER,
        7200,
        True,
        True,
    )
    assert [one.carrier for one in known.shipments] == ["yamato", "sagawa"]
    notices = " ".join(one.text for one in world.line.accepted[1:])
    assert "123456789012" in notices
    world.check()


@pytest.mark.shows("futureshop", "member")
@pytest.mark.shows("futureshop", "birthday")
@pytest.mark.shows("futureshop", "rank")
def test_who_orders_is_known_by_name_birthday_and_stage(world: World, shop: FutureshopShop) -> None:
    world.to("2026-11-24T12:20")
    document = sample("order_placed")
    document["buyerInfo"] |= {"memberId": "2101", "lastName": "髙梨", "firstName": "ひなの", "birthday": "1990-02-28"}
    shop.orders, shop.stages = [document], {"2101": "ゴールド"}
    ask(world, shop)
    member = next(one for one in world.peek(Member) if one.member_id == "2101")
    assert (member.family_name, member.given_name, member.birthday) == ("髙梨", "ひなの", Birthday(2, 28, 1990))
    assert member.rank == Rank("ゴールド", "ゴールド")
    world.check()


def test_what_is_cancelled_by_the_word_that_is_taken_for_it_is_not_followed_up(
    world: World, shop: FutureshopShop
) -> None:
    world.to("2026-11-24T12:20")
    shop.orders = [sample("order_cancelled")]
    ask(world, shop)
    assert order(world).has("OrderCancelled")
    world.check()


@pytest.mark.shows("futureshop", "reconcile")
def test_a_poll_that_broke_is_made_up_by_the_next_and_read_twice_it_is_one_order(
    world: World, shop: FutureshopShop
) -> None:
    shop.orders = [sample("order_paid")]
    world.to("2026-11-24T12:30")
    shop.answers.append(Said(503))
    assert ask(world, shop).counts["PollsFailed"] == 1
    assert world.peek(Order) == []
    world.to("2026-11-24T13:30")
    assert ask(world, shop).counts["PollFound"] > 0
    first = order(world)
    sent = len(world.line.accepted)
    world.to("2026-11-24T14:30")
    assert ask(world, shop).counts["PollFound"] > 0, "a window reaches back some days"
    assert order(world) == first
    assert len(world.line.accepted) == sent
    (row,) = world.peek(Poll)
    assert (row.window, row.failure) == (None, None)
    assert world.peek(Missed) == [], "nobody calls, so no call was missed"
    world.check()


def test_half_a_yen_is_put_aside_and_the_others_of_its_page_are_taken(world: World, shop: FutureshopShop) -> None:
    world.to("2026-11-24T12:45")
    shop.orders = [sample("order_half_a_yen"), sample("order_guest")]
    ask(world, shop)
    known = order(world)
    assert (known.number, known.member_id) == ("100000012241", None)
    assert "order.grandTotal: a fraction of a yen" in str(world.quarantine.__dict__)
