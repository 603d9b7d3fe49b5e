"""One deployment in memory, made from the synthesised template: its tables, queues, bucket, bus and parameters, and each
function's own handler in exactly the environment that the template gives it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest

from infra.lib.template import Function, Template, functions_of
from musubi.adapters import clock
from musubi.adapters.dynamo.person_rows import DynamoPersonRows
from musubi.adapters.dynamo.store import DynamoStore
from musubi.adapters.shops.http import Answer, Http
from musubi.domain.ledger import Send
from musubi.runtime import entry, parts
from tests.support.aws_calls import AwsCalls
from tests.support.line_stub import LineStub
from tests.support.woocommerce_shop import WooShop

ROOT = Path(__file__).parents[2]
SECRET = "secret-of-everything"
API_KEY = "ck_0123:cs_4567"
_TABLE = ("TableName", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")


class Context:
    """As much of Lambda's context as is looked at."""

    function_name = "x"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn"
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Deployed:
    """A deployment, and Lambda's side of it. `calls` holds what each function asked of AWS.

    Two variables differ from the template: LINE's address, and GO_LIVE, without which nothing would be sent.
    """

    def __init__(
        self, stateful: Template, stateless: Template, prefix: str, line: LineStub, patch: pytest.MonkeyPatch
    ) -> None:
        self.now = datetime(2026, 11, 24, 3, tzinfo=UTC)
        """Machine and business time; 12:00 in Tokyo."""
        self.line = line
        self.functions = functions_of(stateless, prefix)
        self._patch = patch
        self._prefix = prefix
        self._handlers: dict[str, Any] = {}
        self._surroundings()
        boto3.setup_default_session()
        self.calls = AwsCalls(boto3.DEFAULT_SESSION)
        outside = boto3.session.Session()
        self.sqs: Any = outside.client("sqs")
        self._dynamo: Any = outside.client("dynamodb")
        self._build(outside, stateful, stateless)
        self._sources = _sources(stateless)
        work, people = f"{prefix}-work", f"{prefix}-people"
        self.store = DynamoStore(self._dynamo, people_table=people, work_table=work)
        self.rows = DynamoPersonRows(self._dynamo, people_table=people, work_table=work)

    def _surroundings(self) -> None:
        common = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
        }
        for name, value in common.items():
            self._patch.setenv(name, value)
        self._patch.setattr(clock, "machine_now", lambda: self.now)
        self._patch.setattr(parts, "now", lambda: self.now)

    def _build(self, session: boto3.session.Session, stateful: Template, stateless: Template) -> None:
        for table in stateful.of_type("AWS::DynamoDB::Table"):
            self._dynamo.create_table(**{name: table.properties[name] for name in _TABLE})
        for queue in stateless.of_type("AWS::SQS::Queue"):
            self.sqs.create_queue(QueueName=queue.properties["QueueName"])
        bus: Any = session.client("events")
        for each in stateful.of_type("AWS::Events::EventBus"):
            bus.create_event_bus(Name=each.properties["Name"])
        s3: Any = session.client("s3")
        self._s3 = s3
        for bucket in stateful.of_type("AWS::S3::Bucket"):
            where = {"LocationConstraint": "ap-northeast-1"}
            s3.create_bucket(Bucket=bucket.properties["BucketName"], CreateBucketConfiguration=where)
        ssm: Any = session.client("ssm")
        for arn in sorted(_parameters(self.functions.values())):
            value = API_KEY if arn.endswith("-api") else SECRET
            ssm.put_parameter(Name=arn.partition(":parameter")[2], Value=value, Type="SecureString")

    # Lambda

    def handler(self, function: str) -> Any:
        """The function's own handler.py, loaded once, as Lambda loads it."""
        if function not in self._handlers:
            with self._inside(function):
                self._handlers[function] = _load(function)
        return self._handlers[function]

    def environment(self, function: str) -> dict[str, str]:
        """What the template gives the function, but for LINE's address and the gate."""
        changed = {"LINE_API_URL": self.line.url, "GO_LIVE": "true"}
        given = self.functions[function].env
        return {**given, **{name: value for name, value in changed.items() if name in given}}

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Call a function, as a schedule or the HTTP API does."""
        handler = self.handler(function)
        with self._inside(function):
            return handler(dict(event), Context())

    @contextmanager
    def _inside(self, function: str) -> Iterator[None]:
        """A container of the function: its environment, and a logger and metrics of its own."""
        with self.calls.by(function), pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(function).items():
                patch.setenv(name, value)
            entry._log.cache_clear()
            entry._metrics.cache_clear()
            yield
            entry._log.cache_clear()
            entry._metrics.cache_clear()

    def work_off(self, function: str) -> int:
        """Let a worker work off the queue that its event source mapping names; how many records it gave back."""
        queue = self._sources[self.functions[function].physical_name]
        taken = self.take(queue)
        failed: set[str] = set()
        for start in range(0, len(taken), 10):
            answer = self.invoke(function, {"Records": taken[start : start + 10]})
            failed |= {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for record in taken:
            url, receipt = self.url(queue), record["receiptHandle"]
            if record["messageId"] in failed:
                self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
            else:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
        return len(failed)

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Receive everything that is visible in a queue, by its physical name."""
        records = []
        while found := self.sqs.receive_message(
            QueueUrl=self.url(queue), MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages"):
            records += [
                {
                    "messageId": one["MessageId"],
                    "receiptHandle": one["ReceiptHandle"],
                    "body": one["Body"],
                    "attributes": one["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:123456789012:{queue}",
                }
                for one in found
            ]
        return records

    def put(self, queue: str, body: str) -> None:
        """Put a message into a queue by its short name."""
        self.sqs.send_message(QueueUrl=self.url(f"{self._prefix}-{queue}"), MessageBody=body)

    def history(self) -> list[dict[str, Any]]:
        """Every line of the history."""
        bucket = f"{self._prefix}-history-123456789012-ap-northeast-1"
        found = self._s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        texts = [self._s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode() for one in found]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def drop(self, key: str, table: bytes) -> None:
        """The shop drops a table; S3 tells the bus, whose rule tells the queue."""
        bucket = self.functions["import_file"].env["IMPORTS_BUCKET"]
        self._s3.put_object(Bucket=bucket, Key=key, Body=table)
        detail = {"bucket": {"name": bucket}, "object": {"key": key}}
        self.put("imports", json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail}))

    def reports(self) -> dict[str, Any]:
        """The reports that lie beside dropped tables, by key."""
        bucket = self.functions["import_file"].env["IMPORTS_BUCKET"]
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix="reports/").get("Contents", [])
        return {
            one["Key"]: json.loads(self._s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()) for one in listed
        }

    def quarantined(self) -> list[str]:
        """Whose records lie in quarantine."""
        return [json.loads(record["body"])["source"] for record in self.take(f"{self._prefix}-quarantine")]

    @staticmethod
    def url(queue: str) -> str:
        return f"https://sqs.ap-northeast-1.amazonaws.com/123456789012/{queue}"

    # the outside world

    def later(self, **span: float) -> None:
        """Time goes on by `span` (a timedelta's arguments)."""
        self.now += timedelta(**span)

    def sends(self) -> set[tuple[str, str]]:
        """(state, reason) of every Send there is."""
        pages = self._dynamo.get_paginator("scan").paginate(TableName=f"{self._prefix}-work")
        items = [item for page in pages for item in page["Items"] if item["sk"]["S"] == "SEND"]
        return {(item["state"]["S"], item["reason"]["S"]) for item in items}

    def send(self, send_id: str) -> Send:
        """One Send by its id."""
        from musubi.domain.store_keys import SendKey

        found = self.store.load([SendKey(send_id)]).get(SendKey(send_id))
        assert found is not None
        return found

    def line_says(self, *events: object) -> int:
        """LINE delivers events; the door's status."""
        raw = json.dumps({"destination": "U" + "0" * 32, "events": events}, ensure_ascii=False)
        headers = {"x-line-signature": signature(raw)}
        return int(self.invoke("line_webhook", {"headers": headers, "body": raw})["statusCode"])

    def shop_says(self, *events: Mapping[str, Any]) -> int:
        """The shop delivers a batch of CloudEvents (`type`, `data`); the door's status."""
        more = {"specversion": "1.0", "source": "/shop", "time": self.now.isoformat()}
        batch = [{**more, "id": f"{self.now.timestamp()}-{n}", **event} for n, event in enumerate(events)]
        body = json.dumps(batch, ensure_ascii=False)
        path = {"shop_id": "main", "platform": "cloudevents"}
        event = {"headers": self.standard(body), "pathParameters": path, "body": body}
        return int(self.invoke("shop_webhook", event)["statusCode"])

    def shopify_says(self, topic: str, document: Mapping[str, Any]) -> int:
        """Shopify delivers a webhook; the door's status."""
        raw = json.dumps(document)
        headers = {"x-shopify-hmac-sha256": signature(raw), "x-shopify-topic": topic, "x-shopify-webhook-id": topic}
        path = {"shop_id": "main", "platform": "shopify"}
        return int(self.invoke("shop_webhook", {"headers": headers, "pathParameters": path, "body": raw})["statusCode"])

    def shop_answers(self, shop: WooShop) -> None:
        """From now on a shop's API is `shop`, whatever its address."""

        def answer(http: Http, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
            assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == API_KEY
            parts = urlsplit(path)
            said = shop.page(parts.path, dict(parse_qsl(parts.query)))
            return Answer(said.status, {name.lower(): value for name, value in said.headers.items()}, said.body)

        self._patch.setattr(Http, "request", answer)

    def ask_nonce(self, member_id: str) -> Mapping[str, Any]:
        """The shop's server asks for a nonce; the whole HTTP answer."""
        body = json.dumps({"member_id": member_id})
        http = {"http": {"method": "POST", "path": "/v1/link/nonces"}, "stage": "$default"}
        headers = self.standard(body)
        event = {"rawPath": "/v1/link/nonces", "headers": headers, "body": body, "requestContext": http}
        answer: Mapping[str, Any] = self.invoke("api", event)
        return answer

    def standard(self, body: str) -> dict[str, str]:
        """Headers of a Standard Webhook."""
        stamp = str(int(self.now.timestamp()))
        signed = f"v1,{signature(f'm1.{stamp}.{body}')}"
        named = {"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": signed}
        return {"content-type": "application/json", **named}


def signature(text: str) -> str:
    """Base64 of HMAC-SHA256, as LINE, Shopify and Standard Webhooks all write it."""
    return base64.b64encode(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256)).decode()


def _load(function: str) -> Any:
    path = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{function}_deployed", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def _parameters(functions: Any) -> set[str]:
    """ARNs of the parameters that functions may read."""
    found: set[str] = set()
    each: Function
    for each in functions:
        for statement in each.statements:
            if statement["Action"] == ["ssm:GetParameter"]:
                found |= set(statement["Resource"])
    return found


def _sources(stateless: Template) -> dict[str, str]:
    """Function → the queue it works off, both by physical name."""
    return {
        each.properties["FunctionName"]: each.properties["EventSourceArn"].rpartition(":")[2]
        for each in stateless.of_type("AWS::Lambda::EventSourceMapping")
    }
