"""What a handler gets to see of one call, and what a route says about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.line.state import World
from local.line.values import Answer, Call, Host, Json, Refused

MAX_BODY = 2 * 1024 * 1024


@dataclass(frozen=True)
class Route:
    """One documented endpoint. `rate` is (calls, seconds) per channel (§2.5); `body` says how the body is read."""

    name: str
    host: Host
    method: str
    path: str
    handler: Callable[[Ctx], Answer]
    rate: tuple[float, float] | None = (2000.0, 1.0)
    auth: bool = True
    body: str = "none"
    retry_key: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(expression))


@dataclass
class Ctx:
    """One call on its way through the rules."""

    world: World
    call: Call
    route: Route
    params: dict[str, str]
    request_id: str
    fault: str | None = None
    retry_key: str | None = None
    token_kind: str = ""
    body: Json = field(default_factory=dict)

    @property
    def now(self) -> float:
        """LINE's time."""
        return self.world.clock.now()


def read_json(call: Call) -> Json:
    """The JSON object of a request body: 413 over 2 MB, 415 for another content type, 400 when unreadable (§9.4)."""
    if len(call.body) > MAX_BODY:
        raise Refused(413, "Request Entity Too Large", kind="body over 2 MB")
    if call.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Unsupported Media Type", kind="wrong content type")
    try:
        body = json.loads(call.body.decode("utf-8"))
    except json.JSONDecodeError as error:
        text = f"The request body could not be parsed as JSON (line: {error.lineno}, column: {error.colno})"
        raise Refused(400, text, kind="unreadable body") from error
    except UnicodeDecodeError as error:
        text = "The request body could not be parsed as JSON (line: 1, column: 1)"
        raise Refused(400, text, kind="unreadable body") from error
    if not isinstance(body, dict):
        text = "The request body could not be parsed as JSON (line: 1, column: 1)"
        raise Refused(400, text, kind="unreadable body")
    return body


def read_form(call: Call) -> Json:
    """The fields of a form body, first value each; 415 for another content type."""
    if len(call.body) > MAX_BODY:
        raise Refused(413, "Request Entity Too Large", kind="body over 2 MB")
    kind = call.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(415, "Unsupported Media Type", kind="wrong content type")
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    form: dict[str, Any] = {}
    for key, value in pairs:
        form.setdefault(key, value)
    return form
