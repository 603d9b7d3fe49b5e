"""BASE's orders: what each proves, and that nothing in them breaks the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.base_ec.normalise import normalise
from musubi.contracts.base_ec import unix
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from tests.unit.contracts.strategies import JSON, objects_with

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "base"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
FIELDS = (
    "unique_key", "ordered", "cancelled", "dispatched", "modified", "payment", "total", "dispatch_status", "order_items",
    "title", "price", "amount", "tracking_number", "shipping_method", "status",
)  # fmt: skip
TOLD: dict[str, tuple[str, list[str]]] = {
    "order_unpaid": ("OrderPlaced", ["OrderPlaced"]),
    "order_paid": ("OrderPaid", ["OrderPlaced", "OrderPaid"]),
    "order_dispatched": ("OrderShipped", ["OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped"]),
    "order_cancelled": ("OrderCancelled", ["OrderPlaced", "OrderCancelled"]),
    "order_card": ("OrderPaid", ["OrderPlaced", "OrderPaid"]),
    "order_cash_on_delivery": ("OrderPlaced", ["OrderPlaced"]),
    "order_new_status": ("OrderPlaced", ["OrderPlaced"]),
}


def sample(name: str) -> dict[str, Any]:
    (found,) = json.loads((SAMPLES / f"{name}.json").read_bytes())["orders"]
    assert isinstance(found, dict)
    return found


def read(document: Any) -> ShopEvent:
    event = normalise({}, json.dumps(document).encode(), "main", NOW)[0]
    assert isinstance(event, ShopEvent)
    return event


@pytest.mark.parametrize("name", TOLD)
def test_an_order_is_told_as_all_that_it_proves(name: str) -> None:
    document = sample(name)
    event = read(document)
    assert event.order is not None
    assert (event.type, [one.name for one in event.order.milestones]) == TOLD[name]
    assert (event.source, event.platform, event.order.member_id) == ("main/base/order", "base", None)
    assert event.as_of == datetime.fromtimestamp(document["modified"], UTC)
    assert event.order.total_yen == document["total"]
    assert event.order.lines, "what was bought stays known, cancelled or not"


def test_every_sample_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*TOLD, "order_half_a_yen"}


def test_the_platform_named_base_is_read_by_its_own_package() -> None:
    assert adapter_for("base") is normalise


def test_an_order_leaves_as_one_parcel() -> None:
    order = read(sample("order_dispatched")).order
    assert order is not None
    (parcel,) = order.shipments
    assert (parcel.shipment_id, parcel.carrier, parcel.tracking_numbers) == (
        order.order_id, "yamato", ("123456789012",),
    )  # fmt: skip
    assert order.lines is not None
    (line,) = order.lines
    assert (line.title, line.quantity, line.unit_yen, line.product_id) == ("煎茶ティーバッグ 30包", 2, 1800, "91001")


def test_the_list_says_the_same_but_for_lines_and_number() -> None:
    document = {name: value for name, value in sample("order_dispatched").items() if name != "order_items"}
    document |= {"tracking_number": None, "shipping_method": None}
    order = read(document).order
    assert order is not None
    assert order.lines is None
    assert [one.tracking_numbers for one in order.shipments] == [()]
    assert [one.name for one in order.milestones] == TOLD["order_dispatched"][1]


def test_a_card_is_paid_with_the_order_and_a_transfer_when_it_was_seen() -> None:
    by_card, by_transfer = read(sample("order_card")).order, read(sample("order_paid")).order
    assert by_card is not None
    assert by_transfer is not None
    assert by_card.milestones[0].at == by_card.milestones[1].at
    assert by_transfer.milestones[1].at == read(sample("order_paid")).as_of


@pytest.mark.parametrize("payment", ["cod", "atobarai", "bnpl", "something_new", None])
@pytest.mark.parametrize("status", ["ordered", "dispatched"])
def test_what_may_be_paid_later_proves_no_payment(payment: str | None, status: str) -> None:
    order = read(sample("order_paid") | {"payment": payment, "dispatch_status": status}).order
    assert order is not None
    assert "OrderPaid" not in {one.name for one in order.milestones}


@pytest.mark.parametrize("status", ["unpaid", "cancelled", "unshippable", None, 5])
def test_a_card_of_an_order_that_is_not_settled_proves_no_payment(status: Any) -> None:
    order = read(sample("order_card") | {"dispatch_status": status}).order
    assert order is not None
    assert "OrderPaid" not in {one.name for one in order.milestones}


def test_an_unknown_status_is_counted_without_the_person() -> None:
    _, unread = normalise({}, json.dumps(sample("order_new_status")).encode(), "main", NOW)
    assert isinstance(unread, UnreadShopEvent)
    assert (unread.kind, "nao@example.com" in unread.raw) == ("status in_the_air", False)


def test_a_line_that_was_cancelled_is_left_out() -> None:
    document = sample("order_paid")
    document["order_items"].append(document["order_items"][0] | {"title": "ほうじ茶", "status": "cancelled"})
    order = read(document).order
    assert order is not None
    assert order.lines is not None
    assert [one.title for one in order.lines] == ["煎茶ティーバッグ 30包"]


@pytest.mark.parametrize(
    ("value", "seconds"), [(1396419762, 1396419762), ("1396419762", 1396419762), (None, 0), (0, 0), ("", 0)]
)
def test_times_are_unix_seconds(value: Any, seconds: int) -> None:
    assert unix(value, "x") == (datetime.fromtimestamp(seconds, UTC) if seconds else None)


@pytest.mark.parametrize("value", [-1, 1.5, True, "2026-11-24", "１２３", 10**12, [], {}, "9" * 11])
def test_what_is_no_unix_time_is_refused(value: Any) -> None:
    with pytest.raises(Permanent, match="x: not a time"):
        unix(value, "x")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total": 4200.5}, "order.total: a fraction of a yen"),
        ({"unique_key": ""}, "order.unique_key"),
        ({"ordered": "yesterday"}, "order.ordered: not a time"),
        ({"modified": -5}, "order.modified: not a time"),
    ],
)
def test_what_can_not_be_read_is_named_and_not_shown(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        read(sample("order_paid") | change)


def test_no_field_but_the_key_is_needed() -> None:
    event = read({"unique_key": "5E1F0A9C3B7D2468"})
    assert event.order is not None
    assert (event.type, event.as_of, event.order.milestones, event.order.shipments) == ("OrderEdited", NOW, (), ())


@given(objects_with(FIELDS) | JSON, st.sampled_from(["", "5E1F0A9C3B7D2468"]))
def test_any_json_is_read_or_refused_by_name(document: Any, key: str) -> None:
    if isinstance(document, dict) and key:
        document = document | {"unique_key": key}
    try:
        events = normalise({}, json.dumps(document).encode(), "main", NOW)
    except Permanent as error:
        named = error.reason
    else:
        assert isinstance(events[0], ShopEvent)
        assert {one.source for one in events} == {"main/base/order"}
        return
    assert ": " in named
