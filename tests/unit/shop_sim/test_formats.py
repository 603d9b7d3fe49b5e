"""What the shop says is what real platforms say: shapes, amounts, ids, headers and signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.shop.signing import key_of, shopify_hmac, standard_headers

ROOT = Path(__file__).parents[3]
# Fields a reader of Shopify's REST order may rely on (public Admin REST reference, 2026-10).
ORDER_FIELDS = frozenset(Path(__file__).with_name("shopify_order_fields.txt").read_text("utf-8").split())


def _body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_standard_webhooks_signature_matches_the_published_vector() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = standard_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secret_is_base64_only_behind_its_prefix() -> None:
    assert key_of("whsec_AAEC") == b"\x00\x01\x02"
    assert key_of("秘密") == "秘密".encode()


def test_shopify_hmac_is_base64_over_raw_bytes() -> None:
    expected = base64.b64encode(hmac.new(b"s", b"\xff\x00body", hashlib.sha256).digest()).decode()
    assert shopify_hmac("s", b"\xff\x00body") == expected


def test_order_goes_through_its_four_shopify_webhooks(stage: Any) -> None:
    number = stage.call("/orders", 201, member_id="1001", items=[{"sku": "TEA-SEN-100", "quantity": 2}])["order"][
        "number"
    ]
    stage.call(f"/orders/{number}/pay")
    stage.call(f"/orders/{number}/ship", carrier="sagawa", number="4000-1234-5672")
    stage.call(f"/orders/{number}/cancel", reason="inventory")
    sent = stage.product.webhooks
    assert [request.headers["x-shopify-topic"] for request in sent] == [
        "orders/create",
        "orders/paid",
        "fulfillments/create",
        "orders/cancelled",
    ]
    assert {request.url.path for request in sent} == {"/shops/main/shopify"}
    created, paid, fulfilled, cancelled = (_body(request) for request in sent)
    assert created.keys() >= ORDER_FIELDS
    assert (created["financial_status"], paid["financial_status"]) == ("pending", "paid")
    assert (cancelled["financial_status"], cancelled["cancel_reason"]) == ("refunded", "inventory")
    assert (fulfilled["tracking_company"], fulfilled["tracking_number"]) == ("Sagawa (JA)", "4000-1234-5672")
    assert fulfilled["tracking_url"].endswith("okurijoNo=400012345672")
    assert fulfilled["order_id"] == created["id"] == paid["id"] == cancelled["id"]
    assert "customer" not in fulfilled


def test_shopify_amounts_are_yen_strings_and_ids_big_integers(stage: Any) -> None:
    stage.call("/orders", 201, member_id="1001", items=[{"sku": "TEA-SEN-100", "quantity": 2}, {"sku": "WAG-YOK-005"}])
    order = _body(stage.product.webhooks[0])
    assert (order["total_price"], order["subtotal_price"], order["total_tax"]) == ("5950", "5400", "540")
    assert order["currency"] == order["total_price_set"]["shop_money"]["currency_code"] == "JPY"
    assert order["id"] > 10**12
    assert order["customer"]["id"] == 1001
    assert order["name"] == f"#{order['order_number']}"
    assert order["created_at"].endswith("+09:00")
    assert not {"tags", "email_marketing_consent", "orders_count"} & order["customer"].keys(), "gone since 2025-01"


def test_shopify_headers_are_complete_and_the_signature_verifies(stage: Any) -> None:
    stage.call("/orders", 201, member_id="1001", paid=True)
    for request in stage.product.webhooks:
        names = {name for name in request.headers if name.startswith("x-shopify-")}
        assert names >= {
            f"x-shopify-{name}"
            for name in (
                "topic",
                "hmac-sha256",
                "shop-domain",
                "webhook-id",
                "event-id",
                "triggered-at",
                "api-version",
                "order-id",
            )
        }
        assert request.headers["x-shopify-hmac-sha256"] == shopify_hmac("unit-secret", request.content)
        assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{9}\+09:00", request.headers["x-shopify-triggered-at"])


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ({"member_id": None}, {"customer": None, "source_name": "web"}),
        (
            {"member_id": None, "source": "pos"},
            {"customer": None, "email": "", "shipping_lines": [], "source_name": "pos"},
        ),
        (
            {"member_id": "1001", "is_test": True, "payment": "bogus"},
            {"test": True, "payment_gateway_names": ["bogus"]},
        ),
        ({"member_id": "1001", "points_used": 100}, {"total_price": "2070", "total_discounts": "100"}),
    ],
)
def test_special_orders(stage: Any, body: dict[str, Any], checks: dict[str, Any]) -> None:
    stage.call("/orders", 201, **body)
    order = _body(stage.product.webhooks[0])
    assert {name: order[name] for name in checks} == checks


def test_cloud_events_carry_canonical_data_and_our_signature(stage: Any) -> None:
    number = stage.call("/orders", 201, member_id="1002", platform="cloudevents")["order"]["number"]
    stage.call(f"/orders/{number}/pay", platform="cloudevents")
    stage.call(f"/orders/{number}/ship", platform="cloudevents", carrier="yamato", number="400012345672")
    other = stage.call("/orders", 201, member_id="1002", platform="cloudevents")["order"]["number"]
    stage.call(f"/orders/{other}/cancel", platform="cloudevents")
    stage.call("/members/1002/birthday", birthday="--02-29")
    stage.call("/members/1002/lots", lots=[{"points": 300, "expires_on": "2026-12-24"}])
    stage.call("/members/1002/points", points=50, expires_on="2027-01-31")
    stage.call("/members/1002/leave")
    stage.call("/members/1002/leave", erase=True)
    seen: dict[str, Any] = {}
    for request in stage.product.webhooks:
        event = _body(request)
        seen.setdefault(event["type"], event)
        stamp = request.headers["webhook-timestamp"]
        assert abs(int(stamp) - time.time()) < 60
        signed = standard_headers("unit-secret", request.headers["webhook-id"], int(stamp), request.content)
        assert request.headers["webhook-signature"] == signed["webhook-signature"]
        assert event["specversion"] == "1.0"
        assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert seen["OrderPlaced"]["data"]["totals"]["grand"] == {"amount": 2170, "currency": "JPY"}
    assert seen["OrderPaid"]["data"]["order_id"] == seen["OrderPlaced"]["data"]["order_id"]
    assert seen["OrderPlaced"]["data"]["member_id"] == "1002"
    assert seen["ShipmentDispatched"]["data"]["shipment"]["tracking_numbers"] == ["400012345672"]
    assert seen["ShipmentDispatched"]["data"]["shipment"]["tracking_url"].startswith("https://jizen.kuronekoyamato")
    assert seen["OrderCancelled"]["data"]["reason"] == "customer"
    assert seen["MemberUpdated"]["data"]["profile"]["birthday"] == {"month": 2, "day": 29}
    assert seen["PointsBalanceChanged"]["data"]["lots"] == [
        {"lot_id": "lot-1", "points": 300, "expires_at": "2026-12-24"}
    ]
    assert seen["PointsGranted"]["data"]["points"] == 50
    assert {"MemberWithdrawn", "MemberDeleted"} <= seen.keys()


def test_partial_shipment_without_number_has_no_link(stage: Any) -> None:
    items = [{"sku": "TAB-CUP-BLU"}, {"sku": "TAB-CUP-WHT"}]
    number = stage.call("/orders", 201, member_id="1001", items=items)["order"]["number"]
    stage.call(f"/orders/{number}/ship", number="", items=[{"sku": "TAB-CUP-BLU"}])
    stage.call(f"/orders/{number}/ship", number="", items=[{"sku": "TAB-CUP-WHT"}], platform="cloudevents")
    shopify, neutral = _body(stage.product.webhooks[1]), _body(stage.product.webhooks[2])["data"]
    assert (shopify["tracking_number"], shopify["tracking_url"], shopify["tracking_urls"]) == (None, None, [])
    assert [line["sku"] for line in shopify["line_items"]] == ["TAB-CUP-BLU"]
    assert neutral["is_partial"] is True
    assert neutral["shipment_index"] == 2
    assert "tracking_url" not in neutral["shipment"]


def test_batches_are_one_signed_body(stage: Any) -> None:
    stage.call("/members", 201, count=5, batch_size=2, birthday="1992-02-29")
    sizes = [len(_body(request)) for request in stage.product.webhooks]
    assert sorted(sizes) == [1, 2, 2]
    assert all("batch" in request.headers["content-type"] for request in stage.product.webhooks)


def test_the_shop_imports_nothing_of_the_product() -> None:
    for path in (ROOT / "local" / "shop").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (musubi|functions|infra)\b", path.read_text("utf-8"), re.MULTILINE)
