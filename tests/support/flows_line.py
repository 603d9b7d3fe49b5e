"""LINE for the flows: strict where LINE is (line-platform.md §2, §9), on the machine clock, with ground truth.

What it accepted, for whom and under which key is written down apart from what it answered: only that proves "once".
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from musubi.domain.answers import Answer, classify
from musubi.domain.errors import Retryable

KEY_LIFE = timedelta(hours=24)
TOKEN_LIFE = timedelta(minutes=1)
TOKEN_LIMIT = timedelta(minutes=20)
"""After this a redelivery no longer renews a reply token."""

MONTHLY = "You have reached your monthly limit."
RATE = "The API rate limit has been exceeded. Try again later."


class Fault(StrEnum):
    """What happens to the next call; `*_AFTER` and DROPPED happen after LINE did what it was asked."""

    E500_BEFORE = "500 before"
    E500_AFTER = "500 after"
    LOST = "lost before it reached LINE"
    DROPPED = "dropped after accept"
    UNREADABLE = "unreadable 200"
    E400 = "400"
    E401 = "401"
    E403 = "403"
    RATE = "429 rate"
    MONTHLY = "429 monthly"


_BEFORE: dict[Fault, tuple[int | None, str]] = {
    Fault.E500_BEFORE: (500, "Internal server error"),
    Fault.LOST: (None, ""),
    Fault.E400: (400, "The request body has 1 error(s)"),
    Fault.E401: (401, "Authentication failed due to the following reason: invalid token"),
    Fault.E403: (403, "Access to this API is not available for your account"),
    Fault.RATE: (429, RATE),
    Fault.MONTHLY: (429, MONTHLY),
}
_AFTER: dict[Fault, int | None] = {Fault.E500_AFTER: 500, Fault.DROPPED: None}


@dataclass(frozen=True)
class Accepted:
    """One message request that LINE took. `delivered` is False for who has blocked the account: 200 all the same."""

    to: str
    messages: tuple[dict[str, Any], ...]
    how: str
    at: datetime
    delivered: bool
    key: str

    @property
    def text(self) -> str:
        """The first words of it, for reading and comparing."""
        first = self.messages[0]
        return str(first.get("text") or first.get("altText"))


@dataclass
class _Token:
    to: str
    event_at: datetime
    delivered_at: datetime
    used: bool = False


@dataclass
class StrictLine:
    """Implements `LineGateway`."""

    now: Callable[[], datetime]
    accepted: list[Accepted] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    """What we did that LINE forbids or warns of. A flow ends with none."""
    blocked: set[str] = field(default_factory=set)
    calls: int = 0
    called_at: list[datetime] = field(default_factory=list)
    down: bool = False
    _faults: deque[Fault] = field(default_factory=deque)
    _keys: dict[str, tuple[str, str, str, datetime]] = field(default_factory=dict)
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _link_tokens: dict[str, str] = field(default_factory=dict)

    def faults(self, *kinds: Fault) -> None:
        """The next calls are answered so, in order."""
        self._faults.extend(kinds)

    @property
    def delivered(self) -> list[Accepted]:
        return [one for one in self.accepted if one.delivered]

    def texts(self, user_id: str) -> list[str]:
        """What `user_id` could read, in order."""
        return [one.text for one in self.delivered if one.to == user_id]

    # webhooks

    def reply_token(self, to: str, event_id: str, event_at: datetime) -> str:
        """The token of an event. A redelivery carries the same one and renews it, up to 20 minutes after the event."""
        name = f"token-{event_id}"
        known = self._tokens.setdefault(name, _Token(to, event_at, self.now()))
        known.delivered_at = self.now()
        return name

    def use_up(self, token: str) -> None:
        """Somebody else has replied with it."""
        self._tokens[token].used = True

    def owner_of(self, link_token: str) -> str:
        """Whose link token it is; used up by asking, as by LINE's dialog."""
        return self._link_tokens.pop(link_token)

    # the API

    def push(self, to: str, messages: str, retry_key: str) -> Answer:
        return self._call(lambda: self._push(to, messages, retry_key))

    def reply(self, token: str, messages: str) -> Answer:
        return self._call(lambda: self._reply(token, messages))

    def link_token(self, user_id: str) -> str | None:
        self.calls += 1
        fault = self._faults.popleft() if self._faults else None
        if self.down or (fault and fault not in (Fault.E400, Fault.UNREADABLE)):
            raise Retryable("link token: no_answer")
        if fault:
            return None
        token = f"link-token-{self.calls}"
        self._link_tokens[token] = user_id
        return token

    def _call(self, perform: Callable[[], Answer]) -> Answer:
        self.calls += 1
        self.called_at.append(self.now())
        fault = self._faults.popleft() if self._faults else None
        if self.down:
            return classify(None, None, None)
        if fault in _BEFORE:
            status, message = _BEFORE[fault]
            return classify(status, message or None, self._request())
        answer = perform()
        if fault in _AFTER:
            return classify(_AFTER[fault], None, self._request())
        return classify(200, None, None) if fault is Fault.UNREADABLE and answer.status == 200 else answer

    def _push(self, to: str, messages: str, retry_key: str) -> Answer:
        if str(UUID(retry_key)) != retry_key:
            return self._refuse("X-Line-Retry-Key is no UUID")
        if len(to) != 33 or not to.startswith("U"):
            return self._refuse("The property, 'to', in the request body is invalid")
        known = self._keys.get(retry_key)
        if known and self.now() - known[3] < KEY_LIFE:
            if known[:2] != (to, messages):
                self.flaws.append(f"key {retry_key} carried another request")
            return classify(409, "The retry key is already accepted", self._request(), known[2])
        if known:
            self.flaws.append(f"key {retry_key} came back after LINE forgot it")
        if wrong := _wrong(messages):
            return self._refuse(wrong)
        self._keys[retry_key] = (to, messages, self._request(), self.now())
        self._accept(to, messages, "push", retry_key)
        return classify(200, None, self._request())

    def _reply(self, token: str, messages: str) -> Answer:
        known = self._tokens.get(token)
        now = self.now()
        if known is None or known.used or now - known.delivered_at > TOKEN_LIFE or now - known.event_at > TOKEN_LIMIT:
            return classify(400, "Invalid reply token", self._request())
        if wrong := _wrong(messages):
            return self._refuse(wrong)
        known.used = True
        self._accept(known.to, messages, "reply", token)
        return classify(200, None, self._request())

    def _accept(self, to: str, messages: str, how: str, key: str) -> None:
        took = Accepted(to, tuple(json.loads(messages)), how, self.now(), to not in self.blocked, key)
        self.accepted.append(took)

    def _refuse(self, words: str) -> Answer:
        self.flaws.append(words)
        return classify(400, words, self._request())

    def _request(self) -> str:
        return f"request-{self.calls}"


