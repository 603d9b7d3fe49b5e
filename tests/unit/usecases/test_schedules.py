"""The tick and the sweeper: leases, pages, running out of time, and what they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from musubi.contracts import jobs
from musubi.domain import ids
from musubi.domain.ids import SHARDS, shard_of
from musubi.domain.ledger import SWEEP_AFTER, Send, SendState
from musubi.domain.operations import Circuit, Due, DueKind, Fact, FactState, ShardLease
from musubi.domain.writes import Conflict, Create
from musubi.usecases import control_sends, run_due_steps, sweep
from tests.support import made
from tests.support.flows_line import Fault
from tests.support.flows_world import DEPLOYMENT, World


@pytest.fixture
def world() -> World:
    made_world = World()
    made_world.given_linked()
    return made_world


def soon(limit: int) -> Callable[[], bool]:
    """Out of time after `limit` questions."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= limit


def waiting(world: World, orders: int) -> None:
    """`orders` follow-ups, all of them due."""
    for n in range(orders):
        world.placed(f"A-{n}")
    world.settle()
    world.to("2026-11-29T10:04")


def test_a_tick_runs_what_is_due_and_says_how_late_it_was(world: World) -> None:
    waiting(world, 3)
    outcome = run_due_steps.run_due_steps(world.due_deps)
    assert (outcome.counts["StepsRun"], outcome.counts["StepsFailed"]) == (3, 0)
    assert outcome.counts["OldestDueAgeSeconds"] == 4 * 60
    assert world.peek(Due) == []
    assert world.peek(ShardLease) == []
    assert run_due_steps.run_due_steps(world.due_deps).counts["StepsRun"] == 0


def test_a_shard_with_more_than_a_page_is_finished(world: World) -> None:
    waiting(world, 1)
    for n in range(run_due_steps.PAGE * 2 + 5):
        world.keep(Due(shard=3, at=world.now, kind=DueKind.SEND, ref=f"gone-{n}"))
    run_due_steps.run_due_steps(world.due_deps, shards=[3])
    assert [due for due in world.peek(Due) if due.shard == 3] == []


def test_a_tick_that_is_out_of_time_leaves_the_rest_to_the_next(world: World) -> None:
    waiting(world, 8)
    outcome = run_due_steps.run_due_steps(world.due_deps, out_of_time=soon(1))
    assert outcome.reason == "out_of_time"
    assert world.peek(Due)
    world.tick()
    assert world.peek(Due) == []


def test_a_shard_under_anothers_lease_is_left_alone_until_the_lease_is_over(world: World) -> None:
    waiting(world, 1)
    (due,) = world.peek(Due)
    world.keep(ShardLease(shard=due.shard, owner="another", until=world.clock.machine() + run_due_steps.LEASE))
    world.tick()
    assert world.peek(Due) == [due]
    world.clock.pass_time(run_due_steps.LEASE)
    world.tick()
    assert world.peek(Due) == []
    assert world.peek(ShardLease) == []


def test_a_due_item_that_outlived_its_enrolment_goes_without_a_word(world: World) -> None:
    world.keep(Due(shard=1, at=world.now, kind=DueKind.ENROLMENT, ref="no-such-enrolment"))
    world.tick()
    assert world.peek(Due) == []
    assert world.sends() == []


def test_an_enrolment_whose_scenario_is_gone_ends_with_that_reason(world: World) -> None:
    lost = made.enrolment(
        scenario="no_such", enrolment_id="e-1", next_step="one", due_at=world.now, facts={}, started_at=world.now
    )
    world.keep(lost, Due(shard=shard_of("e-1"), at=world.now, kind=DueKind.ENROLMENT, ref="e-1"))
    world.tick()
    assert [e.ended_reason for e in world.enrolments()] == ["scenario_gone"]
    assert world.peek(Due) == []


# the sweeper


def planned(world: World, send_id: str, minutes_ago: float = 10, **given: object) -> Send:
    at = world.clock.machine()
    past = at - (SWEEP_AFTER * (minutes_ago / 2))
    row = made.send(
        **{"send_id": send_id, "planned_at": past, "look_at": past, "due_at": at, "template": "order_thanks"} | given
    )
    world.store.commit([Create(row)])
    return row


def test_a_planned_row_that_nobody_enqueued_is_enqueued_again(world: World) -> None:
    row = planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001", facts={"order.number": "#1"})
    outcome = sweep.sweep(world.sweep_deps)
    assert outcome.counts["SendsSwept"] == 1
    world.settle()
    assert [one.key for one in world.line.accepted] == [row.send_id]


def test_a_row_is_looked_at_again_only_after_a_while(world: World) -> None:
    planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001")
    sweep.sweep(world.sweep_deps)
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == 0
    world.clock.pass_time(SWEEP_AFTER)
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == 1


def test_many_rows_of_one_shard_are_all_swept(world: World) -> None:
    ids = [f"row-{n}" for n in range(20_000) if shard_of(f"row-{n}") == 5][: sweep.PAGE + 20]
    for send_id in ids:
        planned(world, send_id)
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == len(ids)


