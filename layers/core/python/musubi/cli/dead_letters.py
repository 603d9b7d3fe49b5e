"""Dead-letter queues: how full they are, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musubi.adapters.eventbridge import SOURCE
from musubi.cli.deployment import LONE_DLQS, QUEUES, Deployment

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    HandOver = Callable[[Sequence[MessageTypeDef]], list[int]]
    """Hands records over, says by index which of them were taken."""

WAYS_BACK = {**{queue: (f"{queue}-dlq", queue) for queue in QUEUES}, "bus": ("bus-dlq", "shop-events")}
"""What an operator names → (dead-letter queue, queue that takes its records as they are)."""

FACTS = "facts"
"""Facts that an endpoint did not take go back to the bus: to every endpoint, each of which knows them by `detail.id`."""

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
    sqs = deployment.sqs()
    if name == FACTS:
        dead, hand_over = _url(sqs, deployment, f"{FACTS}-dlq"), _to_bus(deployment.events(), deployment.bus)
    elif name in WAYS_BACK:
        dead, alive = (_url(sqs, deployment, queue) for queue in WAYS_BACK[name])
        hand_over = _to_queue(sqs, alive)
    else:
        raise ValueError(f"no way back for {name!r}: one of {', '.join([*WAYS_BACK, FACTS])}")
    done = Redriven()
    while done.moved < limit:
        wanted = min(_RECEIVE, limit - done.moved)
        found = sqs.receive_message(
            QueueUrl=dead, MaxNumberOfMessages=wanted, VisibilityTimeout=_HIDDEN_S, WaitTimeSeconds=_WAIT_S
        )
        messages = found.get("Messages", [])
        before = done.moved
        for batch in _batches(messages):
            _move(sqs, dead, hand_over, batch, done)
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


def _to_queue(sqs: SQSClient, alive: str) -> HandOver:
    def hand_over(batch: Sequence[MessageTypeDef]) -> list[int]:
        sent = sqs.send_message_batch(
            QueueUrl=alive,
            Entries=[{"Id": str(i), "MessageBody": m["Body"]} for i, m in enumerate(batch)],
        )
        return [int(entry["Id"]) for entry in sent.get("Successful", [])]

    return hand_over


def _to_bus(events: EventBridgeClient, bus: str) -> HandOver:
    def hand_over(batch: Sequence[MessageTypeDef]) -> list[int]:
        read = [(i, _fact(message["Body"], bus)) for i, message in enumerate(batch)]
        facts = [(i, fact) for i, fact in read if fact is not None]
        if not facts:
            return []
        results = events.put_events(Entries=[fact for _, fact in facts])["Entries"]
        return [i for (i, _), result in zip(facts, results, strict=True) if result.get("EventId")]

    return hand_over


def _fact(body: str, bus: str) -> PutEventsRequestEntryTypeDef | None:
    """The fact as musubi told it first, from the bus's envelope; None when this is no envelope of a fact."""
    try:
        envelope = json.loads(body)
        source, kind, detail = envelope["source"], envelope["detail-type"], envelope["detail"]
    except (ValueError, TypeError, KeyError):
        return None
    if source != SOURCE:
        return None
    return {"EventBusName": bus, "Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail, ensure_ascii=False)}


def _move(sqs: SQSClient, dead: str, hand_over: HandOver, batch: Sequence[MessageTypeDef], done: Redriven) -> None:
    taken = hand_over(batch)
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
