"""Asking Square: windows in slices of time, no cursor of Square's that outlives a call, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musubi.adapters.shops.source import open_source, polled
from musubi.adapters.shops.square import source
from musubi.adapters.shops.square.normalise import normalise
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.ports import Snapshot, What
from tests.support.square_shop import TOKEN, SquareShop, refused, square_shop
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def shop() -> Iterator[SquareShop]:
    with square_shop() as running:
        yield running


def text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add_order(shop: SquareShop, number: int, at: datetime, **more: Any) -> None:
    known = {"id": f"O{number}", "location_id": shop.locations[0], "state": "COMPLETED", "customer_id": "C1"}
    shop.orders[f"O{number}"] = {**known, "created_at": text(at), "updated_at": text(at), **more}


def add_customer(shop: SquareShop, number: int, at: datetime, **more: Any) -> None:
    shop.customers[f"C{number}"] = {"id": f"C{number}", "created_at": text(at), "updated_at": text(at), **more}


def read(shop: SquareShop, what: What = "orders") -> list[Snapshot]:
    """Everything in the window, page by page, each by a source of its own: a cursor may be stored for days."""
    cursor, found, seen = None, list[Snapshot](), set[str]()
    while True:
        page = open_source("square", shop.api()).changed(what, SINCE, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def ids(snapshots: Sequence[Snapshot]) -> list[str]:
    documents = [json.loads(one.body) for one in snapshots]
    return [one.get("customer", one)["id"] for one in documents]


def test_square_can_be_asked_for_orders_and_members() -> None:
    assert polled("square") == ("orders", "members")


def test_what_was_changed_in_the_window_is_found_with_its_edges(shop: SquareShop) -> None:
    for number, at in enumerate([SINCE - SECOND, SINCE, SINCE + SECOND, NOW, NOW + SECOND]):
        add_order(shop, number, at)
    assert ids(read(shop)) == ["O1", "O2", "O3"]
    places, (method, path, asked) = shop.asked
    assert places[:2] == ("GET", "/v2/locations")
    assert (method, path) == ("POST", "/v2/orders/search")
    assert asked == {
        "location_ids": ["LMUSUBIAOYAMA01"],
        "limit": 100,
        "query": {
            "filter": {
                "date_time_filter": {
                    "updated_at": {"start_at": "2026-11-24T02:00:00.000Z", "end_at": "2026-11-24T03:00:00.000Z"}
                }
            },
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        },
    }


def test_what_is_found_reads_as_the_fetched_order(shop: SquareShop) -> None:
    add_order(shop, 1, SINCE, line_items=[{"name": "煎茶", "quantity": "1"}])
    (found,) = read(shop)
    (event,) = normalise(found.headers, found.body, "main", NOW, apis=lambda *_: shop.api())
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.type, event.order.member_id) == ("OrderPlaced", "C1")
    assert len(shop.asked) == 2, "it is not fetched once more"


def test_a_window_that_is_too_full_is_read_in_slices_and_no_cursor_of_squares_is_kept(shop: SquareShop) -> None:
    for number in range(450):
        add_order(shop, number, SINCE + number * SECOND)
    assert set(ids(read(shop))) == set(shop.orders)
    assert not any("cursor" in (body or {}) for _, _, body in shop.asked)


def test_more_of_one_second_than_a_page_holds_is_read_whole(shop: SquareShop) -> None:
    for number in range(250):
        add_order(shop, number, SINCE + 600 * SECOND)
    assert set(ids(read(shop))) == set(shop.orders)


def test_all_locations_are_asked_ten_at_a_time(shop: SquareShop) -> None:
    shop.locations = [f"L{number}" for number in range(23)]
    for number in range(23):
        add_order(shop, number, SINCE + SECOND, location_id=f"L{number}")
    assert set(ids(read(shop))) == set(shop.orders)
    assert [len(body["location_ids"]) for _, _, body in shop.asked if body] == [10, 10, 3]


def test_members_come_with_the_names_of_their_groups(shop: SquareShop) -> None:
    shop.groups = {"G1": "ゴールド会員"}
    add_customer(shop, 1, SINCE + SECOND, group_ids=["G1", "GONE"])
    add_customer(shop, 2, SINCE + SECOND)
    first, second = read(shop, "members")
    assert json.loads(first.body)["groups"] == {"G1": "ゴールド会員"}
    (*_, event) = normalise(first.headers, first.body, "main", NOW, apis=lambda *_: shop.api())
    assert isinstance(event, ShopEvent)
    assert event.member is not None
    assert event.member.tags == ("ゴールド会員", "GONE")
    assert json.loads(second.body)["groups"] == {}


def test_many_members_are_read_while_they_change(shop: SquareShop) -> None:
    for number in range(260):
        add_customer(shop, number, SINCE + number * 13 * SECOND)
    left = iter(range(0, 260, 7))

    def move() -> None:
        number = next(left, None)
        if number is not None:
            add_customer(shop, number, NOW + timedelta(minutes=1))

    shop.before = move
    found = set(ids(read(shop, "members")))
    stayed = {key for key, one in shop.customers.items() if one["updated_at"] <= text(NOW)}
    assert found >= stayed


def test_a_shop_with_nothing_new_answers_no_list_at_all(shop: SquareShop) -> None:
    assert read(shop) == read(shop, "members") == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Said(401), Permanent, "401, check the token"),
        (refused(403, "INSUFFICIENT_SCOPES"), Permanent, "403 INSUFFICIENT_SCOPES, check the token's rights"),
        (refused(400, "BAD_REQUEST"), Permanent, "400 BAD_REQUEST"),
        (Said(301, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "301, check the base URL"),
        (refused(429, "RATE_LIMITED"), Retryable, "429 RATE_LIMITED"),
        (refused(500, "INTERNAL_SERVER_ERROR"), Retryable, "500"),
        (Said(503, b"<html>"), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b"[]"), Permanent, "answer is no object"),
        (Said(200, b'{"customers": 5}'), Permanent, "no list of customers"),
    ],
)
def test_what_a_refusal_means(shop: SquareShop, answer: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(answer)
    with pytest.raises(kind, match=words) as caught:
        read(shop, "members")
    assert TOKEN not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_a_search_without_end_is_given_up(shop: SquareShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_PAGES", 3)
    for number in range(500):
        add_order(shop, number, SINCE + 600 * SECOND)
    with pytest.raises(Permanent, match="orders of one second without end"):
        read(shop)


@pytest.mark.parametrize(
    "cursor", ["", "x", "[]", '["2026-11-24T02:00:00", 60]', '["2026-11-24T02:00:00+00:00", 0]', "[1, 2]"]
)
def test_a_cursor_of_another_time_is_refused(shop: SquareShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        open_source("square", shop.api()).changed("orders", SINCE, NOW, cursor)
    assert shop.asked == []


class _InMemory(source.SquareSource):
    """The same source without a wire."""

    def __init__(self, shop: SquareShop) -> None:
        super().__init__(shop.api())
        self._shop = shop
        headers = {"Square-Version": "2025-08-20", "Authorization": f"Bearer {TOKEN}"}

        def ask(path: str, asked: Any = None) -> Any:
            shop.asked.append(("", path, asked))
            answer = shop.answer("POST" if asked else "GET", path, {}, asked, headers)
            assert answer.status == 200, answer
            return json.loads(answer.body)

        # Thousands of pages in one property: no socket between.
        self._rest.object = ask  # type: ignore[method-assign]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seconds=st.lists(st.integers(0, 3600), max_size=250), crowd=st.integers(0, 130))
def test_every_order_of_the_window_is_on_a_page_however_they_crowd(seconds: list[int], crowd: int) -> None:
    shop = SquareShop()
    for number, second in enumerate([*seconds, *([1800] * crowd)]):
        add_order(shop, number, SINCE + second * SECOND)
    cursor, found = None, set[str]()
    while True:
        page = _InMemory(shop).changed("orders", SINCE, NOW, cursor)
        found |= set(ids(page.snapshots))
        cursor = page.cursor
        if cursor is None:
            break
    assert found == set(shop.orders)
    assert len(shop.asked) <= 120
