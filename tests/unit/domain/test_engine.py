"""The engine: enrolments begin, proceed and end as values."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.engine import (
    Moment,
    Progress,
    begin,
    begin_writes,
    close,
    close_writes,
    due_of,
    proceed,
    proceed_writes,
    push_ref,
)
from musubi.domain.ids import send_id
from musubi.domain.ledger import Channel
from musubi.domain.operations import DueKind
from musubi.domain.scenario import Enrolment, EnrolmentState, Scenario, Step, Wait
from musubi.domain.writes import Create, Drop, Remove, Replace
from tests.support import made
from tests.support.made import MEMBER, NOON, USER, after

NOW = Moment(business=NOON, machine=after(days=-30))
THREE = made.scenario(
    Step("one", "t1"),
    Step("two", "t2", Wait(days=1)),
    Step("three", "t3", Wait(days=5, at=time(10)), reply=True, essential=False, expires_h=48),
)


def start(scenario: Scenario = THREE, now: Moment = NOW, **given: object) -> Progress:
    known: dict[str, object] = {"person": MEMBER, "key_value": "A-1", "anchor_at": NOON, "facts": {"order.id": "A-1"}}
    return begin(scenario, deployment="musubi-test", now=now, **(known | given))  # type: ignore[arg-type]


def go_on(enrolment: Enrolment, now: Moment, scenario: Scenario = THREE) -> Progress:
    return proceed(scenario, enrolment, deployment="musubi-test", facts={}, now=now)


@pytest.mark.parametrize(
    ("dated", "meant"),
    [
        (after(hours=-23), after(hours=-23)),
        (after(days=-30), NOON),
        (after(days=-31), after(days=-1)),
        (after(minutes=10), NOON),
    ],
)
def test_a_source_may_date_by_either_clock_and_never_ahead_of_now(dated: datetime, meant: datetime) -> None:
    """NOW is moved 30 days ahead. A shop does not know that; one whose clock is fast must not make its customer wait."""
    assert NOW.business_of(dated) == meant


def test_a_step_that_is_due_is_planned_and_the_next_one_waits() -> None:
    progress = start(hint_user=USER)
    assert [s.step for s in progress.sends] == ["one"]
    assert progress.enrolment.next_step == "two"
    assert progress.due == due_of(progress.enrolment)
    assert progress.due is not None
    assert (progress.due.at, progress.due.kind, progress.due.ref) == (
        after(days=1),
        DueKind.ENROLMENT,
        progress.enrolment.enrolment_id,
    )


def test_a_send_says_why_it_exists_and_for_whom() -> None:
    (send,) = start(hint_user=USER).sends
    assert send.send_id == send_id("musubi-test", "some_scenario", "one", MEMBER, "A-1")
    assert (send.scenario_version, send.template, send.facts) == (1, "t1", {"order.id": "A-1"})
    assert (send.due_at, send.planned_at, send.hint_user) == (NOON, NOW.machine, USER)
    assert send.look_at is not None
    assert send.look_at > NOW.machine
    ref = push_ref(send)
    assert (ref.send_id, ref.person, ref.enrolment_id, ref.hint_user) == (send.send_id, MEMBER, send.enrolment_id, USER)


def test_a_step_carries_its_channel_and_its_end() -> None:
    done = go_on(start().enrolment, Moment(after(days=5), after()))
    three = done.sends[-1]
    assert (three.channel, three.essential) == (Channel.REPLY, False)
    assert three.expires_at == three.due_at + timedelta(hours=48)
    assert done.sends[0].expires_at is None


def test_several_steps_that_are_due_at_once_are_planned_together() -> None:
    progress = start(now=Moment(after(days=9), NOON))
    assert [s.step for s in progress.sends] == ["one", "two", "three"]
    assert (progress.enrolment.state, progress.enrolment.ended_reason) == (EnrolmentState.DONE, "completed")
    assert progress.due is None


def test_an_end_that_overtook_its_start_is_recorded_and_sends_nothing() -> None:
    progress = start(exited_by="OrderCancelled")
    assert progress == Progress(progress.enrolment)
    assert (progress.enrolment.state, progress.enrolment.ended_reason) == (EnrolmentState.EXITED, "OrderCancelled")
    assert begin_writes(progress) == [Create(progress.enrolment)]


def test_an_alert_waits_for_the_tick_even_when_it_is_due() -> None:
    progress = start(through_tick=True)
    assert progress.sends == ()
    assert (progress.enrolment.next_step, progress.enrolment.due_at) == ("one", NOON)
    assert progress.due is not None
    assert begin_writes(progress) == [Create(progress.enrolment), Create(progress.due)]


def test_proceeding_moves_the_due_item_and_raises_the_version() -> None:
    waiting = start().enrolment
    due = due_of(waiting)
    assert due is not None
    progress = go_on(waiting, Moment(after(days=1), NOON))
    assert [s.step for s in progress.sends] == ["two"]
    assert (progress.enrolment.next_step, progress.enrolment.version) == ("three", 2)
    assert progress.due is not None
    assert proceed_writes(due, progress) == [
        Replace(progress.enrolment),
        Remove(due),
        Create(progress.sends[0]),
        Create(progress.due),
    ]


def test_the_last_step_completes() -> None:
    second = go_on(start().enrolment, Moment(after(days=1), NOON)).enrolment
    done = go_on(second, Moment(after(days=6), NOON))
    assert [s.step for s in done.sends] == ["three"]
    assert (done.enrolment.state, done.enrolment.due_at, done.due) == (EnrolmentState.DONE, None, None)


def test_a_version_without_the_step_ends_the_enrolment_instead_of_guessing() -> None:
    waiting = start().enrolment
    gone = go_on(waiting, Moment(after(days=9), NOON), made.scenario(Step("one", "t1"), Step("other", "t9"), version=2))
    assert gone.sends == ()
    assert (gone.enrolment.state, gone.enrolment.ended_reason) == (EnrolmentState.EXITED, "step_gone")


def test_a_later_version_keeps_the_meaning_of_a_step_and_with_it_the_id() -> None:
    waiting = start().enrolment
    later = made.scenario(*THREE.steps, version=2)
    one, two = (go_on(waiting, Moment(after(days=1), NOON), scenario) for scenario in (THREE, later))
    assert one.sends[0].send_id == two.sends[0].send_id
    assert (one.sends[0].scenario_version, two.sends[0].scenario_version) == (1, 2)


def test_facts_of_now_win_over_facts_of_then() -> None:
    waiting = start(now=Moment(after(days=-1), NOON), facts={"points": "100", "order.id": "A-1"}).enrolment
    progress = proceed(THREE, waiting, deployment="musubi-test", facts={"points": "50"}, now=NOW)
    assert progress.sends[0].facts == {"points": "50", "order.id": "A-1"}
    assert progress.enrolment.facts["points"] == "100"


def test_closing_takes_the_due_item_away() -> None:
    waiting = start().enrolment
    due = due_of(waiting)
    assert due is not None
    assert close_writes(waiting, "OrderCancelled") == [Replace(close(waiting, "OrderCancelled")), Drop(due.key)]


@pytest.mark.parametrize("state", [EnrolmentState.EXITED, EnrolmentState.QUARANTINED])
def test_what_ended_for_a_reason_keeps_it(state: EnrolmentState) -> None:
    assert close_writes(made.enrolment(state=state, ended_reason="first"), "second") == []


def test_a_completed_enrolment_can_still_be_ended_for_its_unsent_messages() -> None:
    done = made.enrolment(state=EnrolmentState.DONE, ended_reason="completed")
    assert close_writes(done, "OrderCancelled") == [Replace(close(done, "OrderCancelled"))]


waits = st.builds(Wait, days=st.integers(0, 3), hours=st.integers(0, 30), at=st.none() | st.just(time(10)))


@given(st.lists(waits, min_size=1, max_size=5), st.lists(st.integers(0, 40), max_size=8))
def test_however_the_ticks_fall_every_step_is_planned_once_and_never_early(
    ticks_waits: list[Wait], gaps: list[int]
) -> None:
    scenario = made.scenario(*(Step(f"s{n}", "t", wait) for n, wait in enumerate(ticks_waits)))
    business = NOON
    progress = start(scenario, Moment(business, business))
    sends = list(progress.sends)
    for gap in [*gaps, 24 * 30]:
        business += timedelta(hours=gap)
        if progress.enrolment.due_at is not None and progress.enrolment.due_at <= business:
            progress = go_on(progress.enrolment, Moment(business, business), scenario)
            sends += progress.sends
            assert all(s.due_at <= business for s in progress.sends)
    assert [s.step for s in sends] == [s.id for s in scenario.steps]
    assert progress.enrolment.state is EnrolmentState.DONE
