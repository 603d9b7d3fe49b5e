"""The LineGateway over HTTP: what LINE gets is what was rendered, and its answers come back as values."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from musubi.adapters.line.channel_token import ChannelTokens, NoToken, Secrets
from musubi.adapters.line.rest import Budget, Reply, Rest
from musubi.domain.answers import Answer, AnswerKind, classify
from musubi.domain.errors import Retryable
from musubi.ports import Clock

CHANNEL_SECRET = "line/channel-secret"  # noqa: S105 - the parameter's name
_PUSH = "/v2/bot/message/push"
_REPLY = "/v2/bot/message/reply"
_RETRY_KEY = "X-Line-Retry-Key"

_CONNECT_S = 1.0
_PUSH_READ_S, _PUSH_TOTAL_S = 5.0, 9.0
_REPLY_READ_S, _REPLY_TOTAL_S = 3.0, 5.0
"""`line_events` has 6 s: a call that outlives the function leaves nobody who knows what happened to the token."""
_LINK_READ_S, _LINK_TOTAL_S = 2.0, 4.0


class LineApi:
    """Implements `LineGateway` for one channel. `left_s`: seconds that the caller has left, which no call outlives."""

    def __init__(
        self,
        *,
        api_url: str,
        channel_id: str,
        secrets: Secrets,
        clock: Clock,
        secret_name: str = CHANNEL_SECRET,
        left_s: Callable[[], float] = lambda: math.inf,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = Rest(api_url, clock.machine)
        self._tokens = ChannelTokens(
            self._rest, channel_id=channel_id, secrets=secrets, secret_name=secret_name, now=clock.machine
        )
        self._left_s = left_s
        self._monotonic = monotonic

    def push(self, to: str, messages: str, retry_key: str) -> Answer:
        """One message request to one friend. The retry key must be there from the first attempt on."""
        body = {"to": to, "messages": _array(messages)}
        return self._answer(_PUSH, {_RETRY_KEY: retry_key}, body, _PUSH_READ_S, self._budget(_PUSH_TOTAL_S))

    def reply(self, token: str, messages: str) -> Answer:
        """Answer an event. No retry key: LINE refuses one here with 400."""
        body = {"replyToken": token, "messages": _array(messages)}
        return self._answer(_REPLY, {}, body, _REPLY_READ_S, self._budget(_REPLY_TOTAL_S))

    def link_token(self, user_id: str) -> str | None:
        """A link token, or None when LINE refuses one. Raises Retryable when LINE says nothing or 「later」."""
        budget = self._budget(_LINK_TOTAL_S)
        path = f"/v2/bot/user/{quote(user_id, safe='')}/linkToken"
        try:
            reply = self._call(path, {}, None, _LINK_READ_S, budget)
        except NoToken as error:
            raise Retryable(error.reason) from error
        answer = _classified(reply)
        if answer.kind is AnswerKind.REFUSED:
            return None
        token = reply.document.get("linkToken")
        if answer.kind is not AnswerKind.ACCEPTED or not isinstance(token, str):
            raise Retryable(f"link token: {answer.reason}")
        return token

    def _budget(self, total_s: float) -> Budget:
        return Budget(min(total_s, self._left_s()), self._monotonic)

    def _answer(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], read_s: float, budget: Budget
    ) -> Answer:
        try:
            return _classified(self._call(path, headers, body, read_s, budget))
        except NoToken as error:
            # Nothing was sent: a clear no, not an unclear answer that would start the retry key's 24 hours.
            return Answer(AnswerKind.PASSING, error.reason, error.status)

    def _call(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None, read_s: float, budget: Budget
    ) -> Reply:
        """One request; a refused token is renewed once, since 401 is a clear no and nothing was sent."""
        reply = self._post(path, headers, body, read_s, budget, self._tokens.get(budget))
        if reply.status != 401 or budget.spent:
            return reply
        try:
            token = self._tokens.renew(budget)
        except NoToken:
            return reply
        return reply if budget.spent else self._post(path, headers, body, read_s, budget, token)

    def _post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
        read_s: float,
        budget: Budget,
        token: str,
    ) -> Reply:
        sent = {**headers, "Authorization": f"Bearer {token}"}
        return self._rest.post(path, sent, body, budget.timeout(_CONNECT_S, read_s))


def _array(messages: str) -> list[Any]:
    found = json.loads(messages)
    if not isinstance(found, list):
        raise TypeError("messages must be a JSON array")
    return found


def _classified(reply: Reply) -> Answer:
    return classify(
        reply.status,
        reply.message,
        reply.headers.get("x-line-request-id"),
        reply.headers.get("x-line-accepted-request-id"),
    )
