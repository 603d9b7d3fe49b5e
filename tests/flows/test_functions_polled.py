"""Polls through the functions' own handlers and AWS adapters, and how many AWS requests what they find costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.flows.test_functions import ENVIRONMENT, follow, link
from tests.support import flows_functions
from tests.support.asked_shop import TOKEN
from tests.support.flows_functions import Functions, functions
from tests.support.shopify_shop import ShopifyShop, shopify_shop, stamp

TICK = {"schedule": "poll", "scheduled_at": "", "shop_id": "main", "platform": "shopify"}


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        yield running


@pytest.fixture
def deployed(shop: ShopifyShop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    monkeypatch.setattr(flows_functions._Context, "get_remaining_time_in_millis", lambda _: 300_000)
    named = {"SHOP_APIS": f"main/shopify={shop.url}"}
    asking = {name: {**ENVIRONMENT[name], **named} for name in ("poll_shop", "shop_events")}
    with functions({**ENVIRONMENT, **asking}) as made:
        made.aws("ssm").put_parameter(
            Name="/musubi/local/shops/main/shopify-api", Value=f"{TOKEN}\nold", Type="SecureString"
        )
        yield made


def poll(deployed: Functions) -> None:
    """One run of the schedule, now."""
    deployed.call("poll_shop", {**TICK, "scheduled_at": datetime.now(UTC).isoformat()})


@pytest.mark.parametrize("minutes", [1, 12])
def test_what_a_poll_finds_costs_at_most_five_requests(deployed: Functions, shop: ShopifyShop, minutes: int) -> None:
    """Young enough for its webhook to be on its way, and old enough to be noted as missed."""
    follow(deployed)
    link(deployed)
    deployed.warm("poll_shop", "shop_events", "push_sender")
    poll(deployed)
    deployed.forget()
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    shop.order(727, at)
    poll(deployed)
    assert deployed.made_by("poll_shop") <= 8, deployed.requests
    deployed.pump()
    assert deployed.made_by("shop_events") <= 5, deployed.requests
    assert sum(call.path.endswith("/push") for call in deployed.line.calls) == 1
    deployed.forget()
    shop.customer(1001, at, created_at=stamp(at - timedelta(days=900)))
    poll(deployed)
    deployed.pump()
    # The order is found again, by the overlap, and is known.
    assert deployed.made_by("shop_events") <= 5 + 2, deployed.requests
    assert sum(call.path.endswith("/push") for call in deployed.line.calls) == 1
    assert deployed.quarantined() == []
