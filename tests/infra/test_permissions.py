"""The rights of every function, action by action: what is not in these tables must not be in a template."""

import re
from typing import Any

from tests.infra.conftest import FUNCTIONS, Synthesised, as_list

READ, QUERY, WRITE, REMOVE = {"BatchGetItem"}, {"Query"}, {"PutItem"}, {"DeleteItem"}
CONSUME = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"}
SEND = {"SendMessage"}
SECRET = {"GetParameter"}

CHANNEL = "parameter/musubi/prod/line/channel-secret"
SHOPIFY = "parameter/musubi/prod/shops/main/shopify"
CLOUDEVENTS = "parameter/musubi/prod/shops/main/cloudevents"
CLAIMS = "musubi-prod-claims-123456789012-ap-northeast-1"
IMPORTS = "musubi-prod-imports-123456789012-ap-northeast-1"
HISTORY = "musubi-prod-history-123456789012-ap-northeast-1"
PEOPLE = ("dynamodb", "table/musubi-prod-people")
WORK = ("dynamodb", "table/musubi-prod-work")
BUS = {("events", "event-bus/musubi-prod"): {"PutEvents"}}
KEY_OF_PARAMETERS = {("kms", "key/*"): {"Decrypt"}}

# (service, resource) → actions, per function, besides its own log group.
EXPECTED: dict[str, dict[tuple[str, str], set[str]]] = {
    "line_webhook": {
        ("sqs", "musubi-prod-line-events"): SEND,
        ("s3", f"{CLAIMS}/line-events/*"): {"PutObject"},
        ("ssm", CHANNEL): SECRET,
        **KEY_OF_PARAMETERS,
    },
    "shop_webhook": {
        ("sqs", "musubi-prod-shop-events"): SEND,
        ("s3", f"{CLAIMS}/shop-events/*"): {"PutObject"},
        ("ssm", SHOPIFY): SECRET,
        ("ssm", CLOUDEVENTS): SECRET,
        **KEY_OF_PARAMETERS,
    },
    "line_events": {
        PEOPLE: READ | WRITE | REMOVE,
        WORK: READ | WRITE | REMOVE,
        ("sqs", "musubi-prod-line-events"): CONSUME,
        ("sqs", "musubi-prod-push"): SEND,
        ("sqs", "musubi-prod-log"): SEND,
        ("sqs", "musubi-prod-quarantine"): SEND,
        ("s3", f"{CLAIMS}/line-events/*"): {"GetObject"},
        ("ssm", CHANNEL): SECRET,
        **KEY_OF_PARAMETERS,
        **BUS,
    },
    "shop_events": {
        PEOPLE: READ | QUERY | WRITE | REMOVE,
        WORK: READ | WRITE | REMOVE,
        ("sqs", "musubi-prod-shop-events"): CONSUME,
        ("sqs", "musubi-prod-push"): SEND,
        ("sqs", "musubi-prod-log"): SEND,
        ("sqs", "musubi-prod-quarantine"): SEND,
        ("s3", f"{CLAIMS}/shop-events/*"): {"GetObject"},
    },
    "push_sender": {
        PEOPLE: READ,
        WORK: READ | WRITE,
        ("sqs", "musubi-prod-push"): CONSUME | SEND,
        ("sqs", "musubi-prod-log"): SEND,
        ("sqs", "musubi-prod-quarantine"): SEND,
        ("ssm", CHANNEL): SECRET,
        **KEY_OF_PARAMETERS,
    },
    "due_steps": {
        PEOPLE: READ,
        WORK: READ | QUERY | WRITE | REMOVE,
        ("sqs", "musubi-prod-push"): SEND,
        ("sqs", "musubi-prod-quarantine"): SEND,
        ("sqs", "musubi-prod-schedules-dlq"): SEND,
    },
    "daily_alerts": {
        WORK: READ | QUERY | WRITE,
        ("sqs", "musubi-prod-alert-shards"): SEND,
        ("sqs", "musubi-prod-schedules-dlq"): SEND,
    },
    "alert_shard": {
        ("dynamodb", "table/musubi-prod-people/index/dates"): QUERY,
        WORK: READ | QUERY | WRITE,
        ("sqs", "musubi-prod-alert-shards"): CONSUME,
        ("sqs", "musubi-prod-quarantine"): SEND,
    },
    "import_file": {
        WORK: READ | WRITE,
        ("sqs", "musubi-prod-imports"): CONSUME | SEND,
        ("sqs", "musubi-prod-shop-events"): SEND,
        ("sqs", "musubi-prod-quarantine"): SEND,
        **{("s3", f"{IMPORTS}/main/{kind}/*"): {"GetObject"} for kind in ("members", "orders", "points")},
        ("s3", f"{IMPORTS}/reports/*"): {"PutObject"},
    },
    "log_writer": {
        WORK: READ | WRITE,
        ("sqs", "musubi-prod-log"): CONSUME,
        ("sqs", "musubi-prod-quarantine"): SEND,
        ("s3", f"{HISTORY}/history/*"): {"PutObject", "GetObject"},
    },
    "poll_shop": {
        WORK: READ | QUERY | WRITE,
        ("sqs", "musubi-prod-shop-events"): SEND,
        ("sqs", "musubi-prod-schedules-dlq"): SEND,
        ("s3", f"{CLAIMS}/shop-events/*"): {"PutObject"},
    },
    "privacy_requests": {
        PEOPLE: READ | QUERY | {"Scan"} | WRITE | REMOVE,
        ("dynamodb", "table/musubi-prod-people/index/member"): QUERY,
        WORK: READ | WRITE | REMOVE,
        ("dynamodb", "table/musubi-prod-work/index/open"): QUERY,
        ("dynamodb", "table/musubi-prod-work/index/person"): QUERY,
        ("s3", f"{CLAIMS}/privacy-exports/*"): {"PutObject"},
        ("sqs", "musubi-prod-schedules-dlq"): SEND,
    },
    "sweeper": {
        WORK: READ | WRITE | REMOVE,
        ("dynamodb", "table/musubi-prod-work/index/open"): QUERY,
        ("sqs", "musubi-prod-push"): SEND,
        ("sqs", "musubi-prod-schedules-dlq"): SEND,
        **BUS,
    },
    "write_back": {
        PEOPLE: READ | WRITE,
        WORK: READ | WRITE,
        ("sqs", "musubi-prod-write-back"): CONSUME,
        ("sqs", "musubi-prod-quarantine"): SEND,
    },
    "api": {
        WORK: WRITE,
        ("ssm", CLOUDEVENTS): SECRET,
        **KEY_OF_PARAMETERS,
    },
}


