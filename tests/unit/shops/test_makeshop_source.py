"""Asking makeshop: how far back, how often, as whom, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops.makeshop.source import holds_morning
from musubi.adapters.shops.platforms import DOORS, calling
from musubi.adapters.shops.source import open_source, polled
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent, Retryable
from musubi.ports import Snapshot, What
from tests.support.asked_shop import asked, said
from tests.support.makeshop_shop import KEY, MakeshopShop
from tests.support.woocommerce_shop import Said

NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FOUR = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
"""Half past four in the morning in Tokyo."""


@pytest.fixture
def shop() -> Iterator[MakeshopShop]:
    made = MakeshopShop()
    with asked(made):
        yield made


def _order(number: int, placed: datetime) -> dict[str, Any]:
    return {"systemOrderNumber": str(number), "orderDate": placed.astimezone(TOKYO).strftime("%Y%m%d%H%M%S")}


def _read(shop: MakeshopShop, until: datetime = NOON, what: What = "orders", *keys: str) -> list[Snapshot]:
    api = shop.api(*keys or (KEY,))
    reader, cursor, found = (
        open_source("makeshop", replace(api, base_url=f"{shop.url}/v1/graphql")),
        None,
        list[Snapshot](),
    )
    while True:
        page = reader.changed(what, until - HOUR, until, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert cursor is None or int(page.cursor) > int(cursor)
        cursor = page.cursor


def _ids(snapshots: Sequence[Snapshot], name: str = "systemOrderNumber") -> list[str]:
    return [json.loads(one.body)[name] for one in snapshots]


def test_makeshop_is_asked_although_it_has_a_door_which_tells_nothing() -> None:
    assert polled("makeshop") == ("orders", "members")
    assert DOORS["makeshop"].keeps == (), "no header of a caller reaches the reader, least of all a poll's own"
    assert calling(["main/makeshop", "main/eccube"]) == {("main", "eccube")}


def test_two_weeks_are_looked_through_every_hour_and_two_months_in_the_morning(shop: MakeshopShop) -> None:
    shop.orders = [_order(1, NOON - 50 * DAY), _order(2, NOON - 10 * DAY), _order(3, FOUR), _order(4, NOON + HOUR)]
    assert _ids(_read(shop)) == ["2", "3"]
    assert _ids(_read(shop, FOUR)) == ["1", "2", "3"]
    first = shop.asked[0][1]["variables"]["input"]
    assert (first["startOrderDate"], first["endOrderDate"]) == ("20261110110000", "20261124120001")


def test_members_are_all_read_once_a_day(shop: MakeshopShop) -> None:
    shop.members = [{"memberId": str(number)} for number in range(450)]
    assert _read(shop, what="members") == []
    assert shop.asked == []
    assert len(set(_ids(_read(shop, FOUR, "members"), "memberId"))) == 450
    assert [body["variables"]["input"]["page"] for _, body in shop.asked] == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "until", "held"),
    [
        ("2026-11-24T03:00+09:00", "2026-11-24T04:00+09:00", True),
        ("2026-11-24T04:00+09:00", "2026-11-24T05:00+09:00", False),
        ("2026-11-24T03:59+09:00", "2026-11-24T05:00+09:00", True),
        ("2026-11-23T05:00+09:00", "2026-11-24T03:00+09:00", False),
        ("2026-11-23T03:00+09:00", "2026-11-24T03:00+09:00", True),
        ("2026-11-20T05:00+09:00", "2026-11-24T03:00+09:00", True),
    ],
)
def test_the_morning_is_tokyos(since: str, until: str, held: bool) -> None:
    assert holds_morning(datetime.fromisoformat(since), datetime.fromisoformat(until)) is held


def test_nothing_of_a_person_is_asked_for_but_what_is_read(shop: MakeshopShop) -> None:
    _read(shop, FOUR)
    _read(shop, FOUR, "members")
    asked_for = " ".join(body["query"] for _, body in shop.asked).lower()
    assert not any(word in asked_for for word in ("mail", "tel", "address", "post", "receiver"))


def test_while_keys_overlap_either_is_taken(shop: MakeshopShop) -> None:
    shop.orders = [_order(1, FOUR)]
    assert _ids(_read(shop, NOON, "orders", "key-1:PAT.old", KEY)) == ["1"]


@pytest.mark.parametrize("key", ["PAT.token-1", ":PAT.token-1", "key-1:"])
def test_half_a_key_is_named_by_its_secret(shop: MakeshopShop, key: str) -> None:
    with pytest.raises(Permanent, match=r"shops/main/makeshop-api: not <x-api-key>:<token>"):
        _read(shop, NOON, "orders", key)
    assert shop.asked == []


def test_what_the_app_may_not_use_is_said(shop: MakeshopShop) -> None:
    shop.forbidden = {"searchMember"}
    with pytest.raises(Permanent, match="searchMember is refused, check that the app may use it"):
        _read(shop, FOUR, "members")


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "302, check the base URL"),
        (Said(401), Permanent, "401, check the token"),
        (Said(403), Permanent, "403"),
        (Said(429), Retryable, "429"),
        (Said(502), Retryable, "502"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (said({"data": {"searchOrder": None}}), Permanent, "no list of orders"),
        (said({"data": None}), Permanent, "no list of orders"),
    ],
)
def test_what_a_refusal_means(shop: MakeshopShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert "PAT" not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


@pytest.mark.parametrize("cursor", ["", "x", "0", "-1", "1.5", "１２", "9" * 10])
def test_a_cursor_of_another_time_is_refused(shop: MakeshopShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        open_source("makeshop", shop.api(KEY)).changed("orders", NOON - HOUR, NOON, cursor)
