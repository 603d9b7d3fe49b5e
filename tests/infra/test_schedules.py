"""Schedules: Tokyo time, the business date in the input, retries, and a place for what was not delivered."""

import json

from tests.infra.conftest import Synthesised

EXPECTED = {
    "due-steps": ("rate(1 minute)", "due_steps"),
    "sweeper": ("rate(5 minutes)", "sweeper"),
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
    assert found == EXPECTED


def test_schedules_run_in_tokyo_time_and_only_where_their_time_zone_is_honoured(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        assert schedule.properties["ScheduleExpressionTimezone"] == "Asia/Tokyo"
        assert schedule.properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
        expected = "DISABLED" if stage.config.stage == "local" else "ENABLED"
        assert schedule.properties["State"] == expected


def test_a_schedule_brings_its_own_name_and_instant(stage: Synthesised) -> None:
    for schedule in stage.stateless.of_type("AWS::Scheduler::Schedule"):
        name = schedule.properties["Name"].removeprefix(f"{stage.prefix}-")
        assert json.loads(schedule.properties["Target"]["Input"]) == {
            "schedule": name.replace("-", "_"),
            "scheduled_at": "<aws.scheduler.scheduled-time>",
        }


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
    assert set(asides) == {"due_steps", "sweeper", "daily_alerts"}
    for name, properties in asides.items():
        target = properties["DestinationConfig"]["OnFailure"]["Destination"]
        assert target.endswith(f":{stage.prefix}-schedules-dlq")
        # The next tick does the work of a tick that failed; only the daily run is worth repeating.
        assert properties["MaximumRetryAttempts"] == (2 if name == "daily_alerts" else 0)
