"""Stateless channel access tokens: 15 minutes, any number, none to revoke. Kept in the warm container."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from musubi.adapters.line.rest import Budget, Rest
from musubi.domain.errors import Retryable

_log = logging.getLogger("musubi.line")

MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it ends: a request on its way must not meet its end."""

_CONNECT_S, _READ_S = 1.0, 2.0


class Secrets(Protocol):
    """Where the channel secret is."""

    def lines(self, name: str, *, fresh: bool = False) -> tuple[str, ...]: ...


class NoToken(Exception):
    """LINE gave no token (`status`, None = no answer), or the secret is missing. No message was sent to anybody."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True)
class _Token:
    value: str
    ends_at: datetime


class ChannelTokens:
    """The token of one channel. `now` is machine time."""

    def __init__(
        self,
        rest: Rest,
        *,
        channel_id: str,
        secrets: Secrets,
        secret_name: str,
        now: Callable[[], datetime],
    ) -> None:
        from linebot.v3.oauth import ChannelAccessToken

        self._rest = rest
        self._api: Any = ChannelAccessToken(rest.api_client)
        self._channel_id = channel_id
        self._secrets = secrets
        self._secret_name = secret_name
        self._now = now
        self._token: _Token | None = None

    def get(self, budget: Budget) -> str:
        """A token that is good for a while. Raises NoToken."""
        now = self._now()
        held = self._token
        if held is not None and now < held.ends_at - MARGIN:
            return held.value
        try:
            return self._issue(budget, fresh_secret=False)
        except NoToken:
            # The token endpoint being down is no reason to throw away what still works for a minute.
            if held is not None and now < held.ends_at:
                return held.value
            raise

    def renew(self, budget: Budget) -> str:
        """A new token with a newly read secret, after LINE refused the last one. Raises NoToken."""
        self._token = None
        return self._issue(budget, fresh_secret=True)

    def _issue(self, budget: Budget, *, fresh_secret: bool) -> str:
        secret = self._secret(fresh=fresh_secret)
        asked_at = self._now()
        self._rest.forget_idle()
        try:
            answer = self._api.issue_stateless_channel_token(
                grant_type="client_credentials",
                client_id=self._channel_id,
                client_secret=secret,
                _request_timeout=budget.timeout(_CONNECT_S, _READ_S),
            )
        except Exception as error:
            # Whatever went wrong here (network, status, an answer the SDK's model refuses), no message has been sent.
            status = getattr(error, "status", None) or None
            _log.warning("no channel token", extra={"status": status, "error": type(error).__name__})
            raise NoToken("no_token", status) from error
        self._token = _Token(answer.access_token, asked_at + timedelta(seconds=answer.expires_in))
        return self._token.value

    def _secret(self, *, fresh: bool) -> str:
        try:
            lines = self._secrets.lines(self._secret_name, fresh=fresh)
        except Retryable as error:
            raise NoToken("no_channel_secret") from error
        if not lines:
            _log.error("channel secret missing", extra={"parameter": self._secret_name})
            raise NoToken("no_channel_secret")
        return lines[0]
