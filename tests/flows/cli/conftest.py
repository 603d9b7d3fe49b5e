"""A deployment named `test` inside this process: tables and queues as the stack names them, and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.client
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from musubi.adapters.dynamo.store import DynamoStore
from musubi.cli import dead_letters
from musubi.cli.commands import app
from musubi.domain.writes import Entity, Put
from tests.support import tables

QUEUES = ("line-events", "shop-events", "push", "alert-shards", "log", "imports", "write-back")
AWS: Any = botocore.client.BaseClient
"""Every client's class: tests put faults into its `_make_api_call`."""
LONE = ("schedules-dlq", "bus-dlq", "facts-dlq", "quarantine")


@dataclass
class Desk:
    """What an operator has: the commands, and (for the test) the AWS behind them."""

    sqs: Any
    store: DynamoStore

    def run(self, *words: str, stage: str | None = "test") -> Result:
        """One command as typed, on the stage `test` unless told otherwise."""
        named = ["--stage", stage] if stage else []
        return CliRunner().invoke(app, [*words, *named])

    def ask(self, *words: str) -> Any:
        """The document that a successful command prints with --json."""
        done = self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def put(self, *things: Entity) -> None:
        """Store things as they are."""
        self.store.commit([Put(thing) for thing in things])

    def url(self, queue: str) -> str:
        found: str = self.sqs.get_queue_url(QueueName=f"musubi-test-{queue}")["QueueUrl"]
        return found

    def fill(self, queue: str, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url(queue), MessageBody=body)

    def bodies(self, queue: str) -> list[str]:
        """Everything that waits in a queue; takes it out."""
        found: list[str] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return sorted(found)
            found += [message["Body"] for message in answer["Messages"]]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "MUSUBI_SHOP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    monkeypatch.setattr(dead_letters, "_WAIT_S", 0)  # moto waits a real second on an empty queue
    with mock_aws():
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        tables.create_tables(dynamodb)
        for queue in (*QUEUES, *(f"{queue}-dlq" for queue in QUEUES), *LONE):
            sqs.create_queue(QueueName=f"musubi-test-{queue}")
        store = DynamoStore(dynamodb, people_table=tables.PEOPLE, work_table=tables.WORK)
        yield Desk(sqs, store)
