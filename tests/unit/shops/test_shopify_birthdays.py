"""Birthdays of polled customers of Shopify: one question a page, and a shop that does not show them loses nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops.shopify.normalise import normalise
from musubi.adapters.shops.source import open_source
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent
from musubi.domain.people import Birthday
from tests.support.asked_shop import said
from tests.support.shopify_shop import API, ShopifyShop, shopify_shop
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as running:
        for number in (1001, 1002):
            running.customer(number, SINCE)
        yield running


def _members(shop: ShopifyShop) -> dict[str, MemberChange]:
    page = open_source("shopify", shop.api()).changed("members", SINCE, NOW, None)
    events = [event for one in page.snapshots for event in normalise(one.headers, one.body, "main", NOW)]
    return {one.member.member_id: one.member for one in events if isinstance(one, ShopEvent) and one.member}


def test_birthdays_come_along_and_who_has_none_takes_none_back(shop: ShopifyShop) -> None:
    shop.birthdays[1001] = "1990-02-28"
    found = _members(shop)
    assert (found["1001"].birthday, found["1001"].birthday_withdrawn) == (Birthday(2, 28, 1990), False)
    assert (found["1002"].birthday, found["1002"].birthday_withdrawn) == (None, False)
    assert [path for path, _ in shop.asked] == [f"{API}customers.json", f"{API}graphql.json"]


def test_without_customers_nobody_is_asked_for_birthdays(shop: ShopifyShop) -> None:
    shop.customers = []
    assert _members(shop) == {}
    assert len(shop.asked) == 1


def _answers(shop: ShopifyShop, given: Said) -> None:
    """The page as it is, then `given`."""
    page = shop.page(f"{API}customers.json", {"limit": "250", "updated_at_min": "2020-01-01T00:00:00+00:00", **UNTIL})
    shop.answers.extend([page, given])


UNTIL = {"updated_at_max": "2030-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        (
            {"errors": [{"message": "Access denied for 1001", "extensions": {"code": "ACCESS_DENIED"}}]},
            ["ACCESS_DENIED"],
        ),
        ({"errors": [{"message": "はな", "extensions": {"code": "はな"}}]}, ["UNKNOWN"]),
        ({"errors": "[API] はな"}, ["UNKNOWN"]),
        ({"errors": [5], "data": {"nodes": 5}}, ["UNKNOWN"]),
        ({"data": None}, []),
        ({"data": {"nodes": [None, 5, {"id": 5, "metafield": 1}, {"metafield": {}}]}}, []),
    ],
)
def test_a_shop_that_does_not_show_metafields_shows_its_customers_all_the_same(
    shop: ShopifyShop, given: Any, codes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    _answers(shop, said(given))
    with caplog.at_level(logging.WARNING):
        assert set(_members(shop)) == {"1001", "1002"}
    assert [getattr(one, "codes", None) for one in caplog.records] == ([codes] if codes else [])
    assert "はな" not in caplog.text
    assert "1001" not in caplog.text


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (said({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}), Retryable, "THROTTLED"),
        (Said(429, headers={"Retry-After": "2.0"}), Retryable, "429"),
        (Said(502), Retryable, "502"),
        (Said(401), Permanent, "401, check the token"),
        (Said(302, headers={"Location": "https://elsewhere.example/"}), Permanent, "302"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
    ],
)
def test_what_a_refusal_means(shop: ShopifyShop, given: Said, kind: type[Exception], words: str) -> None:
    _answers(shop, given)
    with pytest.raises(kind, match=words):
        _members(shop)


def test_ids_that_are_none_are_left_to_the_reader(shop: ShopifyShop) -> None:
    shop.answers.append(said({"customers": [{"id": None}, {"id": "٧"}, {"id": "x"}]}))
    page = open_source("shopify", shop.api()).changed("members", SINCE, NOW, None)
    assert [json.loads(one.body)["id"] for one in page.snapshots] == [None, "٧", "x"]
    assert len(shop.asked) == 1
