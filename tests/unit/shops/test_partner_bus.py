"""Shopify over EventBridge: the same webhooks in an envelope, whose shop only the settings know."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.bus import read_envelope
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from tests.support.markdown import ROOT
from tests.unit.contracts.strategies import JSON

NOW = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
SOURCE = "aws.partner/shopify.com/1234567/musubi-main"
SHOPS = {SOURCE: "outlet", "aws.partner/shopify.com/77/": "main"}


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / name).read_text(encoding="utf-8"))
    return found


def read(envelope: Any) -> ShopEvent | UnreadShopEvent:
    (event,) = read_envelope(json.dumps(envelope), ["main", "outlet"], NOW, SHOPS)
    return event


def test_an_envelope_says_what_the_webhook_says() -> None:
    event = read(sample("bus/shopify_orders_paid.json"))
    body = (ROOT / "events/shop/shopify/orders_paid.json").read_bytes()
    headers = {k.lower(): v for k, v in sample("shop/shopify/orders_paid.headers.json").items()}
    (twin,) = adapter_for("shopify")(headers, body, "outlet", NOW)
    assert isinstance(event, ShopEvent)
    assert isinstance(twin, ShopEvent)
    assert (event.shop_id, event.platform, event.source) == ("outlet", "shopify", "outlet/shopify/orders/paid")
    assert (event.order, event.occurred_at, event.as_of) == (twin.order, twin.occurred_at, twin.as_of)


def test_the_webhooks_id_makes_repeats_recognisable_however_its_header_is_spelt() -> None:
    envelope = sample("bus/shopify_orders_paid.json")
    metadata = envelope["detail"]["metadata"]
    envelope["detail"]["metadata"] = {name.upper(): value for name, value in metadata.items()}
    assert read(envelope).event_id == metadata["X-Shopify-Webhook-Id"]


def test_a_preview_of_shopifys_events_is_kept_unread() -> None:
    event = read(sample("bus/shopify_events_preview.json"))
    assert isinstance(event, UnreadShopEvent)
    assert (event.kind, event.source) == ("Order preview Order/update", "outlet/shopify/Order")


def test_the_source_decides_whose_shop_it_is() -> None:
    envelope = sample("bus/shopify_orders_paid.json")
    below = read({**envelope, "source": "aws.partner/shopify.com/77/anything"})
    assert isinstance(below, ShopEvent)
    assert below.shop_id == "main"
    for foreign in (SOURCE + "2", "aws.partner/shopify.com/78/x", "shop.cart", None, 5):
        with pytest.raises(Permanent, match="source: no shop has it"):
            read({**envelope, "source": foreign})


@pytest.mark.parametrize("detail", [None, [], {}, {"metadata": "x"}, {"metadata": {"X-Shopify-Topic": "orders/paid"}}])
def test_an_envelope_without_its_parts_is_refused(detail: Any) -> None:
    with pytest.raises(Permanent):
        read({**sample("bus/shopify_orders_paid.json"), "detail": detail})


def test_amounts_and_long_ids_survive_the_envelope() -> None:
    envelope = sample("bus/shopify_orders_paid.json")
    envelope["detail"]["payload"] |= {
        "id": 9007199254740993,
        "current_total_price_set": None,
        "current_total_price": 1480.0,
    }
    event = read(envelope)
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.order.order_id, event.order.total_yen) == ("9007199254740993", 1480)


@given(payload=JSON)
def test_no_payload_breaks_it(payload: Any) -> None:
    envelope = sample("bus/shopify_orders_paid.json")
    envelope["detail"]["payload"] = payload
    try:
        read(envelope)
    except Permanent:
        return
