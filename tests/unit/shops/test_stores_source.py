"""Asking STORES: which lists are read, what of them is handed over, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops import rest
from musubi.adapters.shops.platforms import DOORS, PLATFORMS, calling
from musubi.adapters.shops.source import ShopApi, open_source, polled
from musubi.adapters.shops.stores.normalise import normalise
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.ports import Snapshot
from tests.support.asked_shop import TOKEN, AskedShop, StoresShop, asked, said
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop() -> Iterator[AskedShop]:
    with asked(StoresShop()) as running:
        yield running


def _order(number: int, placed: datetime, **more: Any) -> dict[str, Any]:
    parcel = {"id": f"d{number}", "type": "shipping", "shipped_at": None, "canceled_at": None, **more.pop("parcel", {})}
    return {
        "id": f"o{number}",
        "number": str(number),
        "payment_amount": 4200,
        "ordered_at": _text(placed),
        "readied_at": None,
        "transactions": [],
        "deliveries": [parcel],
        **more,
    }


def _text(at: datetime) -> str:
    return at.astimezone(TOKYO).isoformat(timespec="seconds")


def _read(shop: AskedShop, since: datetime = SINCE, until: datetime = NOW) -> list[Snapshot]:
    reader, cursor, found, seen = open_source("stores", shop.api()), None, list[Snapshot](), set[str]()
    while True:
        page = reader.changed("orders", since, until, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot]) -> set[str]:
    return {json.loads(one.body)["id"] for one in snapshots}


def test_stores_is_asked_for_orders_and_has_no_door() -> None:
    assert polled("stores") == ("orders",)
    assert PLATFORMS["stores"].verify is None
    assert "stores" not in DOORS


def test_four_lists_are_asked_in_tokyo_time_without_a_zone(shop: AskedShop) -> None:
    assert _read(shop) == []
    paged = {"direction": "asc", "limit": "100", "offset": "0"}
    assert shop.asked == [
        ("/retail/202211/orders", {"ordered_at_from": "2026-10-25T11:00:00", **paged}),
        ("/retail/202211/orders", {"readied_at_from": "2026-11-23T11:00:00", **paged}),
        ("/retail/202211/orders", {"canceled_at_from": "2026-11-23T11:00:00", **paged}),
        (
            "/retail/202211/orders",
            {"delivery_start_date_from": "2026-10-25", "delivery_start_date_to": "2026-11-25", **paged},
        ),
    ]


def test_an_order_is_found_by_the_newest_time_that_it_names(shop: AskedShop) -> None:
    old, inside, later = NOW - timedelta(days=9), SINCE + MINUTE, NOW + MINUTE
    long_ago = NOW - timedelta(days=60)
    shop.orders = [
        _order(1, old),
        _order(2, inside),
        _order(3, old, parcel={"shipped_at": _text(inside)}),
        _order(4, old, transactions=[{"id": "t", "amount": 4200, "paid_at": _text(inside)}]),
        _order(5, long_ago, parcel={"canceled_at": _text(inside)}),
        _order(6, long_ago, readied_at=_text(inside)),
        _order(7, later),
        _order(8, old, parcel={"shipped_at": _text(later)}),
        _order(9, long_ago, parcel={"shipped_at": _text(inside), "delivery_date": {"earliest": "2026-11-20"}}),
    ]
    assert _ids(_read(shop)) == {"o2", "o3", "o4", "o5", "o6", "o9"}


def test_an_order_that_appears_hours_late_is_found_all_the_same(shop: AskedShop) -> None:
    """Its time is before the window: the list says nothing of it until it is there."""
    shop.orders = [_order(1, SINCE - timedelta(hours=20)), _order(2, SINCE - timedelta(hours=25))]
    assert _ids(_read(shop)) == {"o1"}


def test_an_order_without_a_time_is_left_to_its_reader(shop: AskedShop) -> None:
    shop.answers.append(said({"orders": [{"id": "o1", "ordered_at": "soon", "deliveries": [None, {"shipped_at": 5}]}]}))
    (found,) = _read(shop)
    with pytest.raises(Permanent, match="ordered_at: not a time"):
        normalise(found.headers, found.body, "main", NOW)


def test_what_is_found_reads_as_the_order(shop: AskedShop) -> None:
    shop.orders = [_order(1, SINCE + MINUTE)]
    (found,) = _read(shop)
    (event,) = normalise(found.headers, found.body, "main", NOW)
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.type, event.order.order_id, event.order.total_yen) == ("OrderPlaced", "o1", 4200)


def test_every_page_is_read_while_the_shop_sells_and_late_orders_move_the_others(shop: AskedShop) -> None:
    shop.orders = [_order(number, SINCE + number * timedelta(seconds=1)) for number in range(250)]
    late = iter(range(1000, 1100))
    shop.before = lambda: shop.orders.append(_order(next(late), SINCE - MINUTE))
    assert _ids(_read(shop)) >= {f"o{number}" for number in range(250)}
    assert [query["offset"] for _, query in shop.asked[:3]] == ["0", "100", "200"]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(401), Permanent, "401, check the token"),
        (Said(403), Permanent, "403, check the token's rights"),
        (Said(400), Permanent, "400"),
        (Said(404), Permanent, "404, check the base URL"),
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "302, check the base URL"),
        (Said(429), Retryable, "429"),
        (Said(503), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b'{"orders": NaN}'), Permanent, "answer: not JSON"),
        (Said(200, b"[]"), Permanent, "answer is no object"),
        (Said(200, b'{"orders": 5}'), Permanent, "no list of orders"),
        (Said(200, b"[" * 100_000), Permanent, "answer: not JSON"),
    ],
)
def test_what_a_refusal_means(shop: AskedShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert TOKEN not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_a_burst_waits_a_minute(shop: AskedShop) -> None:
    shop.answers.append(Said(429))
    with pytest.raises(Retryable) as caught:
        _read(shop)
    assert caught.value.after_s == 60


def test_an_answer_without_end_is_not_read_to_its_end(shop: AskedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMIT", 5000)
    shop.orders = [_order(number, SINCE, note="あ" * 100) for number in range(50)]
    with pytest.raises(Permanent, match="answer is too large"):
        _read(shop)


def test_a_token_that_was_replaced_is_tried_last(shop: AskedShop) -> None:
    reader = open_source("stores", shop.api(TOKEN, "old"))
    reader.changed("orders", SINCE, NOW, None)
    assert len(shop.asked) == 1
    shop.tokens = {"old"}
    reader.changed("orders", SINCE, NOW, None)
    assert len(shop.asked) == 3


def test_a_shop_without_a_secret_is_not_asked(shop: AskedShop) -> None:
    reader = open_source("stores", ShopApi("main", shop.url, tuple, lambda: 100))
    with pytest.raises(Permanent, match="shops/main/stores-api: no such secret"):
        reader.changed("orders", SINCE, NOW, None)
    assert shop.asked == []


def test_a_page_is_not_begun_when_the_time_is_up(shop: AskedShop) -> None:
    with pytest.raises(Retryable, match="out_of_time"):
        open_source("stores", shop.api(left_s=3)).changed("orders", SINCE, NOW, None)
    assert shop.asked == []


@pytest.mark.parametrize("cursor", ["", "x", "5", "[]", "[0]", "[4,0]", "[0,-1]", '["0",0]', "[0.0,0]", "[true,0]"])
def test_a_cursor_of_another_time_is_refused(shop: AskedShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        open_source("stores", shop.api()).changed("orders", SINCE, NOW, cursor)


def test_only_shops_that_call_can_miss_a_call() -> None:
    named = ["main/stores", "main/eccube", "second/woocommerce", "main/nobody", "main/csv"]
    assert calling(named) == {("main", "eccube"), ("second", "woocommerce")}
