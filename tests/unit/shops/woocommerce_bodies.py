"""Invented WooCommerce bodies and one way to read them, for the tests of the adapter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from musubi.adapters.shops.woocommerce.normalise import normalise
from musubi.domain.events import ShopEvent, UnreadShopEvent

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
CREATED, CREATED_AT = "2026-11-24T03:00:00", datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MODIFIED, MODIFIED_AT = "2026-11-24T03:30:00", datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
PAID, PAID_AT = "2026-11-24T03:10:00", datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
DONE, DONE_AT = "2026-11-24T03:20:00", datetime(2026, 11, 24, 3, 20, tzinfo=UTC)


def read(topic: str, body: Any, **headers: str) -> Sequence[ShopEvent | UnreadShopEvent]:
    named = {f"x-wc-webhook-{name.replace('_', '-')}": value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return normalise({"x-wc-webhook-topic": topic, **named}, raw, "main", NOW)


def call(topic: str, body: Any, **headers: str) -> ShopEvent:
    (event,) = read(topic, body, **headers)
    assert isinstance(event, ShopEvent)
    return event


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": 727, "parent_id": 0, "number": "727", "status": "pending", "currency": "JPY", "total": "5900",
        "date_created": "2026-11-24T12:00:00", "date_created_gmt": CREATED, "date_modified_gmt": MODIFIED,
        "date_paid_gmt": None, "date_completed_gmt": None, "customer_id": 1001, "payment_method": "stripe",
        "line_items": [item()], "refunds": [], "meta_data": [], **changes,
    }  # fmt: skip


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": 315, "name": "知覧茶 &ndash; 100g", "product_id": 93, "variation_id": 0, "quantity": 2, "subtotal": "2728",
        "subtotal_tax": "272", "total": "2400", "total_tax": "240", "sku": "TEA-100", "price": 1200, **changes,
    }  # fmt: skip


def tracking(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": 1, "key": "_wc_shipment_tracking_items", "value": list(items)}]


def tracked(**changes: Any) -> dict[str, Any]:
    return {
        "tracking_provider": "", "custom_tracking_provider": "ヤマト運輸", "custom_tracking_link": "",
        "tracking_number": "4000-1234-5672", "date_shipped": "1795478400", "tracking_id": "3f2a", **changes,
    }  # fmt: skip


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": 25, "date_created_gmt": CREATED, "date_modified_gmt": MODIFIED, "email": "s@example.com", "first_name": "さくら",
        "last_name": "結城", "role": "customer", "billing": {"first_name": "櫻", "last_name": "結城"}, "meta_data": [],
        **changes,
    }  # fmt: skip


def names(event: ShopEvent) -> list[str]:
    assert event.order is not None
    return [m.id for m in event.order.milestones]
