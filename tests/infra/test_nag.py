"""The rule packs: every stage passes, and every disagreement names one resource and its reason."""

import json
import re

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sqs as sqs

from infra.lib.nag import add_rule_packs
from tests.infra.conftest import Synthesised

# Rules that were disagreed with, wherever it was. A new one is a decision that this list makes visible.
ACKNOWLEDGED = {
    "AwsSolutions-APIG4",  # routes carry signed requests of callers without an AWS or OAuth identity
    "AwsSolutions-DDB3",  # stages whose data may be lost
    "AwsSolutions-IAM5",  # claims, history and import prefixes; key of the parameters, bound by condition
    "AwsSolutions-L1",  # layers are compiled for one Python
    "AwsSolutions-S1",  # claims, history and imports buckets
    "AwsSolutions-S10",  # local only: the embedded AWS has no TLS
    "AwsSolutions-SQS4",  # local only, likewise
    "AwsSolutions-SQS3",  # queues at which failed messages end
    "Serverless-LambdaDLQ",
    "Serverless-LambdaEventSourceMappingDestination",
    "Serverless-LambdaLatestVersion",
    "Serverless-LambdaTracing",
    "Serverless-SNSRedrivePolicy",
    "Serverless-SQSRedrivePolicy",
}


def acknowledgements(stage: Synthesised) -> list[tuple[str, str, str]]:
    """Return (construct path, rule, reason)."""
    return [
        (path, rule.partition("::")[2], reason)
        for path, entries in stage.metadata().items()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule, reason in entry["data"].items()
    ]


def test_both_packs_ran_and_found_nothing(stage: Synthesised) -> None:
    report = json.loads((stage.assembly / "validation-report.json").read_text(encoding="utf-8"))
    found = {each["pluginName"]: (each["conclusion"], each["violations"]) for each in report["pluginReports"]}
    assert found["AwsSolutions"] == ("success", [])
    assert found["Serverless"] == ("success", [])


def test_a_violation_stops_synthesis() -> None:
    app = cdk.App()
    sqs.Queue(cdk.Stack(app, "Careless"), "Queue")
    add_rule_packs(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


def test_a_disagreement_is_about_one_resource_and_says_why(stage: Synthesised) -> None:
    for path, rule, reason in acknowledgements(stage):
        # /stack/construct/…: never the app and never a whole stack.
        assert path.count("/") >= 2, path
        assert len(reason) > 60, (path, reason)
        assert re.match(r"(Role of|Function|Queue|Bucket|Table|Route|Source of|Subscription of) ", reason), reason
        name = re.sub(r"\[.*", "", rule)
        assert name in ACKNOWLEDGED, rule
        assert name not in {"AwsSolutions-S10", "AwsSolutions-SQS4"} or stage.config.stage == "local"
        # A wildcard is accepted by the finding, not by the rule.
        assert name != "AwsSolutions-IAM5" or "[Resource::arn:" in rule


def test_a_reason_is_not_copied_to_a_second_resource(stage: Synthesised) -> None:
    seen: dict[str, str] = {}
    for path, _, reason in acknowledgements(stage):
        assert seen.setdefault(reason, path) == path, reason
