"""The deployed functions in this process: their own handlers and adapters, AWS by moto, LINE by a server of ours.

Every AWS request that leaves botocore is counted for the function that made it. Time is the machine's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from moto import mock_aws

from tests.support import tables
from tests.support.line_stub import LineStub, line_stub

ROOT = Path(__file__).parents[2]
SECRETS = {"line/channel-secret": "local-channel-secret"} | {
    f"shops/main/{platform}": "local-shop-secret" for platform in ("shopify", "cloudevents")
}
QUEUES = {
    "line-events": "line_events",
    "shop-events": "shop_events",
    "push": "push_sender",
    "alert-shards": "alert_shard",
    "log": "log_writer",
}
"""Queue → the function that works it off."""

HISTORY = "musubi-local-history"

_TABLES = {"PEOPLE_TABLE": tables.PEOPLE, "WORK_TABLE": tables.WORK}


class Functions:
    """All functions of one deployment, loaded on demand; `requests` counts (function, service:Operation)."""

    def __init__(self, line: LineStub, patch: pytest.MonkeyPatch, own: dict[str, dict[str, str]]) -> None:
        self.line = line
        self.requests: Counter[tuple[str, str]] = Counter()
        self._patch = patch
        self._own = own
        self._handlers: dict[str, Any] = {}
        self._current = ""
        self._session = boto3.session.Session()
        self._session.events.register("before-send", self._count)
        self._outside: Any = boto3.session.Session()
        self._prepare()

    def _prepare(self) -> None:
        tables.create_tables(self.aws("dynamodb"))
        for queue in (*QUEUES, "quarantine"):
            self.aws("sqs").create_queue(QueueName=f"musubi-local-{queue}")
        for name, secret in SECRETS.items():
            self.aws("ssm").put_parameter(Name=f"/musubi/local/{name}", Value=secret, Type="SecureString")
        self.aws("events").create_event_bus(Name="musubi-local")
        where: Any = {"LocationConstraint": "ap-northeast-1"}
        self.aws("s3").create_bucket(Bucket=HISTORY, CreateBucketConfiguration=where)

    def aws(self, service: str) -> Any:
        """A client of the test's own, whose requests nobody counts."""
        return self._outside.client(service)

    def _count(self, request: Any, **_: Any) -> None:
        target = request.headers.get("X-Amz-Target", b"").decode() if request.headers.get("X-Amz-Target") else ""
        self.requests[self._current, target.rpartition(".")[2] or request.url] += 1

    def made_by(self, *functions: str) -> int:
        """How many requests these functions made since the last `forget`."""
        return sum(count for (name, _), count in self.requests.items() if name in functions)

    def forget(self) -> None:
        self.requests.clear()

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke `function`; its first call loads it, which is not counted: that is the init phase."""
        if function not in self._handlers:
            self._current = f"init {function}"
            self._handlers[function] = self._load(function)
        self._current = function
        try:
            return self._handlers[function](event, _Context(function))
        finally:
            self._current = ""

    def warm(self, *functions: str) -> None:
        """Load before counting."""
        for function in functions:
            self._current = f"init {function}"
            self._handlers.setdefault(function, self._load(function))

    def _load(self, function: str) -> Any:
        for name, value in {**self._own[function], **_TABLES, "LINE_API_URL": self.line.url}.items():
            self._patch.setenv(name, value)
        self._patch.setattr(boto3, "DEFAULT_SESSION", self._session)
        path = ROOT / "functions" / function / "handler.py"
        spec = importlib.util.spec_from_file_location(f"functions_{function}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.lambda_handler

    def pump(self) -> None:
        """Work off all queues until they are empty; a failed record fails the test."""
        for _ in range(50):
            worked = [self._work_off(queue) for queue in QUEUES]
            if not any(worked):
                return
        raise AssertionError("the queues never get empty")

    def _work_off(self, queue: str) -> bool:
        sqs = self.aws("sqs")
        url = f"https://sqs.ap-northeast-1.amazonaws.com/123456789012/musubi-local-{queue}"
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])
        if not found:
            return False
        answer = self.call(QUEUES[queue], {"Records": [record_of(queue, message) for message in found]})
        assert answer == {"batchItemFailures": []}
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return True

    def history(self) -> list[dict[str, Any]]:
        """Every line of the history."""
        s3 = self.aws("s3")
        found = s3.list_objects_v2(Bucket=HISTORY).get("Contents", [])
        texts = [s3.get_object(Bucket=HISTORY, Key=one["Key"])["Body"].read().decode() for one in found]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def quarantined(self) -> list[str]:
        url = "https://sqs.ap-northeast-1.amazonaws.com/123456789012/musubi-local-quarantine"
        return [
            m["Body"] for m in self.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        ]

    def posted(self, path: str, body: bytes, headers: dict[str, str]) -> Any:
        """A request as the HTTP API hands it on (`events/aws` has whole ones)."""
        event = json.loads((ROOT / "events/aws/http_api_v2_line.json").read_text(encoding="utf-8"))
        function = "line_webhook" if path == "/line/webhook" else "shop_webhook"
        route = "POST /line/webhook" if path == "/line/webhook" else "POST /shops/{shop_id}/{platform}"
        parts = path.split("/")
        event |= {"routeKey": route, "rawPath": path, "body": body.decode(), "headers": headers}
        event["requestContext"] |= {"routeKey": route, "http": {"method": "POST", "path": path}}
        if function == "shop_webhook":
            event["pathParameters"] = {"shop_id": parts[2], "platform": parts[3]}
        return self.call(function, event)

    def line_webhook(self, body: bytes) -> None:
        """LINE's signed call."""
        signature = base64.b64encode(hmac.digest(b"local-channel-secret", body, hashlib.sha256)).decode()
        headers = {"x-line-signature": signature, "content-type": "application/json"}
        assert self.posted("/line/webhook", body, headers)["statusCode"] == 200

    def cloudevent(self, document: dict[str, Any]) -> None:
        """A cart's signed call of now."""
        body = json.dumps(document, ensure_ascii=False).encode()
        stamp = str(int(datetime.now(UTC).timestamp()))
        signed = hmac.digest(b"local-shop-secret", b".".join([b"call-1", stamp.encode(), body]), hashlib.sha256)
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": "call-1",
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        assert self.posted("/shops/main/cloudevents", body, headers)["statusCode"] == 202

    def rows(self, table: str, sk: str) -> list[dict[str, Any]]:
        """All items of `table` whose sort key is `sk`, as plain attributes."""
        items = self.aws("dynamodb").scan(TableName=table)["Items"]
        plain = TypeDeserializer().deserialize
        return [{k: plain(v) for k, v in item.items()} for item in items if item["sk"]["S"] == sk]


