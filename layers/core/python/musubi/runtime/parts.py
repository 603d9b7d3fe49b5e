"""What builders have in common: one function per part, each with the imports that only it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from musubi.domain.errors import ConfigError
from musubi.runtime import settings

if TYPE_CHECKING:
    from musubi.adapters.content import FileCatalog
    from musubi.adapters.dynamo.store import DynamoStore
    from musubi.adapters.line.gateway import LineApi
    from musubi.adapters.secrets import SsmSecrets
    from musubi.adapters.sqs import SqsLog, SqsPushQueue
    from musubi.domain.events import ShopEvent, UnreadShopEvent
    from musubi.domain.gate import Policy
    from musubi.domain.outcome import Outcome
    from musubi.ports import Clock
    from musubi.runtime.emf import EmfCounter
    from musubi.runtime.work import Deadline, HandBack, Worker

TO_SETTLE_S = 0.7
"""Seconds of an invocation that are kept from LINE for storing what it said."""


def now() -> datetime:
    """Machine time, in UTC."""
    return datetime.now(UTC)


def counter(s: settings.Common) -> EmfCounter:
    """Metrics without Powertools, for functions that start fast."""
    from musubi.runtime.emf import EmfCounter

    return EmfCounter(s.powertools_metrics_namespace, s.powertools_service_name, now)


def secrets(prefix: str) -> SsmSecrets:
    """The secrets below a parameter prefix, cached."""
    from musubi.adapters.aws import client
    from musubi.adapters.secrets import SsmSecrets

    return SsmSecrets(client("ssm"), prefix, now)


def require(known: SsmSecrets, prefix: str, names: Sequence[str]) -> None:
    """Read the secrets now, while the function starts; ConfigError if none of them is there or one is no key."""
    from musubi.web.signatures import key_bytes

    found = {name: known.lines(name) for name in names}
    if not any(found.values()):
        raise ConfigError(f"{prefix}/{names[0]}: no such secret")
    for name, lines in found.items():
        try:
            _ = [key_bytes(line) for line in lines]
        except ValueError as error:
            raise ConfigError(f"{prefix}/{name}: {error}") from None


def store(people_table: str, work_table: str) -> DynamoStore:
    """All state, in its two tables."""
    from musubi.adapters.aws import client
    from musubi.adapters.dynamo.store import DynamoStore

    return DynamoStore(client("dynamodb"), people_table=people_table, work_table=work_table)


def work_store(work_table: str) -> DynamoStore:
    """The store of a function without business with people: no name, no right, a loud error if it tries."""
    return store("", work_table)


def clock(s: settings.Clocked, work_table: str) -> Clock:
    """The real clock, or the local stage's, whose offset lies in the work table."""
    from musubi.adapters.clock import MovableClock, RealClock

    if s.clock == "real":
        return RealClock()
    from musubi.adapters.aws import client

    return MovableClock(client("dynamodb"), work_table)


def ahead(of: Clock) -> timedelta:
    """How far business time is ahead of machine time; where the clock can be moved, shops date events by it."""
    return timedelta(seconds=round((of.business() - of.machine()).total_seconds()))


def by_either_clock(
    events: Sequence[ShopEvent | UnreadShopEvent], ahead: timedelta
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """Where business time was moved ahead, a sender may date its events by either clock: neither is old news."""
    from musubi.domain.events import ShopEvent

    if ahead <= timedelta():
        return events
    return [replace(e, received_at=e.received_at - ahead) if isinstance(e, ShopEvent) else e for e in events]


def catalog(s: settings.Content) -> FileCatalog:
    """musubi's recipes under the shop's content; ConfigError for a mistake in either."""
    from musubi.adapters.content import FileCatalog

    return FileCatalog(s.content_dir)


def push_queue(queue_url: str) -> SqsPushQueue:
    """Where Sends wait for the sender."""
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsPushQueue

    return SqsPushQueue(client("sqs"), queue_url)


def log(queue_url: str) -> SqsLog:
    """The way into the history."""
    from musubi.adapters.aws import client
    from musubi.adapters.sqs import SqsLog

    return SqsLog(client("sqs"), queue_url)


def line(s: settings.Sending, clock: Clock, deadline: Deadline) -> LineApi:
    """LINE, for one channel, with calls that end before the invocation does; ConfigError when its secret is missing."""
    from musubi.adapters.line.gateway import CHANNEL_SECRET, LineApi

    known = secrets(s.param_prefix)
    require(known, s.param_prefix, [CHANNEL_SECRET])
    return LineApi(
        api_url=s.line_api_url,
        channel_id=s.line_channel_id,
        secrets=known,
        clock=clock,
        left_s=lambda: deadline.left_s() - TO_SETTLE_S,
    )


def policy(s: settings.Sending) -> Policy:
    """Whom the deployment may send to."""
    from musubi.domain.gate import Policy

    return Policy(go_live=s.go_live, testers=frozenset(s.testers))


def worker(
    source: str,
    parse: Callable[[str, datetime], Any],
    use: Callable[[Any], Iterable[Outcome]],
    labels: Callable[[Any], Mapping[str, str]],
    quarantine_url: str,
    **more: Any,
) -> Worker[Any]:
    """A worker (see `Worker`, also for `more`) with its quarantine and the way back into its own queue."""
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
        hand_back=hand_back(sqs, quarantine_url),
        **more,
    )


def hand_back(sqs: Any, sibling_url: str) -> HandBack:
    """ChangeMessageVisibility on the queue that a record's ARN names: it lies beside the quarantine queue."""

    def hand_back(queue_arn: str, receipt: str, after_s: int) -> None:
        url = f"{sibling_url.rpartition('/')[0]}/{queue_arn.rpartition(':')[2]}"
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=after_s)

    return hand_back