def _wrong(messages: str) -> str | None:
    """What LINE would refuse in a request body (line-platform §2.9), or None."""
    items = json.loads(messages)
    if not isinstance(items, list) or not 1 <= len(items) <= 5:
        return "messages: Size must be between 1 and 5"
    return next((wrong for one in items if (wrong := _wrong_message(one))), None)


def _wrong_message(message: dict[str, Any]) -> str | None:
    actions = [item.get("action", {}) for item in message.get("quickReply", {}).get("items", [])]
    if message.get("type") == "text":
        if not 1 <= _utf16(message.get("text", "")) <= 5000:
            return "text: Length must be between 1 and 5000"
    elif message.get("type") == "template":
        inner = message.get("template", {})
        if not 1 <= _utf16(message.get("altText", "")) <= 1500 or not 1 <= len(inner.get("text", "")) <= 160:
            return "template: Length"
        actions += inner.get("actions", [])
        if not 1 <= len(inner.get("actions", [])) <= 4:
            return "template.actions: Size must be between 1 and 4"
    else:
        return f"type: {message.get('type')}"
    return next((wrong for action in actions if (wrong := _wrong_action(action))), None)


def _wrong_action(action: dict[str, Any]) -> str | None:
    if not 1 <= len(action.get("label", "")) <= 20:
        return "action.label: Length must be between 1 and 20"
    if action.get("type") == "uri":
        return None if urlsplit(action.get("uri", "")).scheme in ("http", "https") else "action.uri: invalid uri"
    if action.get("type") == "postback":
        return None if 1 <= len(action.get("data", "")) <= 300 else "action.data: Length"
    return f"action.type: {action.get('type')}"


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def link_token_in(one: Accepted) -> str:
    """The link token that an accepted message leads to the login page with."""
    uris: list[str] = [
        a["uri"] for m in one.messages for a in m.get("template", {}).get("actions", []) if a["type"] == "uri"
    ]
    return parse_qs(urlsplit(uris[0]).query)["linkToken"][0]
