"""Asking BASE: what is listed, what is fetched whole, and what its one way to refuse means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops import rest
from musubi.adapters.shops.base_ec.normalise import normalise
from musubi.adapters.shops.platforms import DOORS
from musubi.adapters.shops.source import open_source, polled
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.ports import Snapshot
from tests.support.asked_shop import TOKEN, AskedShop, BaseShop, asked, said
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LIST = "/1/orders"


@pytest.fixture
def shop() -> Iterator[AskedShop]:
    with asked(BaseShop()) as running:
        yield running


def _order(number: int, placed: datetime, modified: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {
        "unique_key": f"KEY{number}",
        "ordered": int(placed.timestamp()),
        "modified": int((modified or placed).timestamp()),
        "payment": "creditcard",
        "total": 4200,
        "dispatch_status": "ordered",
        "order_items": [{"item_id": 5, "title": "煎茶", "price": 2100, "amount": 2}],
        **more,
    }


def _read(shop: AskedShop) -> list[Snapshot]:
    reader, cursor, found, seen = open_source("base", shop.api()), None, list[Snapshot](), set[str]()
    while True:
        page = reader.changed("orders", SINCE, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot]) -> set[str]:
    return {json.loads(one.body)["unique_key"] for one in snapshots}


def test_base_is_asked_for_orders_and_has_no_door() -> None:
    assert polled("base") == ("orders",)
    assert "base" not in DOORS


def test_two_months_are_listed_in_tokyo_time_and_what_changed_is_fetched_whole(shop: AskedShop) -> None:
    shop.orders = [_order(1, NOW - timedelta(days=50), SINCE + MINUTE), _order(2, NOW - timedelta(days=9))]
    (found,) = _read(shop)
    listed = {
        "start_ordered": "2026-09-25 11:00:00",
        "end_ordered": "2026-11-24 12:00:01",
        "limit": "50",
        "offset": "0",
    }
    assert shop.asked == [(LIST, listed), ("/1/orders/detail/KEY1", {})]
    (event,) = normalise(found.headers, found.body, "main", NOW)
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert [line.title for line in event.order.lines or ()] == ["煎茶"]


def test_what_was_modified_in_the_window_or_the_hour_before_is_found(shop: AskedShop) -> None:
    old = NOW - timedelta(days=9)
    times = [SINCE - 90 * MINUTE, SINCE - 30 * MINUTE, SINCE + MINUTE, NOW, NOW + 5 * MINUTE]
    shop.orders = [_order(number, old, at) for number, at in enumerate(times)]
    assert _ids(_read(shop)) == {"KEY1", "KEY2", "KEY3"}


def test_every_page_is_read_while_the_shop_sells(shop: AskedShop) -> None:
    shop.orders = [_order(number, SINCE + number * timedelta(seconds=1)) for number in range(130)]
    new = iter(range(1000, 2000))
    shop.before = lambda: shop.orders.append(_order(next(new), NOW + MINUTE))
    assert _ids(_read(shop)) == {f"KEY{number}" for number in range(130)}
    assert [query["offset"] for path, query in shop.asked if path == LIST] == ["0", "50", "100"]


def test_an_order_that_base_does_not_give_whole_is_taken_as_listed(shop: AskedShop) -> None:
    shop.orders = [_order(1, SINCE), _order(2, SINCE, unique_key="../x y")]
    shop.answers += [said({"orders": shop.orders}), said({"error": "invalid_request"}, 400)]
    assert _ids(_read(shop)) == {"KEY1", "../x y"}
    assert [path for path, _ in shop.asked[1:]] == ["/1/orders/detail/KEY1"], "what is no id is not asked for"


def test_an_order_without_a_time_or_a_key_is_left_to_its_reader(shop: AskedShop) -> None:
    shop.answers.append(said({"orders": [{"modified": "soon"}, None, {"total": 5}]}))
    found = _read(shop)
    assert len(found) == 2
    with pytest.raises(Permanent, match=r"order\.unique_key"):
        normalise(found[0].headers, found[0].body, "main", NOW)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (said({"error": "invalid_request"}, 400), Permanent, "400"),
        (said({"error": "invalid_scope"}, 400), Permanent, "400"),
        (said({"error": "hour_api_limit"}, 400), Retryable, "400"),
        (said({"error": "day_api_limit"}, 400), Retryable, "400"),
        (Said(400, b"<html>"), Permanent, "400"),
        (Said(401), Permanent, "401, check the token"),
        (Said(403), Permanent, "403"),
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "302, check the base URL"),
        (Said(429), Retryable, "429"),
        (Said(503), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b"[]"), Permanent, "answer is no object"),
        (Said(200, b'{"error": "hour_api_limit"}'), Permanent, "no list of orders"),
    ],
)
def test_what_a_refusal_means(shop: AskedShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert TOKEN not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_the_limit_of_the_hour_met_in_the_midst_of_a_page_fails_the_page(shop: AskedShop) -> None:
    shop.orders = [_order(1, SINCE)]
    shop.answers += [said({"orders": shop.orders}), said({"error": "hour_api_limit"}, 400)]
    with pytest.raises(Retryable):
        _read(shop)


def test_an_answer_without_end_is_not_read_to_its_end(shop: AskedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMIT", 2000)
    shop.orders = [_order(number, SINCE) for number in range(50)]
    with pytest.raises(Permanent, match="answer is too large"):
        _read(shop)


@pytest.mark.parametrize("status", [400, 401])
def test_a_token_that_is_refused_is_renewed_once(shop: AskedShop, status: int) -> None:
    """BASE says 400 where others say 401."""
    shop.orders = [_order(1, SINCE)]
    given: list[str | None] = []

    def bearer(refused: str | None = None) -> str:
        given.append(refused)
        return TOKEN if refused or len(given) > 2 else "spent"

    if status == 401:
        shop.answers.append(Said(401))
    page = open_source("base", replace(shop.api(), bearer=bearer)).changed("orders", SINCE, NOW, None)
    assert _ids(page.snapshots) == {"KEY1"}
    assert given == [None, "spent", None]


def test_a_grant_that_does_not_help_is_refused(shop: AskedShop) -> None:
    reader = open_source("base", replace(shop.api(), bearer=lambda refused=None: "spent"))
    with pytest.raises(Permanent, match="400"):
        reader.changed("orders", SINCE, NOW, None)
    assert len(shop.asked) == 2


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "１２", "9" * 10])
def test_a_cursor_of_another_time_is_refused(shop: AskedShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        open_source("base", shop.api()).changed("orders", SINCE, NOW, cursor)
