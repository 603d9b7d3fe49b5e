"""Requests, answers and refusals as plain values, so that rules can be tested without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Host = Literal["api", "data", "access"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as LINE sees it. Header names are lower-case; the path is raw, never decoded."""

    host: Host
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def one(self, name: str) -> str | None:
        """First query value of that name, or None."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(slots=True)
class Answer:
    """One HTTP answer. `drop` closes the connection instead; `delay_s` waits before answering."""

    status: int = 200
    body: Json | bytes = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    drop: bool = False
    delay_s: float = 0.0

    def payload(self) -> bytes:
        """The bytes that go over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class Refused(Exception):
    """LINE says no.

    `kind` names the rule for /_sim/violations. `benign` marks answers that a correct client asks for on purpose
    (the profile of a blocked user is a 404): they are no violation. `ordered` marks refusals which the story caused
    by a control call (a quota it set, a clock it moved). `user` is whose chat it was about, where the rule knows.
    """

    def __init__(
        self,
        status: int,
        message: str | None,
        *,
        kind: str = "refused",
        details: list[dict[str, str]] | None = None,
        benign: bool = False,
        ordered: bool = False,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message, self.kind = status, message, kind
        self.details, self.benign, self.ordered = details, benign, ordered
        self.user = user
        self.body, self.headers = body, headers or {}

    def answer(self) -> Answer:
        """The HTTP answer of this refusal."""
        if self.body is not None:
            return Answer(self.status, dict(self.body), dict(self.headers))
        body: Json = {"message": self.message}
        if self.details:
            body["details"] = self.details
        return Answer(self.status, body, dict(self.headers))