def test_the_sweeper_stops_when_its_time_is_up(world: World) -> None:
    for n in range(60):
        planned(world, f"row-{n}")
    outcome = sweep.sweep(world.sweep_deps, out_of_time=soon(SHARDS // 2))
    assert outcome.reason == "out_of_time"
    assert 0 < outcome.counts["SendsSwept"] < 60


def test_what_the_bus_did_not_take_is_published_by_the_sweeper(world: World) -> None:
    world.bus.refuse_next = 1
    world.says("連携解除")
    world.drain()
    (fact,) = world.peek(Fact)
    assert fact.state is FactState.PLANNED
    world.clock.pass_time(SWEEP_AFTER)
    assert sweep.sweep(world.sweep_deps).counts["FactsPublished"] == 1
    assert [f.state for f in world.peek(Fact)] == [FactState.PUBLISHED]
    assert [f.fact_id for f in world.bus.published] == [fact.fact_id]


def test_a_key_that_is_over_goes_to_the_operators_list(world: World) -> None:
    row = planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001")
    unclear = replace(row, send_id="7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a002", first_unclear_at=row.planned_at)
    world.keep(unclear)
    world.pass_time(hours=23)
    outcome = sweep.sweep(world.sweep_deps)
    assert (outcome.counts["SendsUnknown"], outcome.counts["SendsSwept"]) == (1, 1)
    assert [one.state for one in world.store.unknown_sends(9)] == [SendState.UNKNOWN]


def test_rows_that_wait_for_something_else_are_not_swept(world: World) -> None:
    for n, state in enumerate((SendState.HELD, SendState.ACCEPTED, SendState.SKIPPED, SendState.REJECTED)):
        planned(world, f"row-{n}", state=state)
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == 0


def test_the_sweeper_queues_nothing_while_line_refuses_the_channel(world: World) -> None:
    """Every Send has a delayed job then; one more each sweep would be thousands after a night."""
    planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001")
    world.keep(Circuit(open_until=world.clock.machine() + SWEEP_AFTER, reason="line_401"))
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == 0
    world.clock.pass_time(SWEEP_AFTER)
    assert sweep.sweep(world.sweep_deps).counts["SendsSwept"] == 1


def test_a_sweep_that_never_finishes_reaches_every_shard_in_turn(world: World) -> None:
    for n in range(200):
        planned(world, f"row-{n}", look_at=world.clock.machine() - SWEEP_AFTER)
    seen = 0
    for _ in range(SHARDS):
        seen += sweep.sweep(world.sweep_deps, out_of_time=lambda: True).counts["SendsSwept"]
        world.clock.pass_time(timedelta(minutes=1))
    assert seen >= 200


def test_a_tick_does_not_spin_on_what_does_not_move(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(world, 1)
    (due,) = world.peek(Due)
    tries = []

    def contended(writes: object) -> Conflict:
        tries.append(writes)
        return Conflict((due.key,))

    monkeypatch.setattr(run_due_steps, "PAGE", 1)
    monkeypatch.setattr(world.due_deps.store, "commit", contended)
    counts: dict[str, int] = {"StepsRun": 0, "StepsFailed": 0, "StepsQuarantined": 0}
    run_due_steps._run_shard(due.shard, world.due_deps, counts, soon(50))
    assert (len(tries), counts["StepsRun"]) == (1, 0)


def test_a_step_that_was_planned_before_is_enqueued_again_and_blocks_nobody(world: World) -> None:
    """Content may put a step behind another that was sent before."""
    waiting(world, 1)
    (enrolment,) = (e for e in world.enrolments() if e.next_step)
    step = enrolment.next_step or ""
    known = ids.send_id(DEPLOYMENT, enrolment.scenario, step, enrolment.person, enrolment.key_value)
    world.keep(made.send(send_id=known, enrolment_id=enrolment.enrolment_id, scenario=enrolment.scenario, step=step))
    assert run_due_steps.run_due_steps(world.due_deps).counts["StepsRun"] == 1
    assert world.peek(Due) == []
    assert [jobs.read_push(m.body)[0].send_id for m in world.queue] == [known]


# one job for one Send


def test_jobs_for_one_unclear_send_do_not_multiply(world: World) -> None:
    """Each would repeat the call and leave a delayed job behind, as long as LINE does not answer."""
    row = planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001", facts={"order.number": "#1"})
    world.line.down = True
    for _ in range(20):
        world.put_again(row)
        world.drain(hours=0)
    assert len(world.queue) == 1
    assert world.line.calls == 1
    world.line.down = False
    world.drain()
    assert [one.key for one in world.line.accepted] == [row.send_id]


def test_an_operator_brings_back_what_the_monthly_limit_parked(world: World) -> None:
    row = planned(world, "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001", facts={"order.number": "#1"})
    world.line.faults(Fault.MONTHLY)
    world.put_again(row)
    world.drain()
    world.sweep()
    assert [s.state for s in world.sends()] == [SendState.PARKED]
    control_sends.resume_sends(world.store, world.clock, "open", over_limit=False)
    world.sweep()
    assert [s.state for s in world.sends()] == [SendState.PARKED]
    control_sends.resume_sends(world.store, world.clock, "a larger plan", over_limit=True)
    world.sweep()
    world.settle()
    assert [one.key for one in world.line.accepted] == [row.send_id]
