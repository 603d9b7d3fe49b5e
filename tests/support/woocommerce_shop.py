"""A small WooCommerce in this process: the REST lists of orders and customers, filtered, sorted and paged as its code does, and
the metadata of a customer.
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from musubi.adapters.shops.source import ShopApi

KEY = "ck_0123:cs_4567"
LISTS = {"/wp-json/wc/v3/orders": "orders", "/wp-json/wc/v3/customers": "customers"}


@dataclass(frozen=True)
class Said:
    """An answer out of turn."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WooShop:
    """`keys` are what it takes, `readers` those of them that may not write, `hidden` ids that no key may read, `before` runs
    before each answer. While `lost` is not 0, it writes that many times and breaks off without an answer.
    """

    url: str = ""
    keys: set[str] = field(default_factory=lambda: {KEY})
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    answers: deque[Said] = field(default_factory=deque)
    asked: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    readers: set[str] = field(default_factory=set)
    written: list[tuple[str, Any]] = field(default_factory=list)
    lost: int = 0

    def api(self, *keys: str, left_s: float = 100) -> ShopApi:
        return ShopApi("main", self.url, lambda: keys or (KEY,), lambda: left_s)

    def order(self, number: int, at: datetime, **more: Any) -> dict[str, Any]:
        """An order that was last changed at `at`."""
        self.orders[number] = {
            "id": number,
            "number": str(number),
            "status": "processing",
            "currency": "JPY",
            "total": "12800",
            "customer_id": 1001,
            "date_created_gmt": gmt(at),
            "date_modified_gmt": gmt(at),
            "date_paid_gmt": gmt(at),
            **more,
        }
        return self.orders[number]

    def customer(self, number: int, at: datetime, **more: Any) -> None:
        """A customer who registered at `at`."""
        known = {"id": number, "role": "customer", "date_created_gmt": gmt(at), "date_modified_gmt": gmt(at)}
        self.customers[number] = {**known, "first_name": "はな", "last_name": "結城", **more}

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        kind = LISTS.get(path)
        if kind is None:
            return Said(404)
        listed = self._orders(query) if kind == "orders" else self._customers(query)
        size, page = int(query["per_page"]), int(query["page"])
        assert 1 <= size <= 100
        shown = [one for one in listed[(page - 1) * size : page * size] if one["id"] not in self.hidden]
        body = json.dumps(shown, ensure_ascii=False, indent=1).encode()
        return Said(200, body, {"X-WP-Total": str(len(listed)), "X-WP-TotalPages": str(-(-len(listed) // size))})

    def write(self, path: str, body: Any, key: str) -> Said:
        """`PUT` of a customer: a row of the metadata is found by its key, and one that is internal is dropped."""
        self.written.append((path, body))
        if key in self.readers:
            return Said(401, b'{"code":"woocommerce_rest_authentication_error","message":"..."}')
        customer = self.customers.get(int(path.rpartition("/")[2]))
        if customer is None:
            return Said(400, b'{"code":"woocommerce_rest_invalid_id","message":"Invalid resource ID."}')
        rows = {row["key"]: row for row in customer.setdefault("meta_data", [])}
        for row in body["meta_data"]:
            if not row["key"].startswith("_"):
                rows[row["key"]] = {"id": 900 + len(rows), **rows.get(row["key"], {}), **row}
        customer["meta_data"] = list(rows.values())
        return Said(200, json.dumps(customer, ensure_ascii=False).encode())

    def _orders(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        assert (query["orderby"], query["order"], query["dates_are_gmt"]) == ("modified", "asc", "true")
        after, before = query["modified_after"], query["modified_before"]
        # WordPress would turn any zone into the shop's own and then compare it with the GMT column.
        assert not {"Z", "+"} & set(after + before)
        found = [one for one in self.orders.values() if after < str(one["date_modified_gmt"]) < before]
        return sorted(found, key=lambda one: (one["date_modified_gmt"], one["id"]))

    def _customers(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        assert (query["orderby"], query["order"]) == ("registered_date", "desc")
        assert not {name for name in query if "modified" in name}, "customers know no such filter"
        return sorted(self.customers.values(), key=lambda one: str(one["date_created_gmt"]), reverse=True)


def gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


@contextmanager
def woocommerce_shop() -> Iterator[WooShop]:
    """A running shop."""
    shop = WooShop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            shop.asked.append(query)
            shop.before()
            key = b64decode(self.headers.get("Authorization", "Basic ").removeprefix("Basic ")).decode()
            said = shop.answers.popleft() if shop.answers else None
            if said is None:
                said = self._said(parts.path, query, key) if key in shop.keys else Said(401)
            if shop.lost and self.command == "PUT":
                shop.lost -= 1
                self.connection.close()
                return
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_PUT = do_GET

        def _said(self, path: str, query: Mapping[str, str], key: str) -> Said:
            if self.command == "GET":
                return shop.page(path, query)
            return shop.write(path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))), key)

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError):
                """The connection was broken off on purpose."""

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
