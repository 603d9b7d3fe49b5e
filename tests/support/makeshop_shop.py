"""makeshop's GraphQL: orders by when they were placed, members all, a token and a key and the time of the call."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.asked_shop import AskedShop, said
from tests.support.woocommerce_shop import Said

KEY = "key-1:PAT.token-1"


@dataclass
class MakeshopShop(AskedShop):
    """`forbidden` are queries that the app may not use."""

    tokens: set[str] = field(default_factory=lambda: {KEY})
    members: list[dict[str, Any]] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)

    def posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        key = f"{headers['x-api-key']}:{headers['authorization'].removeprefix('Bearer ')}"
        if path != "/v1/graphql":
            return Said(404)
        if key not in self.tokens or abs(time.time() - int(headers["x-timestamp"])) > 3600:
            return Said(401)
        asked = json.loads(body)
        name = asked["query"].split()[1].partition("(")[0]
        if name in self.forbidden:
            return said({"errors": [{"message": "Forbidden", "extensions": {"code": "FORBIDDEN"}}], "data": None})
        given = asked["variables"]["input"]
        key, things = ("orders", self._placed(given)) if name == "searchOrder" else ("members", self.members)
        size, page = given["limit"], given["page"]
        assert 1 <= size <= 1000
        return said({"data": {name: {key: things[(page - 1) * size : page * size]}}})

    def _placed(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        assert given["sortOrder"] == "ASC"
        start, end = given["startOrderDate"], given["endOrderDate"]
        found = sorted(self.orders, key=lambda one: str(one["orderDate"]))
        return [one for one in found if start <= one["orderDate"] <= end]
