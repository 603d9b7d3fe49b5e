"""What the simulator is started with, and the starts it refuses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class UnsafeStart(ValueError):
    """The simulator was told to pose as LINE outside this machine (§9.32)."""


@dataclass(frozen=True)
class Config:
    """One channel, one provider, three ports."""

    channel_id: str = "2000000001"
    channel_secret: str = "local-channel-secret"  # noqa: S105  the documented secret of local runs
    bot_user_id: str = "U" + "b07" * 10 + "b0"
    bot_name: str = "むすび商店"
    basic_id: str = "@musubi-local"
    provider: str = "provider-1"
    webhook_url: str = ""
    port_base: int = 4600
    bind: str = "127.0.0.1"
    api_base: str = ""
    redelivery: bool = False
    redelivery_delays_s: tuple[float, ...] = (1.0, 5.0, 15.0)
    verified: bool = True
    seed: int = 1
    uri_max: int = 10_000
    reply_token_s: float = 60.0
    fuzz_errors: bool = False
    plain_json: bool = False
    image_map: dict[str, Path] = field(default_factory=dict)
    coupons: frozenset[str] = frozenset()
    workers: int = 8

    def checked(self) -> Config:
        """Itself, or UnsafeStart when it would bind beyond loopback or pose as a real LINE host."""
        if not _is_loopback(self.bind):
            raise UnsafeStart(f"refusing to bind {self.bind}: the simulator binds loopback addresses only")
        host = urlsplit(self.api_base).hostname or "" if self.api_base else ""
        if host == "line.me" or host.endswith(".line.me"):
            raise UnsafeStart(f"refusing to run as {host}: that is LINE itself")
        return self

    def base(self, offset: int) -> str:
        """Base URL of one of the three ports (0 api, 1 data, 2 access)."""
        return f"http://{self.bind}:{self.port_base + offset}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
