"""A Shopify that is asked: an HTTP server in this process with the Admin API's lists and documents, strict in what it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from musubi.domain.calendar import TOKYO
from tests.support.asked_shop import AskedShop, asked, said
from tests.support.woocommerce_shop import Said

API = "/admin/api/2026-10/"
VERSION = "2026-10"
APP = "client-1:secret-1"

_FILTERS = {"orders": {"status", "order"}, "customers": set[str]()}


@dataclass
class ShopifyShop(AskedShop):
    """`orders` and `customers` as REST shows them. `cursors` are the places that it remembers, by `page_info`; `birthdays` the
    metafields of customers, by id.
    """

    customers: list[dict[str, Any]] = field(default_factory=list)
    cursors: dict[str, tuple[dict[str, str], tuple[str, int]]] = field(default_factory=dict)
    birthdays: dict[int, str] = field(default_factory=dict)
    granted: int = 0
    version: str = VERSION
    link_host: str = ""

    def token(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-shopify-access-token", "")

    def order(self, number: int, at: datetime, **more: Any) -> dict[str, Any]:
        """An order that was placed, paid and last changed at `at`, in place of the one with this number."""
        made = {
            "id": number,
            "admin_graphql_api_id": f"gid://shopify/Order/{number}",
            "name": f"#{number}",
            "email": "hana@example.com",
            "created_at": stamp(at),
            "updated_at": stamp(at),
            "processed_at": stamp(at),
            "cancelled_at": None,
            "currency": "JPY",
            "financial_status": "paid",
            "fulfillment_status": None,
            "total_price": "12800",
            "customer": {"id": 1001, "email": "hana@example.com"},
            "fulfillments": [],
            "refunds": [],
            "line_items": [{"title": "結び煎茶", "quantity": 2, "price": "6400"}],
            "test": False,
            **more,
        }
        self.orders = [one for one in self.orders if one["id"] != number] + [made]
        return made

    def customer(self, number: int, at: datetime, **more: Any) -> dict[str, Any]:
        """A customer who opened an account, and was last changed, at `at`."""
        made = {
            "id": number,
            "email": "hana@example.com",
            "created_at": stamp(at),
            "updated_at": stamp(at),
            "first_name": "はな",
            "last_name": "結城",
            "state": "enabled",
            "tags": "VIP",
            "orders_count": 3,
            **more,
        }
        self.customers = [one for one in self.customers if one["id"] != number] + [made]
        return made

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        resource, _, number = path.removeprefix(API).removesuffix(".json").partition("/")
        if not (path.startswith(API) and path.endswith(".json")) or resource not in _FILTERS:
            return Said(404)
        if number:
            return self._one(resource, number, query)
        return self._list(resource, query)

    def posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        """An app's token, and GraphQL as far as customers' birthdays go."""
        if path == "/admin/oauth/access_token":
            return self._token(parse_qs(body.decode()))
        if self.token(headers) not in self.tokens:
            return self.refused()
        asked = json.loads(body)
        assert path == f"{API}graphql.json"
        assert 'metafield(namespace: "facts", key: "birth_date")' in asked["query"]
        ids = asked["variables"]["ids"]
        assert 1 <= len(ids) <= 250
        return self._said({"data": {"nodes": [self._node(one) for one in ids]}})

    def _token(self, form: Mapping[str, list[str]]) -> Said:
        """The client credentials grant; the token before it ends, as a strict shop would have it."""
        asked = {name: values[0] for name, values in form.items()}
        if (asked["grant_type"], asked["client_id"], asked["client_secret"]) != ("client_credentials", *APP.split(":")):
            return said({"error": "application_cannot_be_found"}, 400)
        self.granted += 1
        self.tokens = {f"day-{self.granted}"}
        return said({"access_token": f"day-{self.granted}", "scope": "read_orders", "expires_in": 86399})

    def _node(self, gid: str) -> dict[str, Any] | None:
        number = int(gid.removeprefix("gid://shopify/Customer/"))
        if all(one["id"] != number for one in self.customers):
            return None
        value = self.birthdays.get(number)
        told = {
            "namespace": "facts",
            "key": "birth_date",
            "type": "date",
            "value": value,
            "updatedAt": "2026-11-24T00:00:00Z",
        }
        return {"id": gid, "metafield": told if value else None}

    def _one(self, resource: str, number: str, query: Mapping[str, str]) -> Said:
        found = [one for one in self._all(resource) if str(one["id"]) == number]
        return self._said({resource[:-1]: _cut(found[0], query)}) if found else said({"errors": "Not Found"}, 404)

    def _list(self, resource: str, query: Mapping[str, str]) -> Said:
        limit, given = int(query["limit"]), set(query) - {"limit", "fields"}
        assert 1 <= limit <= 250
        if "page_info" in query:
            # Shopify: «… cannot be passed when page_info is present».
            if given != {"page_info"} or query["page_info"] not in self.cursors:
                return said({"errors": {"page_info": "Invalid value."}}, 400)
            window, behind = self.cursors[query["page_info"]]
        else:
            assert given <= {"updated_at_min", "updated_at_max", *_FILTERS[resource]}
            window, behind = dict(query), ("", 0)
        listed = sorted((_place(one), one) for one in self._all(resource) if _is_in(one, window))
        rest = [(place, one) for place, one in listed if place > behind]
        shown = rest[:limit]
        headers = {}
        if len(rest) > limit:
            cursor = f"eyJsYXN0X2lkIjo{len(self.cursors)}fQ=="
            self.cursors[cursor] = window, shown[-1][0]
            address = (
                f"{self.link_host or self.url}{API}{resource}.json?limit={limit}&page_info={cursor.replace('=', '%3D')}"
            )
            first = f'<{self.url}{API}{resource}.json?limit={limit}&page_info=back>; rel="previous", '
            headers["Link"] = f'{first if behind[1] else ""}<{address}>; rel="next"'
        return self._said({resource: [_cut(one, query) for _, one in shown]}, headers)

    def _all(self, resource: str) -> list[dict[str, Any]]:
        return self.orders if resource == "orders" else self.customers

    def _said(self, document: Any, headers: Mapping[str, str] | None = None) -> Said:
        body = json.dumps(document, ensure_ascii=False).encode()
        return Said(200, body, {"X-Shopify-Api-Version": self.version, **(headers or {})})


def _place(one: Mapping[str, Any]) -> tuple[str, int]:
    return datetime.fromisoformat(one["updated_at"]).astimezone(UTC).isoformat(), int(one["id"])


def _is_in(one: Mapping[str, Any], window: Mapping[str, str]) -> bool:
    at = datetime.fromisoformat(one["updated_at"])
    return datetime.fromisoformat(window["updated_at_min"]) <= at <= datetime.fromisoformat(window["updated_at_max"])


def _cut(one: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    wanted = query["fields"].split(",") if "fields" in query else list(one)
    return {name: one[name] for name in wanted if name in one}


def stamp(at: datetime) -> str:
    """As Shopify writes it: in the shop's own zone."""
    return at.astimezone(TOKYO).isoformat(timespec="seconds")


@contextmanager
def shopify_shop() -> Iterator[ShopifyShop]:
    """A running shop."""
    with asked(shop := ShopifyShop()):
        yield shop
