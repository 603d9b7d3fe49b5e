"""Bodies of Shopify that only name what changed: fetched by id where the stage names the shop, and never otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops import rest
from musubi.adapters.shops.bus import read_envelope
from musubi.adapters.shops.shopify.normalise import READERS, normalise
from musubi.adapters.shops.source import Apis, NoApi, ShopApi
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent, UnreadShopEvent
from tests.support.asked_shop import TOKEN
from tests.support.markdown import ROOT
from tests.support.shopify_shop import API, ShopifyShop, shopify_shop, stamp
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
PLACED = NOW - timedelta(minutes=20)
SOURCE = "aws.partner/shopify.com/1234567/musubi-main"
Told = Sequence[ShopEvent | UnreadShopEvent]


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        yield running


def _apis(shop: ShopifyShop, *keys: str, left_s: float = 100) -> Apis:
    def found(shop_id: str, platform: str) -> ShopApi:
        assert (shop_id, platform) == ("main", "shopify")
        return shop.api(*keys, left_s=left_s)

    return found


def _forbidden(shop_id: str, platform: str) -> ShopApi:
    raise AssertionError("nobody is to be asked")


def _read(apis: Apis, topic: str, body: Any, **headers: str) -> Told:
    named = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1", **headers}
    return normalise(named, json.dumps(body).encode(), "main", NOW, apis=apis)


def _one(told: Told) -> ShopEvent:
    (event,) = told
    assert isinstance(event, ShopEvent)
    return event


def _unread(told: Told) -> UnreadShopEvent:
    (event,) = told
    assert isinstance(event, UnreadShopEvent)
    return event


@pytest.mark.parametrize("more", [{}, {"admin_graphql_api_id": "gid://shopify/Order/727"}])
def test_an_order_that_is_only_named_is_fetched_and_read_whole(shop: ShopifyShop, more: dict[str, str]) -> None:
    shop.order(727, PLACED)
    event = _one(_read(_apis(shop), "orders/create", {"id": 727, **more}))
    assert event.order is not None
    assert (event.type, event.order.member_id, event.order.total_yen) == ("OrderPlaced", "1001", 12800)
    assert event.as_of == PLACED, "the order's own version, not the delivery's time"
    assert (event.source, event.event_id) == ("main/shopify/orders/create", "w1")
    ((path, query),) = shop.asked
    assert (path, set(query)) == (f"{API}orders/727.json", {"fields"})


def test_ids_beyond_doubles_and_of_graphql_name_the_same(shop: ShopifyShop) -> None:
    shop.order(9007199254740993, PLACED)
    for number in (9007199254740993, "9007199254740993", "gid://shopify/Order/9007199254740993"):
        event = _one(_read(_apis(shop), "orders/updated", {"id": number}))
        assert event.order is not None
        assert event.order.order_id == "9007199254740993"


def test_a_customer_that_is_only_named_is_fetched(shop: ShopifyShop) -> None:
    shop.customer(1001, PLACED)
    event = _one(_read(_apis(shop), "customers/create", {"id": 1001}))
    assert event.member is not None
    assert (event.type, event.member.family_name) == ("MemberRegistered", "結城")


def test_the_topic_proves_nothing_that_the_fetched_order_denies(shop: ShopifyShop) -> None:
    shop.order(727, PLACED, financial_status="pending")
    event = _one(_read(_apis(shop), "orders/paid", {"id": 727}))
    assert event.order is not None
    assert [one.name for one in event.order.milestones] == ["OrderPlaced"]


def test_a_delivery_that_is_repeated_is_one_event_whatever_the_order_became(shop: ShopifyShop) -> None:
    shop.order(727, PLACED)
    first = _one(_read(_apis(shop), "orders/updated", {"id": 727}))
    shop.order(727, NOW)
    again = _one(_read(_apis(shop), "orders/updated", {"id": 727}))
    assert (again.event_id, again.content) == (first.event_id, first.content)


def test_of_deliveries_without_an_id_each_found_version_is_an_event(shop: ShopifyShop) -> None:
    found = []
    for at in (PLACED, PLACED, NOW):
        shop.order(727, at)
        body = json.dumps({"id": 727}).encode()
        found.append(_one(normalise({"x-shopify-topic": "orders/updated"}, body, "main", NOW, apis=_apis(shop))))
    assert [found[0].event_id == one.event_id for one in found] == [True, True, False]
    assert [one.content == one.event_id for one in found] == [True] * 3


@pytest.mark.parametrize(("topic", "known"), [("orders/create", ["OrderPlaced"]), ("orders/updated", [])])
def test_where_no_api_is_named_the_topic_is_the_witness_as_before(topic: str, known: list[str]) -> None:
    def unnamed(shop_id: str, platform: str) -> ShopApi:
        raise NoApi(shop_id, platform)

    event = _one(_read(unnamed, topic, {"id": 727}))
    assert event.order is not None
    assert [one.name for one in event.order.milestones] == known
    assert normalise({"x-shopify-topic": topic}, b'{"id":727}', "main", NOW), "and that is what a reader has by itself"


def test_whole_bodies_ask_nobody() -> None:
    folder = ROOT / "events" / "shop" / "shopify"
    names = [path for path in sorted(folder.glob("*.json")) if not path.name.endswith(".headers.json")]
    read = 0
    for path in names:
        headers = json.loads(path.with_suffix(".headers.json").read_text(encoding="utf-8"))
        if path.stem.startswith("preview"):
            continue
        named = {key.lower(): value for key, value in headers.items()}
        with suppress(Permanent):
            read += bool(normalise(named, path.read_bytes(), "main", NOW, apis=_forbidden))
    assert read > 50


FETCHABLE = {
    *(f"orders/{verb}" for verb in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")),
    *(f"customers/{verb}" for verb in ("create", "update", "enable", "disable")),
}


@pytest.mark.parametrize("topic", sorted(set(READERS) - FETCHABLE))
def test_what_can_not_be_fetched_by_its_id_asks_nobody(topic: str) -> None:
    with suppress(Permanent):
        assert _read(_forbidden, topic, {"id": 727})


@pytest.mark.parametrize(
    "value",
    ["../customers/1", "727?fields=", "gid://shopify/Order/7%2f..", "٧", "1" * 21, "", None, True, {"id": 1}],
)
def test_only_digits_become_part_of_a_path(value: Any) -> None:
    with suppress(Permanent):
        assert _read(_forbidden, "orders/create", {"id": value})


def test_what_is_gone_is_stored_and_counted(shop: ShopifyShop) -> None:
    event = _unread(_read(_apis(shop), "orders/create", {"id": 727}))
    assert (event.kind, json.loads(event.raw)) == ("orders/create gone", {"id": 727})


@pytest.mark.parametrize(
    ("given", "words", "after_s"),
    [
        (Said(429, headers={"Retry-After": "2.0"}), "429", 2),
        (Said(503), "503", 60),
        (Said(401), "401, check the token", 300),
        (Said(403), "403, check the token's rights", 300),
        (Said(302, headers={"Location": "https://elsewhere.example/"}), "302, check the base URL", 300),
        (Said(200, b"<html>"), "answer: not JSON", 300),
        (Said(200, b"{}"), "answer without orders", 300),
        (Said(200, b'{"order": [1]}'), "answer without orders", 300),
    ],
)
def test_a_shop_in_trouble_is_asked_later_and_its_webhook_is_not_to_blame(
    shop: ShopifyShop, given: Said, words: str, after_s: int
) -> None:
    shop.answers.append(given)
    with pytest.raises(Retryable, match=words) as caught:
        _read(_apis(shop), "orders/create", {"id": 727})
    assert (caught.value.after_s, len(shop.asked)) == (after_s, 1)
    assert TOKEN not in caught.value.reason


def test_a_token_that_was_replaced_is_tried_last_and_without_one_it_waits(shop: ShopifyShop) -> None:
    shop.order(727, PLACED)
    assert _one(_read(_apis(shop, "new", TOKEN), "orders/create", {"id": 727})).order
    unset = ShopApi("main", shop.url, tuple, lambda: 100)
    with pytest.raises(Retryable, match="no such secret"):
        _read(lambda *_: unset, "orders/create", {"id": 727})


def test_time_that_is_up_and_an_answer_without_end(shop: ShopifyShop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Retryable, match="out_of_time"):
        _read(_apis(shop, left_s=3), "orders/create", {"id": 727})
    monkeypatch.setattr(rest, "LIMIT", 50)
    shop.order(727, PLACED)
    with pytest.raises(Permanent, match="orders: the shop's answer is too large"):
        _read(_apis(shop), "orders/create", {"id": 727})


def test_a_fetched_order_is_held_to_what_its_webhook_is(shop: ShopifyShop) -> None:
    shop.order(727, PLACED, total_price="0.5")
    with pytest.raises(Permanent, match="total_price"):
        _read(_apis(shop), "orders/create", {"id": 727})
    shop.order(727, PLACED, test=True)
    assert _one(_read(_apis(shop), "orders/create", {"id": 727})).is_test
    shop.order(727, PLACED, customer=None)
    guest = _one(_read(_apis(shop), "orders/create", {"id": 727})).order
    assert guest is not None
    assert guest.member_id is None


def _preview(**changed: Any) -> dict[str, Any]:
    body = json.loads((ROOT / "events/shop/shopify/preview_order_update.json").read_text(encoding="utf-8"))
    return {name: value for name, value in {**body, **changed}.items() if value is not ...}


def test_an_event_of_the_preview_is_read_as_the_webhook_that_it_stands_for(shop: ShopifyShop) -> None:
    shop.order(6211220000103, PLACED)
    event = _one(_read(_apis(shop), "Order", _preview()))
    assert event.order is not None
    assert (event.order.order_id, event.as_of) == ("6211220000103", PLACED)
    assert (event.source, event.event_id) == ("main/shopify/Order", "w1")
    event = _one(_read(_apis(shop), "Order", _preview(query_variables=..., action="create")))
    assert event.type == "OrderPlaced", "the projection names it, too"


def test_a_stub_of_what_is_too_large_is_fetched_by_id_and_its_address_never_called(shop: ShopifyShop) -> None:
    shop.order(6211220000103, PLACED)
    with shopify_shop() as stranger:
        stub = {"payload_url": f"{stranger.url}/payload", "payload_size_bytes": 2_000_000, "expires_at": stamp(NOW)}
        event = _one(_read(_apis(shop), "Order", _preview(data=..., **stub)))
        assert stranger.asked == []
    assert event.order is not None
    assert len(shop.asked) == 1
    unread = _unread(_read(_forbidden, "Order", _preview(data=..., query_variables=..., **stub)))
    assert unread.kind == "Order preview Order/update", "nothing in it names the order"


def test_a_customer_of_the_preview_is_fetched(shop: ShopifyShop) -> None:
    shop.customer(1001, PLACED)
    named = {"query_variables": {"customerId": "gid://shopify/Customer/1001"}, "topic": "Customer", "data": ...}
    event = _one(_read(_apis(shop), "Customer", _preview(**named)))
    assert event.member is not None
    assert (event.member.member_id, event.type) == ("1001", "MemberUpdated")


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "delete"},
        {"topic": "Product", "query_variables": {"productId": "gid://shopify/Product/1"}},
        {"topic": "Order", "query_variables": {"orderId": "gid://shopify/Customer/1"}, "data": {"order": None}},
        {"topic": ["Order"]},
        {"query_variables": ["gid://shopify/Order/1"], "data": [1]},
        {"query_variables": {"orderId": 5}, "data": {"order": {"id": {"a": 1}}}},
        {"query_variables": {"orderId": "gid://shopify/Order/1%2f.."}, "data": ...},
    ],
)
def test_what_a_preview_does_not_name_stays_unread(changed: dict[str, Any]) -> None:
    assert _unread(_read(_forbidden, "Order", _preview(**changed)))


def test_a_thin_body_and_a_preview_over_the_partner_bus_are_fetched(shop: ShopifyShop) -> None:
    shop.order(6211220000003, PLACED)
    for name, payload in (("shopify_orders_paid", {"id": 6211220000003}), ("shopify_events_preview", None)):
        envelope = json.loads((ROOT / "events" / "bus" / f"{name}.json").read_text(encoding="utf-8"))
        if payload:
            envelope["detail"]["payload"] = payload
        told = read_envelope(json.dumps(envelope), ("main",), NOW, {SOURCE: "main"}, _apis(shop))
        event = _one(told)
        assert event.order is not None
        assert (event.order.order_id, event.order.total_yen) == ("6211220000003", 12800)
        assert event.event_id == next(
            value for key, value in envelope["detail"]["metadata"].items() if key.lower().endswith("webhook-id")
        )
