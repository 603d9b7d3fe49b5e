"""LINE's answers to pushes and replies, and what becomes of the row (DESIGN §6)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from musubi.domain.ledger import SendState
from musubi.usecases.sweep import PAGE
from tests.support.flows_faults import Mode, Points
from tests.support.flows_line import Fault
from tests.support.flows_world import World, at

THANKS = "order_thanks"


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.E500_BEFORE],
        [Fault.E500_AFTER],
        [Fault.LOST],
        [Fault.DROPPED],
        [Fault.UNREADABLE],
        [Fault.E401],
        [Fault.E403],
        [Fault.RATE],
        [Fault.DROPPED, Fault.RATE, Fault.E500_BEFORE, Fault.E500_AFTER, Fault.LOST],
        [Fault.RATE] * 4,
        [Fault.E500_AFTER, Fault.E500_BEFORE, Fault.DROPPED, Fault.DROPPED],
    ],
    ids="+".join,
)
def test_whatever_passes_line_accepts_it_once(world: World, faults: list[Fault]) -> None:
    world.line.faults(*faults)
    world.placed()
    world.settle(hours=2)
    assert len(world.line.accepted) == 1
    assert world.send(THANKS).state is SendState.ACCEPTED
    world.check()


def test_an_answer_that_was_lost_is_recognised_by_409(world: World) -> None:
    world.line.faults(Fault.DROPPED)
    world.placed()
    world.settle()
    row = world.send(THANKS)
    assert (row.reason, row.line_status, row.line_request_id, row.attempts) == ("accepted_before", 409, "request-1", 2)


def test_a_clear_refusal_is_final_and_keeps_lines_words(world: World) -> None:
    world.line.faults(Fault.E400)
    world.placed()
    world.settle()
    row = world.send(THANKS)
    assert (row.state, row.reason, row.line_message) == (
        SendState.REJECTED,
        "line_400",
        "The request body has 1 error(s)",
    )
    assert world.line.calls == 1


def test_a_passing_no_opens_the_circuit_for_everybody(world: World) -> None:
    world.given_linked("U" + "d" * 32, "1002")
    world.line.faults(Fault.RATE)
    world.placed("A-1")
    world.drain(hours=0)
    world.placed("A-2", "1002")
    world.drain(hours=0)
    assert world.line.calls == 1
    world.settle()
    assert len(world.line.accepted) == 2
    assert {row.attempts for row in world.sends(THANKS)} == {1}
    world.check()


def test_an_unclear_answer_waits_longer_each_time(world: World) -> None:
    world.line.faults(*[Fault.LOST] * 4)
    world.placed()
    world.settle()
    gaps = [round((later - earlier).total_seconds()) for earlier, later in pairwise(world.line.called_at)]
    assert gaps == [5, 15, 45, 135]


def test_after_23_hours_in_the_dark_it_is_the_operators_and_never_resent(world: World) -> None:
    world.line.faults(Fault.DROPPED)
    world.placed()
    world.drain(hours=0)
    world.line.down = True
    for _ in range(23):
        world.drain(hours=1)
        world.sweep()
    world.line.down = False
    world.pass_time(minutes=30)
    world.settle(hours=48)
    row = world.send(THANKS)
    assert (row.state, row.reason) == (SendState.UNKNOWN, "retry_key_expired")
    assert [one.send_id for one in world.store.unknown_sends(9)] == [row.send_id]
    world.pass_time(days=2)
    world.put_again(row)
    world.sweep()
    world.settle()
    assert len(world.line.accepted) == 1
    assert world.line.flaws == []


def test_a_sender_that_died_after_lines_yes_and_a_stop_of_a_day_never_send_twice(world: World) -> None:
    """The row is parked before anybody knows; after the resume LINE has forgotten the key."""
    crashed = World(points=Points(at=_first(world, "line.push"), mode=Mode.CRASH_AFTER))
    crashed.given_linked()
    crashed.placed()
    crashed.drain(hours=0)
    assert len(crashed.line.accepted) == 1
    crashed.stop()
    crashed.drain()
    assert crashed.send(THANKS).state is SendState.PARKED
    crashed.pass_time(hours=25)
    crashed.resume()
    crashed.sweep()
    crashed.settle()
    assert crashed.send(THANKS).state is SendState.UNKNOWN
    assert len(crashed.line.accepted) == 1


def _first(world: World, call: str) -> int:
    """The number of the first `call` in a clean run of one order."""
    world.placed()
    world.settle()
    return world.points.passed.index(call) + 1


def test_the_monthly_limit_parks_and_the_next_month_releases(world: World) -> None:
    world.to("2026-11-29T12:00")
    world.line.faults(Fault.MONTHLY)
    world.placed()
    world.settle()
    assert world.verdict(THANKS) == ("parked", "monthly_limit")
    world.sweep()
    world.settle()
    assert world.line.calls == 1
    world.to("2026-12-01T00:01")
    world.sweep()
    world.settle()
    # The gate is asked again: a thank-you of the day before yesterday has lost its point.
    assert world.verdict(THANKS) == ("skipped", "expired")


def test_a_notice_that_still_matters_goes_out_in_the_next_month_with_the_same_id(world: World) -> None:
    world.to("2026-11-30T12:00")
    world.placed()
    world.settle()
    world.line.faults(Fault.MONTHLY)
    world.shipped()
    world.settle()
    parked = world.send("shipping_notice")
    world.to("2026-12-01T00:01")
    world.sweep()
    world.settle()
    sent = world.send("shipping_notice")
    assert (sent.state, sent.send_id, sent.messages) == (SendState.ACCEPTED, parked.send_id, parked.messages)
    world.check()


def test_a_follow_up_parked_by_the_limit_asks_quiet_hours_again(world: World) -> None:
    world.to("2026-11-25T20:00")
    world.placed()
    world.settle()
    world.line.faults(Fault.MONTHLY)
    world.to("2026-11-30T20:00")
    world.tick()
    world.settle()
    world.to("2026-12-01T00:01")
    world.sweep()
    world.settle()
    assert world.verdict("order_followup") == ("held", "quiet_hours")
    world.to("2026-12-01T09:00")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("accepted", "accepted")
    world.check()


def test_many_rows_over_the_limit_never_hide_those_of_the_kill_switch(world: World) -> None:
    for n in range(PAGE + 5):
        world.placed(f"M-{n}")
        world.line.faults(Fault.MONTHLY)
        world.drain()
    world.stop()
    for n in range(PAGE + 5):
        world.placed(f"K-{n}")
    world.settle()
    world.resume()
    world.sweep()
    world.settle()
    assert len(world.line.accepted) == PAGE + 5
    assert {row.key_value[0] for row in world.sends(state="parked")} == {"M"}


# replies


@pytest.mark.parametrize("fault", [Fault.E500_BEFORE, Fault.LOST, Fault.RATE, Fault.E401, Fault.E403])
def test_an_answer_that_did_not_arrive_is_tried_again_with_the_same_token(world: World, fault: Fault) -> None:
    world.line.faults(fault)
    world.follow("U" + "e" * 32)
    world.settle()
    assert [one.how for one in world.line.accepted] == ["reply"]
    world.check()


@pytest.mark.parametrize("fault", [Fault.E500_AFTER, Fault.DROPPED])
def test_a_used_token_after_an_unclear_try_means_accepted_and_never_a_push(world: World, fault: Fault) -> None:
    world.line.faults(fault)
    world.follow("U" + "e" * 32)
    world.settle()
    world.sweep()
    world.settle()
    assert world.verdict("greeting") == ("accepted", "accepted_inferred")
    assert len(world.line.accepted) == 1
    world.check()


def test_a_token_that_line_refuses_at_once_becomes_a_push(world: World) -> None:
    world.webhook(event := world.line_event("follow", "U" + "e" * 32))
    world.line.use_up(event["replyToken"])
    world.settle()
    assert [one.how for one in world.line.accepted] == ["push"]
    assert world.line.accepted[0].key == world.send("greeting").send_id


def test_a_clear_no_to_a_reply_becomes_a_push_whatever_its_words(world: World) -> None:
    """LINE may change its words, or send none: the status says no, and the greeting matters."""
    world.line.faults(Fault.E400)
    world.follow("U" + "e" * 32)
    world.settle()
    assert [one.how for one in world.line.accepted] == ["push"]
    world.line.faults(Fault.E400, Fault.E400)
    world.follow("U" + "f" * 32)
    world.settle()
    assert len(world.line.accepted) == 1
    world.check()


def test_an_aged_event_is_answered_by_push_if_it_matters(world: World) -> None:
    world.follow("U" + "e" * 32)
    world.says("連携解除", "U" + "e" * 32)
    world.pass_time(seconds=55)
    world.settle()
    assert [one.how for one in world.line.accepted] == ["push"]
    assert world.verdict("not_linked") == ("skipped", "reply_token_aged")
    world.check()


def test_a_redelivery_renews_the_token(world: World) -> None:
    world.pass_time(seconds=1)
    event = world.line_event("follow", "U" + "e" * 32)
    world.pass_time(minutes=5)
    world.redelivered(event)
    world.settle()
    assert [one.how for one in world.line.accepted] == ["reply"]


def test_an_answer_that_stays_unclear_is_the_operators(world: World) -> None:
    world.line.faults(Fault.DROPPED)
    world.follow("U" + "e" * 32)
    world.drain(hours=0)
    world.line.down = True
    world.drain()
    world.line.down = False
    world.sweep()
    world.settle()
    assert world.verdict("greeting") == ("unknown", "reply_unclear")
    assert len(world.line.accepted) == 1


# two at once


def test_more_jobs_for_one_row_call_line_once(world: World) -> None:
    world.placed()
    world.drain(hours=0)
    world.put_again(world.send(THANKS))
    world.put_again(world.send(THANKS))
    world.settle()
    assert world.line.calls == 1


def test_a_lease_that_is_alive_defers_the_job(world: World) -> None:
    points = Points(at=_first(world, "line.push"), mode=Mode.CRASH_BEFORE)
    other = World(points=points)
    other.given_linked()
    other.placed()
    other.drain(hours=0)
    other.put_again(other.send(THANKS))
    other.drain(hours=0.005)
    assert other.line.calls == 0
    other.settle()
    assert len(other.line.accepted) == 1
    assert other.send(THANKS).claimed_at is not None
    assert other.line.accepted[0].at >= at("2026-11-24T12:00:30")
    other.check()
