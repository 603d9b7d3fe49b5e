"""futureshop's API v2: a token for the shop's client, orders by when they were placed, and each of them whole."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode

from tests.support.asked_shop import TOKEN, AskedShop, said
from tests.support.woocommerce_shop import Said

KEY = "shop-1:client-1:secret-1"
SIZE = 50


@dataclass
class FutureshopShop(AskedShop):
    """`clients` are `<client id>:<client secret>`; `stages` says at what stage a member's orders were placed."""

    clients: set[str] = field(default_factory=lambda: {"client-1:secret-1"})
    stages: dict[str, str] = field(default_factory=dict)

    def posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        kind, _, proof = headers["authorization"].partition(" ")
        if (path, body, headers["x-shop-key"]) != ("/oauth/token", b"grant_type=client_credentials", "shop-1"):
            return Said(400)
        if kind != "Basic" or b64decode(proof).decode() not in self.clients:
            return Said(401)
        return said({"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600})

    def page(self, path: str, query: Mapping[str, str]) -> Said:
        assert self.headers["x-shop-key"] == "shop-1"
        if path.startswith("/admin-api/v1/orders/"):
            return self._whole(unquote(path.rpartition("/")[2]))
        if path != "/admin-api/v1/shipping":
            return Said(404)
        start, end = query["orderDateStart"], query["orderDateEnd"]
        found = sorted(self.orders, key=lambda one: str(one["date"]))
        found = [one for one in found if start <= one["date"] <= end]
        at = int(query.get("cursor", "0"))
        more = {**query, "cursor": str(at + SIZE)}
        url = f"https://elsewhere.example.jp{path}?{urlencode(more)}" if len(found) > at + SIZE else ""
        return said({"orderList": found[at : at + SIZE], "nextUrl": url})

    def _whole(self, number: str) -> Said:
        whole = [one for one in self.orders if one["orderNo"] == number]
        if not whole:
            return Said(404)
        buyer = whole[0].get("buyerInfo", {})
        stage = self.stages.get(buyer.get("memberId", ""), "")
        return said({**whole[0], "buyerInfo": {**buyer, "memberStageName": stage}})
