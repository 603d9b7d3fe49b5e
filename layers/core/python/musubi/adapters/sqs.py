"""Queues: what is enqueued, in batches whose per-entry results are read. Light to import: the webhook doors use it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from time import sleep
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from musubi.adapters.aws import code_of, jittered, retryable
from musubi.domain.errors import Retryable

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from musubi.domain.history import Record
    from musubi.domain.operations import PushRef
    from musubi.ports import ShardJob, Snapshot

ACTIONS = {"sqs:SendMessage"}

_ENTRIES = 10
_BYTES = 1024 * 1024
"""SQS: at most ten messages and 1 MiB, both per message and per batch."""
_ENVELOPE = 512
"""Bytes left free in a batch; what exactly SQS counts besides the bodies is not documented."""
_MOST_DELAY_S = 900
_THROTTLED = "RequestThrottled"
_PAUSE_S = 0.2


def send_batch(client: SQSClient, queue_url: str, bodies: Sequence[str], delay_s: int = 0) -> None:
    """Enqueue all `bodies`; what is refused is tried once more. Raises Retryable naming how many were not taken.

    ValueError for a body over 1 MiB: producers claim-check long before that. `delay_s` is cut at SQS' 15 minutes.
    """
    refused: list[str] = []
    for batch in _batches(bodies):
        if left := _send(client, queue_url, batch, delay_s):
            sleep(jittered(_PAUSE_S))
            refused += _send(client, queue_url, left, delay_s)
    if refused:
        raise Retryable(f"{len(refused)} of {len(bodies)} messages not enqueued")


def _send(client: SQSClient, queue_url: str, bodies: Sequence[str], delay_s: int) -> list[str]:
    """One request; returns the bodies that SQS did not take (it answers 200 all the same)."""
    if not bodies:
        return []
    delay = min(max(delay_s, 0), _MOST_DELAY_S)
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(n), "MessageBody": body, "DelaySeconds": delay} for n, body in enumerate(bodies)
    ]
    with retryable("enqueue"):
        try:
            answer = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
        except ClientError as error:
            # boto retries a throttle by its code only, and SQS' may come with a prefix that it does not know. The other
            # batches must not go down with this one: a Send that is not enqueued waits minutes for the sweeper.
            if code_of(error) != _THROTTLED:
                raise
            return list(bodies)
    return [bodies[int(failed["Id"])] for failed in answer.get("Failed", [])]


def _batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        length = len(body.encode())
        if length > _BYTES:
            raise ValueError(f"message of {length} bytes, SQS takes {_BYTES}")
        if batch and (len(batch) == _ENTRIES or size + length > _BYTES - _ENVELOPE):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += length
    if batch:
        yield batch


class SqsPushQueue:
    """Implements `PushQueue`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, refs: Sequence[PushRef], delay_s: int = 0, riders: Sequence[Record] = ()) -> None:
        """Raises Retryable naming how many were not taken."""
        from musubi.contracts.jobs import push_body

        bodies = [push_body(ref, riders if n == 0 else ()) for n, ref in enumerate(refs)]
        send_batch(self._client, self._queue_url, bodies, delay_s)


class SqsLog:
    """Implements `Log`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def append(self, records: Sequence[Record]) -> None:
        """Raises Retryable naming how many messages were not taken."""
        from musubi.contracts.jobs import log_bodies

        send_batch(self._client, self._queue_url, log_bodies(records))


class SqsShardQueue:
    """Implements `ShardQueue`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, jobs: Sequence[ShardJob]) -> None:
        """Raises Retryable naming how many were not taken."""
        from musubi.contracts.jobs import shard_body

        send_batch(self._client, self._queue_url, [shard_body(job) for job in jobs])


class SqsShopQueue:
    """Implements `ShopQueue`. `claim` stores a body that is too large for the queue and returns its key."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str, claim: Callable[[str], str]) -> None:
        self._client = client
        self._queue_url = queue_url
        self._claim = claim

    def send(
        self, shop_id: str, platform: str, snapshots: Sequence[Snapshot], *, at: datetime, backfill: bool = False
    ) -> None:
        """Raises Retryable naming how many were not taken."""
        from musubi.contracts.jobs import found_body

        bodies = [found_body(shop_id, platform, one, at, backfill, self._claim) for one in snapshots]
        send_batch(self._client, self._queue_url, bodies)


class SqsQuarantine:
    """Implements `Quarantine` over a queue that nobody consumes: `{"v":1,"source","reason","body"}`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, source: str, reason: str, body: str) -> None:
        """Keep the record; a body that its wrapping would make too long is kept as `"encoding":"gzip+base64"`."""
        # ASCII: SQS refuses control characters and lone surrogates, which are just what broken bodies contain.
        record = {"v": 1, "source": source, "reason": reason, "body": body}
        text = json.dumps(record)
        if len(text) > _BYTES - _ENVELOPE:
            packed = base64.b64encode(gzip.compress(body.encode("utf-8", "surrogatepass"))).decode()
            text = json.dumps(record | {"encoding": "gzip+base64", "body": packed})
        send_batch(self._client, self._queue_url, [text])
