"""Dead-letter queues: how full they are, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musubi.cli.deployment import LONE_DLQS, QUEUES, Deployment

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

WAYS_BACK = {**{queue: (f"{queue}-dlq", queue) for queue in QUEUES}, "bus": ("bus-dlq", "shop-events")}
"""What an operator names → (dead-letter queue, queue that takes its records as they are)."""

_RECEIVE = 10
_REQUEST_BYTES = 240_000
"""SQS refuses a batch whose bodies are too long together (256 KiB in older regions and emulators, 1 MiB elsewhere);
a single one of ours may have 200 KB."""
_HIDDEN_S = 60
_WAIT_S = 1
"""A short poll asks only some of SQS's servers and may come back empty from a queue that is not."""


@dataclass
class Redriven:
    """What one redrive did: records moved, refused by the queue (still dead), and moved but not deleted.

    The last come again with the next redrive: harmless, every id in them is derived.
    """

    moved: int = 0
    refused: int = 0
    left_behind: int = 0


def depths(deployment: Deployment) -> list[dict[str, Any]]:
    """Approximate counts of every dead-letter queue, the quarantine included."""
    sqs = deployment.sqs()
    rows = []
    for queue in (*(f"{q}-dlq" for q in QUEUES), *LONE_DLQS):
        url = _url(sqs, deployment, queue)
        found = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        rows.append(
            {
                "queue": queue,
                "visible": int(found["ApproximateNumberOfMessages"]),
                "in_flight": int(found["ApproximateNumberOfMessagesNotVisible"]),
            }
        )
    return rows


def redrive(deployment: Deployment, name: str, limit: int) -> Redriven:
    """Move at most `limit` records back to the queue they came from; each is deleted only after it was taken there.

    Stops at the first batch of which nothing was taken. ValueError for a name that has no way back.
    """
    if name not in WAYS_BACK:
        raise ValueError(f"no way back for {name!r}: one of {', '.join(WAYS_BACK)}")
    sqs = deployment.sqs()
    dead, alive = (_url(sqs, deployment, queue) for queue in WAYS_BACK[name])
    done = Redriven()
    while done.moved < limit:
        wanted = min(_RECEIVE, limit - done.moved)
        found = sqs.receive_message(
            QueueUrl=dead, MaxNumberOfMessages=wanted, VisibilityTimeout=_HIDDEN_S, WaitTimeSeconds=_WAIT_S
        )
        messages = found.get("Messages", [])
        before = done.moved
        for batch in _batches(messages):
            _move(sqs, dead, alive, batch, done)
        if done.moved == before:
            break
    return done


def _batches(messages: Sequence[MessageTypeDef]) -> Iterator[list[MessageTypeDef]]:
    batch: list[MessageTypeDef] = []
    size = 0
    for message in messages:
        length = len(message["Body"].encode())
        if batch and size + length > _REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _move(sqs: SQSClient, dead: str, alive: str, batch: Sequence[MessageTypeDef], done: Redriven) -> None:
    sent = sqs.send_message_batch(
        QueueUrl=alive,
        Entries=[{"Id": str(i), "MessageBody": m["Body"]} for i, m in enumerate(batch)],
    )
    taken = [int(entry["Id"]) for entry in sent.get("Successful", [])]
    done.refused += len(batch) - len(taken)
    if not taken:
        return
    done.moved += len(taken)
    deleted = sqs.delete_message_batch(
        QueueUrl=dead,
        Entries=[{"Id": str(i), "ReceiptHandle": batch[i]["ReceiptHandle"]} for i in taken],
    )
    done.left_behind += len(deleted.get("Failed", []))


def _url(sqs: SQSClient, deployment: Deployment, queue: str) -> str:
    return sqs.get_queue_url(QueueName=deployment.name(queue))["QueueUrl"]
