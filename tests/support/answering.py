"""Shops that are only asked, by platform: how their answers look, and who gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from musubi.adapters.shops.futureshop import source as futureshop
from musubi.adapters.shops.rakuten import source as rakuten
from musubi.adapters.shops.source import ShopApi, What
from tests.support import futureshop_shop, makeshop_shop, rakuten_shop
from tests.support.asked_shop import TOKEN, AskedShop, BaseShop, StoresShop, asked


@dataclass(frozen=True)
class Answering:
    """`listed` is where an answer has its orders, or its members; `path` is part of the base URL."""

    shop: type[AskedShop]
    listed: tuple[tuple[What, tuple[str, ...]], ...] = (("orders", ("orders",)),)
    key: str = TOKEN
    path: str = ""

    def things(self, document: Any) -> tuple[What, list[Any]] | None:
        """What the answer lists; None if it is of another kind."""
        for what, steps in self.listed:
            found = document
            for step in steps:
                found = found.get(step) if isinstance(found, dict) else None
            if isinstance(found, list):
                return what, found
        return None

    @contextmanager
    def api(self, what: What, things: list[Any]) -> Iterator[ShopApi]:
        """A shop that has nothing else, and takes any number of calls."""
        made = self.shop()
        setattr(made, what, things)
        with asked(made), patch.object(rakuten, "PACE_S", 0.0), patch.object(futureshop, "PACE_S", 0.0):
            yield replace(made.api(self.key), base_url=made.url + self.path)


ANSWERING: Mapping[str, Answering] = {
    "stores": Answering(StoresShop),
    "base": Answering(BaseShop),
    "futureshop": Answering(futureshop_shop.FutureshopShop, (("orders", ("orderList",)),), futureshop_shop.KEY),
    "rakuten": Answering(rakuten_shop.RakutenShop, (("orders", ("OrderModelList",)),), rakuten_shop.KEY),
    "makeshop": Answering(
        makeshop_shop.MakeshopShop,
        (("orders", ("data", "searchOrder", "orders")), ("members", ("data", "searchMember", "members"))),
        makeshop_shop.KEY,
        "/v1/graphql",
    ),
}
