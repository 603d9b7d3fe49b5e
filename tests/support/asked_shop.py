"""Shops that only answer: an HTTP server in this process that lists orders, asks for a bearer token and can be out of turn."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from musubi.adapters.shops.source import ShopApi
from tests.support.woocommerce_shop import Said

TOKEN = "token-1"


@dataclass
class AskedShop:
    """`tokens` are what it takes, `answers` are given before its own, `before` runs before each answer, `headers` are
    those of the last call, by lower-case name.
    """

    url: str = ""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    orders: list[dict[str, Any]] = field(default_factory=list)
    answers: deque[Said] = field(default_factory=deque)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    headers: dict[str, str] = field(default_factory=dict)

    def api(self, *keys: str, left_s: float = 100) -> ShopApi:
        now = partial(datetime.now, UTC)
        return ShopApi("main", self.url, lambda: keys or (TOKEN,), lambda: left_s, now=now)

    def answer(self, path: str, query: Mapping[str, str], token: str) -> Said:
        if token not in self.tokens:
            return self.refused()
        return self.page(path, query)

    def token(self, headers: Mapping[str, str]) -> str:
        """What proves who asks; `headers` have lower-case names."""
        return headers.get("authorization", "").removeprefix("Bearer ")

    def refused(self) -> Said:
        return Said(401)

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        """The answer to a GET by somebody who may ask. A shop that lists nothing knows no such address."""
        return Said(404)

    def posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        """The answer to a POST; `headers` have lower-case names. A shop that takes none knows no such address."""
        return Said(404)


class StoresShop(AskedShop):
    """STORES' list: filtered by what its documentation names, by when orders were placed."""

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        if path != "/retail/202211/orders":
            return Said(404)
        assert query["direction"] == "asc", "newest first, orders would move while pages are turned"
        found = sorted((one for one in self.orders if _is_in(one, query)), key=lambda one: str(one.get("ordered_at")))
        offset, limit = int(query["offset"]), int(query["limit"])
        assert 1 <= limit <= 100
        return said({"orders": found[offset : offset + limit]})


def _is_in(order: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    parts = order.get("deliveries", [])
    cancelled = max((str(one["canceled_at"]) for one in parts if one["canceled_at"]), default="")
    due = [(one.get("delivery_date") or {}).get("earliest", "") for one in parts]
    kept = {
        "ordered_at_from": str(order.get("ordered_at")),
        "readied_at_from": str(order.get("readied_at") or ""),
        "canceled_at_from": cancelled,
        "delivery_start_date_from": max(due, default=""),
    }
    return all(value[:19] >= query[name] for name, value in kept.items() if name in query)


class BaseShop(AskedShop):
    """BASE's list, short and filtered by when orders were placed, and each order whole; newest first, as shops list."""

    def refused(self) -> Said:
        return said({"error": "invalid_request", "error_description": "アクセストークンが無効です。"}, 400)

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        if path.startswith("/1/orders/detail/"):
            key = path.rpartition("/")[2]
            whole = [one for one in self.orders if one.get("unique_key") == key]
            return said({"order": whole[0]}) if whole else said({"error": "not_found"}, 400)
        if path != "/1/orders":
            return Said(404)
        start, end = (_unix(query[name]) for name in ("start_ordered", "end_ordered"))
        found = sorted(self.orders, key=lambda one: -int(one.get("ordered") or 0))
        found = [one for one in found if start <= int(one.get("ordered") or start) <= end]
        offset, limit = int(query["offset"]), int(query["limit"])
        assert 1 <= limit <= 100
        return said({"orders": [_short(one) for one in found[offset : offset + limit]]})


def _unix(text: str) -> int:
    return int(datetime.strptime(f"{text} +0900", "%Y-%m-%d %H:%M:%S %z").timestamp())


def _short(order: Mapping[str, Any]) -> dict[str, Any]:
    left_out = ("order_items", "tracking_number", "shipping_method")
    return {name: value for name, value in order.items() if name not in left_out}


def said(document: Any, status: int = 200) -> Said:
    return Said(status, json.dumps(document, ensure_ascii=False).encode())


@contextmanager
def asked(shop: AskedShop) -> Iterator[AskedShop]:
    """`shop`, running."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            shop.asked.append((parts.path, query))
            shop.headers = {name.lower(): value for name, value in self.headers.items()}
            shop.before()
            token = shop.token(shop.headers)
            self._say(shop.answers.popleft() if shop.answers else shop.answer(parts.path, query, token))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            shop.headers = headers = {name.lower(): value for name, value in self.headers.items()}
            form = headers.get("content-type") == "application/x-www-form-urlencoded"
            shop.asked.append((self.path, dict(parse_qsl(body.decode())) if form else json.loads(body)))
            shop.before()
            self._say(shop.answers.popleft() if shop.answers else shop.posted(self.path, body, headers))

        def _say(self, given: Said) -> None:
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(given.body)
            except ConnectionError:
                """Whoever asks does not read an answer that is too large."""

        def log_message(self, *words: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
