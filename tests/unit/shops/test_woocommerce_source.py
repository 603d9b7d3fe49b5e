"""Asking WooCommerce: what is asked, how pages go on while the shop sells, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.source import ShopApi, open_source, polled
from musubi.adapters.shops.woocommerce import source
from musubi.adapters.shops.woocommerce.normalise import normalise
from musubi.adapters.shops.woocommerce.source import WooSource
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.ports import Snapshot, What
from tests.support.woocommerce_shop import KEY, Said, WooShop, woocommerce_shop

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)


@pytest.fixture
def shop() -> Iterator[WooShop]:
    with woocommerce_shop() as running:
        yield running


def _api(shop: WooShop, *keys: str, left_s: float = 100) -> ShopApi:
    return ShopApi("main", shop.url, lambda: keys or (KEY,), lambda: left_s)


def _read(shop: WooShop, what: What = "orders", since: datetime = SINCE) -> list[Snapshot]:
    """Everything in the window, page by page; no cursor comes twice."""
    reader, cursor, found, seen = open_source("woocommerce", _api(shop)), None, list[Snapshot](), set[str]()
    while True:
        page = reader.changed(what, since, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot]) -> list[int]:
    return [json.loads(one.body)["id"] for one in snapshots]


def test_woocommerce_can_be_asked_for_orders_and_members() -> None:
    assert polled("woocommerce") == ("orders", "members")
    assert polled("cloudevents") == polled("nobody") == ()
    with pytest.raises(Permanent, match="platform"):
        open_source("cloudevents", ShopApi("main", "https://shop.example.jp", tuple, lambda: 1))


def test_what_was_changed_in_the_window_is_found_with_its_edges(shop: WooShop) -> None:
    for number, at in enumerate(
        [SINCE - timedelta(seconds=2), SINCE, SINCE + timedelta(minutes=1), NOW, NOW + timedelta(seconds=2)]
    ):
        shop.order(number, at)
    assert _ids(_read(shop)) == [1, 2, 3]
    (asked,) = shop.asked
    assert asked == {
        "modified_after": "2026-11-24T01:59:59",
        "modified_before": "2026-11-24T03:00:01",
        "dates_are_gmt": "true",
        "orderby": "modified",
        "order": "asc",
        "page": "1",
        "per_page": "100",
    }


def test_what_is_found_reads_as_the_webhook_would_digit_for_digit(shop: WooShop) -> None:
    shop.before = lambda: shop.answers.append(
        Said(
            200,
            b'[ {"id":727,"status":"processing","total":"12800","currency":"JPY","line_items":[{"price":128.00}]} ]',
        )
    )
    (found,) = _read(shop)
    assert found.body == (
        b'{"id":727,"status":"processing","total":"12800","currency":"JPY","line_items":[{"price":128.00}]}'
    )
    (event,) = normalise(found.headers, found.body, "main", NOW)
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.source, event.order.order_id, event.order.total_yen) == (
        "main/woocommerce/order.updated",
        "727",
        12800,
    )


def test_pages_go_on_by_time_and_within_one_second_by_number(shop: WooShop) -> None:
    for number in range(250):
        shop.order(number, SINCE + timedelta(minutes=5))
    for number in range(250, 480):
        shop.order(number, SINCE + timedelta(minutes=6, seconds=number))
    found = _ids(_read(shop))
    assert set(found) == set(range(480))
    assert len(found) <= 480 + 110, "only what shares a second with the end of a page comes twice"


def test_an_order_that_changes_while_its_list_is_read_hides_nobody(shop: WooShop) -> None:
    """It leaves the first page, and what stood behind it moves up: a page's number alone would skip one."""
    for number in range(250):
        shop.order(number, SINCE + timedelta(seconds=number * 5))
    changes = iter(range(100))

    def sell() -> None:
        shop.order(next(changes), NOW + timedelta(minutes=1))

    shop.before = sell
    assert set(_ids(_read(shop))) >= set(range(100, 250))


def test_things_that_the_key_may_not_read_make_a_page_short_and_not_the_last(shop: WooShop) -> None:
    for number in range(150):
        shop.order(number, SINCE + timedelta(seconds=number))
    shop.hidden = set(range(40))
    assert set(_ids(_read(shop))) == set(range(40, 150))


def test_customers_are_found_when_they_register(shop: WooShop) -> None:
    for number in range(230):
        shop.customer(number, SINCE + timedelta(seconds=number))
    for number in range(1000, 1300):
        shop.customer(number, SINCE - timedelta(days=1))
    found = _read(shop, "members")
    assert set(_ids(found)) == set(range(230))
    assert [one["page"] for one in shop.asked] == ["1", "2", "3"]
    assert found[0].headers["x-wc-webhook-topic"] == "customer.updated"


