"""The composition root: one builder per function, called once while its handler is loaded.

A builder reads the function's settings, makes its clients and binds its use case. Heavy imports stay inside
the builder that needs them: what the webhook doors do not import, their cold start does not pay for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from musubi.domain.errors import ConfigError
from musubi.runtime import settings

if TYPE_CHECKING:
    from musubi.adapters.content import FileCatalog
    from musubi.adapters.dynamo.store import DynamoStore
    from musubi.adapters.line.gateway import LineApi
    from musubi.adapters.secrets import SsmSecrets
    from musubi.adapters.sqs import SqsPushQueue
    from musubi.contracts.schedule import DailyTick, Tick
    from musubi.domain.events import LineEvent, ShopEvent, UnreadShopEvent
    from musubi.domain.gate import Policy
    from musubi.domain.operations import PushRef
    from musubi.domain.outcome import Outcome
    from musubi.ports import Clock, ShardJob
    from musubi.runtime.emf import EmfCounter
    from musubi.runtime.work import HandBack, OutOfTime, Scheduled, Worker
    from musubi.web.api import Api
    from musubi.web.ingress import Door

HttpHandler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]

_LINE_RETRY_S = 5
"""A failed LINE event comes back this soon: its reply token lives for less than a minute."""


# The webhook doors


def line_webhook() -> HttpHandler:
    """POST /line/webhook → the queue line-events."""
    from musubi.web.ingress import CHANNEL_SECRET, line_webhook

    s = settings.load(settings.LineWebhook)
    secrets = _secrets(s.param_prefix)
    _require(secrets, s.param_prefix, [CHANNEL_SECRET])
    door = _door(s, secrets, s.line_events_queue_url, s.claim_bucket, "line-events")
    return lambda event, context: line_webhook(event, door)


def shop_webhook() -> HttpHandler:
    """POST /shops/{shop_id}/{platform} → the queue shop-events."""
    from musubi.web.ingress import PLATFORMS, shop_webhook

    s = settings.load(settings.ShopWebhook)
    secrets = _secrets(s.param_prefix)
    _require(secrets, s.param_prefix, [f"shops/{shop}/{platform}" for shop in s.shops for platform in PLATFORMS])
    door = _door(s, secrets, s.shop_events_queue_url, s.claim_bucket, "shop-events")
    return lambda event, context: shop_webhook(event, door, s.shops)


def _door(s: settings.Common, secrets: SsmSecrets, queue_url: str, bucket: str, prefix: str) -> Door:
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.sqs import send_batch
    from musubi.web.ingress import Door

    # LINE waits 2 s for an answer: better a 500 that it delivers again than an answer it no longer hears.
    sqs = client("sqs", connect_s=1, read_s=2, attempts=2)
    claims = S3Claims(lambda: client("s3"), bucket, prefix, _now)
    return Door(secrets.lines, partial(send_batch, sqs, queue_url), claims.put, _counter(s), _now)


# The API


def api() -> Api:
    """GET /healthz, GET /v1/openapi.json, POST /v1/link/nonces."""
    from musubi.adapters.tokens import RandomTokens
    from musubi.usecases.issue_nonce import issue_nonce
    from musubi.web.api import Api

    s = settings.load(settings.Api)
    secrets = _secrets(s.param_prefix)
    _require(secrets, s.param_prefix, [f"shops/{shop}/cloudevents" for shop in s.shops])
    store, tokens = _work_store(s.work_table), RandomTokens()

    def issue(shop_id: str, member_id: str) -> tuple[str, datetime]:
        nonce, stored = issue_nonce(store, tokens, shop_id=shop_id, member_id=member_id, now=_now())
        return nonce, stored.expires_at

    return Api(issue=issue, keys=secrets.lines, shops=s.shops, now=_now, count=_counter(s))


# Queue workers


def line_events() -> Worker[tuple[LineEvent, bool]]:
    """The queue line-events → `take_line_event`."""
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.eventbridge import EventBridgeBus
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.jobs import read_line
    from musubi.contracts.line import read_claimed, read_line_event
    from musubi.runtime.work import pseudonym
    from musubi.usecases.take_line_event import Deps, take_line_event

    s = settings.load(settings.LineEvents)
    clock = _clock(s, s.work_table)
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "line-events", _now)
    deps = Deps(
        store=_store(s.people_table, s.work_table),
        clock=clock,
        catalog=_catalog(s),
        push_queue=_push_queue(s.push_queue_url),
        bus=EventBridgeBus(client("events"), s.bus_name),
        line=_line(s, clock),
        tokens=RandomTokens(),
        policy=_policy(s),
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

    return _worker(
        "line-events",
        parse,
        use,
        labels,
        s.quarantine_queue_url,
        crash_after_s=_LINE_RETRY_S,
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
    clock = _clock(s, s.work_table)
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "shop-events", _now)
    deps = Deps(
        store=_store(s.people_table, s.work_table),
        clock=clock,
        catalog=_catalog(s),
        push_queue=_push_queue(s.push_queue_url),
        deployment=s.deployment,
    )

    def parse(body: str, sent_at: datetime) -> Sequence[ShopEvent | UnreadShopEvent]:
        ahead = _ahead(clock)
        if is_bus_envelope(body):
            return _by_either_clock(read_envelope(body, s.shops, sent_at + ahead), ahead)
        message = read_shop(body)
        payload = shop_payload(message, claims.get(message.claim) if message.claim else None)
        normalise = adapter_for(message.platform)
        events = normalise(message.headers, payload, message.shop_id, message.received_at + ahead)
        return _by_either_clock(events, ahead)

    def use(events: Sequence[ShopEvent | UnreadShopEvent]) -> Iterable[Outcome]:
        for event in events:
            yield take_shop_event(event, deps)

    return _worker("shop-events", parse, use, _shop_labels, s.quarantine_queue_url)


def _shop_labels(events: Sequence[ShopEvent | UnreadShopEvent]) -> Mapping[str, str]:
    from musubi.domain.events import ShopEvent

    kinds = sorted({event.type if isinstance(event, ShopEvent) else f"unread {event.kind}" for event in events})
    return {"type": ", ".join(kinds[:5]), "event": events[0].event_id if events else "-"}


def push_sender() -> Worker[PushRef]:
    """The queue push → `deliver_send`."""
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.jobs import read_push
    from musubi.runtime.work import pseudonym
    from musubi.usecases.deliver_send import Deps, deliver_send

    s = settings.load(settings.PushSender)
    clock = _clock(s, s.work_table)
    deps = Deps(
        store=_store(s.people_table, s.work_table),
        clock=clock,
        catalog=_catalog(s),
        push_queue=_push_queue(s.push_queue_url),
        line=_line(s, clock),
        tokens=RandomTokens(),
        policy=_policy(s),
        shop_name=s.shop_name,
    )
    return _worker(
        "push",
        lambda body, sent_at: read_push(body),
        lambda ref: (deliver_send(ref, deps),),
        lambda ref: {"send": ref.send_id, "person": pseudonym(ref.person)},
        s.quarantine_queue_url,
    )


def alert_shard() -> Worker[ShardJob]:
    """The queue alert-shards → `enrol_shard`."""
    from musubi.contracts.jobs import read_shard
    from musubi.usecases.enrol_shard import Deps, enrol_shard

    s = settings.load(settings.AlertShard)
    deps = Deps(
        store=_store(s.people_table, s.work_table),
        clock=_clock(s, s.work_table),
        catalog=_catalog(s),
        deployment=s.deployment,
    )
    return _worker(
        "alert-shards",
        lambda body, sent_at: read_shard(body),
        lambda job: (enrol_shard(job, deps),),
        lambda job: {"date": job.on.isoformat(), "shard": str(job.shard)},
        s.quarantine_queue_url,
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
        store=_store(s.people_table, s.work_table),
        clock=_clock(s, s.work_table),
        catalog=_catalog(s),
        push_queue=_push_queue(s.push_queue_url),
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
        store=_work_store(s.work_table),
        clock=_clock(s, s.work_table),
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
        store=_store(s.people_table, s.work_table),
        clock=_clock(s, s.work_table),
        push_queue=_push_queue(s.push_queue_url),
        bus=EventBridgeBus(client("events"), s.bus_name),
    )

    def use(tick: Tick, out_of_time: OutOfTime) -> Outcome:
        return sweep(deps, out_of_time)

    return Scheduled(read_tick, use)


# Parts


def _now() -> datetime:
    return datetime.now(UTC)


def _counter(s: settings.Common) -> EmfCounter:
    from musubi.runtime.emf import EmfCounter

    return EmfCounter(s.powertools_metrics_namespace, s.powertools_service_name, _now)


def _secrets(prefix: str) -> SsmSecrets:
    from musubi.adapters.aws import client
    from musubi.adapters.secrets import SsmSecrets

    return SsmSecrets(client("ssm"), prefix, _now)


def _require(secrets: SsmSecrets, prefix: str, names: Sequence[str]) -> None:
    """Read the secrets now, while the function starts; ConfigError if none of them is there or one is no key."""
    from musubi.web.signatures import key_bytes

    found = {name: secrets.lines(name) for name in names}
    if not any(found.values()):
        raise ConfigError(f"{prefix}/{names[0]}: no such secret")
    for name, lines in found.items():
        try:
            _ = [key_bytes(line) for line in lines]
        except ValueError as error:
            raise ConfigError(f"{prefix}/{name}: {error}") from None


def _store(people_table: str, work_table: str) -> DynamoStore:
    from musubi.adapters.aws import client
    from musubi.adapters.dynamo.store import DynamoStore

    return DynamoStore(client("dynamodb"), people_table=people_table, work_table=work_table)


def _work_store(work_table: str) -> DynamoStore:
    """The store of a function that has no business with people: no name, no right, and a loud error if it
    tries.
    """
    return _store("", work_table)


def _clock(s: settings.Clocked, work_table: str) -> Clock:
    from musubi.adapters.clock import MovableClock, RealClock

    if s.clock == "real":
        return RealClock()
    from musubi.adapters.aws import client

    return MovableClock(client("dynamodb"), work_table)


def _ahead(clock: Clock) -> timedelta:
    """How far business time is ahead of machine time: shops date their events by it where the clock can be
    moved.
    """
    return timedelta(seconds=round((clock.business() - clock.machine()).total_seconds()))


def _by_either_clock(
    events: Sequence[ShopEvent | UnreadShopEvent], ahead: timedelta
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """Where business time was moved ahead, a sender may date its events by either clock: neither is old news."""
    from musubi.domain.events import ShopEvent

    if ahead <= timedelta():
        return events
    return [replace(e, received_at=e.received_at - ahead) if isinstance(e, ShopEvent) else e for e in events]


def _catalog(s: settings.Content) -> FileCatalog:
    from musubi.adapters.content import FileCatalog

    return FileCatalog(s.content_dir)


def _push_queue(queue_url: str) -> SqsPushQueue:
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsPushQueue

    return SqsPushQueue(client("sqs"), queue_url)


def _line(s: settings.Sending, clock: Clock) -> LineApi:
    from musubi.adapters.line.gateway import CHANNEL_SECRET, LineApi

    secrets = _secrets(s.param_prefix)
    _require(secrets, s.param_prefix, [CHANNEL_SECRET])
    return LineApi(api_url=s.line_api_url, channel_id=s.line_channel_id, secrets=secrets, clock=clock)


def _policy(s: settings.Sending) -> Policy:
    from musubi.domain.gate import Policy

    return Policy(go_live=s.go_live, testers=frozenset(s.testers))


def _worker(
    source: str,
    parse: Callable[[str, datetime], Any],
    use: Callable[[Any], Iterable[Outcome]],
    labels: Callable[[Any], Mapping[str, str]],
    quarantine_url: str,
    crash_after_s: int | None = None,
) -> Worker[Any]:
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsQuarantine
    from musubi.runtime.work import Worker

    sqs = client("sqs")
    return Worker(
        source=source,
        parse=parse,
        use=use,
        labels=labels,
        quarantine=SqsQuarantine(sqs, quarantine_url),
        hand_back=_hand_back(sqs, quarantine_url),
        crash_after_s=crash_after_s,
    )


def _hand_back(sqs: Any, sibling_url: str) -> HandBack:
    """ChangeMessageVisibility on the queue that a record's ARN names: it lies beside the quarantine queue."""

    def hand_back(queue_arn: str, receipt: str, after_s: int) -> None:
        url = f"{sibling_url.rpartition('/')[0]}/{queue_arn.rpartition(':')[2]}"
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=after_s)

    return hand_back
