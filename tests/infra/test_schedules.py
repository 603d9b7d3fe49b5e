"""Schedules: Tokyo time, the business date in the input, retries, and a place for what was not delivered."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.config import ConfigError, Polls
from infra.stages import load
from tests.infra.conftest import Synthesised

EXPECTED = {
    "due-steps": ("rate(1 minute)", "due_steps"),
    "sweeper": ("rate(5 minutes)", "sweeper"),
    "privacy-requests": ("rate(5 minutes)", "privacy_requests"),
    "daily": ("cron(0 6 * * ? *)", "daily_alerts"),
    "catch-up": ("rate(15 minutes)", "daily_alerts"),
}


def test_the_schedules_of_the_house(stage: Synthesised) -> None:
    found = {}
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        properties = schedule.properties
        target = properties["Target"]["Arn"].rpartition(":")[2].removeprefix(f"{stage.prefix}-")
        name = properties["Name"].removeprefix(f"{stage.prefix}-")
        found[name] = (properties["ScheduleExpression"], target)
        assert properties["GroupName"] == stage.prefix
    polled = {
        f"poll-{name.replace('/', '-')}": (stage.config.polls.every, "poll_shop") for name in stage.config.asked_apis
    }
    assert found == EXPECTED | polled


def test_schedules_run_in_tokyo_time_and_only_where_their_time_zone_is_honoured(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        assert schedule.properties["ScheduleExpressionTimezone"] == "Asia/Tokyo"
        assert schedule.properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
        expected = "DISABLED" if stage.config.stage == "local" else "ENABLED"
        assert schedule.properties["State"] == expected


def test_a_schedule_brings_its_own_name_and_instant(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        name = schedule.properties["Name"].removeprefix(f"{stage.prefix}-")
        said = json.loads(schedule.properties["Target"]["Input"])
        assert said.pop("schedule") == name.replace("-", "_")
        assert said.pop("scheduled_at") == "<aws.scheduler.scheduled-time>"
        assert set(said) == ({"shop_id", "platform"} if name.startswith("poll-") else set())


def test_an_undelivered_run_is_retried_and_then_put_aside(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        assert target["DeadLetterConfig"]["Arn"].endswith(f":{stage.prefix}-schedules-dlq")
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
        assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600


def test_a_schedule_role_calls_one_function_and_is_worn_by_our_schedules_only(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        role_id = schedule.raw["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0]
        role = stage.stateless.resources[role_id].properties
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        group = f"arn:aws:scheduler:ap-northeast-1:123456789012:schedule-group/{stage.prefix}"
        assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
        assert trust["Condition"] == {"ArnEquals": {"aws:SourceArn": group}}
        (policy,) = role["Policies"]
        rights = {each["Action"]: each["Resource"] for each in policy["PolicyDocument"]["Statement"][:2]}
        assert rights == {
            "lambda:InvokeFunction": schedule.properties["Target"]["Arn"],
            "sqs:SendMessage": schedule.properties["Target"]["DeadLetterConfig"]["Arn"],
        }


def test_a_scheduled_run_that_crashed_is_put_aside_too(stage: Synthesised) -> None:
    asides = {
        each.properties["FunctionName"].removeprefix(f"{stage.prefix}-"): each.properties
        for each in stage.stateless.of_type("AWS::Lambda::EventInvokeConfig")
    }
    assert set(asides) == {"due_steps", "sweeper", "daily_alerts", "poll_shop", "privacy_requests"}
    for name, properties in asides.items():
        target = properties["DestinationConfig"]["OnFailure"]["Destination"]
        assert target.endswith(f":{stage.prefix}-schedules-dlq")
        # The next tick does the work of a tick that failed; only the daily run is worth repeating.
        assert properties["MaximumRetryAttempts"] == (2 if name == "daily_alerts" else 0)


APIS = {"main/woocommerce": "https://shop.example.jp", "second/woocommerce": "https://second.example.jp/cart"}


def test_a_shop_with_an_api_is_polled(synthesise: Callable[..., Synthesised]) -> None:
    config = replace(load("prod"), shops=("main", "second"), shop_apis=APIS, polls=Polls(every="rate(30 minutes)"))
    stage = synthesise(config)
    polls = {
        schedule.properties["Name"]: schedule.properties
        for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule")
        if schedule.properties["Target"]["Arn"].endswith("-poll_shop")
    }
    assert set(polls) == {"musubi-prod-poll-main-woocommerce", "musubi-prod-poll-second-woocommerce"}
    one = polls["musubi-prod-poll-second-woocommerce"]
    assert (one["ScheduleExpression"], one["ScheduleExpressionTimezone"]) == ("rate(30 minutes)", "Asia/Tokyo")
    assert one["Target"]["DeadLetterConfig"]["Arn"].endswith(":musubi-prod-schedules-dlq")
    assert json.loads(one["Target"]["Input"]) == {
        "schedule": "poll_second_woocommerce",
        "scheduled_at": "<aws.scheduler.scheduled-time>",
        "shop_id": "second",
        "platform": "woocommerce",
    }
    function = stage.functions["poll_shop"]
    assert function.env["SHOP_APIS"] == ",".join(f"{name}={url}" for name, url in APIS.items())
    (secrets,) = (each["Resource"] for each in function.statements if each["Sid"] == "Secrets")
    assert [arn.rpartition(":parameter")[2] for arn in secrets] == [f"/musubi/prod/shops/{name}-api" for name in APIS]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"shop_apis": {"main/woocommerce": "http://shop.example.jp"}}, "https"),
        ({"shop_apis": {"main/woocommerce": "https://shop.example.jp/"}}, "shop_apis"),
        ({"shop_apis": {"main/woocommerce": "https://shop.example.jp?a=b"}}, "shop_apis"),
        ({"shop_apis": {"other/woocommerce": "https://shop.example.jp"}}, "shop_apis"),
        ({"shop_apis": {"main": "https://shop.example.jp"}}, "shop_apis"),
        ({"shop_apis": {f"main/{'w' * 32}": "https://shop.example.jp"}}, "shop_apis"),
    ],
)
def test_an_api_with_a_mistake_is_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(load("dev"), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"every": "cron(0 * * * ? *)"}, {"every": "rate(1 hours)"}, {"overlap_minutes": 0}, {"silence_hours": 0}],
)
def test_polls_with_a_mistake_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"polls\."):
        Polls(**change)  # type: ignore[arg-type]
