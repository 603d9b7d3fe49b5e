"""Dead-letter queues: how full they are, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musubi.cli.deployment import LONE_DLQS, QUEUES, Deployment

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10


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


def redrive(deployment: Deployment, queue: str, limit: int) -> int:
    """Move at most `limit` records from `<queue>-dlq` back to `queue`; each is deleted only after it was taken there.

    ValueError for a queue that has no consumer to go back to.
    """
    if queue not in QUEUES:
        raise ValueError(f"unknown queue {queue!r}: one of {', '.join(QUEUES)}")
    sqs = deployment.sqs()
    dead, alive = _url(sqs, deployment, f"{queue}-dlq"), _url(sqs, deployment, queue)
    moved = 0
    while moved < limit:
        found = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=min(_BATCH, limit - moved), VisibilityTimeout=60)
        messages = found.get("Messages", [])
        if not messages:
            break
        sent = sqs.send_message_batch(
            QueueUrl=alive,
            Entries=[{"Id": str(i), "MessageBody": m["Body"]} for i, m in enumerate(messages)],
        )
        taken = [int(entry["Id"]) for entry in sent.get("Successful", [])]
        if not taken:
            break
        sqs.delete_message_batch(
            QueueUrl=dead,
            Entries=[{"Id": str(i), "ReceiptHandle": messages[i]["ReceiptHandle"]} for i in taken],
        )
        moved += len(taken)
    return moved


def _url(sqs: SQSClient, deployment: Deployment, queue: str) -> str:
    return sqs.get_queue_url(QueueName=deployment.name(queue))["QueueUrl"]
