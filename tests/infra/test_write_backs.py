"""Write-back: which facts go to the queue, which keys the function may read, and what a stage file may ask for."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.canonical_events import FACTS, WRITTEN_BACK
from infra.config import WRITES, ConfigError, StageConfig, WriteBack
from infra.stages import load, local
from musubi.adapters.shops.platforms import PLATFORMS
from musubi.domain.write_backs import WriteRule
from musubi.runtime import settings
from musubi.runtime.bootstrap.writes import rules_of
from tests.infra.conftest import Synthesised

SHOPIFY = {"main/shopify": "https://musubi-shoten.myshopify.com"}
KEY = ":parameter/musubi/keyed/shops/{}/shopify-api"


def asked(apis: dict[str, str] | None = None, **backs: WriteBack) -> StageConfig:
    """Return prod with write-backs by ``<shop>_<platform>``."""
    named = {name.replace("_", "/", 1): back for name, back in backs.items()}
    return replace(load("prod"), shop_apis=SHOPIFY if apis is None else apis, write_backs=named)


def rule(stage: Synthesised) -> list[Any]:
    """Return the rules that lead to the queue."""
    rules = stage.stateless.of_type("AWS::Events::Rule")
    return [each for each in rules if each.properties["Name"].endswith("write-back-in")]


def secrets(stage: Synthesised, function: str) -> list[str]:
    """Return the parameters that a function may read."""
    statements = stage.functions[function].statements
    found = [arn for one in statements if "ssm:GetParameter" in one["Action"] for arn in one["Resource"]]
    return [arn.partition("123456789012")[2] for arn in found]


def test_what_can_be_written_is_what_the_platforms_say() -> None:
    assert {name: set(what) for name, what in WRITES.items()} == {
        name: set(one.writes) for name, one in PLATFORMS.items() if one.writes
    }


def test_facts_reach_the_queue_only_where_something_is_written_back(keyed: Synthesised, prod: Synthesised) -> None:
    assert rule(prod) == []
    (taken,) = rule(keyed)
    assert taken.properties["EventBusName"] == keyed.prefix
    assert taken.properties["EventPattern"] == {"source": ["musubi"], "detail-type": list(WRITTEN_BACK)}
    assert set(WRITTEN_BACK) <= set(FACTS)
    (target,) = taken.properties["Targets"]
    assert target["Arn"].endswith(f":{keyed.prefix}-write-back")
    assert target["DeadLetterConfig"]["Arn"].endswith(f":{keyed.prefix}-write-back-dlq")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert not {"InputPath", "InputTransformer", "Input"} & set(target)
    policies = [
        each.id
        for each in keyed.stateless.of_type("AWS::SQS::QueuePolicy")
        if "write-back" in json.dumps(each.properties)
    ]
    assert set(policies) <= set(taken.raw["DependsOn"])


def test_the_writer_reads_the_keys_of_the_shops_that_it_writes_to_and_no_others(keyed: Synthesised) -> None:
    assert secrets(keyed, "write_back") == [KEY.format("main"), KEY.format("second")]
    readers = {name for name in keyed.functions if any("shopify-api" in arn for arn in secrets(keyed, name))}
    assert readers == {"write_back", "shop_events", "poll_shop"}


def test_the_functions_are_told_what_to_write(keyed: Synthesised) -> None:
    loaded = settings.load(settings.WriteBack, keyed.functions["write_back"].env)
    assert rules_of(loaded) == {
        "main": [WriteRule(platform="shopify", linked_tag="LINE連携", consent=True)],
        "second": [WriteRule(platform="shopify", consent=True)],
    }
    # Shopify has no points: the link's reward is told of, and written nowhere.
    assert settings.load(settings.LineEvents, keyed.functions["line_events"].env).link_points == {"main": "500"}


def test_a_stage_without_write_backs_has_the_function_and_no_key(prod: Synthesised) -> None:
    assert secrets(prod, "write_back") == []
    assert rules_of(settings.load(settings.WriteBack, prod.functions["write_back"].env)) == {}


def test_points_alone_need_no_api(synthesise: Callable[..., Synthesised]) -> None:
    stage = synthesise(asked({}, main_shopify=WriteBack(link_points=300)))
    assert rule(stage) == []
    assert stage.functions["line_events"].env["LINK_POINTS"] == "main=300"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: asked(third_shopify=WriteBack(consent=True)), "known shop"),
        (lambda: asked({}, main_shopify=WriteBack(consent=True)), "main/shopify must be in shop_apis"),
        (lambda: asked(main_segment=WriteBack(linked_tag="x")), "main/segment must be of link_points alone"),
        (lambda: asked(main_shopify=WriteBack(link_points=1), main_csv=WriteBack(link_points=1)), "one platform"),
        (lambda: WriteBack(linked_tag="a,b"), "comma"),
        (lambda: WriteBack(linked_tag=" a"), "linked_tag"),
        (lambda: WriteBack(linked_tag="x" * 41), "40 characters"),
        (lambda: WriteBack(link_points=-1), "link_points"),
    ],
)
def test_what_a_stage_file_may_not_say(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_the_local_stage_takes_it_from_the_environment() -> None:
    assert local.config({}).write_backs == {}
    said = {
        "LOCAL_SHOP_APIS": "main/eccube=http://127.0.0.1:1,main/shopify=http://127.0.0.1:2",
        "LOCAL_WRITE_BACKS": "main/shopify=linked_tag:LINE連携;consent:1;link_points:500",
    }
    expected = {"main/shopify": WriteBack(linked_tag="LINE連携", consent=True, link_points=500)}
    assert local.config(said).write_backs == expected
    for wrong in ("main/shopify=tag:x", "main/shopify=consent:yes", "main/shopify=link_points:many"):
        with pytest.raises(ConfigError, match="LOCAL_WRITE_BACKS"):
            local.config({**said, "LOCAL_WRITE_BACKS": wrong})