def sample(name: str) -> bytes:
    """A body from `events/`, byte for byte."""
    return (ROOT / "events" / name).read_bytes()


def of_now(document: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent from `events/` with its times moved to now: an old event is a backfill and says nothing."""
    now = datetime.now(UTC).isoformat()
    data = {
        name: now if name.endswith("_at") or name == "version" else value for name, value in document["data"].items()
    }
    shipment = data.get("shipment")
    if isinstance(shipment, dict):
        data["shipment"] = {**shipment, "shipped_at": now}
    return {**document, "time": now, "data": data}


def record_of(queue: str, message: dict[str, Any]) -> dict[str, Any]:
    """`message` as the event source mapping of `queue` hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:123456789012:musubi-local-{queue}",
        "awsRegion": "ap-northeast-1",
    }


class _Context(SimpleNamespace):
    def __init__(self, function: str) -> None:
        super().__init__(
            function_name=function,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:ap-northeast-1:123456789012:function:{function}",
            aws_request_id="request-1",
        )

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@contextmanager
def functions(own: dict[str, dict[str, str]]) -> Iterator[Functions]:
    """A deployment that has just been made; `own` is the environment of each function."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), line_stub() as line:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        logging.getLogger("musubi").setLevel(logging.INFO)
        yield Functions(line, patch, own)
