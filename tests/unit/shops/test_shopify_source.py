"""Asking Shopify: what is asked, how pages go on while the shop sells, what is taken of a Link header, what refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musubi.adapters.shops import rest
from musubi.adapters.shops.shopify import source
from musubi.adapters.shops.shopify.normalise import normalise
from musubi.adapters.shops.source import ShopApi, open_source, polled
from musubi.contracts.shopify import Order
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.ports import Snapshot, What
from tests.support.asked_shop import TOKEN, said
from tests.support.shopify_shop import API, ShopifyShop, shopify_shop, stamp
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
SECOND = timedelta(seconds=1)
FIELDS = {
    "orders": ",".join(Order.model_fields),
    "customers": "id,created_at,updated_at,first_name,last_name,state,email_marketing_consent,sms_marketing_consent",
}


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        yield running


def _read(shop: ShopifyShop, what: What = "orders") -> list[Snapshot]:
    """Everything in the window, page by page; no cursor comes twice."""
    reader, cursor, found, seen = open_source("shopify", shop.api()), None, list[Snapshot](), set[str]()
    while True:
        page = reader.changed(what, SINCE, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot]) -> list[int]:
    return [json.loads(one.body)["id"] for one in snapshots]


def _event(snapshot: Snapshot) -> ShopEvent:
    (event,) = normalise(snapshot.headers, snapshot.body, "main", NOW)
    assert isinstance(event, ShopEvent)
    return event


def test_shopify_can_be_asked_for_orders_and_members() -> None:
    assert polled("shopify") == ("orders", "members")


def test_orders_changed_in_the_window_are_asked_for_whatever_became_of_them(shop: ShopifyShop) -> None:
    times = [SINCE - 2 * SECOND, SINCE, SINCE + timedelta(minutes=1), NOW, NOW + 2 * SECOND]
    for number, at in enumerate(times, 1):
        shop.order(number, at)
    assert _ids(_read(shop)) == [2, 3, 4]
    window = {"updated_at_min": "2026-11-24T02:00:00+00:00", "updated_at_max": "2026-11-24T03:00:01+00:00"}
    more = {"status": "any", "order": "updated_at asc", "limit": "250", "fields": FIELDS["orders"]}
    assert shop.asked == [(f"{API}orders.json", {**window, **more})]


def test_customers_are_asked_for_by_their_last_change(shop: ShopifyShop) -> None:
    shop.customer(1001, SINCE, created_at=stamp(SINCE - timedelta(days=300)))
    (found,) = _read(shop, "members")
    window = {"updated_at_min": "2026-11-24T02:00:00+00:00", "updated_at_max": "2026-11-24T03:00:01+00:00"}
    (listed, birthdays) = shop.asked
    assert listed == (f"{API}customers.json", {**window, "limit": "250", "fields": FIELDS["customers"]})
    assert (birthdays[0], birthdays[1]["variables"]) == (f"{API}graphql.json", {"ids": ["gid://shopify/Customer/1001"]})
    assert json.loads(found.body).keys() == {"id", "created_at", "updated_at", "first_name", "last_name", "state"}


def test_an_order_reads_as_its_webhook_would_and_proves_all_that_happened(shop: ShopifyShop) -> None:
    parcel = {"id": 9, "status": "success", "created_at": stamp(NOW), "tracking_company": "Yamato (JA)"}
    shop.order(727, SINCE, fulfillment_status="fulfilled", fulfillments=[parcel])
    (found,) = _read(shop)
    assert found.headers["x-shopify-topic"] == "orders/updated"
    assert b"hana@example.com" in found.body, "what is inside of the customer comes along"
    assert b'"email":"hana@example.com"' not in found.body.partition(b'"customer"')[0]
    event = _event(found)
    assert event.order is not None
    assert (event.order.order_id, event.order.total_yen, event.order.member_id) == ("727", 12800, "1001")
    assert [one.name for one in event.order.milestones] == [
        "OrderPlaced",
        "OrderPaid",
        "ShipmentDispatched",
        "OrderShipped",
    ]
    assert event.as_of == SINCE


def test_the_version_that_answered_is_kept_as_a_webhooks_is(shop: ShopifyShop) -> None:
    shop.order(1, SINCE)
    assert _read(shop)[0].headers["x-shopify-api-version"] == "2026-10"
    shop.version = "2027-01"
    assert _read(shop)[0].headers["x-shopify-api-version"] == "2027-01"


def test_the_same_answer_is_the_same_event_and_another_one_is_not(shop: ShopifyShop) -> None:
    shop.order(1, SINCE)
    first, again = _event(_read(shop)[0]), _event(_read(shop)[0])
    assert (first.event_id, first.content) == (again.event_id, again.content)
    shop.order(1, SINCE, financial_status="refunded")
    changed = _event(_read(shop)[0])
    assert changed.event_id != first.event_id, "also of one second"


@pytest.mark.parametrize(
    ("age", "state", "told"),
    [
        (timedelta(minutes=-30), "enabled", "MemberRegistered"),
        (timedelta(hours=11), "enabled", "MemberRegistered"),
        (timedelta(hours=13), "enabled", "MemberUpdated"),
        (timedelta(days=900), "enabled", "MemberUpdated"),
        (timedelta(minutes=-30), "disabled", "MemberUpdated"),
    ],
)
def test_only_a_customer_who_was_made_just_now_has_registered(
    shop: ShopifyShop, age: timedelta, state: str, told: str
) -> None:
    shop.customer(1001, SINCE + timedelta(minutes=40), created_at=stamp(SINCE - age), state=state)
    event = _event(_read(shop, "members")[0])
    assert event.type == told
    assert event.member is not None
    assert (event.member.family_name, event.member.tags) == ("結城", None)


@pytest.mark.parametrize("created", [None, "soon", 5])
def test_a_customer_without_a_birth_of_the_record_is_left_to_its_reader(shop: ShopifyShop, created: object) -> None:
    shop.customer(1001, SINCE, created_at=created)
    assert _read(shop, "members")[0].headers["x-shopify-topic"] == "customers/update"


@pytest.mark.parametrize("what", ["orders", "members"])
def test_pages_go_on_by_their_cursor_and_nothing_else(shop: ShopifyShop, what: What) -> None:
    make = shop.order if what == "orders" else shop.customer
    for number in range(1, 621):
        make(number, SINCE + (number // 300) * SECOND)
    assert _ids(_read(shop, what)) == list(range(1, 621))
    resource = "orders" if what == "orders" else "customers"
    lists = [query for path, query in shop.asked if path == f"{API}{resource}.json"]
    assert [set(query) for query in lists[1:]] == [{"page_info", "limit", "fields"}] * 2
    assert len(shop.asked) == (3 if what == "orders" else 6), "one for the birthdays of a page"


def test_the_link_headers_host_is_never_called(shop: ShopifyShop) -> None:
    for number in range(1, 301):
        shop.order(number, SINCE)
    with shopify_shop() as stranger:
        shop.link_host = stranger.url
        assert len(_read(shop)) == 300
        assert stranger.asked == []


def test_an_address_that_is_none_may_hold_a_cursor_all_the_same(shop: ShopifyShop) -> None:
    shop.answers.append(Said(200, b'{"orders":[]}', {"Link": "<http://[::1?page_info=abc>; rel=next"}))
    assert open_source("shopify", shop.api()).changed("orders", SINCE, NOW, None).cursor == "abc"


@pytest.mark.parametrize(
    "link",
    [
        '<https://shop.example/admin/api/2026-10/orders.json?limit=250>; rel="next"',
        '<?page_info=>; rel="next"',
        '<?page_info=a%0d%0ab>; rel="next"',
        '<?page_info=..%2f..%2f%3Fx%3D1%26>; rel="next"',
        f'<?page_info={"a" * 2001}>; rel="next"',
    ],
)
def test_a_link_without_a_cursor_is_refused(shop: ShopifyShop, link: str) -> None:
    shop.answers.append(Said(200, b'{"orders":[]}', {"Link": link}))
    with pytest.raises(Permanent, match="Link header without a cursor"):
        _read(shop)


@pytest.mark.parametrize("link", ["", '<?page_info=abc>; rel="previous"', "rel=next", "<>;" * 500])
def test_a_page_without_a_next_one_is_the_last(shop: ShopifyShop, link: str) -> None:
    shop.answers.append(Said(200, b'{"orders":[]}', {"Link": link}))
    assert _read(shop) == []
    assert len(shop.asked) == 1


def test_a_cursor_that_shopify_has_forgotten_is_refused(shop: ShopifyShop) -> None:
    with pytest.raises(Permanent, match="400"):
        open_source("shopify", shop.api()).changed("orders", SINCE, NOW, "eyJ4Ijoi")


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(401), Permanent, "401, check the token"),
        (Said(403), Permanent, "403, check the token's rights"),
        (Said(404), Permanent, "404, check the base URL"),
        (Said(402), Permanent, "402"),
        (Said(301, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "301, check the base URL"),
        (Said(500), Retryable, "500"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b'{"orders": NaN}'), Permanent, "answer: not JSON"),
        (Said(200, b"[]"), Permanent, "answer is no object"),
        (Said(200, b'{"orders": {}}'), Permanent, "no list of orders"),
        (Said(200, b"[" * 100_000), Permanent, "answer: not JSON"),
    ],
)
def test_what_a_refusal_means(shop: ShopifyShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert TOKEN not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("2.0", 2), ("0.2", 1), ("-4", 1), ("120", 120), ("9e9", 900), ("nan", 60), ("inf", 60), ("Tue, 24 Nov", 60)],
)
def test_a_burst_waits_as_long_as_shopify_says(shop: ShopifyShop, told: str, seconds: int) -> None:
    shop.answers.append(Said(429, headers={"Retry-After": told}))
    with pytest.raises(Retryable) as caught:
        _read(shop)
    assert (caught.value.after_s, len(shop.asked)) == (seconds, 1)


def test_a_token_that_was_replaced_is_tried_last(shop: ShopifyShop) -> None:
    shop.order(1, SINCE)
    reader = open_source("shopify", shop.api(TOKEN, "old"))
    assert _ids(reader.changed("orders", SINCE, NOW, None).snapshots) == [1]
    assert len(shop.asked) == 1
    shop.tokens = {"old"}
    assert _ids(reader.changed("orders", SINCE, NOW, None).snapshots) == [1]
    assert len(shop.asked) == 3
    shop.tokens = set()
    with pytest.raises(Permanent, match="401, check the token"):
        reader.changed("orders", SINCE, NOW, None)


def test_without_a_secret_or_time_nobody_is_asked(shop: ShopifyShop) -> None:
    with pytest.raises(Permanent, match="shops/main/shopify-api: no such secret"):
        open_source("shopify", ShopApi("main", shop.url, tuple, lambda: 100)).changed("orders", SINCE, NOW, None)
    with pytest.raises(Retryable, match="out_of_time"):
        open_source("shopify", shop.api(left_s=3)).changed("orders", SINCE, NOW, None)
    assert shop.asked == []


def test_a_shop_that_is_not_there_is_asked_later() -> None:
    gone = ShopApi("main", "http://127.0.0.1:1", lambda: (TOKEN,), lambda: 100)
    with pytest.raises(Retryable, match="shop API"):
        open_source("shopify", gone).changed("orders", SINCE, NOW, None)


def test_orders_too_large_for_a_page_come_on_smaller_ones(shop: ShopifyShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 121):
        shop.order(number, SINCE)
    one = len(shop.page(f"{API}orders/1.json", {"fields": FIELDS["orders"]}).body)
    monkeypatch.setattr(rest, "LIMIT", one * 60)
    assert _ids(_read(shop)) == list(range(1, 121))
    assert [query["limit"] for _, query in shop.asked] == ["250", "50", "250", "50", "250"]
    monkeypatch.setattr(rest, "LIMIT", one)
    with pytest.raises(Permanent, match="a page is too large"):
        _read(shop)


def test_what_is_no_object_in_a_list_is_passed_over(shop: ShopifyShop) -> None:
    shop.answers.append(said({"orders": [None, 5, {"id": 1}]}))
    assert _ids(_read(shop)) == [1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.lists(st.integers(0, 20), max_size=40), moves=st.lists(st.integers(0, 39), max_size=12))
def test_whatever_stays_as_it_is_appears_on_a_page(shop: ShopifyShop, seconds: list[int], moves: list[int]) -> None:
    """Many orders of one second, and orders that change while pages are turned."""
    shop.orders = []
    for number, second in enumerate(seconds, 1):
        shop.order(number, SINCE + second * SECOND)
    left, moved = list(moves), set[int]()

    def change() -> None:
        if left and (number := left.pop()) in _numbers(shop):
            shop.order(number, NOW + timedelta(minutes=1))
            moved.add(number)

    shop.before = change
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "SIZES", (5,))
        assert {*_ids(_read(shop)), *moved} == _numbers(shop)


def _numbers(shop: ShopifyShop) -> set[int]:
    return {int(one["id"]) for one in shop.orders}
