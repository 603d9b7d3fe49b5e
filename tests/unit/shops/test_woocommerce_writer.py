"""Writing into WooCommerce: tags and a consent as metadata, which the reader takes for what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.woocommerce.normalise import normalise
from musubi.adapters.shops.woocommerce.writer import PROMO_META, open_writer
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction, Unclear
from musubi.ports import ShopWriter
from tests.support.woocommerce_shop import KEY, Said, WooShop, woocommerce_shop

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
WRITE_KEY = "0f0b5a1e-6f9d-5a54-9a57-1d8b4a3a5c01"


@pytest.fixture
def shop() -> Iterator[WooShop]:
    with woocommerce_shop() as running:
        running.customer(1001, NOW, meta_data=[{"id": 7, "key": "billing_birthday", "value": "1990-12-24"}])
        yield running


def write(shop: WooShop, action: ShopAction, *keys: str, member: str = "1001", left_s: float = 100) -> None:
    api = ShopApi("main", shop.url, lambda: keys or (KEY,), lambda: left_s)
    writer: ShopWriter = open_writer(api)
    writer.write(member, action, WRITE_KEY)


def meta(shop: WooShop) -> dict[str, Any]:
    return {row["key"]: row["value"] for row in shop.customers[1001]["meta_data"]}


def echo(shop: WooShop) -> MemberChange:
    """What the webhook that our own writing sets off says of the member."""
    headers = {"x-wc-webhook-topic": "customer.updated"}
    (event,) = normalise(headers, json.dumps(shop.customers[1001]).encode(), "main", NOW)
    assert isinstance(event, ShopEvent)
    assert event.member is not None
    return event.member


def test_what_is_described_is_what_the_writer_does(shop: WooShop) -> None:
    assert PLATFORMS["woocommerce"].writes == ("tags", "consent")
    with pytest.raises(Permanent, match="points: WooCommerce has none"):
        write(shop, GrantPoints(50, "x"))
    assert shop.written == []


def test_a_tag_is_a_row_of_its_own_and_comes_back_as_the_tag(shop: WooShop) -> None:
    write(shop, AddTag("LINE連携済み"))
    write(shop, AddTag("line"))
    assert meta(shop) == {"billing_birthday": "1990-12-24", "musubi_tag_LINE連携済み": "1", "musubi_tag_line": "1"}
    assert echo(shop).tags_added == ("LINE連携済み", "line")
    write(shop, RemoveTag("LINE連携済み"))
    assert meta(shop)["musubi_tag_LINE連携済み"] == ""
    told = echo(shop)
    assert (told.tags, told.tags_added, told.tags_removed) == (None, ("line",), ("LINE連携済み",))


def test_one_change_is_written_and_nothing_else(shop: WooShop) -> None:
    write(shop, AddTag("line"))
    ((path, body),) = shop.written
    assert path == "/wp-json/wc/v3/customers/1001"
    assert body == {"meta_data": [{"key": "musubi_tag_line", "value": "1"}]}


def test_a_repeat_makes_one_row(shop: WooShop) -> None:
    for _ in range(3):
        write(shop, AddTag("line"))
    assert len(shop.customers[1001]["meta_data"]) == 2


def test_a_consent_is_written_and_not_read_back_as_news(shop: WooShop) -> None:
    before = echo(shop)
    write(shop, SetConsent(allowed=False))
    assert meta(shop)[PROMO_META] == "no"
    assert echo(shop) == before
    write(shop, SetConsent(allowed=True))
    assert meta(shop)[PROMO_META] == "yes"
    assert echo(shop) == before


def test_a_lost_answer_is_unclear_and_the_repeat_changes_nothing(shop: WooShop) -> None:
    shop.lost = 1
    with pytest.raises(Unclear):
        write(shop, AddTag("line"))
    known = meta(shop)
    write(shop, AddTag("line"))
    assert meta(shop) == known == {"billing_birthday": "1990-12-24", "musubi_tag_line": "1"}


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (Said(429), Retryable, "429"),
        (Said(503, b"<html>"), Unclear, "503"),
        (Said(500, b'{"code":"internal_server_error"}'), Unclear, "500 internal_server_error"),
        (Said(408), Unclear, "408"),
        (Said(200, b"<html>"), Unclear, "can not be read"),
        (Said(400, b'{"code":"rest_invalid_param","message":"meta_data"}'), Permanent, "400 rest_invalid_param"),
        (Said(400, b'{"code":"woocommerce_rest_invalid_id"}'), Permanent, "customer: the shop has none of this id"),
        (Said(403, b'{"code":"woocommerce_rest_cannot_edit"}'), Permanent, "403 woocommerce_rest_cannot_edit"),
        (Said(404, b"<html>"), Permanent, "404, check the base URL"),
        (Said(301, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "301, check the base URL"),
    ],
)
def test_what_an_answer_means(shop: WooShop, said: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(said)
    with pytest.raises(kind, match=words) as caught:
        write(shop, AddTag("line"))
    assert isinstance(caught.value, Unclear) is (kind is Unclear)
    assert KEY.partition(":")[2] not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_a_key_that_may_only_read_gives_way_to_the_next_line(shop: WooShop) -> None:
    reader = "ck_read:cs_read"
    shop.keys.add(reader)
    shop.readers.add(reader)
    write(shop, AddTag("line"), reader, KEY)
    assert meta(shop)["musubi_tag_line"] == "1"
    with pytest.raises(Permanent, match="401 woocommerce_rest_authentication_error, check the token"):
        write(shop, AddTag("line"), reader)
    with pytest.raises(Permanent, match="not <consumer key>:<consumer secret>"):
        write(shop, AddTag("line"), "cs_4567")


def test_a_customer_that_is_not_there_is_named(shop: WooShop) -> None:
    with pytest.raises(Permanent, match="customer: the shop has none of this id"):
        write(shop, AddTag("line"), member="1002")
    for member in ("", "0", "../orders/1", "guest"):
        with pytest.raises(Permanent, match="member id: not a customer's of WooCommerce"):
            write(shop, AddTag("line"), member=member)
    assert len(shop.written) == 1


@pytest.mark.parametrize("tag", ["", " line", "二\n行", "長" * 90, "\u202e"])
def test_a_tag_that_would_not_read_back_is_refused(shop: WooShop, tag: str) -> None:
    with pytest.raises(Permanent, match="tag: not a plain text of up to 89 characters"):
        write(shop, AddTag(tag))
    assert shop.written == []


def test_the_longest_tag_reads_back(shop: WooShop) -> None:
    write(shop, AddTag("長" * 89))
    assert echo(shop).tags_added == ("長" * 89,)


def test_a_shop_that_can_not_be_reached_has_done_nothing(shop: WooShop) -> None:
    gone = open_writer(ShopApi("main", "http://127.0.0.1:1", lambda: (KEY,), lambda: 100))
    with pytest.raises(Retryable) as caught:
        gone.write("1001", AddTag("line"), WRITE_KEY)
    assert not isinstance(caught.value, Unclear)
    with pytest.raises(Retryable, match="out_of_time"):
        write(shop, AddTag("line"), left_s=3)
    assert shop.asked == []
