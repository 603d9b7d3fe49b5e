"""Stage ``local``: the whole system on one machine. What differs from run to run comes from ``LOCAL_…`` variables."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from infra.config import ROOT, Concurrency, ConfigError, LineHosts, Polls, StageConfig, WriteBack

PLATFORMS = ("shopify", "eccube", "woocommerce", "square", "makeshop", "cloudevents", "mapping", "segment")
"""Every shop system that calls: locally all of them are open, under one key."""

_DEFAULT_BASE = "http://127.0.0.1"


def config(environ: Mapping[str, str] = os.environ) -> StageConfig:
    """Return the settings of this stage from the environment; the defaults are the ports of ``PORT_BASE=4600``."""
    return StageConfig(
        stage="local",
        shop_name=environ.get("LOCAL_SHOP_NAME", "むすび商店"),
        shop_login_url=environ.get("LOCAL_SHOP_LOGIN_URL", f"{_DEFAULT_BASE}:4603/line/login"),
        line_channel_id=environ.get("LOCAL_LINE_CHANNEL_ID", "2000000001"),
        shops=_items(environ.get("LOCAL_SHOPS", "main")),
        platforms=PLATFORMS,
        partner_sources={"aws.partner/shopify.com/": "main"},
        shop_apis=_pairs(environ.get("LOCAL_SHOP_APIS", f"main/eccube={_DEFAULT_BASE}:4603/eccube")),
        write_backs=_write_backs(environ.get("LOCAL_WRITE_BACKS", "")),
        # An hour lasts five minutes here (`local/stack/ticker.py`): prod's overlap would have each poll read four again.
        polls=Polls(overlap_minutes=2),
        line=LineHosts(
            api=environ.get("LOCAL_LINE_API_URL", f"{_DEFAULT_BASE}:4600"),
            data=environ.get("LOCAL_LINE_DATA_URL", f"{_DEFAULT_BASE}:4601"),
            access=environ.get("LOCAL_LINE_ACCESS_URL", f"{_DEFAULT_BASE}:4602"),
        ),
        public_url=environ.get("LOCAL_PUBLIC_URL", f"{_DEFAULT_BASE}:4604"),
        go_live=_flag(environ.get("LOCAL_GO_LIVE", "1")),
        testers=_items(environ.get("LOCAL_TESTERS", "")),
        keep_data=False,
        point_in_time_recovery=False,
        log_days=1,
        log_level="DEBUG" if environ.get("LOCAL_LOG_LEVEL") == "DEBUG" else "INFO",
        # Two cores run everything: a wider fan-out only makes the embedded AWS slower.
        concurrency=Concurrency(
            queue={"push_sender": 4, "alert_shard": 2, "line_events": 4, "shop_events": 4, "log_writer": 2}
        ),
        schedules_enabled=False,
        clock=_clock(environ.get("LOCAL_CLOCK", "movable")),
        architecture="x86_64",
        layers_dir=Path(environ.get("LOCAL_LAYERS_DIR", str(ROOT / ".build" / "layers" / "local"))),
        content_dir=environ.get("LOCAL_CONTENT_DIR", "/opt/content"),
        plain_http=True,
        own_credentials=True,
    )


def _items(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _pairs(value: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in _items(value))


def _write_backs(value: str) -> dict[str, WriteBack]:
    """``main/shopify=linked_tag:LINE;consent:1;link_points:500,…``"""
    return {name: _write_back(said) for name, said in _pairs(value).items()}


def _write_back(said: str) -> WriteBack:
    given = dict(part.split(":", 1) for part in said.split(";") if ":" in part)
    unknown = sorted(set(given) - {"linked_tag", "consent", "link_points"})
    points = given.get("link_points", "0")
    if unknown or not points.isdecimal() or given.get("consent", "0") not in {"0", "1"}:
        raise ConfigError("LOCAL_WRITE_BACKS takes <shop>/<platform>=linked_tag:<tag>;consent:1;link_points:<n>,…")
    return WriteBack(
        linked_tag=given.get("linked_tag", ""), consent=given.get("consent") == "1", link_points=int(points)
    )


def _flag(value: str) -> bool:
    if value.lower() not in {"0", "1", "true", "false"}:
        raise ConfigError(f"LOCAL_GO_LIVE is {value!r}; it takes 1 or 0")
    return value.lower() in {"1", "true"}


def _clock(value: str) -> Literal["real", "movable"]:
    if value == "real":
        return "real"
    if value == "movable":
        return "movable"
    raise ConfigError(f"LOCAL_CLOCK is {value!r}; it takes 'movable' or 'real'")
