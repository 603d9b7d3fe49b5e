"""Queues: ten at a time, a MiB at a time, and what SQS did not take is noticed."""

from __future__ import annotations

import base64
import gzip
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from musubi.adapters import aws, sqs
from musubi.contracts import jobs
from musubi.domain.errors import Retryable
from musubi.domain.operations import PushRef
from musubi.ports import ShardJob

MIB = 1024 * 1024
URL: Any = "https://queue"


@dataclass
class Queue:
    """A client that notes its batches; per call, the positions in `refuse` are not taken."""

    refuse: deque[set[int]] = field(default_factory=deque)
    error: Exception | None = None
    throttles: int = 0
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.error:
            raise self.error
        if self.throttles:
            self.throttles -= 1
            code = "AWS.SimpleQueueService.RequestThrottled"
            raise ClientError({"Error": {"Code": code, "Message": "slow down"}}, "SendMessageBatch")
        self.batches.append(Entries)
        refused = self.refuse.popleft() if self.refuse else set()
        return {
            "Successful": [{"Id": one["Id"]} for n, one in enumerate(Entries) if n not in refused],
            "Failed": [{"Id": one["Id"], "SenderFault": False} for n, one in enumerate(Entries) if n in refused],
        }

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]

    @property
    def bodies(self) -> list[str]:
        return [entry["MessageBody"] for batch in self.batches for entry in batch]


def send(queue: Any, bodies: list[str], delay_s: int = 0) -> None:
    sqs.send_batch(queue, URL, bodies, delay_s)


def test_ten_at_a_time_in_order() -> None:
    queue = Queue()
    send(queue, [f"b{n}" for n in range(23)])
    assert queue.sizes == [10, 10, 3]
    assert queue.bodies == [f"b{n}" for n in range(23)]
    assert all(len({entry["Id"] for entry in batch}) == len(batch) for batch in queue.batches)
    send(queue, [])
    assert len(queue.batches) == 3


def test_never_more_than_a_mib_in_one_request() -> None:
    queue = Queue()
    send(queue, ["あ" * 100_000] * 4 + ["x" * MIB] + ["y"])
    assert queue.sizes == [3, 1, 1, 1]
    for batch in queue.batches:
        assert sum(len(entry["MessageBody"].encode()) for entry in batch) <= MIB
    with pytest.raises(ValueError, match="SQS takes"):
        send(queue, ["x" * (MIB + 1)])


def test_refused_entries_are_sent_once_more_and_only_those() -> None:
    queue = Queue(refuse=deque([{1, 3}]))
    send(queue, list("abcde"))
    assert queue.bodies == ["a", "b", "c", "d", "e", "b", "d"]


def test_what_stays_refused_is_named_and_does_not_stop_the_rest() -> None:
    queue = Queue(refuse=deque([{0, 1}, {1}]))
    with pytest.raises(Retryable, match="1 of 12 messages"):
        send(queue, [f"b{n}" for n in range(12)])
    assert queue.bodies[-2:] == ["b10", "b11"]


def test_a_throttled_batch_is_sent_once_more_and_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(sqs, "sleep", pauses.append)
    queue = Queue(throttles=1)
    send(queue, [f"b{n}" for n in range(12)])
    assert queue.bodies == [f"b{n}" for n in range(12)]
    assert len(pauses) == 1
    queue = Queue(throttles=2)
    with pytest.raises(Retryable, match="10 of 12"):
        send(queue, [f"b{n}" for n in range(12)])
    assert queue.bodies == ["b10", "b11"]


@pytest.mark.parametrize(("asked", "sent"), [(0, 0), (30, 30), (901, 900), (-1, 0)])
def test_delay_stays_within_what_sqs_can_do(asked: int, sent: int) -> None:
    queue = Queue()
    send(queue, ["a"], asked)
    assert queue.batches[0][0]["DelaySeconds"] == sent


def test_no_connection_is_retryable_and_a_missing_right_is_not() -> None:
    with pytest.raises(Retryable, match="EndpointConnectionError"):
        send(Queue(error=EndpointConnectionError(endpoint_url="x")), ["a"])
    response: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with pytest.raises(ClientError):
        send(Queue(error=ClientError(response, "SendMessageBatch")), ["a"])


def test_push_jobs_are_what_the_contract_reads() -> None:
    queue: Any = Queue()
    refs = [PushRef("s1", "m:main/1001", "e1", "U" + "0" * 32), PushRef("s2", "f:U" + "0" * 32, "e2")]
    sqs.SqsPushQueue(queue, URL).send(refs, 60)
    assert [jobs.read_push(body) for body in queue.bodies] == [(ref, ()) for ref in refs]
    assert queue.batches[0][0]["DelaySeconds"] == 60


def test_shard_jobs_are_what_the_contract_reads() -> None:
    queue: Any = Queue()
    shards = [ShardJob(date(2026, 12, 24), shard) for shard in range(32)]
    sqs.SqsShardQueue(queue, URL).send(shards)
    assert [jobs.read_shard(body) for body in queue.bodies] == shards
    assert json.loads(queue.bodies[7]) == {"v": 1, "date": "2026-12-24", "shard": 7}


BROKEN = 'not json \x00\x0b \ud800 "quoted" 日本語'


def test_quarantine_keeps_the_raw_body_whatever_is_in_it() -> None:
    queue: Any = Queue()
    sqs.SqsQuarantine(queue, URL).put("line-events", "unreadable", BROKEN)
    (body,) = queue.bodies
    assert body.isascii(), "SQS refuses control characters and lone surrogates"
    assert json.loads(body) == {"v": 1, "source": "line-events", "reason": "unreadable", "body": BROKEN}


def test_quarantine_packs_what_its_wrapping_makes_too_long() -> None:
    queue: Any = Queue()
    long = BROKEN * 40_000
    sqs.SqsQuarantine(queue, URL).put("shop-events", "unreadable", long)
    kept = json.loads(queue.bodies[0])
    assert kept["encoding"] == "gzip+base64"
    assert gzip.decompress(base64.b64decode(kept["body"])).decode("utf-8", "surrogatepass") == long


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield aws.client("sqs")


def test_against_an_sqs_that_checks(real: Any) -> None:
    url = real.create_queue(QueueName="push")["QueueUrl"]
    sqs.SqsQuarantine(real, url).put("push", "unreadable", BROKEN)
    sqs.SqsPushQueue(real, url).send([PushRef(f"s{n}", "m:main/1", "e") for n in range(11)])
    count = real.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert count["Attributes"]["ApproximateNumberOfMessages"] == "12"
