"""LINE in memory: remembers retry keys and reply tokens as LINE does, and records who got what."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from musubi.domain.answers import Answer, classify
from musubi.domain.errors import Retryable

_MOST_MESSAGES = 5


@dataclass(frozen=True)
class Delivered:
    """What LINE accepted once: `by` is the user id of a push or the reply token."""

    by: str
    messages: list[dict[str, Any]]
    retry_key: str | None = None


@dataclass(frozen=True)
class _Fault:
    status: int | None
    message: str | None
    accepted: bool


@dataclass
class MemoryLine:
    """Implements `LineGateway`. `delivered` is the ground truth; `violations` lists what LINE would hold against us."""

    delivered: list[Delivered] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    calls: int = 0
    linkable: bool = True
    _faults: deque[_Fault] = field(default_factory=deque)
    _keys: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    _used_tokens: set[str] = field(default_factory=set)

    def fail_next(self, status: int | None, message: str | None = None, *, accepted: bool = False) -> None:
        """The next call is answered so; `accepted` True means that LINE did it all the same and the answer was lost."""
        self._faults.append(_Fault(status, message, accepted))

    def forget_keys(self) -> None:
        """24 hours later: LINE knows none of the retry keys any more."""
        self._keys.clear()

    def push(self, to: str, messages: str, retry_key: str) -> Answer:
        fault = self._next_fault()
        if fault and not fault.accepted:
            return classify(fault.status, fault.message, self._request_id())
        answer = self._accept_push(to, messages, retry_key)
        return classify(fault.status, fault.message, self._request_id()) if fault else answer

    def reply(self, token: str, messages: str) -> Answer:
        fault = self._next_fault()
        if fault and not fault.accepted:
            return classify(fault.status, fault.message, self._request_id())
        answer = self._accept_reply(token, messages)
        return classify(fault.status, fault.message, self._request_id()) if fault else answer

    def link_token(self, user_id: str) -> str | None:
        fault = self._next_fault()
        if fault and (fault.status is None or fault.status >= 500):
            raise Retryable("link token: no_answer")
        return f"link-token-{self.calls}" if self.linkable and not fault else None

    def messages_to(self, user_id: str) -> list[dict[str, Any]]:
        """All messages pushed to `user_id`, in order."""
        return [message for one in self.delivered if one.by == user_id for message in one.messages]

    def _next_fault(self) -> _Fault | None:
        self.calls += 1
        return self._faults.popleft() if self._faults else None

    def _request_id(self) -> str:
        return f"request-{self.calls}"

    def _accept_push(self, to: str, messages: str, retry_key: str) -> Answer:
        UUID(retry_key)
        known = self._keys.get(retry_key)
        if known:
            if known[:2] != (to, messages):
                self.violations.append(f"retry key {retry_key} used for another request")
            return classify(409, "The retry key is already accepted", self._request_id(), known[2])
        refused = self._refuse(messages)
        if refused:
            return refused
        self._keys[retry_key] = (to, messages, self._request_id())
        self.delivered.append(Delivered(to, json.loads(messages), retry_key))
        return classify(200, None, self._request_id())

    def _accept_reply(self, token: str, messages: str) -> Answer:
        if token in self._used_tokens:
            return classify(400, "Invalid reply token", self._request_id())
        refused = self._refuse(messages)
        if refused:
            return refused
        self._used_tokens.add(token)
        self.delivered.append(Delivered(token, json.loads(messages)))
        return classify(200, None, self._request_id())

    def _refuse(self, messages: str) -> Answer | None:
        count = len(json.loads(messages))
        if 1 <= count <= _MOST_MESSAGES:
            return None
        self.violations.append(f"{count} messages in one request")
        return classify(400, "The request body has 1 error(s)", self._request_id())
