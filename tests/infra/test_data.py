"""What must survive: tables, bus, bucket, and how each stage protects them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.config import HISTORY_AT_LEAST, ConfigError, StageConfig
from infra.stages import load
from tests.infra.conftest import Synthesised
from tests.support.tables import KEYS_ONLY

INDEXES = {
    "people": {"dates": ("dpk", "dsk"), "member": ("mpk", "msk")},
    "work": {"open": ("opk", "osk"), "person": ("ppk", "psk")},
}


@pytest.mark.parametrize("name", sorted(INDEXES))
def test_tables_have_the_keys_that_the_store_writes(stage: Synthesised, name: str) -> None:
    table = stage.named("AWS::DynamoDB::Table", "TableName", f"{stage.prefix}-{name}").properties
    assert _keys(table["KeySchema"]) == ("pk", "sk")
    indexes = {each["IndexName"]: _keys(each["KeySchema"]) for each in table["GlobalSecondaryIndexes"]}
    assert indexes == INDEXES[name]
    for each in table["GlobalSecondaryIndexes"]:
        keys_only = each["IndexName"] in KEYS_ONLY
        assert each["Projection"]["ProjectionType"] == ("KEYS_ONLY" if keys_only else "ALL")
    assert {each["AttributeType"] for each in table["AttributeDefinitions"]} == {"S"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("name", ["prod", "keyed"])
def test_production_data_cannot_be_lost_by_a_deployment(stages: dict[str, Synthesised], name: str) -> None:
    stage = stages[name]
    for table in stage.stateful.of_type("AWS::DynamoDB::Table"):
        assert table.properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table.properties["DeletionProtectionEnabled"] is True
    kept = {
        each.type
        for each in stage.stateful.resources.values()
        if each.raw.get("DeletionPolicy") == "Retain" and each.raw.get("UpdateReplacePolicy") == "Retain"
    }
    assert kept >= {"AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::S3::Bucket"}


def test_large_bodies_are_private_encrypted_and_forgotten_after_a_month(stage: Synthesised) -> None:
    properties = _bucket(stage, "claims")
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (30, "Enabled")
    assert "VersioningConfiguration" not in properties


def test_the_history_is_private_encrypted_and_kept_for_years(stage: Synthesised) -> None:
    properties = _bucket(stage, "history")
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (stage.config.history_days, "Enabled")
    assert stage.config.history_days == 1095
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_history_may_be_kept_for_ever_but_not_shorter_than_its_marks(
    synthesise: Callable[[StageConfig], Synthesised],
) -> None:
    (rule,) = _bucket(synthesise(replace(load("prod"), history_days=0)), "history")["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert replace(load("prod"), history_days=HISTORY_AT_LEAST).history_days == 45
    with pytest.raises(ConfigError, match="history_days"):
        replace(load("prod"), history_days=HISTORY_AT_LEAST - 1)


def _bucket(stage: Synthesised, name: str) -> dict[str, Any]:
    """Properties of a bucket by its short name, after what both must be."""
    full = f"{stage.prefix}-{name}-123456789012-ap-northeast-1"
    properties = dict(stage.named("AWS::S3::Bucket", "BucketName", full).properties)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm == ("aws:kms" if stage.config.customer_managed_key else "AES256")
    return properties


def test_the_buckets_refuse_plain_http_where_there_is_tls(stage: Synthesised) -> None:
    denied = [
        statement["Condition"]
        for policy in stage.stateful.of_type("AWS::S3::BucketPolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    assert denied == ([] if stage.config.stage == "local" else [plain, plain, plain])


def test_the_stateless_stack_takes_names_and_no_export(stage: Synthesised) -> None:
    for template in (stage.stateful, stage.stateless):
        assert "Fn::ImportValue" not in str(template.raw)
        assert not [each for each in template.raw.get("Outputs", {}).values() if "Export" in each]
    tables = {each.properties["TableName"] for each in stage.stateful.of_type("AWS::DynamoDB::Table")}
    buckets = {each.properties["BucketName"] for each in stage.stateful.of_type("AWS::S3::Bucket")}
    (bus,) = (each.properties["Name"] for each in stage.stateful.of_type("AWS::Events::EventBus"))
    for function in stage.functions.values():
        env = function.env
        assert {env[key] for key in ("PEOPLE_TABLE", "WORK_TABLE") if key in env} <= tables
        assert {env[key] for key in ("CLAIM_BUCKET", "HISTORY_BUCKET", "IMPORTS_BUCKET") if key in env} <= buckets
        assert env.get("BUS_NAME", bus) == bus


def test_logs_are_kept_as_long_as_the_stage_says(stage: Synthesised) -> None:
    groups = list(stage.stateless.of_type("AWS::Logs::LogGroup"))
    assert len(groups) == len(stage.functions) + 1
    assert {each.properties["RetentionInDays"] for each in groups} == {stage.config.log_days}
    own = {each.properties["LoggingConfig"]["LogGroup"] for each in stage.functions.values()}
    assert own == {f"/aws/lambda/{stage.prefix}-{name}" for name in stage.functions}


def _keys(schema: list[dict[str, str]]) -> tuple[str, str]:
    by_type = {each["KeyType"]: each["AttributeName"] for each in schema}
    return by_type["HASH"], by_type["RANGE"]
