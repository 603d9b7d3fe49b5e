"""Facts to HTTPS endpoints: which facts go where, who holds the key, and where ends what an endpoint does not take."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.canonical_events import FACTS
from infra.config import ROOT, ConfigError, FactEndpoint
from infra.stages import load
from tests.infra.conftest import Synthesised, config_of
from tests.infra.test_key import KEY
from tests.support.markdown import page

HERE = "ap-northeast-1:123456789012"
KINDS = ("AWS::Events::Connection", "AWS::Events::ApiDestination")
URL = "https://crm.shop.example/facts"


def named(stage: Synthesised, kind: str, endpoint: str) -> Mapping[str, Any]:
    return stage.named(kind, "Name", f"{stage.prefix}-facts-{endpoint}").properties


@pytest.mark.parametrize("name", ["dev", "stg", "prod", "local"])
def test_no_stage_tells_anybody_unless_it_says_whom(stages: dict[str, Synthesised], name: str) -> None:
    assert not [each for kind in KINDS for each in stages[name].stateless.of_type(kind)]
    rules = [each.properties["Name"] for each in stages[name].stateless.of_type("AWS::Events::Rule")]
    assert not [rule for rule in rules if "facts" in rule]


def test_an_endpoint_gets_the_facts_it_asked_for_and_nothing_but_facts(keyed: Synthesised) -> None:
    asked = named(keyed, "AWS::Events::Rule", "crm")
    assert asked["EventBusName"] == keyed.prefix
    assert asked["EventPattern"] == {"source": ["musubi"], "detail-type": ["LinkMade", "LinkEnded"]}
    # Without a list: also the facts that a later version tells.
    assert named(keyed, "AWS::Events::Rule", "audit")["EventPattern"] == {"source": ["musubi"]}


def test_a_fact_is_posted_as_it_is_at_the_pace_of_the_endpoint(keyed: Synthesised) -> None:
    destination = named(keyed, "AWS::Events::ApiDestination", "crm")
    assert (destination["HttpMethod"], destination["InvocationEndpoint"]) == ("POST", URL)
    assert destination["InvocationRateLimitPerSecond"] == 5
    (target,) = named(keyed, "AWS::Events::Rule", "crm")["Targets"]
    assert not {"InputPath", "InputTransformer", "Input", "HttpParameters"} & set(target)


def test_the_key_is_named_and_in_no_template(keyed: Synthesised) -> None:
    for name, header in (("crm", "x-musubi-key"), ("audit", "authorization")):
        connection = named(keyed, "AWS::Events::Connection", name)
        assert connection["AuthorizationType"] == "API_KEY"
        # CloudFormation resolves secure parameters of SSM for other resources only.
        reference = f"{{{{resolve:secretsmanager:musubi/keyed/facts/{name}:SecretString:::}}}}"
        key = {"ApiKeyName": header, "ApiKeyValue": reference}
        assert connection["AuthParameters"] == {"ApiKeyAuthParameters": key}


def test_with_the_customers_key_the_connection_keeps_its_secret_under_it(keyed: Synthesised) -> None:
    assert named(keyed, "AWS::Events::Connection", "crm")["KmsKeyIdentifier"] == KEY
    (key,) = keyed.stateful.of_type("AWS::KMS::Key")
    # EventBridge's own role may use only keys that carry this mark.
    assert {"Key": "EventBridgeApiDestinations", "Value": "true"} in key.properties["Tags"]


def test_a_rule_may_call_its_own_endpoint_only(keyed: Synthesised) -> None:
    for name in keyed.config.fact_endpoints:
        (target,) = named(keyed, "AWS::Events::Rule", name)["Targets"]
        role = keyed.stateless.resources[role_id(keyed, name)].properties
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "events.amazonaws.com"}
        rule = f"arn:aws:events:{HERE}:rule/{keyed.prefix}/{keyed.prefix}-facts-{name}"
        assert trust["Condition"] == {"ArnEquals": {"aws:SourceArn": rule}}
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "events:InvokeApiDestination"
        assert statement["Resource"].endswith(".ArnForPolicy>")
        assert statement["Resource"].split(".")[0] == target["Arn"].split(".")[0]


def role_id(stage: Synthesised, name: str) -> str:
    rule = stage.named("AWS::Events::Rule", "Name", f"{stage.prefix}-facts-{name}")
    return str(rule.raw["Properties"]["Targets"][0]["RoleArn"]["Fn::GetAtt"][0])


def test_what_an_endpoint_does_not_take_for_a_day_waits_in_a_queue_of_its_own(keyed: Synthesised) -> None:
    for name in keyed.config.fact_endpoints:
        (target,) = named(keyed, "AWS::Events::Rule", name)["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == f"arn:aws:sqs:{HERE}:{keyed.prefix}-facts-dlq"
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


def test_the_queues_policy_is_there_before_the_rules(keyed: Synthesised) -> None:
    (policy,) = (
        each for each in keyed.stateless.of_type("AWS::SQS::QueuePolicy") if "facts-dlq" in json.dumps(each.properties)
    )
    for name in keyed.config.fact_endpoints:
        rule = keyed.named("AWS::Events::Rule", "Name", f"{keyed.prefix}-facts-{name}")
        assert policy.id in rule.raw["DependsOn"]


def test_names_fit_where_aws_takes_64_characters() -> None:
    longest = f"musubi-{'s' * 16}-facts-{'e' * 32}"
    assert len(longest) <= 64


def test_every_fact_that_the_code_tells_can_be_asked_for_and_is_documented() -> None:
    told: set[str] = set()
    for path in (ROOT / "layers" / "core" / "python" / "musubi" / "domain").glob("*.py"):
        told |= set(re.findall(r'(?:fact\(\s*|\btype=)"([A-Z]\w+)"', path.read_text(encoding="utf-8")))
    assert told == set(FACTS)
    (said,) = re.findall(r"\*\*Facts out\.\*\*.*?(?=\n\*\*)", page("README.md"), re.S)
    assert all(f"`{fact}`" in said for fact in FACTS)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({"url": "http://crm.shop.example/facts"}, "https"),
        ({"url": f"{URL}?key=abc"}, "query"),
        ({"url": "https://me:secret@crm.shop.example/"}, "user"),
        ({"url": "https://crm.shop.example/*"}, r"\*"),
        ({"url": "https://crm.shop.example/" + "a" * 2048}, "url"),
        ({"url": URL, "types": ("LinkMade", "LinkMadd")}, "not LinkMadd"),
        ({"url": URL, "header": "x key"}, "header"),
        ({"url": URL, "per_second": 0}, "per_second"),
        ({"url": URL, "per_second": 301}, "per_second"),
    ],
)
def test_an_endpoint_that_aws_would_refuse_or_that_shows_its_key_is_refused(endpoint: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FactEndpoint(**endpoint)


@pytest.mark.parametrize("name", ["", "CRM", "1st", "a_b", "e" * 33])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="fact_endpoints must be by names"):
        replace(load("dev"), fact_endpoints={name: FactEndpoint(url=URL)})


def test_the_local_stage_takes_no_endpoint() -> None:
    with pytest.raises(ConfigError, match="fact_endpoints must be empty on stage 'local'"):
        replace(config_of("local"), fact_endpoints={"crm": FactEndpoint(url=URL)})
