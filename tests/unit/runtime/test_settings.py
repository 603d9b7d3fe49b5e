"""Settings fail while a function starts, and name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from musubi.domain.errors import ConfigError
from musubi.runtime.bootstrap.writes import rules_of
from musubi.runtime.settings import (
    FUNCTIONS,
    Common,
    LineEvents,
    PollShop,
    PushSender,
    ShopWebhook,
    Sweeper,
    WriteBack,
    load,
    required,
)
from tests.unit.runtime import environment

REQUIRED = [(function, field.upper()) for function, settings in FUNCTIONS.items() for field in required(settings)]


def test_every_function_has_its_settings() -> None:
    handlers = {path.parent.name for path in (Path(__file__).parents[3] / "functions").glob("*/handler.py")}
    assert handlers == set(FUNCTIONS) == set(environment.OWN)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_complete_environment_is_read(function: str) -> None:
    settings = load(FUNCTIONS[function], environment.of(function))
    assert (settings.stage, settings.deployment) == ("local", "musubi-local")


@pytest.mark.parametrize(("function", "name"), REQUIRED)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(function: str, name: str, value: str | None) -> None:
    incomplete = {k: v for k, v in environment.of(function).items() if k != name}
    if value is not None:
        incomplete[name] = value
    with pytest.raises(ConfigError, match=f"^{name}: missing$"):
        load(FUNCTIONS[function], incomplete)


@pytest.mark.parametrize(
    ("settings", "function", "name", "value"),
    [
        (PushSender, "push_sender", "GO_LIVE", "yes"),
        (PushSender, "push_sender", "GO_LIVE", "True"),
        (PushSender, "push_sender", "CLOCK", "sundial"),
        (PushSender, "push_sender", "LOG_LEVEL", "LOUD"),
        (ShopWebhook, "shop_webhook", "SHOPS", ","),
    ],
)
def test_a_wrong_value_is_named_without_being_shown(
    settings: type[Common], function: str, name: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: ") as caught:
        load(settings, {**environment.of(function), name: value})
    assert value not in str(caught.value).removeprefix(name)


def test_settings_are_frozen() -> None:
    loaded = load(Sweeper, environment.of("sweeper"))
    with pytest.raises(AttributeError):
        loaded.stage = "prod"  # type: ignore[misc]


def test_lists_and_flags() -> None:
    loaded = load(LineEvents, {**environment.of("line_events"), "TESTERS": "U1, U2 ,", "GO_LIVE": "false"})
    assert (loaded.testers, loaded.go_live) == (("U1", "U2"), False)
    assert load(LineEvents, environment.of("line_events")).testers == ()


def test_pairs() -> None:
    given = environment.of("poll_shop")
    assert load(PollShop, given).shop_apis == {
        "main/woocommerce": "https://shop.example.jp",
        "outlet/woocommerce": "https://outlet.example.jp/shop",
    }
    assert load(PollShop, {**given, "SHOP_APIS": ""}).shop_apis == {}
    for wrong in ("main/woocommerce", "=https://shop.example.jp", "main/woocommerce=", "a=b,,c=d"):
        with pytest.raises(ConfigError, match="SHOP_APIS: not a list of name=value"):
            load(PollShop, {**given, "SHOP_APIS": wrong})


@pytest.mark.parametrize("stage", ["dev", "stg", "prod"])
def test_only_the_local_stage_moves_its_clock(stage: str) -> None:
    moved = {**environment.of("sweeper"), "CLOCK": "movable"}
    assert load(Sweeper, moved).clock == "movable"
    with pytest.raises(ConfigError, match="CLOCK"):
        load(Sweeper, {**moved, "STAGE": stage})


def test_a_type_that_no_variable_can_hold_is_a_bug() -> None:
    class Odd(Common):
        stage: str
        workers: int

    complete = environment.COMMON
    assert load(Odd, {**complete, "WORKERS": "4"}).workers == 4
    with pytest.raises(ConfigError, match="WORKERS"):
        load(Odd, {**complete, "WORKERS": "four"})


def test_points_for_a_link_are_whole_numbers_above_nothing() -> None:
    assert load(LineEvents, {**environment.of("line_events"), "LINK_POINTS": "main=500"}).link_points == {"main": "500"}
    for wrong in ("main=0", "main=-5", "main=many"):
        with pytest.raises(ConfigError, match="LINK_POINTS"):
            load(LineEvents, {**environment.of("line_events"), "LINK_POINTS": wrong})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"LINKED_TAGS": "main/segment=LINE"}, "LINKED_TAGS: main/segment: musubi writes no tags there"),
        ({"POINTS_BACK": "main/shopify"}, "POINTS_BACK: main/shopify: musubi writes no points there"),
        ({"CONSENTS_BACK": "outlet/shopify"}, "CONSENTS_BACK: outlet/shopify: SHOP_APIS does not name it"),
    ],
)
def test_what_can_not_be_written_back_stops_the_start(changed: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}$"):
        rules_of(load(WriteBack, {**environment.of("write_back"), **changed}))
