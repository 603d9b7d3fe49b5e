"""Invented Shopify bodies and one way to read them, for the tests of the adapter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from musubi.adapters.shops.shopify.normalise import normalise
from musubi.domain.events import ShopEvent, UnreadShopEvent

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CREATED = "2026-11-22T11:34:56+09:00"
AT = datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC)
ORDER = 6211220000003000001


def read(topic: str, body: Any, prefix: str = "x-shopify-", **headers: str) -> Sequence[ShopEvent | UnreadShopEvent]:
    named = {f"{prefix}{name.replace('_', '-')}": value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return normalise({f"{prefix}topic": topic, f"{prefix}webhook-id": "w1", **named}, raw, "main", NOW)


def call(topic: str, body: Any, **headers: str) -> ShopEvent:
    (event,) = read(topic, body, **headers)
    assert isinstance(event, ShopEvent)
    return event


def unread(topic: str, body: Any, **headers: str) -> UnreadShopEvent:
    (event,) = read(topic, body, **headers)
    assert isinstance(event, UnreadShopEvent)
    return event


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": ORDER,
        "name": "#1001",
        "created_at": CREATED,
        "updated_at": "2026-11-22T11:34:57+09:00",
        "financial_status": "pending",
        "currency": "JPY",
        "total_price": "16040",
        "total_price_set": {"shop_money": {"amount": "16040", "currency_code": "JPY"}},
        "customer": {"id": 7204155301001, "email": None},
        "fulfillments": [],
        **changes,
    }


def parcel(**changes: Any) -> dict[str, Any]:
    return {
        "id": 4, "order_id": ORDER, "name": "#1001.1", "status": "success", "created_at": CREATED, "updated_at": CREATED,
        "tracking_company": "佐川急便", "tracking_number": "512345678904", **changes,
    }  # fmt: skip


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1, "title": "結び煎茶", "name": "結び煎茶 - 100g", "product_id": 8412300000037, "variant_id": 45120700000091,
        "sku": "TEA-SEN-100", "quantity": 2, "price": "1620",
        "price_set": {"shop_money": {"amount": "1620", "currency_code": "JPY"}},
        "properties": [{"name": "のし", "value": "御礼"}], **changes,
    }  # fmt: skip


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7204155301001, "created_at": CREATED, "updated_at": "2026-11-22T11:40:00+09:00", "first_name": "さくら",
        "last_name": "結城", "state": "enabled", "email": "sakura@example.com", **changes,
    }  # fmt: skip


def names(event: ShopEvent) -> list[str]:
    assert event.order is not None
    return [m.id for m in event.order.milestones]
