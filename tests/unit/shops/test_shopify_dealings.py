"""Shopify's checkouts, contracts and privacy requests, its two ways to write headers, and its preview of another format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.domain.changes import (
    CartChange,
    CartState,
    PrivacyChange,
    PrivacyKind,
    SubscriptionChange,
    SubscriptionState,
)
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line
from tests.unit.shops.shopify_bodies import AT, CREATED, NOW, ORDER, call, item, order, read, unread

UPDATED = "2026-11-22T11:50:00+09:00"
UPDATED_AT = datetime(2026, 11, 22, 2, 50, tzinfo=UTC)
BACK = "https://musubi-shoten.myshopify.com/70123400/checkouts/ac/b9a1/recover?key=3f"


def checkout(**changes: Any) -> dict[str, Any]:
    return {
        "token": "b9a17e8515db2ac6599fd0a7638e639f", "cart_token": "hWNf936e8367", "created_at": CREATED, "updated_at": UPDATED,
        "completed_at": None, "closed_at": None, "currency": "JPY", "total_price": "3240", "customer": {"id": 1001},
        "abandoned_checkout_url": BACK, "line_items": [item(price_set=None)], **changes,
    }  # fmt: skip


def cart(topic: str, body: Any) -> CartChange:
    change = call(topic, body).cart
    assert change is not None
    return change


def test_a_checkout_begins() -> None:
    event = call("checkouts/create", checkout())
    assert (event.type, event.occurred_at, event.as_of) == ("CheckoutStarted", AT, UPDATED_AT)
    assert event.cart == CartChange(
        checkout_id="b9a17e8515db2ac6599fd0a7638e639f",
        state=CartState.OPEN,
        member_id="1001",
        lines=(
            Line(title="結び煎茶", quantity=2, product_id="8412300000037", variant_id="45120700000091",
                 sku="TEA-SEN-100", unit_yen=1620),
        ),
        total_yen=3240,
        recovery_url=BACK,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "changes", "expected"),
    [
        ("checkouts/update", {}, ("CheckoutUpdated", CartState.OPEN)),
        ("checkouts/create", {"completed_at": UPDATED}, ("CheckoutCompleted", CartState.COMPLETED)),
        (
            "checkouts/update",
            {"completed_at": UPDATED, "closed_at": UPDATED},
            ("CheckoutCompleted", CartState.COMPLETED),
        ),
        ("checkouts/update", {"closed_at": UPDATED}, ("CheckoutUpdated", CartState.GONE)),
        ("checkouts/delete", {}, ("CheckoutUpdated", CartState.GONE)),
        ("carts/update", {"line_items": []}, ("CheckoutUpdated", CartState.GONE)),
        ("carts/update", {"line_items": None}, ("CheckoutUpdated", CartState.OPEN)),
    ],
)
def test_the_body_says_how_far_it_got(topic: str, changes: dict[str, Any], expected: tuple[str, CartState]) -> None:
    event = call(topic, checkout(**changes))
    assert (event.type, event.cart and event.cart.state) == expected


@pytest.mark.parametrize(
    "url", ["http://shop.example/recover", "javascript:alert(1)", "//x", 7, None, "https://" + "a" * 1000]
)
def test_only_https_leads_back_into_a_checkout(url: Any) -> None:
    assert cart("checkouts/create", checkout(abandoned_checkout_url=url)).recovery_url is None


def test_a_cart_knows_nobody_and_no_total() -> None:
    change = cart("carts/create", {"id": "eeaf", "token": "eeaf?key=1", "line_items": [item()], "updated_at": UPDATED})
    assert (change.checkout_id, change.member_id, change.total_yen, change.recovery_url) == ("eeaf", None, None, None)


def test_a_deleted_checkout_without_its_token_can_not_be_tied_to_anything() -> None:
    assert unread("checkouts/delete", {"id": 981820079255243500}).kind == "checkouts/delete without token"
    with pytest.raises(Permanent, match=r"^token: missing"):
        read("checkouts/update", {"id": 981820079255243500})


def contract(**changes: Any) -> dict[str, Any]:
    return {"id": 6097830498, "customer_id": 1001, "status": "active", "revision_id": "1", **changes}


@pytest.mark.parametrize(
    ("topic", "changes", "expected"),
    [
        ("create", {}, ("SubscriptionStarted", SubscriptionState.ACTIVE)),
        ("update", {}, ("SubscriptionUpdated", SubscriptionState.ACTIVE)),
        ("update", {"status": "paused"}, ("SubscriptionPaused", SubscriptionState.PAUSED)),
        ("create", {"status": "cancelled"}, ("SubscriptionCancelled", SubscriptionState.CANCELLED)),
        ("update", {"status": "EXPIRED"}, ("SubscriptionCancelled", SubscriptionState.CANCELLED)),
        ("update", {"status": "failed"}, ("SubscriptionPaymentFailed", SubscriptionState.FAILED)),
        ("pause", {"status": None}, ("SubscriptionPaused", SubscriptionState.PAUSED)),
        ("update", {"status": None}, ("SubscriptionUpdated", None)),
    ],
)
def test_a_contract_is_in_the_state_that_it_says(
    topic: str, changes: dict[str, Any], expected: tuple[str, Any]
) -> None:
    event = call(f"subscription_contracts/{topic}", contract(**changes))
    assert event.subscription == SubscriptionChange(subscription_id="6097830498", member_id="1001", state=expected[1])
    assert (event.type, event.as_of) == (expected[0], NOW)


def test_a_contract_in_an_unknown_state_is_stored() -> None:
    assert (
        unread("subscription_contracts/update", contract(status="stale")).kind == "subscription_contracts/update status"
    )


@pytest.mark.parametrize(
    ("verb", "changes", "paid"),
    [
        ("success", {}, True),
        ("success", {"error_code": "PAYMENT_METHOD_DECLINED"}, False),
        ("failure", {"order_id": None}, False),
        ("challenged", {}, False),
    ],
)
def test_an_attempt_to_bill(verb: str, changes: dict[str, Any], paid: bool) -> None:
    body = {"id": None, "order_id": 1, "admin_graphql_api_subscription_contract_id": "gid://shopify/SubscriptionContract/60",
            "error_code": None, **changes}  # fmt: skip
    event = call(f"subscription_billing_attempts/{verb}", body)
    state = SubscriptionState.ACTIVE if paid else SubscriptionState.FAILED
    assert event.subscription == SubscriptionChange(subscription_id="60", state=state)
    assert event.type == ("SubscriptionRenewed" if paid else "SubscriptionPaymentFailed")


def privacy(topic: str, body: Any, **headers: str) -> PrivacyChange:
    change = call(topic, body, **headers).privacy
    assert change is not None
    return change


PERSON = {
    "shop_id": 954889,
    "shop_domain": "musubi-shoten.myshopify.com",
    "customer": {"id": 1001, "email": "s@example.com"},
}
DEADLINE = NOW + timedelta(days=30)


def test_a_person_asks_what_is_stored() -> None:
    body = {**PERSON, "orders_requested": [299938, "280263"], "data_request": {"id": 9999}}
    assert privacy("customers/data_request", body) == PrivacyChange(
        request_id="customers/data_request/9999",
        kind=PrivacyKind.ACCESS,
        deadline_at=DEADLINE,
        member_id="1001",
        order_ids=("299938", "280263"),
    )


def test_a_person_is_to_be_forgotten_once_however_often_it_is_said() -> None:
    body = {**PERSON, "orders_to_redact": [299938]}
    first, again = privacy("customers/redact", body), privacy("customers/redact", body, webhook_id="w2")
    assert first == again
    assert (first.kind, first.request_id, first.order_ids) == (
        PrivacyKind.ERASURE,
        "customers/redact/1001",
        ("299938",),
    )


def test_a_guest_is_named_by_the_orders() -> None:
    change = privacy("customers/redact", {"shop_id": 954889, "customer": {"id": None}, "orders_to_redact": [5]})
    assert (change.member_id, change.order_ids, change.request_id) == (None, ("5",), "customers/redact/954889/w1")


@pytest.mark.parametrize(
    ("topic", "body", "kind", "shop"),
    [
        (
            "shop/redact",
            {"shop_id": 954889, "shop_domain": "m.myshopify.com"},
            PrivacyKind.SHOP_ERASURE,
            "m.myshopify.com",
        ),
        (
            "app/uninstalled",
            {"id": 954889, "myshopify_domain": "m.myshopify.com"},
            PrivacyKind.UNINSTALLED,
            "m.myshopify.com",
        ),
        ("app/uninstalled", {"id": 954889}, PrivacyKind.UNINSTALLED, "954889"),
    ],
)
def test_a_shop_leaves_each_time_anew(topic: str, body: dict[str, Any], kind: PrivacyKind, shop: str) -> None:
    change = privacy(topic, body, triggered_at=UPDATED)
    assert (change.kind, change.deadline_at) == (kind, UPDATED_AT + timedelta(days=30))
    assert change.request_id == f"{topic}/{shop}/w1"


def test_headers_without_the_x_say_the_same() -> None:
    (old,) = read("orders/create", order(), test="true", triggered_at=UPDATED)
    (new,) = read("orders/create", order(), prefix="shopify-", test="true", triggered_at=UPDATED)
    assert old == new
    assert isinstance(new, ShopEvent)
    assert new.is_test


def test_the_preview_of_events_is_stored_whatever_its_topic_is_called() -> None:
    body = {"topic": "Order", "action": "update", "handle": "orders", "data": {"order": None}, "errors": [{}],
            "fields_changed": ["order.tags"], "query_variables": {"orderId": f"gid://shopify/Order/{ORDER}"}}  # fmt: skip
    (event,) = read("Order", body, prefix="shopify-")
    assert isinstance(event, UnreadShopEvent)
    assert event.kind == "Order preview Order/update"
    assert unread("orders/updated", body).kind == "orders/updated preview Order/update"
