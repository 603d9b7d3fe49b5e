"""What a linked friend says about promotion reaches the shop, once, in whatever order LINE tells it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from musubi.domain.operations import Fact, FactState
from musubi.domain.people import Promo
from musubi.domain.store_keys import FactKey
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World


@pytest.fixture
def world() -> World:
    return World()


def told(world: World) -> list[Fact]:
    return [fact for fact in world.bus.published if fact.type == "ConsentChanged"]


def believed(facts: Sequence[Fact]) -> str:
    """What a shop holds that follows the documentation: the newest `at`, and silence is no refusal."""
    return max(facts, key=lambda fact: fact.data["at"]).data["state"] if facts else "allowed"


def text(world: World, words: str) -> dict[str, Any]:
    return world.line_event("message", message={"type": "text", "id": "1", "text": words})


def test_a_linked_friends_wish_is_told_for_the_member(world: World) -> None:
    world.given_linked()
    world.says("配信停止")
    world.settle()
    (fact,) = told(world)
    at = world.friend().promo_at
    assert at is not None
    assert fact.occurred_at == at
    assert fact.data == {
        "shop_id": "main", "member_id": MEMBER, "user_id": USER,
        "channel": "line", "purpose": "marketing", "state": "refused", "at": at.isoformat(),
    }  # fmt: skip
    world.says("配信再開")
    world.settle()
    assert [one.data["state"] for one in told(world)] == ["refused", "allowed"]
    world.check()


def test_a_wish_said_again_is_told_again(world: World) -> None:
    """The shop may have another one on file by now."""
    world.given_linked()
    world.says("配信再開")
    world.says("配信再開")
    world.settle()
    assert [one.data["state"] for one in told(world)] == ["allowed", "allowed"]
    assert len({one.fact_id for one in told(world)}) == 2


def test_a_webhook_that_comes_again_tells_nothing_new(world: World) -> None:
    world.given_linked()
    event = text(world, "配信停止")
    world.webhook(event)
    world.settle()
    world.redelivered(event)
    world.settle()
    assert len(told(world)) == 1
    world.check()


def test_who_is_not_linked_has_no_member_to_tell_of(world: World) -> None:
    world.given_friend()
    world.says("配信停止")
    world.settle()
    assert world.friend().promo is Promo.REFUSED
    assert told(world) == []


def test_a_refusal_from_before_the_link_is_told_with_the_link(world: World) -> None:
    world.given_friend()
    world.says("配信停止")
    world.settle()
    said = world.friend().promo_at
    event = world.account_linked(world.logs_in())
    world.settle()
    world.redelivered(event)
    world.settle()
    link = world.link()
    assert link is not None
    assert said is not None
    (fact,) = told(world)
    assert (fact.occurred_at, fact.data["at"]) == (link.linked_at, said.isoformat())
    assert [one.type for one in world.bus.published] == ["LinkMade", "ConsentChanged"]
    world.check()


def test_what_was_taken_back_while_unlinked_is_told_with_the_next_link(world: World) -> None:
    world.given_linked()
    for words in ("配信停止", "連携解除", "配信再開"):
        world.says(words)
        world.settle()
    assert believed(told(world)) == "refused"
    world.account_linked(world.logs_in())
    world.settle()
    assert believed(told(world)) == "allowed"


def test_a_friend_who_said_nothing_tells_nothing_by_linking(world: World) -> None:
    world.follow()
    world.settle()
    world.links()
    world.settle()
    assert told(world) == []


def test_a_wish_in_standby_is_told_too(world: World) -> None:
    world.given_linked()
    world.says("配信停止", mode="standby")
    world.settle()
    assert [one.data["state"] for one in told(world)] == ["refused"]
    assert world.line.accepted == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("words", [("配信停止", "配信再開"), ("配信再開", "配信停止")])
def test_in_any_order_of_arrival_the_shop_ends_with_the_newest_wish(
    world: World, words: tuple[str, str], order: tuple[int, ...]
) -> None:
    world.given_friend()
    first = text(world, words[0])
    link = world.line_event("accountLink", link={"result": "ok", "nonce": world.logs_in()})
    second = text(world, words[1])
    events = (first, link, second)
    for n in order:
        world.webhook(events[n])
        world.settle()
    assert world.link() is not None
    assert believed(told(world)) == world.friend().promo.value
    world.check()


def test_a_bus_that_was_down_hears_it_from_the_sweeper_once(world: World) -> None:
    world.given_linked()
    world.bus.refuse_next = 2
    world.says("配信停止")
    world.settle()
    world.sweep()
    assert world.bus.refuse_next == 0
    (fact,) = told(world)
    stored = world.store.load([FactKey(fact.fact_id)]).get(FactKey(fact.fact_id))
    assert stored is not None
    assert stored.state is FactState.PUBLISHED


def test_a_consent_that_the_shop_writes_back_is_no_new_wish(world: World) -> None:
    """What a shop does with the fact comes back as a change of the member: it is known, and told to nobody."""
    world.given_linked()
    world.says("配信停止")
    world.settle()
    (fact,) = told(world)
    given = {key: fact.data[key] for key in ("channel", "purpose", "state", "at")}
    world.shop("MemberConsentChanged", {"member_id": MEMBER, "consent": given})
    world.settle()
    assert len(told(world)) == 1
    assert world.friend().promo is Promo.REFUSED
    world.check()
