"""Asking futureshop: as whom, what of the list is kept, what is asked for whole, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from musubi.adapters.shops.futureshop import source
from musubi.adapters.shops.platforms import DOORS
from musubi.adapters.shops.source import open_source, polled
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent, Retryable
from musubi.ports import Snapshot
from tests.support.asked_shop import TOKEN, asked, said
from tests.support.futureshop_shop import KEY, FutureshopShop
from tests.support.woocommerce_shop import Said

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "futureshop"
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LIST, ENTER = "/admin-api/v1/shipping", "/oauth/token"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FutureshopShop]:
    monkeypatch.setattr(source, "PACE_S", 0.0)
    made = FutureshopShop()
    with asked(made):
        yield made


def _tokyo(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y-%m-%dT%H:%M:%S")


def _order(number: int, placed: datetime, shipped: datetime | None = None, **more: Any) -> dict[str, Any]:
    on = _tokyo(shipped)[:10] if shipped else ""
    return {
        "orderNo": str(number),
        "date": _tokyo(placed),
        "status": "AWAITING_PAYMENT",
        "receiptDate": "",
        "isMember": True,
        "buyerInfo": {"memberId": "1001", "lastName": "結城", "mail": "sakura@example.com"},
        "shipmentList": [
            {"addressInfo": {"address1": "kyoto"}, "shippingInfo": {"shippingDate": on}, "productList": []}
        ],
        **more,
    }


def _read(shop: FutureshopShop, *keys: str) -> list[Snapshot]:
    reader, cursor, found, seen = (
        open_source("futureshop", shop.api(*keys or (KEY,))),
        None,
        list[Snapshot](),
        set[str](),
    )
    while True:
        page = reader.changed("orders", SINCE, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot]) -> list[int]:
    return sorted(int(json.loads(one.body)["orderNo"]) for one in snapshots)


def test_futureshop_is_asked_for_orders_and_has_no_door() -> None:
    assert polled("futureshop") == ("orders",)
    assert "futureshop" not in DOORS


def test_of_two_months_what_names_a_time_of_late_or_a_status_of_its_own_is_kept(shop: FutureshopShop) -> None:
    old = NOW - 20 * DAY
    shop.orders = [
        _order(1, NOW - MINUTE),
        _order(2, old, shipped=NOW - 3 * DAY),
        _order(3, old, receiptDate=_tokyo(NOW)[:10]),
        _order(4, old, status="CANCELED"),
        _order(5, old, shipped=NOW - 5 * DAY, status="COMPLETED"),
        _order(6, old),
        _order(7, NOW - 70 * DAY, shipped=NOW),
        _order(8, NOW + 5 * MINUTE),
    ]
    assert _ids(_read(shop)) == [1, 2, 3, 4]
    listed = next(query for path, query in shop.asked if path == LIST)
    assert listed == {"orderDateStart": "2026-09-25T11:00:00", "orderDateEnd": "2026-11-24T12:00:01"}


def test_one_token_is_fetched_and_every_page_read(shop: FutureshopShop) -> None:
    shop.orders = [_order(number, NOW - DAY + timedelta(seconds=number)) for number in range(130)]
    assert _ids(_read(shop)) == list(range(130))
    assert [path for path, _ in shop.asked] == [ENTER, LIST, LIST, LIST]


def test_only_new_orders_of_members_are_asked_for_whole(shop: FutureshopShop) -> None:
    shop.stages = {"1001": "ゴールド"}
    shop.orders = [_order(1, NOW - MINUTE), _order(2, NOW - MINUTE, isMember=False), _order(3, NOW - DAY)]
    stages = {
        one["orderNo"]: one["buyerInfo"].get("memberStageName")
        for one in map(json.loads, (s.body for s in _read(shop)))
    }
    assert stages == {"1": "ゴールド", "2": None, "3": None}
    assert [path for path, _ in shop.asked] == [ENTER, LIST, "/admin-api/v1/orders/1"]


def test_no_page_asks_for_more_orders_than_it_has_time_for(shop: FutureshopShop) -> None:
    shop.orders = [_order(number, NOW - MINUTE) for number in range(40)]
    assert len(_read(shop)) == 40
    assert len([path for path, _ in shop.asked if path.startswith("/admin-api/v1/orders/")]) == source.MOST_WHOLE


def test_the_sample_of_a_whole_order_gives_the_stage(shop: FutureshopShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE)]
    whole = json.loads((SAMPLES / "order_whole.json").read_bytes())
    token = json.loads((SAMPLES / "token.json").read_bytes())
    shop.answers += [said(token), said({"orderList": shop.orders, "nextUrl": ""}), said(whole)]
    (found,) = _read(shop)
    assert json.loads(found.body)["buyerInfo"] == {
        "memberId": "1001", "lastName": "結城", "firstName": "さくら", "birthday": "1992-12-24", "memberStageName": "ゴールド",
    }  # fmt: skip


def test_an_order_that_futureshop_does_not_give_whole_is_taken_as_listed(shop: FutureshopShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE), _order(2, NOW - MINUTE, orderNo="x y")]
    shop.answers += [said({"access_token": TOKEN}), said({"orderList": shop.orders}), Said(404)]
    assert [json.loads(one.body)["orderNo"] for one in _read(shop)] == ["1", "x y"]
    assert len(shop.asked) == 3, "what is no id is not asked for"


def test_addresses_and_mail_stay_with_futureshop(shop: FutureshopShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE)]
    body = _read(shop)[0].body.decode()
    assert "kyoto" not in body
    assert "sakura" not in body


def test_while_keys_overlap_either_is_taken(shop: FutureshopShop) -> None:
    shop.orders = [_order(1, NOW - DAY)]
    assert _ids(_read(shop, "shop-1:client-1:old", KEY)) == [1]


@pytest.mark.parametrize("key", ["shop-1", "shop-1:client-1", "shop-1:client-1:", "a:b:c:d"])
def test_a_key_of_another_form_is_named_by_its_secret(shop: FutureshopShop, key: str) -> None:
    with pytest.raises(Permanent, match=r"shops/main/futureshop-api: not <shop key>:<client id>:<client secret>"):
        _read(shop, key)
    assert shop.asked == []


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(401), Permanent, "401, check the secret shops/main/futureshop-api, and what it may use and from where"),
        (Said(403), Permanent, "403, check the secret shops/main/futureshop-api"),
        (Said(404), Permanent, "404, check the base URL"),
        (Said(429), Retryable, "429"),
        (Said(503), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "no access_token"),
        (Said(200, b'{"access_token": "a\\nb"}'), Permanent, "no access_token"),
        (Said(200, b"[1]"), Permanent, "no access_token"),
    ],
)
def test_what_a_refused_token_means(shop: FutureshopShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert "secret-1" not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is repeated"


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "302, check the base URL"),
        (Said(401), Permanent, "401"),
        (Said(429), Retryable, "429"),
        (Said(200, b"{}"), Permanent, "no orderList"),
        (
            said({"orderList": [], "nextUrl": "https://elsewhere.example.jp/?page=2"}),
            Permanent,
            "nextUrl has no cursor",
        ),
        (said({"orderList": [], "nextUrl": 5}), Permanent, "nextUrl has no cursor"),
        (said({"orderList": [], "nextUrl": "https://[/?cursor=1"}), Permanent, "nextUrl has no cursor"),
    ],
)
def test_what_a_refused_list_means(shop: FutureshopShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers += [said({"access_token": TOKEN}), given]
    with pytest.raises(kind, match=words):
        _read(shop)
    assert len(shop.asked) == 2, "nothing is followed or repeated"
