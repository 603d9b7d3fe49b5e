"""Our own queue messages: what one end writes the other reads, and nothing else is read."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.contracts import jobs, schedule
from musubi.domain.errors import Permanent
from musubi.domain.operations import PushRef
from musubi.ports import ShardJob
from tests.unit.contracts.strategies import JSON

NOW = "2026-11-22T03:00:00+00:00"
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(send=WORDS, member=WORDS, enrolment=WORDS, hint=st.none() | WORDS)
def test_push_messages_survive_the_queue(send: str, member: str, enrolment: str, hint: str | None) -> None:
    ref = PushRef(send, f"m:main/{member}", enrolment, hint)
    assert jobs.read_push(jobs.push_body(ref)) == (ref, ())


@given(on=st.dates(), shard=st.integers(0, 31))
def test_shard_messages_survive_the_queue(on: date, shard: int) -> None:
    assert jobs.read_shard(jobs.shard_body(ShardJob(on, shard))) == ShardJob(on, shard)


def test_the_wire_format_is_fixed() -> None:
    ref = PushRef("5d3c", "f:U1", "e1", None)
    assert json.loads(jobs.push_body(ref)) == {
        "v": 1, "send_id": "5d3c", "person": "f:U1", "enrolment_id": "e1", "hint_user": None,
    }  # fmt: skip
    assert json.loads(jobs.shard_body(ShardJob(date(2026, 12, 24), 7))) == {"v": 1, "date": "2026-12-24", "shard": 7}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"v":2,"send_id":"a","person":"f:U","enrolment_id":"e"}',
        '{"send_id":"a","person":"f:U","enrolment_id":"e"}',
        '{"v":1,"send_id":"a","person":"nobody","enrolment_id":"e"}',
        '{"v":1,"send_id":5,"person":"f:U","enrolment_id":"e"}',
        '{"v":1,"send_id":"a","person":"f:U","enrolment_id":"e","extra":1}',
    ],
)
def test_a_push_body_that_is_not_ours_can_never_be_read(body: str) -> None:
    with pytest.raises(Permanent):
        jobs.read_push(body)


@pytest.mark.parametrize("shard", ["32", "-1", '"7"', "7.5", "true"])
def test_a_shard_that_does_not_exist_can_never_be_read(shard: str) -> None:
    with pytest.raises(Permanent):
        jobs.read_shard(f'{{"v":1,"date":"2026-12-24","shard":{shard}}}')


@given(value=JSON)
def test_no_json_value_makes_a_reader_raise_anything_but_permanent(value: Any) -> None:
    body = json.dumps(value)
    for read in (jobs.read_line, jobs.read_shop, jobs.read_push, jobs.read_shard):
        with contextlib.suppress(Permanent):
            read(body)
    for read_event in (schedule.read_daily, schedule.read_tick):
        with contextlib.suppress(Permanent):
            read_event(value)


def test_a_shop_message_has_a_body_or_a_claim() -> None:
    base = {"v": 1, "shop_id": "main", "platform": "shopify", "received_at": NOW, "headers": {}}
    assert jobs.shop_payload(jobs.read_shop(json.dumps({**base, "body": "あ"}))) == "あ".encode()
    encoded = jobs.read_shop(json.dumps({**base, "body": "//4=", "encoding": "base64"}))
    assert jobs.shop_payload(encoded) == b"\xff\xfe"
    for broken in (base, {**base, "body": "x", "claim": "k"}):
        with pytest.raises(Permanent):
            jobs.read_shop(json.dumps(broken))
    with pytest.raises(Permanent):
        jobs.shop_payload(jobs.read_shop(json.dumps({**base, "body": "***", "encoding": "base64"})))


def test_reasons_name_fields_and_never_values() -> None:
    with pytest.raises(Permanent) as caught:
        jobs.read_push('{"v":1,"send_id":"a","person":["結城"],"enrolment_id":"e"}')
    assert "person" in caught.value.reason
    assert "結城" not in caught.value.reason


def test_only_eventbridge_envelopes_are_taken_for_one() -> None:
    assert jobs.is_bus_envelope('{"detail-type":"OrderPaid","detail":{}}')
    for body in ('{"v":1}', "[]", "x", "[" * 100_000):
        assert not jobs.is_bus_envelope(body)


def test_the_daily_run_gets_its_date_from_the_schedule() -> None:
    tick = schedule.read_daily({"schedule": "daily", "scheduled_at": "2026-12-23T21:00:00Z"})
    assert tick.scheduled_at == datetime(2026, 12, 23, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "event",
    [
        {},
        None,
        {"schedule": "daily"},
        {"schedule": "weekly", "scheduled_at": NOW},
        {"schedule": "daily", "scheduled_at": "<aws.scheduler.scheduled-time>"},
        {"schedule": "daily", "scheduled_at": "2026-12-24T06:00:00"},
        {"schedule": "daily", "scheduled_at": 1795316400},
    ],
)
def test_a_daily_run_without_a_date_is_refused(event: Any) -> None:
    with pytest.raises(Permanent, match="schedule input"):
        schedule.read_daily(event)
