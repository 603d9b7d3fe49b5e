"""makeshop: its notifications are kept unread, what a poll finds reaches the friend, and members are state of the morning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from musubi.adapters.shops.platforms import calling
from musubi.adapters.shops.source import open_source
from musubi.domain.operations import Seen
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.people import Member, Rank
from musubi.domain.polling import Missed, Poll
from musubi.ports import What
from tests.support.asked_shop import asked
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_polls import poll
from tests.support.flows_world import World
from tests.support.makeshop_shop import KEY, MakeshopShop
from tests.support.markdown import ROOT
from tests.support.woocommerce_shop import Said


@pytest.fixture
def shop() -> Iterator[MakeshopShop]:
    made = MakeshopShop()
    with asked(made):
        yield made


@pytest.fixture
def world(shop: MakeshopShop) -> World:
    """A shop that has been polled before; one friend is linked, and the sample's order is hers."""
    made = World(polled=frozenset(calling(["main/makeshop"])))
    made.given_linked()
    made.to("2026-11-24T12:00")
    ask(made, shop)
    return made


def sample(name: str) -> dict[str, Any]:
    data = json.loads((ROOT / "events" / "shop_api" / "makeshop" / f"{name}.json").read_bytes())["data"]
    (found,) = (data.get("searchOrder") or data["searchMember"]).popitem()[1]
    assert isinstance(found, dict)
    return found


def ask(world: World, shop: MakeshopShop, whats: Sequence[What] = ("orders", "members")) -> Outcome:
    """One run of the schedule, and what comes of it."""
    api = replace(shop.api(KEY), base_url=f"{shop.url}/v1/graphql")
    outcome = poll(world, open_source("makeshop", api), "makeshop", whats, pushes=True)
    world.settle()
    return outcome


def order(world: World) -> Order:
    (found,) = world.peek(Order)
    return found


def member(world: World) -> Member:
    return next(one for one in world.peek(Member) if one.member_id == MEMBER)


@pytest.mark.shows("makeshop", "order")
@pytest.mark.shows("makeshop", "shipping")
def test_an_order_is_thanked_for_and_followed_to_its_parcels(world: World, shop: MakeshopShop) -> None:
    world.to("2026-11-24T12:20")
    shop.orders = [sample("order_placed")]
    ask(world, shop)
    (thanks,) = world.line.accepted
    assert (thanks.to, "000000012240" in thanks.text) == (USER, True)
    world.to("2026-11-24T13:20")
    shop.orders = [sample("order_shipped")]
    ask(world, shop)
    known = order(world)
    assert (known.member_id, known.total_yen, known.has("OrderShipped")) == (MEMBER, 7200, True)
    assert [one.tracking_numbers for one in known.shipments] == [("123456789012",), ("400011112222",)]
    assert "123456789012" in " ".join(one.text for one in world.line.accepted[1:])
    world.check()


@pytest.mark.shows("makeshop", "cancel")
def test_a_cancelled_order_stays_so(world: World, shop: MakeshopShop) -> None:
    world.to("2026-11-24T12:20")
    shop.orders = [sample("order_placed")]
    ask(world, shop)
    world.to("2026-11-24T13:20")
    shop.orders = [sample("order_cancelled")]
    ask(world, shop)
    assert order(world).has("OrderCancelled")
    world.check()


@pytest.mark.shows("makeshop", "member")
@pytest.mark.shows("makeshop", "rank")
@pytest.mark.shows("makeshop", "points")
def test_group_and_points_are_known_from_the_morning_on_and_told_to_nobody(world: World, shop: MakeshopShop) -> None:
    shop.members = [sample("member_gold"), sample("member_half_a_point")]
    world.to("2026-11-24T13:00")
    ask(world, shop)
    assert member(world).points is None, "members are read once a day"
    world.to("2026-11-25T04:20")
    ask(world, shop)
    assert (member(world).points, member(world).rank) == (1250, Rank("2", "ゴールド会員"))
    assert "member.shopPoint: not whole points" in str(world.quarantine.__dict__)
    for day, points in (("26", 1400), ("27", 1250)):
        shop.members = [{**sample("member_gold"), "shopPoint": points}]
        world.to(f"2026-11-{day}T04:20")
        ask(world, shop)
        assert member(world).points == points, "a balance that comes back is a new one"
    assert world.line.accepted == []
    world.check()


@pytest.mark.shows("makeshop", "reconcile")
def test_a_poll_that_broke_is_made_up_by_the_next_and_read_twice_it_is_one_order(
    world: World, shop: MakeshopShop
) -> None:
    shop.orders = [sample("order_placed")]
    world.to("2026-11-24T12:30")
    shop.answers.append(Said(502))
    assert ask(world, shop).counts["PollsFailed"] == 1
    assert world.peek(Order) == []
    world.to("2026-11-24T13:30")
    assert ask(world, shop).counts["PollFound"] > 0
    first = order(world)
    world.to("2026-11-24T14:30")
    outcome = ask(world, shop)
    assert outcome.counts["PollFound"] == 1, "two weeks are looked through"
    assert "SilentShops" not in outcome.counts
    assert order(world) == first
    assert len(world.line.accepted) == 1
    assert {row.failure for row in world.peek(Poll)} == {None}
    assert world.peek(Missed) == [], "its calls tell nothing, so none was missed"
    world.check()


def test_a_notification_is_kept_unread_and_what_it_meant_is_found(world: World, shop: MakeshopShop) -> None:
    world.to("2026-11-24T12:20")
    world.put_shop("makeshop", {"content-type": "application/json"}, '{"shop_id":"main","unknown":1}')
    world.settle()
    assert "notification" in {one.kind for one in world.peek(Seen)}
    shop.orders = [sample("order_placed")]
    ask(world, shop)
    assert order(world).has("OrderPlaced")
    world.check()