def rights(statements: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    """Return actions by (service, resource), without those on log groups."""
    found: dict[tuple[str, str], set[str]] = {}
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            service, _, verb = action.partition(":")
            for arn in statement["Resource"]:
                if service != "logs":
                    found.setdefault((service, arn.split(":", 5)[5]), set()).add(verb)
    return found


def test_every_function_may_do_exactly_what_the_table_says(prod: Synthesised) -> None:
    assert {name: rights(each.statements) for name, each in prod.functions.items()} == EXPECTED


def test_every_function_of_the_house_is_deployed_in_every_stage(stage: Synthesised) -> None:
    assert set(stage.functions) == set(FUNCTIONS)


def test_a_function_writes_to_its_own_log_group_only(stage: Synthesised) -> None:
    for name, function in stage.functions.items():
        (own,) = (each for each in function.statements if each["Action"][0].startswith("logs:"))
        assert own["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert [arn.split(":")[6] for arn in own["Resource"]] == [f"/aws/lambda/{stage.prefix}-{name}"]


def test_no_two_functions_share_a_role_and_none_has_a_managed_policy(stage: Synthesised) -> None:
    roles = [function.role_id for function in stage.functions.values()]
    assert len(set(roles)) == len(roles)
    for role in stage.stateless.of_type("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties


def test_no_role_has_a_wildcard_action_or_resource(stage: Synthesised) -> None:
    for role in stage.stateless.of_type("AWS::IAM::Role"):
        for policy in role.properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), (role.id, action)
                assert "*" not in as_list(statement["Resource"]), role.id
    assert not list(stage.stateless.of_type("AWS::IAM::Policy"))


def test_decrypting_is_bound_to_the_parameters_that_may_be_read(stage: Synthesised) -> None:
    for function in stage.functions.values():
        by_sid = {each["Sid"]: each for each in function.statements}
        if "Secrets" not in by_sid:
            assert "DecryptSecrets" not in by_sid
            continue
        condition = by_sid["DecryptSecrets"]["Condition"]["StringEquals"]
        assert condition.keys() == {"kms:ViaService", "kms:EncryptionContext:PARAMETER_ARN"}
        assert condition["kms:ViaService"] == "ssm.ap-northeast-1.amazonaws.com"
        assert set(condition["kms:EncryptionContext:PARAMETER_ARN"]) == set(by_sid["Secrets"]["Resource"])


def test_consumers_may_receive_delete_and_hand_back_from_their_own_queue(stage: Synthesised) -> None:
    mappings = list(stage.stateless.of_type("AWS::Lambda::EventSourceMapping"))
    assert len(mappings) == 7
    by_physical_name = {each.physical_name: each for each in stage.functions.values()}
    for mapping in mappings:
        function = by_physical_name[mapping.properties["FunctionName"]]
        consume = next(each for each in function.statements if each["Sid"] == "Consume")
        assert set(consume["Action"]) == {f"sqs:{action}" for action in CONSUME}
        assert consume["Resource"] == [mapping.properties["EventSourceArn"]]


def test_ingress_reaches_no_table(stage: Synthesised) -> None:
    for name in ("line_webhook", "shop_webhook"):
        actions = [action for each in stage.functions[name].statements for action in each["Action"]]
        assert not [action for action in actions if action.startswith("dynamodb:")]
