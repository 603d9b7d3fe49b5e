"""A small HTTP server in the place of LINE's api host: answers what the test laid out, and records what it got."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Say:
    """One answer. `status` None drops the connection without a word; `cut` promises more bytes than come."""

    status: int | None = 200
    body: str = '{"sentMessages":[{"id":"461230966842064897"}]}'
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0
    cut: bool = False


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


TOKEN_PATH = "/oauth2/v3/token"


class LineStub:
    """`answers` are for messages in order, `token_answers` for tokens; with none laid out both succeed."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: deque[Say] = deque()
        self.token_answers: deque[Say] = deque()
        self.got: list[Got] = []
        self.connections = 0

    @property
    def calls(self) -> list[Got]:
        return [one for one in self.got if one.path != TOKEN_PATH]

    @property
    def token_calls(self) -> list[Got]:
        return [one for one in self.got if one.path == TOKEN_PATH]

    def next_answer(self, got: Got) -> Say:
        self.got.append(got)
        if got.path != TOKEN_PATH:
            return self.answers.popleft() if self.answers else Say()
        if self.token_answers:
            return self.token_answers.popleft()
        return Say(body=token_body(f"token-{len(self.token_calls)}"))


def token_body(token: str, expires_in: int = 899) -> str:
    return json.dumps({"token_type": "Bearer", "access_token": token, "expires_in": expires_in})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: LineStub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: clients that hang up before the answer are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        cast(_Server, self.server).stub.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        say = cast(_Server, self.server).stub.next_answer(Got(self.path, headers, body))
        time.sleep(say.wait_s)
        if say.status is None:
            self.close_connection = True
            return
        content = say.body.encode()
        self.send_response(say.status)
        for name, value in {"content-type": "application/json", "x-line-request-id": "req-1", **say.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content) + (10 if say.cut else 0)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.close_connection or say.cut

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def line_stub() -> Iterator[LineStub]:
    stub = LineStub()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stub = stub
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
