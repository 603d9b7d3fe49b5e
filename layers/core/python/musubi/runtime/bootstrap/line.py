"""What comes from LINE and goes to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.domain.events import LineEvent
    from musubi.domain.history import Record
    from musubi.domain.operations import PushRef
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import Worker


_LINE_NEEDS_S = 2.5
"""Of its 6 s; enough for what LINE usually takes, and calls are cut to what is left."""

_LINE_RETRY_S = 5
"""A failed LINE event comes back this soon: its reply token lives for less than a minute."""


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
        log=parts.log(s.log_queue_url),
        link_points={shop: int(points) for shop, points in s.link_points.items()},
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


def push_sender() -> Worker[tuple[PushRef, Sequence[Record]]]:
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
        log=parts.log(s.log_queue_url),
    )

    def use(job: tuple[PushRef, Sequence[Record]]) -> Iterable[Outcome]:
        ref, riders = job
        yield deliver_send(ref, deps, riders)

    def labels(job: tuple[PushRef, Sequence[Record]]) -> Mapping[str, str]:
        ref, _ = job
        return {"send": ref.send_id, "person": pseudonym(ref.person)}

    return parts.worker(
        "push",
        lambda body, sent_at: read_push(body),
        use,
        labels,
        s.quarantine_queue_url,
        deadline=deadline,
    )
