"""What one local stack is started with: ports, folders, secrets and switches, all from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.endpoints import ROOT, home_of_stack

STAGE = "local"
DEPLOYMENT = f"musubi-{STAGE}"
REGION: Final = "ap-northeast-1"
ACCOUNT = "000000000000"
SHOP_ID = "main"
CHANNEL_ID = "2000000001"
PARAM_PREFIX = f"/musubi/{STAGE}"
QUEUES = ("line-events", "shop-events", "push", "alert-shards", "log", "imports", "write-back")
"""Queues with a consumer: the stack is quiet when these are empty."""

_FALSE = frozenset({"0", "false", "no"})
_TRUE = frozenset({"1", "true", "yes"})


class BadSetting(ValueError):
    """An environment variable holds something that cannot be meant; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack. Two stacks with different `port_base` and `home` run side by side."""

    home: Path
    port_base: int = 4600
    channel_secret: str = field(default="local-channel-secret", repr=False)
    shop_secret: str = field(default="local-shop-secret", repr=False)
    go_live: bool = True
    testers: str = ""
    line_url: str = ""
    faults: Path | None = None
    log_level: str = "INFO"

    def url(self, offset: int) -> str:
        """Base URL of one of our ports."""
        return f"http://127.0.0.1:{self.port_base + offset}"

    @property
    def line(self) -> str:
        return self.url(0)

    @property
    def shop(self) -> str:
        return self.url(3)

    @property
    def shop_apis(self) -> dict[str, str]:
        """The demo shop's APIs by platform."""
        return {"eccube": f"{self.shop}/eccube"}

    @property
    def aws(self) -> str:
        """The embedded AWS itself; our own calls never go through the fault proxy."""
        return self.url(4)

    @property
    def proxy(self) -> str:
        return self.url(5)

    @property
    def line_hosts(self) -> tuple[str, str, str]:
        """LINE's api, data and access hosts as the functions see them."""
        if self.line_url:
            return (self.line_url, self.line_url, self.line_url)
        return (self.url(0), self.url(1), self.url(2))

    @property
    def ports(self) -> tuple[int, ...]:
        used = 6 if self.faults else 5
        return tuple(self.port_base + offset for offset in range(used))

    @property
    def emulator_bin(self) -> Path:
        """Programs of the embedded AWS: a venv of its own, because it pins botocore."""
        return ROOT / ".build" / "ministack" / "bin"

    @property
    def assembly(self) -> Path:
        return self.home / "cdk.out"

    @property
    def layers(self) -> Path:
        return ROOT / ".build" / "layers" / "local"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises BadSetting naming the variable that cannot be used."""
    faults = environ.get("AWS_FAULTS", "")
    if faults and not Path(faults).is_file():
        raise BadSetting(f"AWS_FAULTS names no file: {faults}")
    defaults = Settings(home=home_of_stack())
    return Settings(
        home=defaults.home,
        port_base=_port_base(environ.get("PORT_BASE", str(defaults.port_base))),
        channel_secret=environ.get("LINE_CHANNEL_SECRET") or defaults.channel_secret,
        shop_secret=environ.get("SHOP_WEBHOOK_SECRET") or defaults.shop_secret,
        go_live=_flag("GO_LIVE", environ.get("GO_LIVE", "1")),
        testers=environ.get("TESTERS", ""),
        line_url=environ.get("LINE_API_URL", "").rstrip("/"),
        faults=Path(faults).resolve() if faults else None,
        log_level=environ.get("LOG_LEVEL", defaults.log_level),
    )


def _port_base(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65_529:
        raise BadSetting(f"PORT_BASE is {text!r}; it takes a port from 1024 to 65529")
    return int(text)


def _flag(name: str, text: str) -> bool:
    value = text.strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadSetting(f"{name} is {text!r}; it takes 1 or 0")
