"""The daily alerts of one Tokyo date, and the catch-up for dates whose run was missed or did not finish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from musubi.domain.calendar import TOKYO, tokyo_date
from musubi.domain.ids import SHARDS
from musubi.domain.operations import Run, RunShard, RunState
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.store_keys import RunKey
from musubi.domain.writes import Create, Replace
from musubi.ports import Clock, ShardJob, ShardQueue, Store

SCHEDULE = "daily"
RUNS_AT = time(6)
"""The schedule's clock time in Tokyo; before it, today's run is not missing."""
LOOK_BACK = 7
"""Days that the catch-up goes back. Alerts expire within days, so older dates would only be skipped one by one."""


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    shard_queue: ShardQueue


def start_daily_run(on: date, deps: Deps) -> Outcome:
    """Start the run of `on`, or go on with it: every shard not yet done is enqueued (again). Harmless when repeated."""
    key = RunKey(SCHEDULE, on)
    run = deps.store.load([key]).get(key)
    if run is None:
        run = Run(schedule=SCHEDULE, on=on, state=RunState.STARTED, started_at=deps.clock.machine())
        deps.store.commit([Create(run)])
    return _go_on(run, deps)


def catch_up(at: datetime, deps: Deps) -> Outcome:
    """Run what should have run by `at` (business time) and did not.

    Dates before the first run ever are not missing: a fresh deployment must not congratulate people for last week.
    """
    local = at.astimezone(TOKYO)
    last = local.date() if local.time() >= RUNS_AT else local.date() - timedelta(days=1)
    runs = {run.on: run for run in deps.store.latest_runs(SCHEDULE, LOOK_BACK)}
    first = max(min(runs), last - timedelta(days=LOOK_BACK - 1)) if runs else local.date()
    started = 0
    for offset in range((last - first).days + 1):
        on = first + timedelta(days=offset)
        known = runs.get(on)
        if known is not None and known.state is RunState.DONE:
            continue
        outcome = start_daily_run(on, deps)
        started += outcome.verdict is Verdict.DONE
    reason = "caught_up" if started else "nothing_missing"
    return Outcome(Verdict.DONE if started else Verdict.STALE, reason, {"RunsCaughtUp": started})


def date_of(scheduled_at: datetime) -> date:
    """The business date of a schedule's input."""
    return tokyo_date(scheduled_at)


def _go_on(run: Run, deps: Deps) -> Outcome:
    if run.state is RunState.DONE:
        return Outcome(Verdict.STALE, "run_done")
    done = {shard.shard for shard in deps.store.run_shards(SCHEDULE, run.on)}
    missing = [shard for shard in range(SHARDS) if shard not in done]
    if not missing:
        finish_run(run, deps.store, deps.clock)
        return Outcome(Verdict.STALE, "run_finished")
    deps.shard_queue.send([ShardJob(run.on, shard) for shard in missing])
    return Outcome(Verdict.DONE, "run_started", {"ShardsPlanned": len(missing)})


def finish_run(run: Run, store: Store, clock: Clock) -> None:
    """Mark the run done; a lost race means that somebody else did."""
    done = replace(run, state=RunState.DONE, done_at=clock.machine(), version=run.version + 1)
    store.commit([Replace(done)])


def is_complete(shards: Sequence[RunShard]) -> bool:
    return len({shard.shard for shard in shards}) == SHARDS
