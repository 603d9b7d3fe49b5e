"""Stage files: what they may say, what is refused, and what each function is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.app import build
from infra.config import ConfigError, LineHosts
from infra.stages import load, local
from tests.infra.conftest import FUNCTIONS, Synthesised, config_of

LINE_USER = "U" + "0123456789abcdef" * 2
COMMON = {"STAGE", "DEPLOYMENT", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
SENDER = {
    *("PARAM_PREFIX", "LINE_CHANNEL_ID", "LINE_API_URL", "LINE_DATA_URL", "LINE_ACCESS_URL", "PUBLIC_URL"),
    *("SHOP_NAME", "GO_LIVE", "TESTERS", "CLOCK", "CONTENT_DIR"),
}
TABLES = {"PEOPLE_TABLE", "WORK_TABLE"}
OUT = {"PUSH_QUEUE_URL", "QUARANTINE_QUEUE_URL"}
LOG = {"LOG_QUEUE_URL"}
# function → (timeout s, memory MB, own environment)
HOUSE: dict[str, tuple[int, int, set[str]]] = {
    "line_webhook": (10, 1024, {"LINE_EVENTS_QUEUE_URL", "CLAIM_BUCKET", "PARAM_PREFIX"}),
    "shop_webhook": (
        10,
        1024,
        {"SHOP_EVENTS_QUEUE_URL", "CLAIM_BUCKET", "PARAM_PREFIX", "PUBLIC_URL", "SHOPS", "PLATFORMS"},
    ),
    "line_events": (
        6,
        1024,
        TABLES | OUT | LOG | SENDER | {"CLAIM_BUCKET", "BUS_NAME", "SHOP_LOGIN_URL", "LINK_POINTS"},
    ),
    "shop_events": (
        30,
        512,
        TABLES
        | OUT
        | LOG
        | {"CLAIM_BUCKET", "SHOPS", "SHOP_HOSTS", "PARTNER_SOURCES", "CLOCK", "CONTENT_DIR"}
        | {"PARAM_PREFIX", "SHOP_APIS", "ORDER_STATUSES"},
    ),
    "push_sender": (20, 1024, TABLES | OUT | LOG | SENDER),
    "due_steps": (55, 512, TABLES | OUT | {"CLOCK", "CONTENT_DIR"}),
    "daily_alerts": (30, 512, {"WORK_TABLE", "ALERT_SHARDS_QUEUE_URL", "CLOCK"}),
    "alert_shard": (60, 512, TABLES | {"QUARANTINE_QUEUE_URL", "CLOCK", "CONTENT_DIR"}),
    "log_writer": (60, 512, {"WORK_TABLE", "QUARANTINE_QUEUE_URL", "HISTORY_BUCKET"}),
    "privacy_requests": (55, 512, TABLES | {"CLAIM_BUCKET", "CLOCK"}),
    "sweeper": (55, 512, {"WORK_TABLE", "PUSH_QUEUE_URL", "BUS_NAME", "CLOCK"}),
    "import_file": (
        300,
        1024,
        {"WORK_TABLE", "IMPORTS_BUCKET", "IMPORTS_QUEUE_URL", "SHOP_EVENTS_QUEUE_URL", "QUARANTINE_QUEUE_URL"}
        | {"SHOPS", "CONTENT_DIR"},
    ),
    "poll_shop": (
        300,
        512,
        {"WORK_TABLE", "SHOP_EVENTS_QUEUE_URL", "CLAIM_BUCKET", "PARAM_PREFIX", "PLATFORMS", "CLOCK"}
        | {"SHOP_APIS", "POLL_OVERLAP_MINUTES", "POLL_FIRST_HOURS", "POLL_SILENCE_HOURS"},
    ),
    "write_back": (
        30,
        512,
        TABLES
        | {"QUARANTINE_QUEUE_URL", "PARAM_PREFIX", "GO_LIVE", "TESTERS", "SHOP_APIS"}
        | {"LINKED_TAGS", "CONSENTS_BACK", "POINTS_BACK"},
    ),
    "api": (10, 512, {"WORK_TABLE", "PARAM_PREFIX", "SHOPS"}),
}


def test_every_function_is_told_what_it_needs_and_no_more(stage: Synthesised) -> None:
    told = {name: (each.timeout, each.memory, set(each.env) - COMMON) for name, each in stage.functions.items()}
    assert told == HOUSE
    for each in stage.functions.values():
        assert set(each.env) >= COMMON
        assert (each.env["STAGE"], each.env["DEPLOYMENT"]) == (stage.config.stage, stage.prefix)
        # AWS takes 4 KB of environment.
        assert len(json.dumps(each.env).encode()) < 3500


def test_secrets_are_named_in_the_environment_never_held(stage: Synthesised) -> None:
    for each in stage.functions.values():
        assert each.env.get("PARAM_PREFIX", f"/musubi/{stage.config.stage}") == f"/musubi/{stage.config.stage}"
        assert not [key for key in each.env if "SECRET" in key or "TOKEN" in key]


def test_only_the_local_stage_has_a_movable_clock(stage: Synthesised) -> None:
    expected = "movable" if stage.config.stage == "local" else "real"
    assert {each.env["CLOCK"] for each in stage.functions.values() if "CLOCK" in each.env} == {expected}


def test_a_movable_clock_is_refused_anywhere_else() -> None:
    with pytest.raises(ConfigError, match="clock"):
        replace(load("prod"), clock="movable")


def test_requests_without_tls_are_refused_anywhere_else() -> None:
    with pytest.raises(ConfigError, match="plain_http"):
        replace(load("prod"), plain_http=True)


def test_nothing_is_sent_to_anyone_but_testers_until_somebody_says_so() -> None:
    for name in ("dev", "stg", "prod"):
        assert load(name).go_live is False


@pytest.mark.parametrize("name", ["line_events", "push_sender"])
def test_go_live_and_testers_reach_the_functions(synthesise: Callable[..., Synthesised], name: str) -> None:
    live = synthesise(replace(load("dev"), go_live=True, testers=(LINE_USER,)))
    assert live.functions[name].env["GO_LIVE"] == "true"
    assert live.functions[name].env["TESTERS"] == LINE_USER
    assert synthesise(load("dev")).functions[name].env["GO_LIVE"] == "false"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stage": "Prod!"}, "stage"),
        ({"shops": ()}, "shops"),
        ({"shops": ("main/../other",)}, "shops"),
        ({"testers": ("someone",)}, "testers"),
        ({"line_channel_id": "@abc"}, "line_channel_id"),
        ({"claims_days": 7}, "claims_days"),
        ({"line": LineHosts(api="http://api.line.me")}, "https"),
        ({"shop_login_url": "http://shop.example/login"}, "https"),
    ],
)
def test_a_stage_file_with_a_mistake_is_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(load("dev"), **change)  # type: ignore[arg-type]


def test_an_unknown_stage_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="dev, local, prod, stg"):
        load("production")


def test_missing_layers_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make layers"):
        build(cdk.App(), replace(load("dev"), layers_dir=tmp_path / "nowhere"))


def test_the_local_stage_takes_its_addresses_from_the_environment(synthesise: Callable[..., Synthesised]) -> None:
    base = "http://127.0.0.1:5"
    config = local.config(
        {
            "LOCAL_LINE_API_URL": f"{base}600",
            "LOCAL_LINE_DATA_URL": f"{base}601",
            "LOCAL_LINE_ACCESS_URL": f"{base}602",
            "LOCAL_PUBLIC_URL": f"{base}604",
            "LOCAL_SHOP_LOGIN_URL": f"{base}603/login",
            "LOCAL_GO_LIVE": "0",
            "LOCAL_TESTERS": f"{LINE_USER},",
            "LOCAL_CONTENT_DIR": "/elsewhere/content",
        }
    )
    env = synthesise(config).functions["line_events"].env
    assert (env["LINE_API_URL"], env["LINE_DATA_URL"], env["LINE_ACCESS_URL"]) == (
        f"{base}600",
        f"{base}601",
        f"{base}602",
    )
    assert (env["PUBLIC_URL"], env["SHOP_LOGIN_URL"]) == (f"{base}604", f"{base}603/login")
    assert (env["GO_LIVE"], env["TESTERS"]) == ("false", LINE_USER)
    assert env["CONTENT_DIR"] == "/elsewhere/content"
    assert local.config({}).go_live is True
    with pytest.raises(ConfigError, match="LOCAL_GO_LIVE"):
        local.config({"LOCAL_GO_LIVE": "perhaps"})


def test_only_the_local_stage_is_deployed_with_the_callers_own_credentials(stage: Synthesised) -> None:
    manifest = json.loads((stage.assembly / "manifest.json").read_text(encoding="utf-8"))
    stack = manifest["artifacts"][stage.prefix]["properties"]
    assert ("assumeRoleArn" in stack) is (stage.config.stage != "local")


def test_a_stage_needs_no_account_and_production_cannot_be_deleted(stage: Synthesised) -> None:
    manifest = json.loads((stage.assembly / "manifest.json").read_text(encoding="utf-8"))
    for name in (stage.prefix, f"{stage.prefix}-stateful"):
        artifact = manifest["artifacts"][name]
        assert artifact["environment"] == "aws://unknown-account/unknown-region"
        protected = artifact["properties"].get("terminationProtection", False)
        assert protected is stage.config.termination_protection
    assert f"{stage.prefix}-stateful" in manifest["artifacts"][stage.prefix]["dependencies"]


def test_functions_run_compiled_layers_of_their_own_python_and_processor(stage: Synthesised) -> None:
    expected = "x86_64" if stage.config.stage == "local" else "arm64"
    for each in stage.functions.values():
        assert each.properties["Runtime"] == "python3.13"
        assert each.properties["Architectures"] == [expected]
        assert each.properties["Handler"] == "handler.lambda_handler"
        wanted = 3 if "CONTENT_DIR" in each.env else 2
        assert len(each.properties["Layers"]) == wanted


def test_the_folders_of_the_house_are_the_functions_of_the_template() -> None:
    folder = config_of("prod").functions_dir
    assert {each.parent.name for each in folder.glob("*/handler.py")} == set(FUNCTIONS)
