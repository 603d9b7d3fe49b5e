"""Samples of LINE, schedules and queues go the whole way in: door, queue message, contract. `test_bodies` has the shops'."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from musubi.adapters.shops.platforms import DOORS
from musubi.contracts import jobs, schedule
from musubi.contracts.line import read_line_event
from musubi.domain.errors import Permanent
from musubi.domain.events import LineEvent
from musubi.web import ingress

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
SECRETS = {ingress.CHANNEL_SECRET: "local-channel-secret"}

NEVER = {
    "schedule/missing_date.json": "scheduled_at",
    "schedule/unreplaced_date.json": "scheduled_at",
}
"""Samples with something that can never be read, and the field that the reason names."""


def bodies(folder: str) -> list[Any]:
    found = sorted(path for path in (EVENTS / folder).rglob("*.json") if not path.name.endswith(".headers.json"))
    return [pytest.param(path, id=path.relative_to(EVENTS).as_posix()) for path in found]


def name(path: Path) -> str:
    return path.relative_to(EVENTS).as_posix()


class Queue:
    """A door over a list; the clock stands where the call's own timestamp is."""

    def __init__(self, now: datetime = NOW) -> None:
        self.bodies: list[str] = []
        self.door = ingress.Door(self.keys, self.bodies.extend, self.claim, self.count, lambda: now)

    def keys(self, secret: str, *, fresh: bool = False) -> Sequence[str]:
        return [SECRETS.get(secret, "local-shop-secret")]

    def claim(self, payload: str) -> str:
        raise AssertionError(f"{len(payload)} is not large")

    def count(self, metric: str, reason: str) -> None:
        raise AssertionError(f"{metric}: {reason}")


def call(path: Path, **more: Any) -> dict[str, Any]:
    headers = json.loads(path.with_name(f"{path.stem}.headers.json").read_text(encoding="utf-8"))
    return {"headers": headers, "body": path.read_text(encoding="utf-8"), "isBase64Encoded": False, **more}


@pytest.mark.parametrize("path", bodies("line"))
def test_line_samples_come_in_whole(path: Path) -> None:
    queue = Queue()
    assert ingress.line_webhook(call(path), queue.door)["statusCode"] == 200
    raw = json.loads(path.read_text(encoding="utf-8"))["events"]
    messages = [jobs.read_line(body) for body in queue.bodies]
    assert [message.event for message in messages] == raw
    for message in messages:
        event = read_line_event(message.event, message.received_at)
        assert isinstance(event, LineEvent)
        assert event.event_id


@pytest.mark.parametrize("path", bodies("schedule"))
def test_schedule_samples_have_their_date_or_are_refused(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    if name(path) in NEVER:
        with pytest.raises(Permanent, match=NEVER[name(path)]):
            schedule.read_daily(event)
        return
    assert schedule.read_daily(event).scheduled_at.tzinfo is not None


READERS: dict[str, Callable[[str], object]] = {
    "sqs_line_events": jobs.read_line,
    "sqs_push": jobs.read_push,
    "sqs_alert_shards": jobs.read_shard,
    "sqs_log": jobs.read_log,
    "sqs_shop_events": lambda body: jobs.is_bus_envelope(body) or jobs.read_shop(body),
}


@pytest.mark.parametrize("stem", sorted(READERS))
def test_queue_samples_are_what_we_write(stem: str) -> None:
    records = json.loads((EVENTS / "aws" / f"{stem}.json").read_text(encoding="utf-8"))["Records"]
    assert all(READERS[stem](record["body"]) for record in records)


def test_poison_is_recognised() -> None:
    records = json.loads((EVENTS / "aws" / "sqs_poison.json").read_text(encoding="utf-8"))["Records"]
    for record in records:
        with pytest.raises(Permanent):
            jobs.read_line(record["body"])


@pytest.mark.parametrize("path", sorted((EVENTS / "aws").glob("http_api_v2_*.json")), ids=lambda path: path.stem)
def test_requests_as_api_gateway_sends_them_are_taken(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    stamp = event["headers"].get("webhook-timestamp")
    queue = Queue(datetime.fromtimestamp(int(stamp), UTC) + timedelta(seconds=60) if stamp else NOW)
    if "line" in path.stem:
        answer = ingress.line_webhook(event, queue.door)
    else:
        answer = ingress.shop_webhook(event, queue.door, ["main"], DOORS)
    assert answer["statusCode"] in (200, 202)
    assert queue.bodies
