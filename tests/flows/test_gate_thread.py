"""Who gets nothing and why, who waits for the morning, and that nobody but testers gets anything before going live."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from musubi.domain.gate import Policy
from musubi.domain.people import MemberState, Promo, Reach
from tests.support.flows_acts import USER
from tests.support.flows_world import World, at

STRANGER = "U" + "c" * 32


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


def test_orders_of_nobody_and_of_the_unknown(world: World) -> None:
    world.placed("G-1", member=None)
    world.placed("X-1", member="9999")
    world.settle()
    assert world.verdict("order_thanks") == ("skipped", "not_linked")
    assert world.send("order_thanks").person == "m:main/9999"
    world.check()


@pytest.mark.parametrize(
    ("friend", "member", "reason"),
    [
        ({"reach": Reach.BLOCKED}, {}, "blocked"),
        ({"standby": True}, {}, "standby"),
        ({"erased": True}, {}, "erased"),
        ({}, {"state": MemberState.WITHDRAWN}, "withdrawn"),
    ],
)
def test_who_gets_nothing_and_why(friend: dict[str, Any], member: dict[str, Any], reason: str) -> None:
    world = World()
    world.given_linked(friend=friend, **member)
    world.placed()
    world.settle()
    assert world.verdict("order_thanks") == ("skipped", reason)
    assert world.line.accepted == []
    world.check()


def test_of_an_erased_member_nothing_even_begins() -> None:
    world = World()
    world.given_linked(state=MemberState.ERASED)
    world.placed()
    world.settle()
    assert (world.sends(), world.enrolments()) == ([], [])
    world.check()


def test_promo_refused_stops_the_follow_up_and_not_the_notice(world: World) -> None:
    world.placed()
    world.settle()
    world.says("配信停止")
    world.shipped()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert world.friend().promo is Promo.REFUSED
    assert world.verdict("shipping_notice") == ("accepted", "accepted")
    assert world.verdict("order_followup") == ("skipped", "promo_refused")
    world.check()


def test_an_unlinked_member_gets_nothing_from_then_on(world: World) -> None:
    world.placed()
    world.settle()
    world.says("連携解除")
    world.shipped()
    world.settle()
    assert world.verdict("shipping_notice") == ("skipped", "not_linked")


def test_who_links_before_the_message_leaves_gets_it(world: World) -> None:
    """The Send belongs to the member; whose telephone it is, is asked when it leaves."""
    world.placed()
    world.settle()
    world.given_friend(STRANGER)
    world.account_linked(world.logs_in(), STRANGER)
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert [one.to for one in world.line.accepted] == [USER, STRANGER, STRANGER]
    world.check()


def test_a_follow_up_that_a_late_tick_finds_at_night_waits_for_the_morning(world: World) -> None:
    world.placed()
    world.settle()
    world.to("2026-11-29T21:30")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("held", "quiet_hours")
    world.to("2026-11-30T08:58")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("held", "quiet_hours")
    world.to("2026-11-30T09:10")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("accepted", "accepted")
    assert world.line.accepted[-1].at == at("2026-11-30T09:10")
    world.check()


def test_a_sender_whose_clock_is_behind_the_ticks_does_not_lose_the_morning(world: World) -> None:
    """The tick takes the due item at 9:00:00, the sender still reads 8:59:59: the Send must be woken once more."""
    world.placed()
    world.settle()
    world.to("2026-11-29T21:30")
    world.tick()
    world.settle()
    world.to("2026-11-30T09:00")
    world.tick()
    world.clock.move_business(at("2026-11-30T09:00") - timedelta(seconds=1))
    world.drain()
    assert world.verdict("order_followup") == ("held", "quiet_hours")
    world.to("2026-11-30T09:01")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("accepted", "accepted")
    world.check()


def test_a_notice_does_not_wait_for_the_morning(world: World) -> None:
    world.placed()
    world.to("2026-11-24T23:00")
    world.shipped()
    world.settle()
    assert world.verdict("shipping_notice") == ("accepted", "accepted")


def test_a_follow_up_that_comes_too_late_is_not_sent(world: World) -> None:
    world.placed()
    world.settle()
    world.to("2026-12-01T10:01")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("skipped", "expired")


TESTER = frozenset({STRANGER})


def test_before_going_live_an_import_sends_nothing_but_to_testers() -> None:
    world = World(policy=Policy(go_live=False, testers=TESTER))
    for n in range(40):
        world.given_linked(f"U{n:032x}", str(2000 + n))
    world.given_linked(STRANGER, "3000")
    for n in range(40):
        world.shop("MemberUpdated", {"member_id": str(2000 + n), "birthday": "1990-11-25"})
        world.placed(f"O-{n}", str(2000 + n))
        world.shop("PointsBalanceChanged", {"member_id": str(2000 + n), "balance": 5, "lots": [_lot("2026-11-26")]})
    world.shop("MemberUpdated", {"member_id": "3000", "birthday": "1990-11-25"})
    world.placed("O-T", "3000")
    world.settle()
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    for hour in ("2026-11-25T11:30", "2026-11-29T10:30"):
        world.to(hour)
        world.tick()
        world.settle()
    assert {one.to for one in world.line.accepted} == {STRANGER}
    assert sorted(s.scenario for s in world.sends(state="accepted")) == ["birthday", "order_followup", "order_thanks"]
    assert {s.reason for s in world.sends(state="skipped")} == {"not_a_tester"}
    assert len(world.sends(state="skipped")) == 160
    world.check()


def _lot(expires_on: str) -> dict[str, object]:
    return {"points": 100, "expires_at": expires_on}


def test_before_going_live_nobody_is_greeted_but_testers() -> None:
    world = World(policy=Policy(go_live=False, testers=TESTER))
    world.follow(USER)
    world.follow(STRANGER)
    world.settle()
    assert {one.to for one in world.line.accepted} == {STRANGER}
    assert world.verdict("greeting", person=f"f:{USER}") == ("skipped", "not_a_tester")
