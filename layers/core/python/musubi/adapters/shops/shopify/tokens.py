"""Access tokens for Shopify's Admin API out of what a line of its secret holds.

Apps of the Dev Dashboard, the only ones that a shop can make since January 2026, show no token: their client id and secret are
exchanged for one that lives a day (shopify.dev, "Client credentials grant"; RFC 6749 §4.4), for stores of the same
organisation. There is nothing to keep or to renew: whoever needs a token gets one, and holds it in memory. Older apps have a
token that stays (`shpat_…`), which is used as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlencode

from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.domain.errors import Retryable

PATH = "/admin/oauth/access_token"
MARGIN_S = 300
"""A token is got anew this long before it ends."""

_NOT_SAID_S = 600
"""How long a token is held of which the shop does not say how long it lives."""
_LONGEST_S = 86_400
_BUSY_S = 60
_REFUSED = (400, 401, 403)

Held = MutableMapping[str, tuple[str, float]]
"""By the secret's line: the token, and until when it is good (monotonic seconds)."""


class AppTokens:
    """The tokens of one shop. `held` outlives this object."""

    def __init__(self, http: Http, held: Held, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._held = held
        self._monotonic = monotonic

    def of(self, line: str, *, fresh: bool = False) -> str | None:
        """The token for `<client id>:<client secret>`, a new one if `fresh`; None when the shop refuses them.

        Raises Retryable when it does not answer.
        """
        token, until = self._held.get(line, ("", 0.0))
        if token and not fresh and self._monotonic() < until:
            return token
        client_id, _, secret = line.partition(":")
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        asked_at = self._monotonic()
        try:
            answer = self._http.request("POST", PATH, urlencode(form).encode(), headers)
        except TooLarge:
            raise Retryable("shopify token: answer too large", after_s=_BUSY_S) from None
        if answer.status in _REFUSED:
            self._held.pop(line, None)
            return None
        token, life_s = _read(answer)
        self._held[line] = token, asked_at + life_s - MARGIN_S
        return token


def _read(answer: Answer) -> tuple[str, float]:
    """The token and its seconds. Shopify's own words are not repeated: they may hold the secret."""
    try:
        found: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    token = found.get("access_token") if isinstance(found, dict) else None
    if answer.status != 200 or not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
        raise Retryable(f"shopify token: HTTP {answer.status}", after_s=_BUSY_S)
    life = found.get("expires_in")
    return token, min(life, _LONGEST_S) if isinstance(life, int) and life > 0 else _NOT_SAID_S
