"""Queues, their policies and their consumers: facts that the embedded AWS accepts either way."""

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from infra.canonical_events import CANONICAL_EVENTS
from infra.config import Concurrency, ConfigError
from infra.functions_table import queue_of
from infra.lib.bus_rules import bus_rules
from infra.names import Names
from tests.infra.conftest import Synthesised, as_list, config_of

WORK_QUEUES = {
    "line-events": 10,
    "shop-events": 10,
    "push": 10,
    "alert-shards": 10,
    "log": 10,
    "imports": 10,
    "write-back": 10,
}
LAST_STOPS = {*(f"{name}-dlq" for name in WORK_QUEUES), "quarantine", "schedules-dlq", "bus-dlq", "facts-dlq"}
DAY = 24 * 3600


def test_the_queues_of_the_house(stage: Synthesised) -> None:
    names = {each.properties["QueueName"] for each in stage.stateless.of_type("AWS::SQS::Queue")}
    assert names == {f"{stage.prefix}-{name}" for name in {*WORK_QUEUES, *LAST_STOPS}}


@pytest.mark.parametrize(("name", "receives"), WORK_QUEUES.items())
def test_a_work_queue_ends_in_its_dead_letters(stage: Synthesised, name: str, receives: int) -> None:
    redrive = stage.queue(name).properties["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == receives
    assert redrive["deadLetterTargetArn"].endswith(f":{stage.prefix}-{name}-dlq")


@pytest.mark.parametrize("name", sorted(LAST_STOPS))
def test_a_last_stop_keeps_two_weeks_and_longer_than_what_leads_to_it(stage: Synthesised, name: str) -> None:
    assert stage.queue(name).properties["MessageRetentionPeriod"] == 14 * DAY
    for work in WORK_QUEUES:
        assert stage.queue(work).properties["MessageRetentionPeriod"] < 14 * DAY


def test_a_push_does_not_wait_longer_than_line_remembers_a_retry_key(stage: Synthesised) -> None:
    assert stage.queue("push").properties["MessageRetentionPeriod"] < DAY


def test_visibility_is_at_least_six_times_the_timeout(stage: Synthesised) -> None:
    timeouts = {each.physical_name: each.timeout for each in stage.functions.values()}
    for mapping in stage.stateless.of_type("AWS::Lambda::EventSourceMapping"):
        queue = queue_of(stage.stateless, mapping)
        assert queue.properties["VisibilityTimeout"] >= 6 * timeouts[mapping.properties["FunctionName"]]


def test_consumers_report_single_records_and_wait_for_nothing_but_the_history(stage: Synthesised) -> None:
    for mapping in stage.stateless.of_type("AWS::Lambda::EventSourceMapping"):
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        name = mapping.properties["FunctionName"].removeprefix(f"{stage.prefix}-")
        collects = name == "log_writer"
        assert mapping.properties["BatchSize"] == {"log_writer": 500, "import_file": 1}.get(name, 10)
        # AWS takes more than ten only with a window.
        assert mapping.properties.get("MaximumBatchingWindowInSeconds", 0) == (30 if collects else 0)
        # A filter on SQS deletes what does not match.
        assert "FilterCriteria" not in mapping.properties


def test_line_events_work_no_longer_than_a_reply_token_allows(stage: Synthesised) -> None:
    assert stage.functions["line_events"].timeout <= 8


def test_a_queue_never_runs_more_copies_than_are_reserved(stage: Synthesised) -> None:
    reserved = {each.physical_name: each.reserved for each in stage.functions.values()}
    for mapping in stage.stateless.of_type("AWS::Lambda::EventSourceMapping"):
        cap = mapping.properties.get("ScalingConfig", {}).get("MaximumConcurrency", math.inf)
        limit = reserved[mapping.properties["FunctionName"]]
        assert limit is None or cap <= limit


def test_a_cap_above_the_reservation_is_refused() -> None:
    with pytest.raises(ConfigError, match="push_sender"):
        Concurrency(reserved={"push_sender": 5}, queue={"push_sender": 6})
    with pytest.raises(ConfigError, match="2 to 1000"):
        Concurrency(queue={"push_sender": 1})


def test_the_caps_of_a_stage_reach_the_template(keyed: Synthesised) -> None:
    assert keyed.functions["push_sender"].reserved == 20
    caps = {
        mapping.properties["FunctionName"]: mapping.properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        for mapping in keyed.stateless.of_type("AWS::Lambda::EventSourceMapping")
    }
    assert caps["musubi-keyed-push_sender"] == 20
    assert caps["musubi-keyed-line_events"] is None


def test_only_the_function_that_queues_again_on_purpose_may_loop(stage: Synthesised) -> None:
    loops = {name for name, each in stage.functions.items() if each.properties.get("RecursiveLoop") == "Allow"}
    senders = set()
    for mapping in stage.stateless.of_type("AWS::Lambda::EventSourceMapping"):
        name = mapping.properties["FunctionName"].removeprefix(f"{stage.prefix}-")
        rights = [each for each in stage.functions[name].statements if "sqs:SendMessage" in each["Action"]]
        if any(mapping.properties["EventSourceArn"] in each["Resource"] for each in rights):
            senders.add(name)
    # Lambda counts the rounds of a message through one function and stops it after some sixteen.
    assert loops == senders == {"push_sender", "import_file"}


def test_every_queue_refuses_plain_http_where_there_is_tls(stage: Synthesised) -> None:
    guarded = set()
    for policy in stage.stateless.of_type("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                guarded |= set(policy.properties["Queues"])
    if stage.config.stage == "local":
        # The embedded AWS listens on this machine without TLS, and enforces this very policy.
        assert not guarded
        return
    assert guarded == {f"https://sqs.ap-northeast-1.amazonaws.com/123456789012/{name}" for name in _names(stage)}


def test_services_may_send_only_for_our_own_rules_and_schedules(stage: Synthesised) -> None:
    allowed: dict[str, list[tuple[str, str]]] = {}
    for policy in stage.stateless.of_type("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            assert statement["Action"] == "sqs:SendMessage"
            sources = as_list(statement["Condition"]["ArnLike"]["aws:SourceArn"])
            queue = statement["Resource"].rpartition(":")[2].removeprefix(f"{stage.prefix}-")
            allowed.setdefault(queue, []).extend((statement["Principal"]["Service"], one) for one in sources)
    here = "ap-northeast-1:123456789012"
    rules = [
        ("events.amazonaws.com", f"arn:aws:events:{here}:rule/{rule['EventBusName']}/{rule['Name']}")
        for rule in _rules(stage)
    ]
    facts = [
        ("events.amazonaws.com", f"arn:aws:events:{here}:rule/{stage.prefix}/{stage.prefix}-facts-{name}")
        for name in stage.config.fact_endpoints
    ]
    imports = [("events.amazonaws.com", f"arn:aws:events:{here}:rule/{stage.prefix}-imports-in")]
    written = [("events.amazonaws.com", f"arn:aws:events:{here}:rule/{stage.prefix}/{stage.prefix}-write-back-in")]
    back = {"write-back": written, "write-back-dlq": written} if stage.config.write_backs else {}
    assert allowed == {
        **back,
        "imports": imports,
        "imports-dlq": imports,
        "shop-events": rules,
        "bus-dlq": rules,
        **({"facts-dlq": facts} if facts else {}),
        "schedules-dlq": [("scheduler.amazonaws.com", f"arn:aws:scheduler:{here}:schedule/{stage.prefix}/*")],
    }


def test_the_rule_takes_canonical_events_and_leaves_our_own_facts(stage: Synthesised) -> None:
    ours, *partners = _rules(stage)
    assert (ours["EventBusName"], ours["Name"]) == (stage.prefix, f"{stage.prefix}-shop-events-in")
    assert ours["EventPattern"] == {"detail-type": list(CANONICAL_EVENTS), "source": [{"anything-but": ["musubi"]}]}
    assert len(partners) == len(stage.config.partner_sources)


def test_every_rule_brings_the_envelope_as_it_is_and_has_its_dead_letters(stage: Synthesised) -> None:
    for rule in _rules(stage):
        (target,) = rule["Targets"]
        assert target["Arn"].endswith(f":{stage.prefix}-shop-events")
        assert target["DeadLetterConfig"]["Arn"].endswith(f":{stage.prefix}-bus-dlq")
        assert not {"InputPath", "InputTransformer", "Input"} & set(target)


def test_shopifys_partner_source_is_taken_from_its_own_bus() -> None:
    source = "aws.partner/shopify.com/1234567/musubi-main"
    (rule,) = (one for one in bus_rules(config_of("keyed"), Names("keyed")) if one.bus == source)
    assert rule.pattern == {"detail-type": ["shopifyWebhook"], "source": [source]}


def test_on_this_machine_shopifys_source_is_taken_from_our_bus() -> None:
    _, rule = bus_rules(config_of("local"), Names("local"))
    assert rule.bus == "musubi-local"
    assert rule.pattern == {"detail-type": ["shopifyWebhook"], "source": [{"prefix": "aws.partner/shopify.com/"}]}


def _rules(stage: Synthesised) -> list[Mapping[str, Any]]:
    """What comes in from buses, our own rule first."""
    found = [
        rule.properties
        for rule in stage.stateless.of_type("AWS::Events::Rule")
        if "EventBusName" in rule.properties and not re.search("facts-|write-back", rule.properties["Name"])
    ]
    return sorted(found, key=lambda rule: str(rule["Name"]).partition("shopify-in")[1:])


def test_canonical_names_are_unique_and_fit_into_one_pattern() -> None:
    assert len(set(CANONICAL_EVENTS)) == len(CANONICAL_EVENTS)
    # EventBridge takes patterns of up to 2,048 characters before it asks for a quota.
    assert len(str(list(CANONICAL_EVENTS))) < 1900


def test_every_queue_is_encrypted_at_rest(stage: Synthesised) -> None:
    for queue in stage.stateless.of_type("AWS::SQS::Queue"):
        if stage.config.customer_managed_key:
            assert queue.properties["KmsMasterKeyId"]
        else:
            assert queue.properties["SqsManagedSseEnabled"] is True


def _names(stage: Synthesised) -> set[str]:
    return {each.properties["QueueName"] for each in stage.stateless.of_type("AWS::SQS::Queue")}
