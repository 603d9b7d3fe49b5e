"""Asking RMS: which dates are searched, what is fetched, how fast, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops.platforms import DOORS
from musubi.adapters.shops.rakuten import source
from musubi.adapters.shops.source import open_source, polled
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent, Retryable
from musubi.ports import Snapshot
from tests.support.asked_shop import AskedShop, asked, said
from tests.support.rakuten_shop import KEY, RakutenShop
from tests.support.woocommerce_shop import Said

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEARCH, GET = "/es/2.0/order/searchOrder/", "/es/2.0/order/getOrder/"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[RakutenShop]:
    monkeypatch.setattr(source, "PACE_S", 0.0)
    made = RakutenShop()
    with asked(made):
        yield made


def _at(at: datetime) -> str:
    return at.astimezone(TOKYO).strftime("%Y-%m-%dT%H:%M:%S+0900")


def _order(
    number: int, placed: datetime, progress: int = 300, parcel: datetime | None = None, **times: datetime
) -> Any:
    sent = [{"shippingDetailId": 1, "shippingDate": f"{parcel.astimezone(TOKYO):%Y-%m-%d}"}] if parcel else []
    return {
        "orderNumber": f"123456-{number}",
        "orderProgress": progress,
        "orderDatetime": _at(placed),
        **{name: _at(at) for name, at in times.items()},
        "OrdererModel": {"familyName": "早瀬"},
        "SettlementModel": {"cardOwner": "HAYASE"},
        "remarks": "なおより",
        "PackageModelList": [
            {"basketId": 1, "SenderModel": {"familyName": "早瀬"}, "ItemModelList": [], "ShippingModelList": sent},
        ],
    }


def _read(shop: AskedShop, *keys: str) -> list[Snapshot]:
    reader, cursor, found, seen = open_source("rakuten", shop.api(*keys or (KEY,))), None, list[Snapshot](), set[str]()
    while True:
        page = reader.changed("orders", SINCE, NOW, cursor)
        found += page.snapshots
        if page.cursor is None:
            return found
        assert page.cursor not in seen
        seen.add(page.cursor)
        cursor = page.cursor


def _numbers(snapshots: Sequence[Snapshot]) -> set[int]:
    return {int(json.loads(one.body)["orderNumber"].partition("-")[2]) for one in snapshots}


def test_rakuten_is_asked_for_orders_and_has_no_door() -> None:
    assert polled("rakuten") == ("orders",)
    assert "rakuten" not in DOORS


def test_what_happened_in_the_window_is_found_by_the_date_of_each(shop: RakutenShop) -> None:
    old, fresh = NOW - 20 * DAY, NOW - 5 * MINUTE
    shop.orders = [
        _order(1, fresh, progress=100),
        _order(2, old, orderFixDatetime=fresh),
        _order(3, old, progress=500, shippingCmplRptDatetime=fresh),
        _order(4, old, progress=700),
        _order(5, old, progress=500, parcel=NOW - 2 * DAY),
        _order(6, old, progress=900),
        _order(7, old),
        _order(8, NOW - 70 * DAY, progress=900),
        _order(9, old, progress=500, parcel=NOW - 9 * DAY),
    ]
    shop.settled = {"123456-4": _at(fresh)}
    assert _numbers(_read(shop)) == {1, 2, 3, 4, 5, 6}
    searched = [body for path, body in shop.asked if path == SEARCH]
    assert [one["dateType"] for one in searched] == [1, 3, 5, 6, 4, 1]
    assert (searched[0]["startDatetime"], searched[0]["endDatetime"]) == (
        _at(SINCE - 60 * MINUTE),
        "2026-11-24T12:00:01+0900",
    )
    assert (searched[-1]["startDatetime"], searched[-1]["orderProgressList"]) == (_at(NOW - 62 * DAY), [900])


def test_who_bought_stays_with_rakuten(shop: RakutenShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE)]
    body = _read(shop)[0].body.decode()
    assert "\\u65e9" not in body, "no name"
    assert not any(word in body for word in ("HAYASE", "remarks", "SenderModel"))


def test_every_page_is_read_while_the_shop_sells(shop: RakutenShop) -> None:
    shop.orders = [_order(number, SINCE + timedelta(seconds=number)) for number in range(230)]
    new = iter(range(1000, 9000))
    shop.before = lambda: shop.orders.append(_order(next(new), NOW + MINUTE))
    assert _numbers(_read(shop)) == set(range(230))
    assert [len(body["orderNumberList"]) for path, body in shop.asked if path == GET] == [100, 100, 30]


def test_after_a_long_silence_no_search_spans_more_than_rms_takes(shop: RakutenShop) -> None:
    shop.orders = [_order(1, NOW - 40 * DAY), _order(2, NOW - 80 * DAY)]
    page = open_source("rakuten", shop.api(KEY)).changed("orders", NOW - 90 * DAY, NOW, None)
    assert _numbers(page.snapshots) == {1}


def test_nothing_found_asks_for_no_order(shop: RakutenShop) -> None:
    shop.answers.append(said({"MessageModelList": [], "PaginationResponseModel": {"totalPages": None}}))
    assert _read(shop) == []
    assert {path for path, _ in shop.asked} == {SEARCH}


def test_calls_are_a_second_apart(shop: RakutenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    paces: list[float] = []
    monkeypatch.setattr(source, "PACE_S", 1.0)
    monkeypatch.setattr(source, "Pace", paces.append)
    open_source("rakuten", shop.api(KEY))
    assert paces == [1.0]


def test_while_keys_overlap_either_is_taken(shop: RakutenShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE)]
    assert _numbers(_read(shop, "secret-1:ended", KEY)) == {1}


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_has_ended_is_named_by_its_secret(shop: RakutenShop, status: int) -> None:
    shop.answers.append(Said(status))
    with pytest.raises(
        Permanent, match=rf"rakuten api: {status}, check the secret shops/main/rakuten-api \(a license key ends"
    ):
        _read(shop)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Permanent, "302, check the base URL"),
        (Said(400), Permanent, "400"),
        (Said(429), Retryable, "429"),
        (Said(503), Retryable, "503"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b"{}"), Permanent, "no orderNumberList"),
    ],
)
def test_what_a_refusal_means(shop: RakutenShop, given: Said, kind: type[Exception], words: str) -> None:
    shop.answers.append(given)
    with pytest.raises(kind, match=words) as caught:
        _read(shop)
    assert "license-1" not in str(caught.value)
    assert len(shop.asked) == 1, "nothing is followed or repeated"


def test_orders_that_are_not_given_fail_the_page(shop: RakutenShop) -> None:
    shop.orders = [_order(1, NOW - MINUTE)]
    shop.answers += [said({"orderNumberList": ["123456-1"]}), said({"MessageModelList": []})]
    with pytest.raises(Permanent, match="no OrderModelList"):
        _read(shop)


@pytest.mark.parametrize("cursor", ["", "x", "[6, 1]", "[0, 0]", "[-1, 1]", "[true, 1]", "3", "[1]"])
def test_a_cursor_of_another_time_is_refused(shop: RakutenShop, cursor: str) -> None:
    with pytest.raises(Permanent, match="cursor"):
        open_source("rakuten", shop.api(KEY)).changed("orders", SINCE, NOW, cursor)
