"""Shopify: the body decides which milestones are proven, whatever the topic says."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from musubi.adapters.shops.shopify.normalise import READERS, normalise
from musubi.domain.errors import Permanent
from musubi.domain.events import UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.projection import is_silent
from tests.unit.contracts.strategies import JSON, objects_with
from tests.unit.shops.shopify_bodies import AT, CREATED, NOW, call, names, order, parcel

NAMES = [
    "id", "order_id", "name", "created_at", "updated_at", "processed_at", "cancelled_at", "currency", "financial_status",
    "total_price", "total_price_set", "shop_money", "amount", "currency_code", "customer", "test", "gateway",
    "payment_gateway_names", "fulfillments", "status", "tracking_company", "tracking_number", "tracking_numbers",
    "tracking_url", "tracking_urls", "shipment_status", "fulfillment_status", "refunds", "transactions", "line_items", "title",
    "quantity", "current_quantity", "price", "price_set", "token", "cart_token", "checkout_token", "completed_at", "closed_at",
    "customer_id", "customerId", "tags", "state", "metafields", "namespace", "key", "value", "type", "occurredAt", "kind",
    "email_marketing_consent", "sms_marketing_consent", "consent_updated_at", "accepts_marketing", "numberOfOrders",
    "amountSpent", "currencyCode", "admin_graphql_api_customer_kept_id", "admin_graphql_api_customer_deleted_id",
    "subscription_contract_id", "error_code", "orders_to_redact", "data_request", "order_edit", "happened_at", "first_name",
    "action", "topic",
]  # fmt: skip
TOPICS = [*READERS, "x/y"]


def test_a_placed_order() -> None:
    event = call("orders/create", order())
    assert (event.type, event.source, event.event_id) == ("OrderPlaced", "main/shopify/orders/create", "w1")
    assert (event.occurred_at, event.as_of) == (AT, AT + timedelta(seconds=1))
    assert event.order is not None
    assert event.order.order_id == "6211220000003000001"
    assert (event.order.number, event.order.member_id, event.order.total_yen) == ("#1001", "7204155301001", 16040)
    assert event.order.milestones == (Milestone("OrderPlaced", AT),)
    assert not event.is_test
    assert not event.is_backfill


def test_one_late_delivery_proves_everything_that_happened() -> None:
    parcel = {"id": 9, "status": "success", "created_at": CREATED, "tracking_company": "Yamato (JA)",
              "tracking_numbers": ["4000-1234-5672"]}  # fmt: skip
    body = order(financial_status="paid", cancelled_at=CREATED, fulfillments=[parcel, {"id": 8, "status": "cancelled"}])
    event = call("orders/cancelled", body)
    assert names(event) == ["OrderPlaced", "OrderPaid", "OrderCancelled", "ShipmentDispatched/9"]
    assert event.order is not None
    (shipment,) = event.order.shipments
    assert (shipment.carrier, shipment.tracking_numbers) == ("yamato", ("400012345672",))
    assert shipment.tracking_url is not None


def test_the_topic_proves_nothing_that_the_body_denies() -> None:
    assert names(call("orders/paid", order(financial_status="pending"))) == ["OrderPlaced"]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [("orders/create", "OrderPlaced"), ("orders/paid", "OrderPaid"), ("orders/cancelled", "OrderCancelled")],
)
def test_of_a_body_cut_down_to_its_id_the_topic_is_the_witness(topic: str, expected: str) -> None:
    event = call(topic, {"id": 1}, triggered_at="2026-11-22T02:34:56.123456789Z")
    assert names(event) == [expected]
    assert event.occurred_at == AT.replace(microsecond=123456)


@pytest.mark.parametrize("customer", [None, {}, {"id": None}, "x"])
def test_a_guest_is_nobody(customer: Any) -> None:
    event = call("orders/create", order(customer=customer))
    assert event.order is not None
    assert event.order.member_id is None


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"test": True}, {}),
        ({}, {"test": "true"}),
        ({"gateway": "bogus"}, {}),
        ({"payment_gateway_names": ["bogus"]}, {}),
        ({"id": 820982911946154508}, {}),
        ({"id": 820982911946154500}, {}),
    ],
)
def test_test_orders_are_marked(changes: dict[str, Any], headers: dict[str, str]) -> None:
    assert call("orders/create", order(**changes), **headers).is_test


def test_the_real_order_9999_is_no_test() -> None:
    assert not call("orders/create", order(name="#9999")).is_test


def test_an_order_older_than_a_day_is_a_backfill() -> None:
    assert is_silent(call("orders/create", order(created_at="2026-11-21T11:59:00+09:00")))


@pytest.mark.parametrize(
    "changes",
    [
        {"total_price_set": {"shop_money": {"amount": "16040.5", "currency_code": "JPY"}}},
        {"total_price": "16040.50"},
    ],
)
def test_a_fraction_of_a_yen_goes_to_quarantine(changes: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="fraction"):
        call("orders/create", order(**changes))


def test_another_currency_has_no_yen_amount() -> None:
    money = {"total_price": "9.99", "currency": "USD",
             "total_price_set": {"shop_money": {"amount": "9.99", "currency_code": "USD"}}}  # fmt: skip
    event = call("orders/create", order(**money))
    assert event.order is not None
    assert event.order.total_yen is None


def test_a_parcel() -> None:
    event = call("fulfillments/create", parcel())
    assert (event.type, event.occurred_at) == ("ShipmentDispatched", AT)
    assert event.order is not None
    assert (event.order.order_id, event.order.number) == ("6211220000003000001", "#1001")
    assert event.order.milestones == (Milestone("ShipmentDispatched", AT, "4"),)
    assert event.order.shipments[0].tracking_url == (
        "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo=512345678904"
    )


@pytest.mark.parametrize("status", ["pending", "open", "cancelled", "error", "failure"])
def test_a_parcel_that_has_not_left_is_no_shipment(status: str) -> None:
    assert names(call("fulfillments/create", parcel(status=status))) == []


def test_a_parcel_that_leaves_later_is_reported_by_its_update() -> None:
    assert names(call("fulfillments/update", parcel())) == ["ShipmentDispatched/4"]


@pytest.mark.parametrize(
    "url",
    [
        "http://k2k.sagawa-exp.co.jp/x",
        "https://evil.example/?sagawa-exp.co.jp",
        "javascript:alert(1)",
        "https://k2k.s\n",
    ],
)
def test_a_link_that_is_not_the_carriers_never_reaches_a_button(url: str) -> None:
    event = call("fulfillments/create", parcel(tracking_url=url, tracking_number="x", tracking_company="結び便"))
    assert event.order is not None
    assert event.order.shipments[0].tracking_url is None
    assert event.order.shipments[0].carrier_name == "結び便"


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"id":null}', b'{"id":true}', b'{"id":NaN}', b"\xff"]
)
def test_what_names_no_order_can_never_be_read(body: bytes) -> None:
    with pytest.raises(Permanent):
        call("orders/create", body)


def test_an_unknown_topic_is_stored_as_it_came() -> None:
    (event,) = normalise({"x-shopify-topic": "products/update"}, b'{"id": 1, "a": "\xe3\x81\x82"}', "main", NOW)
    assert isinstance(event, UnreadShopEvent)
    assert (event.kind, json.loads(event.raw)) == ("products/update", {"id": 1, "a": "あ"})


def test_without_a_webhook_id_the_content_is_the_identity() -> None:
    first, same, other = (
        normalise({"x-shopify-topic": "orders/create"}, raw, "main", NOW)[0]
        for raw in (b'{"id":1,"name":"a"}', b'{"name":"a", "id":1}', b'{"id":2}')
    )
    assert first.event_id == same.event_id != other.event_id


@given(value=JSON | objects_with(NAMES))
def test_no_json_value_raises_anything_but_permanent(value: Any) -> None:
    raw = json.dumps(value).encode()
    for topic in TOPICS:
        try:
            (event,) = normalise({"x-shopify-topic": topic}, raw, "main", NOW)
        except Permanent:
            continue
        event.event_id.encode()
        repr(event).encode()
