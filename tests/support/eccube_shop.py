"""An EC-CUBE in this process: documents by entity and id, answered like the Web API plugin does, and what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast
from urllib.parse import parse_qs

_ENTITY = re.compile(r"(\w+): (order|customer)\(id: (\d+)\)")


@dataclass(frozen=True)
class Raw:
    """An answer laid out byte for byte. `wait` is called before it is sent; `drip` sends byte by byte."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: Callable[[], object] = lambda: None


class EccubeShop:
    """`laid_out` answers come first, per path; then the shop answers by itself. `good` are the tokens that it takes."""

    def __init__(self) -> None:
        self.url = ""
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.laid_out: dict[str, list[Raw]] = {"/api": [], "/token": []}
        self.good: set[str] = {"access-0"}
        self.refresh_token = "refresh-0"
        self.expires_in = 3600
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    def put(self, entity: str, document: dict[str, Any]) -> None:
        self.documents[entity, str(document["id"])] = document

    @property
    def queries(self) -> list[str]:
        return [json.loads(body)["query"] for path, _, body in self.got if path == "/api"]

    @property
    def renewals(self) -> int:
        return sum(path == "/token" for path, _, _ in self.got)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Raw:
        self.got.append((path, headers, body))
        if self.laid_out.get(path):
            return self.laid_out[path].pop(0)
        if path == "/token":
            return self._token(parse_qs(body.decode()))
        if path != "/api":
            return Raw(404)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.good:
            return Raw(401, b'{"title":"The resource owner or authorization server denied the request."}')
        return _json({"data": self._data(json.loads(body))})

    def _token(self, form: Mapping[str, list[str]]) -> Raw:
        """Refresh tokens work once, and the old access token ends with them (league/oauth2-server)."""
        asked = {name: values[0] for name, values in form.items()}
        client = (asked.get("grant_type"), asked.get("client_id"), asked.get("client_secret"))
        if client != ("refresh_token", "client-1", "secret-1") or asked.get("refresh_token") != self.refresh_token:
            return Raw(401, b'{"error":"invalid_request","message":"The refresh token is invalid."}')
        self.refresh_token = f"refresh-{self.renewals}"
        access = f"access-{self.renewals}"
        self.good = {access}
        return _json(
            {
                "token_type": "Bearer",
                "expires_in": self.expires_in,
                "access_token": access,
                "refresh_token": self.refresh_token,
            }
        )

    def _data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            alias: self.documents.get((entity, number)) for alias, entity, number in _ENTITY.findall(asked["query"])
        }


def _json(document: Any) -> Raw:
    return Raw(200, json.dumps(document, ensure_ascii=False).encode(), {"content-type": "application/json"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    shop: EccubeShop

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: clients that hang up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        named = {name.lower(): value for name, value in self.headers.items()}
        said = cast(_Server, self.server).shop.answer(self.path, named, self.rfile.read(length))
        said.wait()
        self.send_response(said.status)
        for name, value in {"content-length": str(len(said.body)), **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def eccube_shop() -> Iterator[EccubeShop]:
    """A shop that listens until the test ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.shop = shop = EccubeShop()
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
