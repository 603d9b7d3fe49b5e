"""The OAuth 2 server of the shop's EC-CUBE: access tokens that end, refresh tokens that work once.

Tokens are numbered and signed, so that a restarted shop still knows those it gave. Renewing ends the access token and the
refresh token before it, as league/oauth2-server does.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from local.shop.clock import ShopClock

CLIENT_ID = "musubi-demo"
CLIENT_SECRET = "local-eccube-secret"  # noqa: S105 - a documented test value
LIFE_S = 3600


def signed(kind: str, *parts: int) -> str:
    """`refresh-0-3f2a…`: a token that only this server can have made."""
    text = "-".join((kind, *map(str, parts)))
    return f"{text}-{hmac.digest(CLIENT_SECRET.encode(), text.encode(), hashlib.sha256).hex()}"


def first_grant() -> dict[str, str]:
    """What an operator gets in the browser and stores once."""
    return {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": signed("refresh", 0)}


class Tokens:
    """Which tokens are good. `serial` is the newest renewal; older ones are spent."""

    def __init__(self) -> None:
        self.serial = 0

    def renew(self, form: Mapping[str, str]) -> dict[str, Any] | None:
        """The answer to a token request, None for one that is refused."""
        if (form.get("grant_type"), form.get("client_id"), form.get("client_secret")) != (
            "refresh_token",
            CLIENT_ID,
            CLIENT_SECRET,
        ):
            return None
        number = _number("refresh", form.get("refresh_token", ""), 1)
        if number is None or number[0] < self.serial:
            return None
        self.serial = number[0] + 1
        return {
            "token_type": "Bearer",
            "expires_in": LIFE_S,
            "access_token": signed("access", self.serial, ShopClock.machine_seconds() + LIFE_S),
            "refresh_token": signed("refresh", self.serial),
        }

    def good(self, header: str | None) -> bool:
        """True for the `Authorization` of a running access token."""
        found = _number("access", (header or "").removeprefix("Bearer "), 2)
        return found is not None and found[0] >= self.serial and ShopClock.machine_seconds() < found[1]


def _number(kind: str, token: str, count: int) -> list[int] | None:
    parts = token.split("-")[1:-1]
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    return numbers if hmac.compare_digest(signed(kind, *numbers).encode(), token.encode()) else None