def test_a_shop_with_nothing_new_answers_an_empty_list(shop: WooShop) -> None:
    assert _read(shop) == _read(shop, "members") == []


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (Said(401), Permanent, "401, check the key"),
        (Said(403), Permanent, "403, check the key's rights"),
        (Said(404), Permanent, "404, check base URL and permalinks"),
        (Said(301, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "301, check the base URL"),
        (Said(400), Permanent, "400"),
        (Said(429), Retryable, "429"),
        (Said(500), Retryable, "500"),
        (Said(503, b"<html>"), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "no list of objects"),
        (Said(200, b'{"id":1}'), Permanent, "no list of objects"),
        (Said(200, b"[1]"), Permanent, "no list of objects"),
        (Said(200, b"[" * 100_000), Permanent, "no list of objects"),
        (Said(200, b"\xff"), Permanent, "no list of objects"),
    ],
)
def test_what_a_refusal_means(shop: WooShop, said: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(said)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert KEY.partition(":")[2] not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_a_key_that_was_replaced_is_tried_last(shop: WooShop) -> None:
    shop.order(1, SINCE)
    old, new = "ck_old:cs_old", KEY
    found = WooSource(_api(shop, new, old)).changed("orders", SINCE, NOW, None)
    assert (_ids(found.snapshots), len(shop.asked)) == ([1], 1)
    shop.keys = {old}
    found = WooSource(_api(shop, new, old)).changed("orders", SINCE, NOW, None)
    assert (_ids(found.snapshots), len(shop.asked)) == ([1], 3)


def test_a_secret_that_is_none_is_said_without_its_value(shop: WooShop) -> None:
    with pytest.raises(Permanent, match="shops/main/woocommerce-api: no such secret"):
        WooSource(ShopApi("main", shop.url, tuple, lambda: 100)).changed("orders", SINCE, NOW, None)
    with pytest.raises(Permanent, match="not <consumer key>:<consumer secret>"):
        WooSource(_api(shop, "cs_4567")).changed("orders", SINCE, NOW, None)
    assert shop.asked == []


def test_a_page_is_not_begun_when_the_time_is_up(shop: WooShop) -> None:
    with pytest.raises(Retryable, match="out_of_time"):
        WooSource(_api(shop, left_s=3)).changed("orders", SINCE, NOW, None)
    assert shop.asked == []


def test_a_shop_that_is_not_there_is_asked_later(shop: WooShop) -> None:
    gone = ShopApi("main", "http://127.0.0.1:1", lambda: (KEY,), lambda: 100)
    with pytest.raises(Retryable, match="shop API"):
        WooSource(gone).changed("orders", SINCE, NOW, None)


def test_orders_too_large_for_a_page_come_on_smaller_ones(shop: WooShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LIMIT", 20_000)
    for number in range(60):
        shop.order(number, SINCE + timedelta(seconds=number), customer_note="あ" * 200)
    assert set(_ids(_read(shop))) == set(range(60))
    assert {one["per_page"] for one in shop.asked} == {"100", "20"}
    shop.order(1, SINCE, customer_note="あ" * 20_000)
    with pytest.raises(Permanent, match="a page is too large"):
        _read(shop)


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"after":"","page":1,"size":7}', '{"nothing":1}'])
def test_a_cursor_of_another_time_is_refused(shop: WooShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        WooSource(_api(shop)).changed("orders", SINCE, NOW, cursor)


class _InMemory(WooSource):
    """The same source without a wire; an order changes before each of its requests."""

    def __init__(self, shop: WooShop) -> None:
        super().__init__(ShopApi("main", "http://127.0.0.1:1", lambda: (KEY,), lambda: 100))
        self.shop = shop

    def _get(self, path: str) -> Answer:
        from urllib.parse import parse_qsl, urlsplit

        self.shop.before()
        parts = urlsplit(path)
        said = self.shop.page(parts.path, dict(parse_qsl(parts.query)))
        return Answer(said.status, {name.lower(): value for name, value in said.headers.items()}, said.body)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seconds=st.lists(st.integers(0, 40), max_size=60),
    moves=st.lists(st.integers(0, 59), max_size=12),
    size=st.sampled_from([5, 20]),
)
def test_whatever_stays_as_it_is_appears_on_a_page(seconds: list[int], moves: list[int], size: int) -> None:
    """Many orders of one second, and orders that leave their place while the pages are turned. What moves within a second of
    more than a page may hide another of that second: the next window goes back over it.
    """
    shop = WooShop()
    for number, second in enumerate(seconds):
        shop.order(number, SINCE + timedelta(seconds=1 + second * 2))
    left, moved = list(moves), set[int]()

    def change() -> None:
        if left and (number := left.pop()) in shop.orders and seconds.count(seconds[number]) < size:
            shop.order(number, NOW + timedelta(minutes=1))
            moved.add(number)

    shop.before = change
    reader = _InMemory(shop)
    cursor: str | None = json.dumps({"after": "", "page": 1, "size": size})
    found: set[int] = set()
    while cursor is not None:
        page = reader.changed("orders", SINCE, NOW, cursor)
        found |= set(_ids(page.snapshots))
        cursor = page.cursor
    assert found >= set(shop.orders) - moved
