"""With the customer's key, everybody who touches something encrypted may use the key, and nobody else."""

from typing import Any

from tests.infra.conftest import Synthesised, as_list

KEY = "</musubi/keyed/infra/key-arn>"
USE = {"kms:Decrypt", "kms:GenerateDataKey"}
TABLES = USE | {"kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"}


def key_policy(stage: Synthesised) -> dict[str, list[dict[str, Any]]]:
    """Return the key's statements by the service they are for."""
    (key,) = stage.stateful.of_type("AWS::KMS::Key")
    found: dict[str, list[dict[str, Any]]] = {}
    for statement in key.properties["KeyPolicy"]["Statement"]:
        found.setdefault(statement["Principal"].get("Service", "account"), []).append(statement)
    return found


def test_every_function_may_use_the_key_for_what_it_touches(keyed: Synthesised) -> None:
    services = {"dynamodb": TABLES, "sqs": USE, "s3": USE, "events": USE}
    for name, function in keyed.functions.items():
        touched = {action.partition(":")[0] for each in function.statements for action in each["Action"]}
        allowed = {}
        for statement in function.statements:
            if statement["Resource"] == [KEY]:
                via = statement["Condition"]["StringEquals"]["kms:ViaService"]
                allowed[via.partition(".")[0]] = set(statement["Action"])
        assert allowed == {service: use for service, use in services.items() if service in touched}, name


def test_schedules_may_use_the_key_of_their_dead_letters(keyed: Synthesised) -> None:
    roles = [
        role
        for role in keyed.stateless.of_type("AWS::IAM::Role")
        if "scheduler.amazonaws.com" in str(role.properties["AssumeRolePolicyDocument"])
    ]
    assert len(roles) == 5
    for role in roles:
        statements = role.properties["Policies"][0]["PolicyDocument"]["Statement"]
        (use,) = (each for each in statements if each["Resource"] == KEY)
        assert set(use["Action"]) == USE


def test_the_services_that_act_by_themselves_may_use_the_key_in_this_account_only(keyed: Synthesised) -> None:
    policy = key_policy(keyed)
    account = {"aws:SourceAccount": "123456789012"}
    for service in ("events", "scheduler", "cloudwatch"):
        granted = set()
        for statement in policy[f"{service}.amazonaws.com"]:
            assert statement["Condition"]["StringEquals"].items() >= account.items()
            granted |= set(as_list(statement["Action"]))
        assert granted >= USE
    bus = "arn:aws:events:ap-northeast-1:123456789012:event-bus/musubi-keyed"
    assert any(
        each["Condition"]["StringEquals"].get("kms:EncryptionContext:aws:events:event-bus:arn") == bus
        for each in policy["events.amazonaws.com"]
    )
    (logs,) = policy["logs.ap-northeast-1.amazonaws.com"]
    pattern = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert pattern == "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/*"
    assert set(logs["Action"]) >= USE


def test_everything_at_rest_is_under_the_key(keyed: Synthesised) -> None:
    (key,) = keyed.stateful.of_type("AWS::KMS::Key")
    assert key.properties["EnableKeyRotation"] is True
    for table in keyed.stateful.of_type("AWS::DynamoDB::Table"):
        assert table.properties["SSESpecification"]["SSEType"] == "KMS"
        assert key.id in table.properties["SSESpecification"]["KMSMasterKeyId"]
    (bus,) = keyed.stateful.of_type("AWS::Events::EventBus")
    assert key.id in bus.properties["KmsKeyIdentifier"]
    assert {q.properties["KmsMasterKeyId"] for q in keyed.stateless.of_type("AWS::SQS::Queue")} == {KEY}
    assert {g.properties["KmsKeyId"] for g in keyed.stateless.of_type("AWS::Logs::LogGroup")} == {KEY}
    (topic,) = keyed.stateless.of_type("AWS::SNS::Topic")
    assert topic.properties["KmsMasterKeyId"] == KEY


def test_the_stateless_stack_learns_the_key_from_a_parameter(keyed: Synthesised, prod: Synthesised) -> None:
    (parameter,) = keyed.stateful.of_type("AWS::SSM::Parameter")
    assert parameter.properties["Name"] == "/musubi/keyed/infra/key-arn"
    defaults = [each.get("Default") for each in keyed.stateless.raw["Parameters"].values()]
    assert "/musubi/keyed/infra/key-arn" in defaults
    assert not list(prod.stateful.of_type("AWS::KMS::Key"))
