"""Shopify's Admin API, written to: what is asked, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.writers import open_writer, written
from musubi.domain.errors import MusubiError, Permanent, Retryable
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction, Unclear
from tests.support.shopify_writes import Customer, ShopifyShop, shopify_shop
from tests.support.woocommerce_shop import Said


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as made:
        made.customers["1001"] = Customer(tags={"VIP"})
        yield made


def write(shop: ShopifyShop, action: ShopAction, *keys: str, member: str = "1001") -> None:
    open_writer("shopify", shop.api(*keys)).write(member, action, "k-1")


def said(document: object, status: int = 200) -> Said:
    return Said(status, json.dumps(document).encode())


def test_tags_come_and_go_and_repeating_it_is_a_success(shop: ShopifyShop) -> None:
    for _ in range(2):
        write(shop, AddTag("LINE連携"))
    assert shop.customers["1001"].tags == {"VIP", "LINE連携"}
    for _ in range(2):
        write(shop, RemoveTag("LINE連携"))
    assert shop.customers["1001"].tags == {"VIP"}
    assert shop.asked[0] == ("tagsAdd", {"id": "gid://shopify/Customer/1001", "tags": ["LINE連携"]})


def test_a_consent_is_our_own_metafield_and_nothing_else(shop: ShopifyShop) -> None:
    write(shop, SetConsent(False))
    write(shop, SetConsent(True))
    assert shop.customers["1001"].metafields == {"line_promo": "true"}
    assert shop.customers["1001"].email_marketing == "subscribed"
    name, variables = shop.asked[0]
    assert name == "metafieldsSet"
    assert variables == {
        "metafields": [
            {
                "ownerId": "gid://shopify/Customer/1001", "namespace": "musubi", "key": "line_promo",
                "type": "boolean", "value": "false",
            }
        ]
    }  # fmt: skip


def test_a_key_that_was_just_replaced_is_not_the_end(shop: ShopifyShop) -> None:
    write(shop, AddTag("x"), "old", "shpat_0123")
    assert "x" in shop.customers["1001"].tags
    with pytest.raises(Permanent, match="401, check the token"):
        write(shop, AddTag("y"), "old", "older")


def test_without_a_key_the_secret_is_named(shop: ShopifyShop) -> None:
    api = ShopApi("main", shop.url, lambda: (), lambda: 100)
    with pytest.raises(Permanent, match="shops/main/shopify-api: no such secret"):
        open_writer("shopify", api).write("1001", AddTag("x"), "k")


THROTTLED = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
DENIED = {"errors": [{"message": "x", "extensions": {"code": "ACCESS_DENIED"}}], "data": {"tagsAdd": None}}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (said(THROTTLED), Retryable, "THROTTLED"),
        (said(DENIED), Permanent, "ACCESS_DENIED, check the token's rights"),
        (said({"errors": [{"extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}), Unclear, "INTERNAL_SERVER_ERROR"),
        (said({"errors": [{"message": "Field 'x' doesn't exist"}]}), Permanent, "the query"),
        (said({"errors": "Not Found"}), Permanent, "the query"),
        (said({"data": {"tagsAdd": {"userErrors": [{"field": ["id"]}]}}}), Permanent, "tagsAdd refused: id"),
        (said({"data": {"tagsAdd": {"userErrors": [{"field": None}]}}}), Permanent, "refused: value"),
        (said({"data": {"tagsAdd": {"userErrors": ["?"]}}}), Permanent, "no reason that can be read"),
        (said({"data": {"tagsAdd": None}}), Unclear, "not answered"),
        (said({"data": None}), Unclear, "not answered"),
        (said([]), Unclear, "can not be read"),
        (Said(200, b"<html>password</html>"), Unclear, "can not be read"),
        (Said(429), Retryable, "429"),
        (Said(502), Unclear, "502"),
        (Said(403), Permanent, "403, check the token's rights"),
        (Said(404), Permanent, "404, check the base URL"),
        (Said(301, headers={"Location": "https://elsewhere.example/"}), Permanent, "301"),
        (Said(402), Permanent, "402"),
    ],
)
def test_what_an_answer_means(shop: ShopifyShop, answer: Said, kind: type[MusubiError], words: str) -> None:
    shop.answers.append(answer)
    with pytest.raises(kind, match=words) as caught:
        write(shop, AddTag("秘密のタグ"))
    assert isinstance(caught.value, Unclear) is (kind is Unclear)
    assert "秘密" not in str(caught.value)
    assert shop.asked == []


def test_words_of_the_shop_are_not_repeated(shop: ShopifyShop) -> None:
    shop.answers.append(said({"data": {"tagsAdd": {"userErrors": [{"field": ["tags", "結城"], "code": "結城"}]}}}))
    with pytest.raises(Permanent) as caught:
        write(shop, AddTag("x"))
    assert "結城" not in str(caught.value)


def test_an_answer_that_never_comes_is_unclear_and_a_call_that_never_left_is_not(shop: ShopifyShop) -> None:
    shop.lost = 1
    with pytest.raises(Unclear):
        write(shop, AddTag("x"))
    assert "x" in shop.customers["1001"].tags
    for api in (ShopApi("main", "http://127.0.0.1:1", lambda: ("k",), lambda: 100), shop.api(left_s=1)):
        with pytest.raises(Retryable) as caught:
            open_writer("shopify", api).write("1001", AddTag("y"), "k")
        assert not isinstance(caught.value, Unclear)
    assert "y" not in shop.customers["1001"].tags


@pytest.mark.parametrize("member", ["", "abc", "1/../2", "１００１", "gid://shopify/Customer/1"])
def test_only_ids_of_customers_are_asked_for(shop: ShopifyShop, member: str) -> None:
    with pytest.raises(Permanent, match="member_id"):
        write(shop, AddTag("x"), member=member)
    assert shop.asked == []


def test_shopify_has_no_points(shop: ShopifyShop) -> None:
    with pytest.raises(Permanent, match="no points"):
        write(shop, GrantPoints(500, "x"))
    assert written("shopify") == {"tags", "consent"}


def test_what_can_not_be_written_to_has_no_writer(shop: ShopifyShop) -> None:
    for name in ("segment", "nonsense"):
        assert written(name) == frozenset()
        with pytest.raises(Permanent, match="can not be written to"):
            open_writer(name, shop.api())


@pytest.mark.parametrize("name", sorted(name for name, one in PLATFORMS.items() if one.writes))
def test_every_platform_that_says_so_has_a_writer(name: str, shop: ShopifyShop) -> None:
    assert callable(open_writer(name, shop.api()).write)
