"""The kill switch, and wishes that change while a message is on its way (DESIGN §6.2, §7)."""

from __future__ import annotations

import pytest

from musubi.domain.ledger import SendState
from musubi.domain.people import Reach
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_line import Fault
from tests.support.flows_world import World

THANKS = "order_thanks"


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


# the kill switch


def test_the_kill_switch_before_sending(world: World) -> None:
    world.stop()
    world.placed()
    world.settle()
    world.sweep()
    world.settle()
    assert world.verdict(THANKS) == ("parked", "kill_switch")
    assert world.line.calls == 0
    world.resume()
    world.sweep()
    world.settle()
    assert world.verdict(THANKS) == ("accepted", "accepted")
    world.check()


def test_the_kill_switch_between_two_attempts(world: World) -> None:
    world.line.faults(Fault.E500_AFTER)
    world.placed()
    world.drain(hours=0)
    world.stop()
    world.settle()
    assert world.verdict(THANKS) == ("parked", "kill_switch")
    world.resume()
    world.sweep()
    world.settle()
    assert world.verdict(THANKS) == ("accepted", "accepted_before")
    world.check()


def test_the_kill_switch_holds_answers_that_matter_and_drops_the_others(world: World) -> None:
    """A link offer of this morning carries a dead token this afternoon."""
    world.stop()
    other = "U" + "e" * 32
    world.follow(other)
    world.taps_link(other)
    world.settle()
    assert world.verdict("greeting") == ("parked", "kill_switch")
    assert world.verdict("link_offer") == ("skipped", "kill_switch")
    world.pass_time(minutes=20)
    world.resume()
    world.sweep()
    world.settle()
    assert [(one.how, one.to) for one in world.line.accepted] == [("push", other)]
    world.check()


@pytest.mark.parametrize(
    ("fault", "verdict"), [(Fault.RATE, ("accepted", "accepted")), (Fault.E500_AFTER, ("unknown", "reply_unclear"))]
)
def test_the_kill_switch_between_two_tries_of_an_answer(world: World, fault: Fault, verdict: tuple[str, str]) -> None:
    world.line.faults(fault)
    world.follow("U" + "e" * 32)
    world.drain(hours=0)
    world.stop()
    world.drain()
    calls = world.line.calls
    assert calls == 1
    world.resume()
    world.sweep()
    world.settle()
    assert world.verdict("greeting") == verdict
    assert len(world.line.accepted) == 1


# wishes while a message is on its way


def held_back(world: World) -> None:
    """A follow-up whose first attempt got no clear answer."""
    world.placed()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.line.faults(Fault.LOST)
    world.drain(hours=0)
    assert world.send("order_followup").state is SendState.CLAIMED


@pytest.mark.parametrize(("wish", "reason"), [("配信停止", "promo_refused"), ("連携解除", "unlinked")])
def test_a_wish_stops_what_is_in_flight_at_once(world: World, wish: str, reason: str) -> None:
    held_back(world)
    world.says(wish)
    world.settle()
    assert world.verdict("order_followup") == ("skipped", reason)
    assert not any("先日は" in text for text in world.line.texts(USER))


def test_erasure_stops_what_is_in_flight(world: World) -> None:
    held_back(world)
    world.shop("MemberDeleted", {"member_id": MEMBER})
    world.settle()
    assert world.verdict("order_followup") == ("skipped", "erased")


def test_the_body_is_fixed_by_the_first_claim(world: World) -> None:
    held_back(world)
    world.shop("MemberUpdated", {"member_id": MEMBER, "name": {"family": "新姓"}})
    world.settle()
    assert world.line.accepted[-1].text.startswith("結城様、先日は")
    world.check()


def test_a_block_is_learnt_from_the_webhook_only(world: World) -> None:
    """LINE says 200 for who has blocked the account; the next message is skipped because the unfollow told us."""
    world.line.blocked.add(USER)
    world.placed()
    world.settle()
    assert world.verdict(THANKS) == ("accepted", "accepted")
    assert world.line.delivered == []
    world.unfollow()
    world.shipped()
    world.settle()
    assert world.friend().reach is Reach.BLOCKED
    assert world.verdict("shipping_notice") == ("skipped", "blocked")
