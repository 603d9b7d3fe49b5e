"""The composition root: one builder per function, called once while its handler is loaded.

A builder reads the function's settings, makes its clients and binds its use case. Heavy imports stay inside the builder
that needs them: what the webhook doors do not import, their cold start does not pay for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.adapters.secrets import SsmSecrets
    from musubi.contracts.schedule import DailyTick, Tick
    from musubi.domain.events import LineEvent, ShopEvent, UnreadShopEvent
    from musubi.domain.operations import PushRef
    from musubi.domain.outcome import Outcome
    from musubi.ports import ShardJob
    from musubi.runtime.work import OutOfTime, Scheduled, Worker
    from musubi.web.api import Api
    from musubi.web.ingress import Door

HttpHandler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]

_LINE_NEEDS_S = 2.5
"""Of its 6 s; enough for what LINE usually takes, and calls are cut to what is left."""

_SHARD_NEEDS_S = 20
"""A shard that is cut off is gone through again from its beginning."""

_LINE_RETRY_S = 5
"""A failed LINE event comes back this soon: its reply token lives for less than a minute."""


# The webhook doors


def line_webhook() -> HttpHandler:
    """POST /line/webhook → the queue line-events."""
    from musubi.web.ingress import CHANNEL_SECRET, line_webhook

    s = settings.load(settings.LineWebhook)
    secrets = parts.secrets(s.param_prefix)
    parts.require(secrets, s.param_prefix, [CHANNEL_SECRET])
    door = _door(s, secrets, s.line_events_queue_url, s.claim_bucket, "line-events")
    return lambda event, context: line_webhook(event, door)


def shop_webhook() -> HttpHandler:
    """POST /shops/{shop_id}/{platform} → the queue shop-events."""
    from musubi.adapters.shops.platforms import opened
    from musubi.web.ingress import shop_webhook

    s = settings.load(settings.ShopWebhook)
    secrets = parts.secrets(s.param_prefix)
    platforms = opened(s.platforms)
    parts.require(secrets, s.param_prefix, [f"shops/{shop}/{name}" for shop in s.shops for name in platforms])
    door = _door(s, secrets, s.shop_events_queue_url, s.claim_bucket, "shop-events")
    return lambda event, context: shop_webhook(event, door, s.shops, platforms)


def _door(s: settings.Common, secrets: SsmSecrets, queue_url: str, bucket: str, prefix: str) -> Door:
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.sqs import send_batch
    from musubi.web.ingress import Door

    # LINE waits 2 s for an answer: better a 500 that it delivers again than an answer it no longer hears.
    sqs = client("sqs", connect_s=1, read_s=2, attempts=2)
    claims = S3Claims(lambda: client("s3"), bucket, prefix, parts.now)
    return Door(secrets.lines, partial(send_batch, sqs, queue_url), claims.put, parts.counter(s), parts.now)


# The API


def api() -> Api:
    """GET /healthz, GET /v1/openapi.json, POST /v1/link/nonces."""
    from musubi.adapters.tokens import RandomTokens
    from musubi.usecases.issue_nonce import issue_nonce
    from musubi.web.api import Api

    s = settings.load(settings.Api)
    secrets = parts.secrets(s.param_prefix)
    parts.require(secrets, s.param_prefix, [f"shops/{shop}/cloudevents" for shop in s.shops])
    store, tokens = parts.work_store(s.work_table), RandomTokens()

    def issue(shop_id: str, member_id: str) -> tuple[str, datetime]:
        nonce, stored = issue_nonce(store, tokens, shop_id=shop_id, member_id=member_id, now=parts.now())
        return nonce, stored.expires_at

    return Api(issue=issue, keys=secrets.lines, shops=s.shops, now=parts.now, count=parts.counter(s))


# Queue workers


def line_events() -> Worker[tuple[LineEvent, bool]]:
    """The queue line-events → `take_line_event`."""
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.eventbridge import EventBridgeBus
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.jobs import read_line
    from musubi.contracts.line import read_claimed, read_line_event
    from musubi.runtime.work import Deadline, pseudonym
    from musubi.usecases.take_line_event import Deps, take_line_event

    s = settings.load(settings.LineEvents)
    clock = parts.clock(s, s.work_table)
    deadline = Deadline()
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "line-events", parts.now)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=clock,
        catalog=parts.catalog(s),
        push_queue=parts.push_queue(s.push_queue_url),
        bus=EventBridgeBus(client("events"), s.bus_name),
        line=parts.line(s, clock, deadline),
        tokens=RandomTokens(),
        policy=parts.policy(s),
        deployment=s.deployment,
        shop_name=s.shop_name,
        login_url=s.shop_login_url,
    )

    bots: set[str] = set()

    def parse(body: str, sent_at: datetime) -> tuple[LineEvent, bool]:
        message = read_line(body)
        raw = read_claimed(claims.get(message.claim)) if message.claim else message.event
        if message.destination:
            bots.add(message.destination)
        return read_line_event(raw, message.received_at), len(bots) > 1

    def use(job: tuple[LineEvent, bool]) -> Iterable[Outcome]:
        event, mixed = job
        outcome = take_line_event(event, deps)
        # One deployment is one bot. A second one has our secret: counted, because LINE's own id of ours is
        # unknown here.
        yield replace(outcome, counts={**outcome.counts, "DestinationsMixed": 1}) if mixed else outcome

    def labels(job: tuple[LineEvent, bool]) -> Mapping[str, str]:
        event, _ = job
        return {"type": event.raw_type, "event": event.event_id, "person": pseudonym(event.user_id)}

    return parts.worker(
        "line-events",
        parse,
        use,
        labels,
        s.quarantine_queue_url,
        crash_after_s=_LINE_RETRY_S,
        needs_s=_LINE_NEEDS_S,
        deadline=deadline,
    )


def shop_events() -> Worker[Sequence[ShopEvent | UnreadShopEvent]]:
    """The queue shop-events (our messages and EventBridge envelopes) → `take_shop_event`."""
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.shops.base import adapter_for
    from musubi.adapters.shops.bus import read_envelope
    from musubi.contracts.jobs import is_bus_envelope, read_shop, shop_payload
    from musubi.usecases.take_shop_event import Deps, take_shop_event

    s = settings.load(settings.ShopEvents)
    clock = parts.clock(s, s.work_table)
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "shop-events", parts.now)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=clock,
        catalog=parts.catalog(s),
        push_queue=parts.push_queue(s.push_queue_url),
        deployment=s.deployment,
    )

    def parse(body: str, sent_at: datetime) -> Sequence[ShopEvent | UnreadShopEvent]:
        ahead = parts.ahead(clock)
        if is_bus_envelope(body):
            return parts.by_either_clock(read_envelope(body, s.shops, sent_at + ahead), ahead)
        message = read_shop(body)
        payload = shop_payload(message, claims.get(message.claim) if message.claim else None)
        normalise = adapter_for(message.platform)
        events = normalise(message.headers, payload, message.shop_id, message.received_at + ahead)
        return parts.by_either_clock(events, ahead)

    def use(events: Sequence[ShopEvent | UnreadShopEvent]) -> Iterable[Outcome]:
        for event in events:
            yield take_shop_event(event, deps)

    return parts.worker("shop-events", parse, use, _shop_labels, s.quarantine_queue_url)


def _shop_labels(events: Sequence[ShopEvent | UnreadShopEvent]) -> Mapping[str, str]:
    from musubi.domain.events import ShopEvent

    kinds = sorted({event.type if isinstance(event, ShopEvent) else f"unread {event.kind}" for event in events})
    return {"type": ", ".join(kinds[:5]), "event": events[0].event_id if events else "-"}


def push_sender() -> Worker[PushRef]:
    """The queue push → `deliver_send`."""
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.jobs import read_push
    from musubi.runtime.work import Deadline, pseudonym
    from musubi.usecases.deliver_send import Deps, deliver_send

    s = settings.load(settings.PushSender)
    clock = parts.clock(s, s.work_table)
    deadline = Deadline()
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=clock,
        catalog=parts.catalog(s),
        push_queue=parts.push_queue(s.push_queue_url),
        line=parts.line(s, clock, deadline),
        tokens=RandomTokens(),
        policy=parts.policy(s),
        shop_name=s.shop_name,
    )
    return parts.worker(
        "push",
        lambda body, sent_at: read_push(body),
        lambda ref: (deliver_send(ref, deps),),
        lambda ref: {"send": ref.send_id, "person": pseudonym(ref.person)},
        s.quarantine_queue_url,
        deadline=deadline,
    )


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


# Schedules


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
