"""The composed functions over AWS in memory: what goes in at the door ends where it belongs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from musubi.adapters.dynamo.store import DynamoStore
from musubi.domain.errors import ConfigError, Permanent
from musubi.domain.events import ShopEvent
from musubi.domain.linking import nonce_digest
from musubi.domain.operations import RunState
from musubi.domain.people import Birthday
from musubi.domain.projection import is_silent
from musubi.domain.store_keys import MemberKey, NonceKey, OrderKey, RunKey
from musubi.runtime import bootstrap, entry
from tests.support import tables
from tests.unit.runtime import environment
from tests.unit.runtime.test_entry import Context

ROOT = Path(__file__).parents[2]
KEY = "local-shop-secret"
QUEUES = ["line-events", "shop-events", "push", "alert-shards", "log", "quarantine"]


class Cloud:
    """One deployment in memory, and Lambda's side of it: an environment, a handler, an event source."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.sqs: Any = boto3.client("sqs")
        self.s3: Any = boto3.client("s3")
        self.ssm: Any = boto3.client("ssm")
        dynamo = boto3.client("dynamodb")
        tables.create_tables(dynamo)
        self.store = DynamoStore(dynamo, people_table=tables.PEOPLE, work_table=tables.WORK)
        self.urls = {q: self.sqs.create_queue(QueueName=f"musubi-local-{q}")["QueueUrl"] for q in QUEUES}
        where: Any = {"LocationConstraint": "ap-northeast-1"}
        self.s3.create_bucket(Bucket="musubi-local-claims", CreateBucketConfiguration=where)
        for name in ("line/channel-secret", "shops/main/shopify", "shops/main/cloudevents"):
            self.ssm.put_parameter(Name=f"/musubi/local/{name}", Value=f"{KEY}\nolder", Type="SecureString")

    def handler(self, function: str, **changes: str) -> Any:
        """The function's own handler.py, loaded as Lambda loads it."""
        own = {
            **environment.of(function),
            "PEOPLE_TABLE": tables.PEOPLE,
            "WORK_TABLE": tables.WORK,
            "PUSH_QUEUE_URL": self.urls["push"],
            "QUARANTINE_QUEUE_URL": self.urls["quarantine"],
            "LINE_EVENTS_QUEUE_URL": self.urls["line-events"],
            "SHOP_EVENTS_QUEUE_URL": self.urls["shop-events"],
            "ALERT_SHARDS_QUEUE_URL": self.urls["alert-shards"],
            "LOG_QUEUE_URL": self.urls["log"],
            **changes,
        }
        for name, value in own.items():
            self._patch.setenv(name, value)
        spec = importlib.util.spec_from_file_location(
            f"{function}_handler", ROOT / "functions" / function / "handler.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.lambda_handler

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Receive everything, as records of an event source mapping."""
        records = []
        while found := self.sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages"):
            records += [
                {
                    "messageId": one["MessageId"],
                    "receiptHandle": one["ReceiptHandle"],
                    "body": one["Body"],
                    "attributes": one["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:123456789012:musubi-local-{queue}",
                }
                for one in found
            ]
        return records

    def work_off(self, handler: Any, queue: str) -> list[str]:
        """Let a worker work off a queue; the ids of failed records."""
        answer = handler({"Records": self.take(queue)}, Context())
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    for name, value in environment.COMMON.items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    with mock_aws():
        yield Cloud(monkeypatch)


def signed(body: bytes) -> str:
    return base64.b64encode(hmac.digest(KEY.encode(), body, hashlib.sha256)).decode()


def shopify(handler: Any, topic: str, document: dict[str, Any]) -> int:
    raw = json.dumps(document).encode()
    headers = {"x-shopify-hmac-sha256": signed(raw), "x-shopify-topic": topic, "x-shopify-webhook-id": "w1"}
    path = {"shop_id": "main", "platform": "shopify"}
    answer = handler({"headers": headers, "pathParameters": path, "body": raw.decode()}, None)
    return int(answer["statusCode"])


def standard(body: str) -> dict[str, str]:
    stamp = str(int(datetime.now(UTC).timestamp()))
    return {
        "content-type": "application/json",
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signed(f'm1.{stamp}.{body}'.encode())}",
    }


def cloudevents(handler: Any, *events: dict[str, Any]) -> int:
    body = json.dumps([{"specversion": "1.0", "id": str(i), "source": "/s", **e} for i, e in enumerate(events)])
    path = {"shop_id": "main", "platform": "cloudevents"}
    answer = handler({"headers": standard(body), "pathParameters": path, "body": body}, None)
    return int(answer["statusCode"])


def test_a_shop_event_goes_from_the_door_to_the_tables(cloud: Cloud) -> None:
    door, worker = cloud.handler("shop_webhook"), cloud.handler("shop_events")
    assert shopify(door, "orders/create", {"id": 6211220000003000001, "customer": {"id": 1001}}) == 200
    assert cloud.work_off(worker, "shop-events") == []
    key = OrderKey("main", "6211220000003000001")
    order = cloud.store.load([key]).get(key)
    assert order is not None
    assert order.member_id == "1001"


def test_an_order_over_200_kb_waits_in_s3(cloud: Cloud) -> None:
    door, worker = cloud.handler("shop_webhook"), cloud.handler("shop_events")
    assert shopify(door, "orders/create", {"id": 7, "note": "あ" * 100_000}) == 200
    (stored,) = cloud.s3.list_objects_v2(Bucket="musubi-local-claims")["Contents"]
    assert stored["Key"].startswith("shop-events/")
    assert cloud.work_off(worker, "shop-events") == []
    assert cloud.store.load([OrderKey("main", "7")]).get(OrderKey("main", "7")) is not None


def test_one_broken_event_of_a_batch_is_quarantined_and_the_others_count(cloud: Cloud) -> None:
    door, worker = cloud.handler("shop_webhook"), cloud.handler("shop_events")
    good = {"type": "MemberRegistered", "data": {"member_id": "1002", "name": "青葉 蓮", "birthday": "1988-02-29"}}
    assert cloudevents(door, good, {"type": "MemberRegistered", "data": {}}, {"type": "Unheard", "data": 5}) == 202
    assert cloud.work_off(worker, "shop-events") == []
    key = MemberKey("main", "1002")
    member = cloud.store.load([key]).get(key)
    assert member is not None
    assert member.birthday == Birthday(2, 29, 1988)
    (kept,) = (json.loads(record["body"]) for record in cloud.take("quarantine"))
    assert (kept["source"], kept["reason"]) == ("shop-events", "data.member_id: missing or no id")
    assert json.loads(json.loads(kept["body"])["body"])["type"] == "MemberRegistered"


def test_an_event_on_the_bus_takes_the_same_way(cloud: Cloud) -> None:
    worker = cloud.handler("shop_events")
    envelope = {"id": "b1", "detail-type": "MemberRegistered", "source": "shop", "time": "2026-11-22T03:00:00Z",
                "detail": {"shop_id": "main", "data": {"member_id": "1003"}}}  # fmt: skip
    cloud.sqs.send_message(QueueUrl=cloud.urls["shop-events"], MessageBody=json.dumps(envelope))
    assert cloud.work_off(worker, "shop-events") == []
    assert cloud.store.load([MemberKey("main", "1003")]).get(MemberKey("main", "1003")) is not None


def test_a_line_event_is_taken_and_poison_is_put_aside(cloud: Cloud) -> None:
    door, worker = cloud.handler("line_webhook"), cloud.handler("line_events")
    event = {"type": "unfollow", "mode": "active", "timestamp": 1795316400000, "webhookEventId": "e1",
             "source": {"type": "user", "userId": "U" + "a" * 32}}  # fmt: skip
    raw = json.dumps({"destination": "U" + "b" * 32, "events": [event, 5]})
    answer = door({"headers": {"X-Line-Signature": signed(raw.encode())}, "body": raw}, None)
    assert answer["statusCode"] == 200
    assert cloud.work_off(worker, "line-events") == []
    (kept,) = (json.loads(record["body"]) for record in cloud.take("quarantine"))
    assert (kept["source"], kept["reason"]) == ("line-events", "LINE event: not an object")


def test_a_push_job_without_its_row_is_stale_and_done(cloud: Cloud) -> None:
    worker = cloud.handler("push_sender")
    body = '{"v":1,"send_id":"s","person":"m:main/1","enrolment_id":"e","hint_user":null}'
    cloud.sqs.send_message(QueueUrl=cloud.urls["push"], MessageBody=body)
    assert cloud.work_off(worker, "push") == []


def test_the_daily_run_goes_from_its_date_over_the_shards_to_done(cloud: Cloud) -> None:
    daily, shard = cloud.handler("daily_alerts"), cloud.handler("alert_shard")
    tick = {"schedule": "daily", "scheduled_at": "2026-12-23T21:00:00Z"}
    assert daily(tick, Context())["reason"] == "run_started"
    assert cloud.work_off(shard, "alert-shards") == []
    key = RunKey("daily", date(2026, 12, 24))
    run = cloud.store.load([key]).get(key)
    assert run is not None
    assert run.state is RunState.DONE
    assert daily({**tick, "schedule": "catch_up"}, Context())["verdict"] == "stale"
    with pytest.raises(Permanent, match="scheduled_at"):
        daily({"schedule": "daily"}, Context())


@pytest.mark.parametrize("function", ["due_steps", "sweeper"])
def test_ticks_run_over_empty_tables(cloud: Cloud, function: str) -> None:
    assert cloud.handler(function)({}, Context())["verdict"] == "done"


def test_a_nonce_is_stored_as_a_digest_only(cloud: Cloud) -> None:
    handler = cloud.handler("api")
    body = '{"member_id":"1001"}'
    http = {"http": {"method": "POST", "path": "/v1/link/nonces"}, "stage": "$default"}
    event = {"rawPath": "/v1/link/nonces", "headers": standard(body), "body": body, "requestContext": http}
    answer = handler(event, Context())
    assert answer["statusCode"] == 201
    nonce = json.loads(answer["body"])["nonce"]
    key = NonceKey(nonce_digest(nonce))
    stored = cloud.store.load([key]).get(key)
    assert stored is not None
    assert (stored.shop_id, stored.member_id) == ("main", "1001")


def test_a_movable_clock_dates_events_of_the_shop_by_business_time(cloud: Cloud) -> None:
    boto3.client("dynamodb").put_item(
        TableName=tables.WORK, Item={"pk": {"S": "CONTROL"}, "sk": {"S": "CLOCK"}, "offset_s": {"N": "-8640000"}}
    )
    cloud.handler("shop_events", CLOCK="movable")
    worker = bootstrap.shop_events()
    data = {"v": 1, "shop_id": "main", "platform": "shopify", "received_at": "2026-11-22T03:00:00+00:00",
            "headers": {"x-shopify-topic": "orders/create"},
            "body": '{"id":1,"created_at":"2026-08-14T03:00:00Z"}'}  # fmt: skip
    (event,) = worker.parse(json.dumps(data), datetime.now(UTC))
    assert isinstance(event, ShopEvent)
    assert event.received_at == datetime(2026, 8, 14, 3, 0, tzinfo=UTC)
    assert not is_silent(event)


def test_a_failed_record_comes_back_when_it_was_told_to(cloud: Cloud) -> None:
    cloud.handler("push_sender")
    worker = bootstrap.push_sender()
    cloud.sqs.send_message(QueueUrl=cloud.urls["push"], MessageBody="x")
    (record,) = cloud.take("push")
    worker.hand_back(record["eventSourceARN"], record["receiptHandle"], 0)
    assert len(cloud.take("push")) == 1


@pytest.mark.parametrize("value", [None, "whsec_!!!"])
def test_a_missing_or_unusable_secret_stops_the_start(cloud: Cloud, value: str | None) -> None:
    name = "/musubi/local/line/channel-secret"
    if value is None:
        cloud.ssm.delete_parameter(Name=name)
    else:
        cloud.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    for function in ("line_webhook", "push_sender"):
        with pytest.raises(ConfigError, match="/musubi/local/line/channel-secret"):
            cloud.handler(function)


def test_a_record_that_meets_a_missing_table_is_handed_to_sqs_again(cloud: Cloud) -> None:
    worker = cloud.handler("shop_events", PEOPLE_TABLE="gone")
    envelope = {"id": "b1", "detail-type": "MemberDeleted", "source": "s", "detail": {"data": {"member_id": "1"}}}
    cloud.sqs.send_message(QueueUrl=cloud.urls["shop-events"], MessageBody=json.dumps(envelope))
    assert len(cloud.work_off(worker, "shop-events")) == 1


@pytest.fixture(autouse=True)
def _fresh_journal() -> None:
    entry._log.cache_clear()
    entry._metrics.cache_clear()


def test_polls_say_which_shops_are_only_assumed(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.handler(
        "poll_shop", SHOP_APIS="main/stores=https://api.stores.dev, main/makeshop=https://shop.example.jp/v1/graphql"
    )
    said = [one for one in caplog.messages if "only assumed" in one]
    assert [one.partition(":")[0] for one in said] == ["platform makeshop is asked and only assumed"]
