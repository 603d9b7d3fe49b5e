"""Shops that are asked: which function may read and renew which grant, and what a stage file may say about it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.config import FETCHED, GRANTED, NEEDED, ConfigError, StageConfig
from infra.stages import load
from musubi.adapters.shops.platforms import PLATFORMS
from tests.infra.conftest import Synthesised

ASKED = {
    "shops": ("main", "second"),
    "platforms": ("shopify", "eccube", "square", "cloudevents"),
    "shop_apis": {
        "main/eccube": "https://shop.example/cube",
        "main/woocommerce": "https://woo.example",
        "main/shopify": "https://tea.myshopify.example",
        "second/base": "https://base.example",
        "second/square": "https://connect.square.example",
    },
    "order_statuses": {"main/eccube/10": "4"},
}
BASE_GRANT = ":parameter/musubi/prod/shops/second/base-api"
GRANT = ":parameter/musubi/prod/shops/main/eccube-api"
SHOPIFY = ":parameter/musubi/prod/shops/main/shopify-api"
SQUARE = ":parameter/musubi/prod/shops/second/square-api"


def asked(**changed: Any) -> StageConfig:
    return replace(load("prod"), **{**ASKED, **changed})


def rights(stage: Synthesised, function: str, action: str) -> list[str]:
    statements = stage.functions[function].statements
    return [
        arn.partition("123456789012")[2] for one in statements if action in one["Action"] for arn in one["Resource"]
    ]


@pytest.fixture(scope="module")
def prod_asking(synthesise: Callable[..., Synthesised]) -> Synthesised:
    return synthesise(asked())


def test_the_worker_may_read_what_it_asks_with_and_store_exactly_the_grants_it_renews(prod_asking: Synthesised) -> None:
    assert sorted(set(rights(prod_asking, "shop_events", "ssm:GetParameter"))) == [GRANT, SHOPIFY, SQUARE]
    assert rights(prod_asking, "shop_events", "ssm:PutParameter") == [GRANT]


def test_nobody_else_may_store_a_secret(prod_asking: Synthesised) -> None:
    storing = {name for name in prod_asking.functions if rights(prod_asking, name, "ssm:PutParameter")}
    assert storing <= {"shop_events", "poll_shop"}
    assert rights(prod_asking, "poll_shop", "ssm:PutParameter") == [GRANT, BASE_GRANT]


def test_whoever_has_a_grant_that_is_renewed_is_named() -> None:
    assert set(GRANTED) == {name for name, one in PLATFORMS.items() if one.renews_at is not None}
    assert set(FETCHED) == {name for name, one in PLATFORMS.items() if one.fetches}
    assert set(NEEDED) == {name for name, one in PLATFORMS.items() if one.needs_api}
    assert set(NEEDED) <= set(FETCHED)


@pytest.mark.parametrize("platform", sorted(set(FETCHED) - set(NEEDED)))
def test_a_stage_may_take_webhooks_and_name_no_api_of_their_shop(platform: str) -> None:
    taken = ("cloudevents", platform)
    assert platform in asked(platforms=taken, shop_apis={}).platforms
    assert asked(platforms=taken, shop_apis={f"main/{platform}": "https://shop-api.example"}).shop_apis


def test_a_stage_without_such_shops_gives_no_right_at_all(prod: Synthesised) -> None:
    for name in prod.functions:
        assert rights(prod, name, "ssm:PutParameter") == []
    assert rights(prod, "shop_events", "ssm:GetParameter") == []


def test_the_worker_is_told_where_to_ask_and_what_statuses_mean(prod_asking: Synthesised) -> None:
    told = prod_asking.functions["shop_events"].env
    named = "main/eccube=https://shop.example/cube,main/woocommerce=https://woo.example"
    more = "main/shopify=https://tea.myshopify.example,second/base=https://base.example"
    assert told["SHOP_APIS"] == f"{named},{more},second/square=https://connect.square.example"
    assert told["ORDER_STATUSES"] == "main/eccube/10=4"
    assert "refresh_token" not in json.dumps(told)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"shop_apis": {}}, "shop_apis must be set for eccube"),
        ({"shop_apis": {"main/eccube": "http://shop.example"}}, "https"),
        ({"shop_apis": {"main/eccube": "https://shop.example/"}}, "shop_apis"),
        ({"shop_apis": {"third/eccube": "https://shop.example"}}, "shop_apis"),
        ({"order_statuses": {"main/eccube": "4"}}, "order_statuses"),
        ({"order_statuses": {"main/eccube/10": "4,5"}}, "order_statuses"),
    ],
)
def test_what_a_stage_file_may_not_say(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        asked(**changed)
