"""Tokens for Shopify's Admin API: those that stay, and those of a day that an app's id and secret are exchanged for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from musubi.adapters.shops.http import Http
from musubi.adapters.shops.shopify.admin import Admin
from musubi.adapters.shops.shopify.tokens import MARGIN_S, PATH, AppTokens
from musubi.adapters.shops.source import ShopApi
from musubi.domain.errors import Permanent, Retryable
from tests.support.asked_shop import TOKEN, said
from tests.support.shopify_shop import APP, ShopifyShop, shopify_shop
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        running.tokens = set()
        running.order(727, NOW - timedelta(minutes=5))
        yield running


def _exchanges(shop: ShopifyShop) -> int:
    return [path for path, _ in shop.asked].count(PATH)


def test_an_apps_id_and_secret_are_exchanged_once_for_all_that_asks(shop: ShopifyShop) -> None:
    api = shop.api(APP)
    for _ in range(3):
        assert Admin(api).one("orders", "727")
    assert (_exchanges(shop), len(shop.asked)) == (1, 4)


def test_a_token_that_ended_early_is_got_anew_once(shop: ShopifyShop) -> None:
    api = shop.api(APP)
    assert Admin(api).one("orders", "727")
    shop.tokens = {"of somebody else"}
    assert Admin(api).one("orders", "727")
    assert _exchanges(shop) == 2
    shop.answers.extend([Said(401), said({"access_token": "useless"}), Said(401)])
    with pytest.raises(Retryable, match="401, check the token"):
        Admin(api).one("orders", "727")
    assert _exchanges(shop) == 3


def test_a_secret_that_is_being_replaced_holds_both(shop: ShopifyShop) -> None:
    assert Admin(shop.api("client-1:new", APP)).one("orders", "727")
    shop.tokens |= {TOKEN}
    assert Admin(shop.api("client-1:new", TOKEN)).one("orders", "727")
    assert Admin(shop.api(TOKEN, APP)).one("orders", "727")
    assert _exchanges(shop) == 3, "the last one needed none"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_the_shop_does_not_know_is_refused_without_being_said(shop: ShopifyShop, status: int) -> None:
    shop.answers.append(said({"error": "invalid_request", "client_secret": "secret-1"}, status))
    with pytest.raises(Permanent, match="401, check the token") as caught:
        Admin(shop.api(APP)).page("orders", {"limit": "5"})
    assert "secret-1" not in str(caught.value)
    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    "given",
    [
        Said(429),
        Said(503),
        Said(302, headers={"Location": "https://elsewhere.example/"}),
        Said(200, b"<html>"),
        Said(200, b"[]"),
        Said(200, b"[" * 100_000),
        said({"access_token": ""}),
        said({"access_token": "a\r\nx-evil: 1"}),
        said({"access_token": "トークン"}),
        said({"access_token": 5}),
    ],
)
def test_a_shop_in_trouble_is_asked_later(shop: ShopifyShop, given: Said) -> None:
    shop.answers.append(given)
    with pytest.raises(Retryable, match="shopify token"):
        Admin(shop.api(APP)).page("orders", {"limit": "5"})
    assert len(shop.asked) == 1, "nothing is followed, and nothing is asked with such a token"


@pytest.mark.parametrize(
    ("life", "good_s"),
    [(86399, 86399 - MARGIN_S), (10**9, 86400 - MARGIN_S), (None, 300), ("soon", 300), (-1, 300), (60, 0)],
)
def test_a_token_is_held_until_shortly_before_its_end(shop: ShopifyShop, life: object, good_s: int) -> None:
    clock, held = [1000.0], dict[str, tuple[str, float]]()
    tokens = AppTokens(Http(shop.url, lambda: 100), held, lambda: clock[0])
    shop.answers.append(said({"access_token": "first", "expires_in": life}))
    assert tokens.of(APP) == "first"
    clock[0] += max(0, good_s - 1)
    assert tokens.of(APP) == ("first" if good_s else "day-1")
    clock[0] += 2
    assert tokens.of(APP) == "day-1"


def test_no_token_shows_in_a_shops_description(shop: ShopifyShop) -> None:
    api = shop.api(APP)
    Admin(api).one("orders", "727")
    assert api.held
    assert "day-1" not in repr(api)
    assert ShopApi("main", shop.url, tuple, lambda: 1).held == {}
