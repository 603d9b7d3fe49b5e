"""A small Shopify in this process: its Admin GraphQL mutations on customers, and the webhooks that follow them."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from musubi.adapters.shops.source import ShopApi
from tests.support.woocommerce_shop import Said

TOKEN = "shpat_0123"
PATH = "/admin/api/2026-10/graphql.json"


@dataclass
class Customer:
    tags: set[str] = field(default_factory=set)
    metafields: dict[str, str] = field(default_factory=dict)
    email_marketing: str = "subscribed"


@dataclass
class ShopifyShop:
    """`tokens` are what it takes, `answers` are given instead of its own, `lost` answers never arrive though the work was
    done. `webhooks` are what it told its subscribers: (topic, body). `now` is its clock.
    """

    url: str = ""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    customers: dict[str, Customer] = field(default_factory=dict)
    answers: deque[Said] = field(default_factory=deque)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    webhooks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lost: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def api(self, *keys: str, left_s: float = 100) -> ShopApi:
        return ShopApi("main", self.url, lambda: keys or (TOKEN,), lambda: left_s)

    def answer(self, document: Mapping[str, Any]) -> Said:
        """What a mutation comes to."""
        query, variables = str(document["query"]), document["variables"]
        name = next(one for one in ("tagsAdd", "tagsRemove", "metafieldsSet") if f"{one}(" in query)
        self.asked.append((name, variables))
        given = variables["metafields"][0] if name == "metafieldsSet" else variables
        gid = str(given["ownerId" if name == "metafieldsSet" else "id"])
        customer = self.customers.get(gid.removeprefix("gid://shopify/Customer/"))
        if customer is None:
            return _said({"data": {name: {"userErrors": [{"field": ["id"], "code": "INVALID_VALUE"}]}}})
        if name == "metafieldsSet":
            self._set(customer, gid, given)
        else:
            self._tag(customer, gid, name == "tagsAdd", variables["tags"])
        return _said({"data": {name: {"userErrors": []}}})

    def _tag(self, customer: Customer, gid: str, on: bool, tags: list[str]) -> None:
        changed = [tag for tag in tags if (tag in customer.tags) is not on]
        customer.tags = customer.tags | set(tags) if on else customer.tags - set(tags)
        if changed:
            topic = "customer.tags_added" if on else "customer.tags_removed"
            self.webhooks.append((topic, {"customerId": gid, "tags": changed, "occurredAt": self._stamp()}))
            self._updated(customer, gid)

    def _set(self, customer: Customer, gid: str, given: Mapping[str, Any]) -> None:
        assert (given["namespace"], given["key"], given["type"]) == ("musubi", "line_promo", "boolean")
        if customer.metafields.get("line_promo") != given["value"]:
            customer.metafields["line_promo"] = str(given["value"])
            self._updated(customer, gid)

    def _updated(self, customer: Customer, gid: str) -> None:
        """`customers/update` of API 2026-10, for a subscription that asks for our metafields."""
        number = int(gid.rpartition("/")[2])
        stamp = self._stamp()
        fields = [
            {"id": 31, "namespace": "musubi", "key": key, "value": value, "type": "boolean", "updated_at": stamp}
            for key, value in customer.metafields.items()
        ]
        body = {"id": number, "updated_at": stamp, "state": "enabled", "last_name": "結城", "metafields": fields}
        self.webhooks.append(("customers/update", body))

    def _stamp(self) -> str:
        return self.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _said(document: Mapping[str, Any], status: int = 200) -> Said:
    return Said(status, json.dumps(document, ensure_ascii=False).encode())


@contextmanager
def shopify_shop() -> Iterator[ShopifyShop]:
    """A running shop."""
    shop = ShopifyShop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == PATH
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if shop.answers:
                given = shop.answers.popleft()
            elif self.headers.get("X-Shopify-Access-Token") not in shop.tokens:
                given = Said(401, b'{"errors":"[API] Invalid API key or access token"}')
            else:
                given = shop.answer(json.loads(body))
            if shop.lost > 0:
                shop.lost -= 1
                self.close_connection = True
                return
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body)

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
