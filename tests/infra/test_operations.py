"""Alarms: on everything that can lose or delay a message, and all of them reach the topic that people read."""

import pytest

from tests.infra.conftest import Synthesised
from tests.infra.test_queues import LAST_STOPS, WORK_QUEUES

OWN_METRICS = {
    "OldestDueAgeSeconds": {"due_steps"},
    "SendsUnknown": {"push_sender", "line_events", "sweeper"},
    "PrivacyRequestsLate": {"privacy_requests"},
    "PrivacyWaitsForOperator": {"privacy_requests"},
    "CircuitOpened": {"push_sender"},
    "MonthlyLimitHit": {"push_sender"},
    "SendsRejected": {"push_sender", "line_events"},
    "WritesUnknown": {"write_back"},
    "PollsRefused": {"poll_shop"},
    "ImportsRefused": {"import_file"},
    "ImportRowsRefused": {"import_file"},
    "PollsFailed": {"poll_shop"},
    "SilentShops": {"poll_shop"},
    "EnqueueFailed": {"line_webhook", "shop_webhook"},
    "SignatureRefused": {"line_webhook", "shop_webhook", "api"},
    "Quarantined": {
        "line_events",
        "shop_events",
        "push_sender",
        "alert_shard",
        "log_writer",
        "import_file",
        "due_steps",
        "write_back",
    },
    "RecordsCrashed": {
        "line_events",
        "shop_events",
        "push_sender",
        "alert_shard",
        "log_writer",
        "import_file",
        "due_steps",
        "write_back",
    },
}


def watched(stage: Synthesised, namespace: str, metric: str, dimension: str) -> set[str]:
    """Return the dimension's values, without the stage's prefix, on which a metric has an alarm."""
    return {
        each["Value"].removeprefix(f"{stage.prefix}-")
        for alarm in stage.stateless.of_type("AWS::CloudWatch::Alarm")
        if (alarm.properties["Namespace"], alarm.properties["MetricName"]) == (namespace, metric)
        for each in alarm.properties.get("Dimensions", [])
        if each["Name"] == dimension
    }


def test_every_last_stop_rings_at_its_first_message(stage: Synthesised) -> None:
    assert watched(stage, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName") == LAST_STOPS


def test_every_work_queue_rings_when_its_oldest_message_is_late(stage: Synthesised) -> None:
    assert watched(stage, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName") == set(WORK_QUEUES)
    late = stage.named("AWS::CloudWatch::Alarm", "AlarmName", f"{stage.prefix}-line-events-too-old")
    assert late.properties["Threshold"] <= 60


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_rings_on_errors_and_throttles(stage: Synthesised, metric: str) -> None:
    assert watched(stage, "AWS/Lambda", metric, "FunctionName") == set(stage.functions)


@pytest.mark.parametrize("metric", sorted(OWN_METRICS))
def test_our_own_metrics_ring_by_function(stage: Synthesised, metric: str) -> None:
    assert watched(stage, "musubi", metric, "service") == OWN_METRICS[metric]
    for alarm in stage.stateless.of_type("AWS::CloudWatch::Alarm"):
        if alarm.properties["MetricName"] == metric:
            # The only dimension: one more in the code, or one less here, and the alarm would never see a value.
            assert len(alarm.properties["Dimensions"]) == 1


def test_our_own_metrics_carry_the_service_that_the_function_is_told(stage: Synthesised) -> None:
    for name, function in stage.functions.items():
        assert function.env["POWERTOOLS_SERVICE_NAME"] == f"{stage.prefix}-{name}"
        assert function.env["POWERTOOLS_METRICS_NAMESPACE"] == "musubi"


def test_a_dropped_schedule_rings(stage: Synthesised) -> None:
    assert watched(stage, "AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup") == {stage.prefix}


def test_a_schedule_that_is_silent_rings(stage: Synthesised) -> None:
    """No run, no metric: an alarm on what a run measures would never hear that there is none."""
    expected = {"due_steps", "sweeper", "daily_alerts", "privacy_requests"}
    assert watched(stage, "AWS/Lambda", "Invocations", "FunctionName") == expected


def test_every_alarm_reaches_the_encrypted_topic(stage: Synthesised) -> None:
    (topic,) = stage.stateless.of_type("AWS::SNS::Topic")
    assert topic.properties["KmsMasterKeyId"]
    arn = f"arn:aws:sns:ap-northeast-1:123456789012:{stage.prefix}-alarms"
    for alarm in stage.stateless.of_type("AWS::CloudWatch::Alarm"):
        assert alarm.properties["AlarmActions"] == [arn]
        silence = alarm.properties["AlarmName"].endswith("-silent")
        assert alarm.properties["TreatMissingData"] == ("breaching" if silence else "notBreaching")
        assert len(alarm.properties["AlarmDescription"]) > 30
        assert alarm.properties["AlarmName"].startswith(f"{stage.prefix}-")
    subscribers = [each.properties["Endpoint"] for each in stage.stateless.of_type("AWS::SNS::Subscription")]
    assert subscribers == list(stage.config.alarm_emails)


def test_cloudwatch_may_publish_and_use_the_topics_key(stage: Synthesised) -> None:
    (policy,) = stage.stateless.of_type("AWS::SNS::TopicPolicy")
    publish = next(each for each in policy.properties["PolicyDocument"]["Statement"] if each["Effect"] == "Allow")
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Condition"]["ArnLike"]["aws:SourceArn"].endswith(f":alarm:{stage.prefix}-*")
    keys = [*stage.stateless.of_type("AWS::KMS::Key"), *stage.stateful.of_type("AWS::KMS::Key")]
    (key,) = keys
    statements = key.properties["KeyPolicy"]["Statement"]
    use = next(each for each in statements if each["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
    assert set(use["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_alarms_that_reach_nobody_are_said_at_synthesis(stages: dict[str, Synthesised]) -> None:
    def warnings(name: str) -> list[str]:
        entries = [entry for found in stages[name].metadata().values() for entry in found]
        return [entry["data"] for entry in entries if entry["type"] == "aws:cdk:warning"]

    assert any("alarms of this stage reach nobody" in each for each in warnings("dev"))
    assert not any("alarms of this stage reach nobody" in each for each in warnings("prod"))
