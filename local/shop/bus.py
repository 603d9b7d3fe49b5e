"""The shop's own corner of AWS: a queue with the product's outward facts, and its hand on the event bus."""

from __future__ import annotations

import json
import os
from typing import Any

from local.shop.config import ShopConfig
from local.shop.till import ShopError

QUEUE_NAME = "shop-facts"
RULE_NAME = "shop-facts"
FACT_TYPES = ("LinkMade", "LinkEnded")


class Bus:
    """AWS calls of the shop; blocking, so the callers run them in threads. Clients are made on first use."""

    def __init__(self, config: ShopConfig) -> None:
        self.config = config
        self._clients: dict[str, Any] = {}
        self._queue_url = ""

    def build(self) -> str:
        """Create queue, queue policy and rule (idempotent) and return the queue URL.

        Raises botocore errors while the bus does not exist yet; the caller tries again.
        """
        sqs, events = self._client("sqs"), self._client("events")
        url: str = sqs.create_queue(QueueName=QUEUE_NAME)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        queue_arn: str = attributes["QueueArn"]
        pattern = {"source": ["musubi"], "detail-type": list(FACT_TYPES)}
        rule_arn = events.put_rule(
            Name=RULE_NAME,
            EventBusName=self.config.bus_name,
            EventPattern=json.dumps(pattern),
            State="ENABLED",
            Description="Link facts for the demo shop",
        )["RuleArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_policy(queue_arn, rule_arn))})
        answer = events.put_targets(
            Rule=RULE_NAME, EventBusName=self.config.bus_name, Targets=[{"Id": QUEUE_NAME, "Arn": queue_arn}]
        )
        if answer.get("FailedEntryCount"):
            raise ShopError(f"rule target refused: {answer['FailedEntries']}")
        self._queue_url = url
        return url

    def receive(self, wait_s: int = 2) -> list[tuple[str, str]]:
        """Up to ten messages as (receipt handle, body); waits up to `wait_s` seconds for the first."""
        answer = self._client("sqs").receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s
        )
        return [(message["ReceiptHandle"], message["Body"]) for message in answer.get("Messages", [])]

    def done(self, receipt: str) -> None:
        """Delete one message; until then it comes again, which is why facts are deduplicated by id."""
        self._client("sqs").delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt)

    def put(self, entry: dict[str, Any]) -> None:
        """Put one event on the bus; an answer 200 with a failed entry inside is a failure (ShopError)."""
        answer = self._client("events").put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            raise ShopError(f"bus refused the event: {answer['Entries'][0].get('ErrorCode')}")

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3  # the pages work without AWS, so its 0.2 s import waits until it is needed
            from botocore.config import Config

            # boto3's stubs overload on literal service names; the name is a parameter here.
            make: Any = boto3.client
            self._clients[service] = make(
                service,
                endpoint_url=self.config.aws_url,
                region_name=self.config.region,
                aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
                aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
                config=Config(connect_timeout=2, read_timeout=8, retries={"max_attempts": 2}),
            )
        return self._clients[service]


def _policy(queue_arn: str, rule_arn: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            }
        ],
    }
