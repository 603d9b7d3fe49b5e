"""Schedule expressions, their instants in Tokyo, and the scheduler's placeholders."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.schedules import (
    BadSchedule,
    Daily,
    Every,
    Schedule,
    from_template,
    input_at,
    instants,
    next_instant,
    parse_expression,
)

TOKYO = ZoneInfo("Asia/Tokyo")
DAILY_INPUT = '{"schedule": "daily", "scheduled_at": "<aws.scheduler.scheduled-time>"}'


def schedule(expression: str, zone: str = "Asia/Tokyo", text: str = DAILY_INPUT) -> Schedule:
    return Schedule("daily", "musubi-local-daily_alerts", text, parse_expression(expression, zone))


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("expression", "period"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(15 minutes)", timedelta(minutes=15)),
        ("rate(2 hours)", timedelta(hours=2)),
        ("rate(1 day)", timedelta(days=1)),
    ],
)
def test_a_rate_is_a_distance(expression: str, period: timedelta) -> None:
    assert parse_expression(expression) == Every(period)


@pytest.mark.parametrize(
    "expression",
    ["", "at(2026-12-24T06:00:00)", "cron(0 6 * * *)", "cron(60 6 * * ? *)", "cron(0 6 * * ? 2027)", "cron(0 6 L * ? *)",
     "rate(5 weeks)"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(BadSchedule):
        parse_expression(expression)


def test_six_in_the_morning_of_tokyo_is_the_evening_before_in_utc() -> None:
    daily = schedule("cron(0 6 * * ? *)")
    after = datetime(2026, 12, 23, 20, 59, tzinfo=UTC)
    assert next_instant(daily, after) == datetime(2026, 12, 23, 21, 0, tzinfo=UTC)
    assert next_instant(daily, after) == tokyo("2026-12-24T06:00")


def test_the_same_expression_in_utc_fires_nine_hours_later() -> None:
    moment = datetime(2026, 12, 24, 0, 0, tzinfo=UTC)
    assert next_instant(schedule("cron(0 6 * * ? *)", "UTC"), moment) == tokyo("2026-12-24T15:00")


def test_skipped_days_are_listed_in_order_and_the_ends_are_half_open() -> None:
    daily = schedule("cron(0 6 * * ? *)")
    assert instants(daily, tokyo("2026-12-30T06:00"), tokyo("2027-01-02T06:00")) == [
        tokyo("2026-12-31T06:00"),
        tokyo("2027-01-01T06:00"),
        tokyo("2027-01-02T06:00"),
    ]


def test_no_instant_when_time_stands_or_goes_back() -> None:
    daily = schedule("cron(0 6 * * ? *)")
    noon = tokyo("2026-12-24T12:00")
    assert instants(daily, noon, noon) == []
    assert instants(daily, noon, noon - timedelta(days=3)) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0/20 9,18 24 12 ? *)", ["24T09:00", "24T09:20", "24T09:40", "24T18:00", "24T18:20", "24T18:40"]),
        ("cron(30 7 ? * MON-WED *)", ["21T07:30", "22T07:30", "23T07:30", "28T07:30", "29T07:30", "30T07:30"]),
        ("cron(0 12 ? DEC 1 *)", ["20T12:00", "27T12:00"]),
    ],
)
def test_lists_ranges_steps_and_names(expression: str, expected: list[str]) -> None:
    found = instants(schedule(expression), tokyo("2026-12-19T00:00"), tokyo("2026-12-31T00:00"))
    assert found == [tokyo(f"2026-12-{text}") for text in expected]


def test_a_rate_has_no_instants_of_its_own() -> None:
    beat = schedule("rate(1 minute)")
    assert instants(beat, tokyo("2026-12-24T00:00"), tokyo("2026-12-25T00:00")) == []
    assert next_instant(beat, tokyo("2026-12-24T00:00")) is None
    assert not beat.fixed


def test_a_date_that_never_comes_has_no_next_instant() -> None:
    assert next_instant(schedule("cron(0 6 31 2 ? *)"), tokyo("2026-12-24T00:00")) is None


def test_placeholders_are_filled_as_the_scheduler_does() -> None:
    filled = json.loads(input_at(schedule("cron(0 6 * * ? *)"), tokyo("2026-12-24T06:00")))
    assert filled == {"schedule": "daily", "scheduled_at": "2026-12-23T21:00:00Z"}


def test_an_input_without_placeholders_is_left_as_it_is() -> None:
    assert input_at(schedule("rate(1 minute)", text='{"a": 1}'), tokyo("2026-12-24T06:00")) == '{"a": 1}'


def test_an_unknown_placeholder_is_refused_instead_of_sent() -> None:
    with pytest.raises(BadSchedule, match="unknown placeholder"):
        input_at(schedule("rate(1 minute)", text='"<aws.scheduler.nothing>"'), tokyo("2026-12-24T06:00"))


def template(**target: Any) -> dict[str, Any]:
    properties = {
        "Name": "musubi-local-daily",
        "ScheduleExpression": "cron(0 6 * * ? *)",
        "ScheduleExpressionTimezone": "Asia/Tokyo",
        "Target": {"Arn": {"Fn::GetAtt": ["Daily", "Arn"]}, "Input": DAILY_INPUT, **target},
    }
    function = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "musubi-local-daily_alerts"}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {}}
    schedules = {"Type": "AWS::Scheduler::Schedule", "Properties": properties}
    return {"Resources": {"Daily": function, "Queue": queue, "At": schedules}}


def test_schedules_are_read_from_the_template() -> None:
    (found,) = from_template(template())
    assert found.function == "musubi-local-daily_alerts"
    assert found.input == DAILY_INPUT
    assert isinstance(found.when, Daily)
    assert found.when.zone == TOKYO
    assert from_template({}) == []


@pytest.mark.parametrize("arn", [{"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"])
def test_a_target_that_is_no_function_is_refused(arn: Any) -> None:
    with pytest.raises(BadSchedule, match="no function"):
        from_template(template(Arn=arn))
