"""A small Square in this process: orders, customers, groups and loyalty accounts behind its API, as its specification says."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from musubi.adapters.shops.source import ShopApi
from tests.support.woocommerce_shop import Said

TOKEN = "EAAA-token-1"
VERSION = "2025-08-20"

Document = dict[str, Any]


@dataclass
class SquareShop:
    """`tokens` are what it takes, `answers` are given before its own, `before` runs before each answer. While `lost` is not
    0, it does what it is asked that many times and breaks off without an answer.
    """

    url: str = ""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    orders: dict[str, Document] = field(default_factory=dict)
    customers: dict[str, Document] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Document] = field(default_factory=dict)
    locations: list[str] = field(default_factory=lambda: ["LMUSUBIAOYAMA01"])
    keys: dict[str, tuple[Document, Document]] = field(default_factory=dict)
    answers: deque[Said] = field(default_factory=deque)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    lost: int = 0
    _cursors: dict[str, tuple[Document, int]] = field(default_factory=dict)

    def api(self, *keys: str, left_s: float = 100) -> ShopApi:
        return ShopApi("main", self.url, lambda: keys or (TOKEN,), lambda: left_s)

    def changes(self) -> list[tuple[str, str]]:
        """(method, path) of what was to be written."""
        reads = ("/search", "/batch-retrieve")
        return [(method, path) for method, path, _ in self.asked if method != "GET" and not path.endswith(reads)]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any, headers: Mapping[str, str]) -> Said:
        if headers.get("Square-Version") != VERSION:
            return refused(400, "INVALID_SQUARE_VERSION_FORMAT")
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return refused(401, "UNAUTHORIZED", "AUTHENTICATION_ERROR")
        match method, [unquote(part) for part in path.removeprefix("/v2/").split("/")]:
            case "GET", ["locations"]:
                return _said({"locations": [{"id": one, "status": "ACTIVE"} for one in self.locations]})
            case "GET", ["orders", order_id]:
                return self._one("order", self.orders.get(order_id))
            case "POST", ["orders", "search"]:
                return self._search_orders(body)
            case "POST", ["customers", "search"]:
                return self._search_customers(body)
            case "GET", ["customers", "groups"]:
                return self._listed_groups(query)
            case "POST", ["customers", "groups"]:
                return self._once(body, lambda: self._made(body["group"]["name"]))
            case "GET", ["customers", customer_id]:
                return self._one("customer", self.customers.get(customer_id))
            case (("PUT" | "DELETE"), ["customers", customer_id, "groups", group_id]):
                return self._member(method, customer_id, group_id)
            case "POST", ["loyalty", "accounts", "search"]:
                wanted = body["query"]["customer_ids"]
                return _said(
                    _some("loyalty_accounts", [a for a in self.accounts.values() if a["customer_id"] in wanted])
                )
            case "POST", ["loyalty", "accounts", account_id, "adjust"]:
                return self._once(body, lambda: self._adjusted(account_id, body["adjust_points"]))
        return refused(404, "NOT_FOUND")

    def _one(self, name: str, found: Document | None) -> Said:
        return _said({name: found}) if found is not None else refused(404, "NOT_FOUND")

    def _search_orders(self, asked: Document) -> Said:
        query = asked["query"]
        if not 1 <= len(asked["location_ids"]) <= 10 or query["sort"]["sort_field"] != "UPDATED_AT":
            return refused(400, "BAD_REQUEST")
        within = query["filter"]["date_time_filter"]["updated_at"]
        found = [one for one in self.orders.values() if one["location_id"] in asked["location_ids"]]
        return self._page(asked, "orders", sorted(_within(found, within), key=lambda one: str(one["updated_at"])), 1000)

    def _search_customers(self, asked: Document) -> Said:
        assert asked["query"]["sort"]["field"] in ("DEFAULT", "CREATED_AT")
        found = _within(list(self.customers.values()), asked["query"]["filter"]["updated_at"])
        return self._page(asked, "customers", sorted(found, key=lambda one: str(one["created_at"])), 100)

    def _page(self, asked: Document, name: str, found: list[Document], most: int) -> Said:
        if not 1 <= asked["limit"] <= most:
            return refused(400, "VALUE_TOO_HIGH")
        question = {key: value for key, value in asked.items() if key != "cursor"}
        start = 0
        if "cursor" in asked:
            known = self._cursors.pop(asked["cursor"], None)
            if known is None or known[0] != question:
                return refused(400, "INVALID_CURSOR")
            start = known[1]
        end = start + asked["limit"]
        answer = _some(name, found[start:end])
        if end < len(found):
            answer["cursor"] = f"c{len(self.asked)}"
            self._cursors[answer["cursor"]] = question, end
        return _said(answer)

    def _listed_groups(self, query: Mapping[str, str]) -> Said:
        if not 1 <= int(query["limit"]) <= 50:
            return refused(400, "VALUE_TOO_HIGH")
        start = int(query.get("cursor", "0"))
        end = start + int(query["limit"])
        listed = [{"id": key, "name": name} for key, name in self.groups.items()]
        answer = _some("groups", listed[start:end])
        return _said({**answer, "cursor": str(end)} if end < len(listed) else answer)

    def _made(self, name: str) -> Document:
        group_id = f"G{len(self.keys)}"
        self.groups[group_id] = name
        return {"group": {"id": group_id, "name": name}}

    def _member(self, method: str, customer_id: str, group_id: str) -> Said:
        customer = self.customers.get(customer_id)
        if customer is None or group_id not in self.groups:
            return refused(404, "NOT_FOUND")
        mine = [one for one in customer.get("group_ids", []) if one != group_id]
        customer["group_ids"] = [*mine, group_id] if method == "PUT" else mine
        return _said({})

    def _adjusted(self, account_id: str, said: Document) -> Document:
        self.accounts[account_id]["balance"] += said["points"]
        return {"event": {"id": "e1", "type": "ADJUST_POINTS", "adjust_points": said}}

    def _once(self, body: Document, do: Callable[[], Document]) -> Said:
        """What a repeat with the same key gets; another body under it is refused."""
        known = self.keys.get(body["idempotency_key"])
        if known is not None and known[0] != body:
            return refused(400, "IDEMPOTENCY_KEY_REUSED")
        answer = known[1] if known else do()
        self.keys[body["idempotency_key"]] = body, answer
        return _said(answer)


def _within(found: list[Document], span: Mapping[str, str]) -> list[Document]:
    return [one for one in found if span["start_at"] <= one["updated_at"] <= span["end_at"]]


def _some(name: str, found: list[Document]) -> Document:
    """Square leaves an empty list out."""
    return {name: found} if found else {}


def _said(document: Any, status: int = 200) -> Said:
    return Said(status, json.dumps(document, ensure_ascii=False).encode())


def refused(status: int, code: str, category: str = "INVALID_REQUEST_ERROR") -> Said:
    return _said({"errors": [{"category": category, "code": code, "detail": "said about EAAA-token-1"}]}, status)


@contextmanager
def square_shop() -> Iterator[SquareShop]:
    """A running one."""
    shop = SquareShop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            shop.asked.append((self.command, parts.path, body))
            shop.before()
            given = shop.answers.popleft() if shop.answers else None
            if given is None:
                given = shop.answer(self.command, parts.path, query, body, dict(self.headers.items()))
            if shop.lost and self.command != "GET" and not parts.path.endswith("/search"):
                shop.lost -= 1
                self.connection.close()
                return
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body)

        do_POST = do_PUT = do_DELETE = do_GET

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError):
                """The connection was broken off on purpose."""

        def log_message(self, *words: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
