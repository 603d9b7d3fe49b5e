"""Rakuten's orders: what each proves, and that nothing in them breaks the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.rakuten.normalise import normalise
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from tests.unit.contracts.strategies import JSON, objects_with

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "rakuten"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
FIELDS = (
    "orderNumber", "orderProgress", "orderDatetime", "orderFixDatetime", "shippingCmplRptDatetime", "requestPrice",
    "PackageModelList", "ItemModelList", "ShippingModelList", "ChangeReasonModelList", "changeType", "changeFixDatetime",
    "SkuModelList", "units", "price", "shippingDetailId", "shippingNumber", "deliveryCompany",
)  # fmt: skip
LEFT = ["OrderPlaced", "ShipmentDispatched", "ShipmentDispatched", "OrderShipped"]
TOLD: dict[str, tuple[str, list[str], str]] = {
    "order_placed": ("OrderPlaced", ["OrderPlaced"], "03:10:05"),
    "order_awaiting_dispatch": ("OrderPlaced", ["OrderPlaced"], "03:31:00"),
    "order_shipped": ("OrderShipped", LEFT, "04:02:00"),
    "order_settled": ("OrderPaid", [*LEFT, "OrderPaid"], "04:02:00"),
    "order_cancel_asked": ("OrderPlaced", ["OrderPlaced"], "03:40:00"),
    "order_cancelled": ("OrderCancelled", ["OrderPlaced", "OrderCancelled"], "03:46:00"),
    "order_new_status": ("OrderPlaced", ["OrderPlaced"], "03:31:00"),
}


def sample(name: str) -> dict[str, Any]:
    (found,) = json.loads((SAMPLES / f"{name}.json").read_bytes())["OrderModelList"]
    assert isinstance(found, dict)
    return found


def read(document: Any) -> ShopEvent:
    event = normalise({}, json.dumps(document).encode(), "main", NOW)[0]
    assert isinstance(event, ShopEvent)
    return event


def names(event: ShopEvent) -> list[str]:
    assert event.order is not None
    return [one.name for one in event.order.milestones]


@pytest.mark.parametrize("name", TOLD)
def test_an_order_is_told_as_all_that_it_proves(name: str) -> None:
    event = read(sample(name))
    assert event.order is not None
    assert (event.type, names(event), event.as_of.strftime("%H:%M:%S")) == TOLD[name]
    assert (event.source, event.platform, event.order.member_id) == ("main/rakuten/order", "rakuten", None)
    assert event.order.lines, "what was bought stays known, cancelled or not"


def test_every_sample_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*TOLD, "order_half_a_yen"}


def test_parcels_are_known_once_the_order_has_left() -> None:
    order, before = read(sample("order_shipped")).order, read(sample("order_awaiting_dispatch")).order
    assert order is not None
    assert before is not None
    assert before.shipments == (), "a number that was typed in early is no parcel on its way"
    assert [(one.shipment_id, one.carrier, one.tracking_numbers) for one in order.shipments] == [
        ("700001", "yamato", ("123456789012",)),
        ("700002", "sagawa", ("400011112222",)),
    ]
    assert {one.at for one in order.milestones[1:]} == {datetime(2026, 11, 24, 4, 2, tzinfo=UTC)}
    assert order.lines is not None
    assert [
        (one.title, one.quantity, one.unit_yen, one.product_id, one.variant_id, one.sku) for one in order.lines
    ] == [
        ("煎茶ティーバッグ 30包", 2, 1800, "sencha", "sencha-30", "T-0030"),
        ("波佐見焼の湯のみ", 1, 2400, "yunomi", None, "yunomi"),
    ]


def test_a_price_that_is_not_settled_is_none() -> None:
    order, later = read(sample("order_placed")).order, read(sample("order_awaiting_dispatch")).order
    assert order is not None
    assert later is not None
    assert (order.total_yen, later.total_yen) == (None, 4100)


def test_a_cancellation_that_was_only_asked_for_or_taken_back_is_none() -> None:
    document = sample("order_cancel_asked")
    document["ChangeReasonModelList"][0] |= {"changeType": 3, "changeFixDatetime": "2026-11-24T12:50:00+0900"}
    assert names(read({**document, "orderProgress": 300})) == ["OrderPlaced"]


def test_what_rakuten_does_not_date_is_as_old_as_our_knowledge() -> None:
    settled, cancelled = (
        read(sample("order_settled")),
        read({**sample("order_cancelled"), "ChangeReasonModelList": None}),
    )
    assert settled.occurred_at == NOW
    assert (names(cancelled)[-1], cancelled.occurred_at) == ("OrderCancelled", NOW)


def test_an_unknown_status_is_counted_without_the_person() -> None:
    _, unread = normalise({}, json.dumps(sample("order_new_status")).encode(), "main", NOW)
    assert isinstance(unread, UnreadShopEvent)
    assert (unread.kind, "早瀬" in unread.raw) == ("status 950", False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"requestPrice": 4100.5}, "order.requestPrice: a fraction of a yen"),
        ({"orderNumber": ""}, "order.orderNumber"),
        ({"orderDatetime": "yesterday"}, "order.orderDatetime: not a time"),
        ({"orderFixDatetime": -5}, "order.orderFixDatetime: not a time"),
    ],
)
def test_what_can_not_be_read_is_named_and_not_shown(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        read(sample("order_placed") | change)


def test_no_field_but_the_number_is_needed() -> None:
    event = read({"orderNumber": "123456-20261124-0000012345"})
    assert event.order is not None
    assert (event.type, event.as_of, names(event), event.order.lines) == ("OrderEdited", NOW, [], None)


@given(objects_with(FIELDS) | JSON, st.sampled_from(["", "123456-1-1"]))
def test_any_json_is_read_or_refused_by_name(document: Any, number: str) -> None:
    if isinstance(document, dict) and number:
        document = document | {"orderNumber": number}
    try:
        events = normalise({}, json.dumps(document).encode(), "main", NOW)
    except Permanent as error:
        named = error.reason
    else:
        assert isinstance(events[0], ShopEvent)
        assert {one.source for one in events} == {"main/rakuten/order"}
        return
    assert ": " in named
