"""A simulated LINE without sockets: a clock set by hand, a webhook receiver that is a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from local.line.clock import SimClock
from local.line.config import Config
from local.line.control import Control
from local.line.core import Line
from local.line.state import User, World
from local.line.values import Answer, Call, Host, Json
from local.line.webhooks import Webhooks

START = 1_795_305_600.0  # 2026-11-22T09:00+09:00
SECRET = "local-channel-secret"
TEXT: list[Json] = [{"type": "text", "text": "こんにちは"}]
KEY = "123e4567-e89b-12d3-a456-426614174000"


@dataclass
class Got:
    """A webhook request as the receiver saw it."""

    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def payload(self) -> Json:
        """Its JSON."""
        loaded: Json = json.loads(self.body)
        return loaded

    @property
    def signature(self) -> str | None:
        """Its signature, whatever the header's case."""
        return {key.lower(): value for key, value in self.headers.items()}.get("x-line-signature")


@dataclass
class Rig:
    """Everything a rule needs, in a few words."""

    config: Config = field(default_factory=lambda: Config(webhook_url="http://127.0.0.1:9/hook"))

    def __post_init__(self) -> None:
        self.time = START
        self.world = World(self.config, SimClock(lambda: self.time))
        self.line = Line(self.world)
        self.got: list[Got] = []
        self.answers: list[int | Exception] = []
        self.webhooks = Webhooks(self.world, self._receive)
        self.control = Control(self.line, self.webhooks)
        self._token: str | None = None

    def _receive(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.got.append(Got(url, body, headers))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sim(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """A control call that must work."""
        status, reply = self.control.handle(method, f"/_sim{path}", query, body or {})
        assert status < 300, reply
        return reply

    def friend(self, name: str = "花子", relation: str = "friend") -> User:
        """A LINE user in that relation to the account."""
        made = self.sim("POST", "/friends", {"display_name": name, "relation": relation})
        return self.world.users[made["user_id"]]

    def act(self, user: User, action: str, **want: Any) -> Json:
        """Let a person act."""
        return self.sim("POST", f"/friends/{user.user_id}/{action}", want)

    def reply_token(self, user: User) -> str:
        """A fresh reply token: she writes something."""
        event = self.act(user, "text", text="ねえ")["events"][0]
        token: str = event["replyToken"]
        return token

    def form(self, path: str, **fields: str) -> Answer:
        """A form post without a token."""
        body = "&".join(f"{key}={value}" for key, value in fields.items()).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.line.handle(Call("api", "POST", path, headers, body=body))

    def token(self) -> str:
        """A stateless channel access token."""
        answer = self.form(
            "/oauth2/v3/token",
            grant_type="client_credentials",
            client_id=self.config.channel_id,
            client_secret=self.config.channel_secret,
        )
        assert isinstance(answer.body, dict), answer
        text: str = answer.body["access_token"]
        return text

    def call(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        host: Host = "api",
        headers: dict[str, str] | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        """An API call with a valid token, unless the headers say otherwise."""
        if self._token is None or (headers and "authorization" in headers):
            self._token = self.token()
        sent = {"authorization": f"Bearer {self._token}", "content-type": "application/json", **(headers or {})}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        return self.line.handle(Call(host, method, path, sent, query, raw))

    def fresh(self) -> None:
        """Take a new token with the next call (the old one aged with the clock)."""
        self._token = None

    def push(self, user: User | str, messages: list[Json] | None = None, key: str | None = None, **more: Any) -> Answer:
        """Push to a user."""
        to = user if isinstance(user, str) else user.user_id
        headers = {"x-line-retry-key": key} if key else None
        body = {"to": to, "messages": messages or TEXT, **more}
        return self.call("POST", "/v2/bot/message/push", body, headers=headers)

    def reply(self, token: str, **headers: str) -> Answer:
        """Reply with the plain text."""
        body = {"replyToken": token, "messages": TEXT}
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.call("POST", "/v2/bot/message/reply", body, headers=named)

    def fault(self, mode: str, **more: Any) -> None:
        """Order a fault; the token call comes before, so that it cannot meet the order."""
        self._token = self._token or self.token()
        self.sim("POST", "/faults", {"mode": mode, **more})

    def unordered(self) -> list[str]:
        """Kinds of violations that the story did not order."""
        return [row["kind"] for row in self.sim("GET", "/violations")["violations"]]


def said(answer: Answer) -> Any:
    """The `message` of an answer."""
    assert isinstance(answer.body, dict)
    return answer.body.get("message")


def body_of(answer: Answer) -> Json:
    """The JSON body of an answer."""
    assert isinstance(answer.body, dict)
    return answer.body


Check = Callable[[Rig], None]
F = TypeVar("F", bound=Check)


class Rules:
    """A table of rules: each row quotes its section and shows the rule at work."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Check]] = []

    def __call__(self, section: str) -> Callable[[F], F]:
        """Add a row."""

        def add(check: F) -> F:
            self.rows.append((section, check))
            return check

        return add

    @property
    def table(self) -> pytest.MarkDecorator:
        """The parametrisation that runs every row by its name."""
        return pytest.mark.parametrize("check", [pytest.param(c, id=s) for s, c in self.rows])
