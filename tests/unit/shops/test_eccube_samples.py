"""The sample answers of EC-CUBE's API, each read as the webhook that would have named it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from musubi.adapters.shops.eccube.normalise import normalise
from musubi.adapters.shops.source import ShopApi, open_source
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from tests.support.eccube_shop import EccubeShop, Raw, eccube_shop

ANSWERS = Path(__file__).parents[3] / "events" / "shop_api" / "eccube"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
PEOPLE = ["MemberUpdated", "PointsBalanceChanged"]
TOLD = {
    "order_new": [*PEOPLE, "OrderPlaced"],
    "order_checkout": [*PEOPLE, "CheckoutUpdated"],
    "order_paying": PEOPLE,
    "order_paid": [*PEOPLE, "OrderPaid"],
    "order_shipped": [*PEOPLE, "OrderShipped"],
    "order_partly_shipped": [*PEOPLE, "OrderPlaced"],
    "order_cancelled": [*PEOPLE, "OrderCancelled"],
    "order_returned": [*PEOPLE, "OrderReturned"],
    "order_own_status": [*PEOPLE, "OrderEdited", "order status 12"],
    "order_guest": ["OrderPlaced"],
    "order_float": [*PEOPLE, "OrderPlaced"],
    "order_gone": ["order gone"],
    "customer_regular": PEOPLE,
    "customer_new": ["MemberRegistered", *PEOPLE],
    "customer_provisional": [],
    "customer_withdrawn": ["MemberWithdrawn"],
    "customer_without_birthday": PEOPLE,
}
REFUSED = {
    "order_half_a_yen": Permanent,
    "error_unknown_field": Permanent,
    "error_in_one_order": Retryable,
}


@pytest.fixture
def shop() -> Iterator[EccubeShop]:
    with eccube_shop() as made:
        yield made


def api_of(shop: EccubeShop) -> ShopApi:
    return ShopApi(
        shop_id="main", base_url=shop.url, keys=lambda: (), left_s=lambda: 60.0, bearer=lambda refused=None: "access-0"
    )


def read(shop: EccubeShop, name: str) -> list[str]:
    shop.laid_out["/api"] = [Raw(200, (ANSWERS / f"{name}.json").read_bytes())]
    entry = {"entity": "customer", "id": 1001} if name.startswith("customer") else {"entity": "order", "id": 1203}
    body = json.dumps([{**entry, "action": "updated"}]).encode()
    told = normalise({}, body, "main", NOW, apis=lambda *_: api_of(shop))
    return [one.type if isinstance(one, ShopEvent) else one.kind for one in told]


@pytest.mark.parametrize("name", TOLD)
def test_a_sample_is_told_as_it_says(shop: EccubeShop, name: str) -> None:
    assert read(shop, name) == TOLD[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_that_is_none(shop: EccubeShop, name: str) -> None:
    with pytest.raises(REFUSED[name]):
        read(shop, name)


def test_the_page_of_a_poll(shop: EccubeShop) -> None:
    shop.laid_out["/api"] = [Raw(200, (ANSWERS / "orders_page.json").read_bytes())]
    page = open_source("eccube", api_of(shop)).changed("orders", NOW, NOW, None)
    assert (len(page.snapshots), page.cursor) == (1, "2/21")


def test_every_sample_is_read() -> None:
    assert {path.stem for path in ANSWERS.glob("*.json")} == {*TOLD, *REFUSED, "orders_page"}
