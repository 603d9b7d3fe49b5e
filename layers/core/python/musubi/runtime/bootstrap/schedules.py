"""What schedules start, and the shards of the daily run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.contracts.schedule import DailyTick, Tick
    from musubi.domain.outcome import Outcome
    from musubi.ports import ShardJob
    from musubi.runtime.work import OutOfTime, Scheduled, Worker


_SHARD_NEEDS_S = 20
"""A shard that is cut off is gone through again from its beginning."""


def alert_shard() -> Worker[ShardJob]:
    """The queue alert-shards → `enrol_shard`."""
    from musubi.contracts.jobs import read_shard
    from musubi.usecases.enrol_shard import Deps, enrol_shard

    s = settings.load(settings.AlertShard)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=parts.clock(s, s.work_table),
        catalog=parts.catalog(s),
        deployment=s.deployment,
    )
    return parts.worker(
        "alert-shards",
        lambda body, sent_at: read_shard(body),
        lambda job: (enrol_shard(job, deps),),
        lambda job: {"date": job.on.isoformat(), "shard": str(job.shard)},
        s.quarantine_queue_url,
        needs_s=_SHARD_NEEDS_S,
    )


def due_steps() -> Scheduled[Tick]:
    """Every minute → `run_due_steps`."""
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsQuarantine
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.schedule import read_tick
    from musubi.runtime.entry import report_failure
    from musubi.runtime.work import Scheduled
    from musubi.usecases.run_due_steps import Deps, run_due_steps

    s = settings.load(settings.DueSteps)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=parts.clock(s, s.work_table),
        catalog=parts.catalog(s),
        push_queue=parts.push_queue(s.push_queue_url),
        quarantine=SqsQuarantine(client("sqs"), s.quarantine_queue_url),
        tokens=RandomTokens(),
        deployment=s.deployment,
        on_error=report_failure,
    )

    def use(tick: Tick, out_of_time: OutOfTime) -> Outcome:
        return run_due_steps(deps, out_of_time=out_of_time)

    return Scheduled(read_tick, use)


def daily_alerts() -> Scheduled[DailyTick]:
    """06:00 Asia/Tokyo and the catch-up behind it → `start_daily_run`, `catch_up`."""
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsShardQueue
    from musubi.contracts.schedule import read_daily
    from musubi.runtime.work import Scheduled
    from musubi.usecases.start_daily_run import Deps, catch_up, date_of, start_daily_run

    s = settings.load(settings.DailyAlerts)
    deps = Deps(
        store=parts.work_store(s.work_table),
        clock=parts.clock(s, s.work_table),
        shard_queue=SqsShardQueue(client("sqs"), s.alert_shards_queue_url),
    )

    def use(tick: DailyTick, out_of_time: OutOfTime) -> Outcome:
        if tick.schedule == "catch_up":
            return catch_up(tick.scheduled_at, deps)
        return start_daily_run(date_of(tick.scheduled_at), deps)

    return Scheduled(read_daily, use)


def sweeper() -> Scheduled[Tick]:
    """Every five minutes → `sweep`."""
    from musubi.adapters.aws import client
    from musubi.adapters.eventbridge import EventBridgeBus
    from musubi.contracts.schedule import read_tick
    from musubi.runtime.work import Scheduled
    from musubi.usecases.sweep import Deps, sweep

    s = settings.load(settings.Sweeper)
    deps = Deps(
        store=parts.work_store(s.work_table),
        clock=parts.clock(s, s.work_table),
        push_queue=parts.push_queue(s.push_queue_url),
        bus=EventBridgeBus(client("events"), s.bus_name),
    )

    def use(tick: Tick, out_of_time: OutOfTime) -> Outcome:
        return sweep(deps, out_of_time)

    return Scheduled(read_tick, use)
