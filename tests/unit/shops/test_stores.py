"""STORES' orders: what each proves, and that nothing in them breaks the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.stores.normalise import normalise
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Order
from musubi.domain.projection import apply_order
from tests.unit.contracts.strategies import JSON, objects_with

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "stores"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
FIELDS = (
    "id", "number", "payment_amount", "ordered_at", "readied_at", "transactions", "deliveries", "amount", "paid_at", "type",
    "items", "shipped_at", "canceled_at", "tracking_number", "delivery_method_name", "quantity", "regular_price", "name",
)  # fmt: skip
ORDERS = objects_with(FIELDS) | JSON
TOLD: dict[str, tuple[str, list[str], int | None]] = {
    "order_placed": ("OrderPlaced", ["OrderPlaced"], 4200),
    "order_paid": ("OrderPaid", ["OrderPlaced", "OrderPaid"], 4200),
    "order_partly_shipped": ("ShipmentDispatched", ["OrderPlaced", "OrderPaid", "ShipmentDispatched"], 7200),
    "order_shipped": (
        "OrderShipped",
        ["OrderPlaced", "OrderPaid", "ShipmentDispatched", "ShipmentDispatched", "OrderShipped"],
        7200,
    ),
    "order_cancelled": ("OrderCancelled", ["OrderPlaced", "OrderCancelled"], 0),
    "order_refunded": ("OrderCancelled", ["OrderPlaced", "OrderPaid", "OrderRefunded", "OrderCancelled"], 0),
    "order_cash_on_delivery": ("OrderPlaced", ["OrderPlaced"], 4530),
    "order_counter": ("OrderDelivered", ["OrderPlaced", "OrderPaid", "OrderDelivered"], 2400),
    "order_new_delivery_kind": ("OrderPaid", ["OrderPlaced", "OrderPaid"], 2400),
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
    event = read(sample(name))
    assert event.order is not None
    names = [one.name for one in event.order.milestones]
    assert (event.type, names, event.order.total_yen) == TOLD[name]
    assert (event.source, event.platform, event.order.member_id) == ("main/stores/order", "stores", None)
    assert event.as_of == max(one.at for one in event.order.milestones) == event.occurred_at
    assert not event.is_test
    assert event.order.lines, "what was bought stays known, cancelled or not"


def test_every_sample_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*TOLD, "order_half_a_yen"}


def test_parcels_have_their_own_day_number_and_carrier() -> None:
    order = read(sample("order_shipped")).order
    assert order is not None
    assert [(one.carrier, one.tracking_numbers) for one in order.shipments] == [
        ("yamato", ("123456789012",)),
        ("sagawa", ("400000000000",)),
    ]
    assert all(one.tracking_url for one in order.shipments)
    left = [one for one in order.milestones if one.name == "ShipmentDispatched"]
    assert [one.ref for one in left] == [one.shipment_id for one in order.shipments]
    assert [one.at.minute for one in left] == [5, 40]


def test_lines_are_what_was_bought_at_its_price_with_tax() -> None:
    order = read(sample("order_placed")).order
    assert order is not None
    assert order.lines is not None
    (line,) = order.lines
    assert (line.title, line.quantity, line.unit_yen, line.sku) == ("煎茶ティーバッグ 30包", 2, 1800, "TEA-30")
    assert (order.number, line.product_id, line.variant_id) == (
        "7300112233",
        "6700a1b2c3d4e5f600000001",
        "6701a1b2c3d4e5f600000001",
    )


def test_a_part_that_is_not_paid_leaves_the_order_unpaid() -> None:
    document = sample("order_counter")
    document["transactions"][1]["paid_at"] = None
    order = read(document).order
    assert order is not None
    assert "OrderPaid" not in {one.name for one in order.milestones}


def test_one_cancelled_parcel_of_two_cancels_no_order_and_no_longer_holds_it_back() -> None:
    document = sample("order_partly_shipped")
    document["deliveries"][1]["canceled_at"] = "2026-11-24T12:55:00+09:00"
    event = read(document)
    assert event.order is not None
    assert [one.name for one in event.order.milestones][-2:] == ["ShipmentDispatched", "OrderShipped"]
    assert event.as_of.minute == 55


def test_a_delivery_of_an_unknown_kind_is_counted_and_proves_nothing() -> None:
    document = sample("order_new_delivery_kind")
    document["deliveries"][0]["shipped_at"] = "2026-11-24T12:55:00+09:00"
    event, unread = normalise({}, json.dumps(document).encode(), "main", NOW)
    assert isinstance(event, ShopEvent)
    assert isinstance(unread, UnreadShopEvent)
    assert event.order is not None
    assert [one.name for one in event.order.milestones] == ["OrderPlaced", "OrderPaid"]
    assert unread.kind == "delivery drone"
    assert "nao@example.com" not in unread.raw


def test_equal_content_is_one_event_and_other_content_is_another() -> None:
    one = sample("order_placed")
    turned = dict(reversed(one.items()))
    assert read(one).event_id == read(turned).event_id
    assert read(one).event_id != read(sample("order_paid")).event_id


def test_polls_that_overtake_each_other_end_in_the_same_order() -> None:
    events = [read(sample(name)) for name in ("order_placed", "order_paid", "order_cancelled")]

    def ended(turn: list[ShopEvent]) -> Order:
        known: Order | None = None
        for event in turn:
            assert event.order is not None
            known = apply_order(known, event.order, "main", event.as_of) or known
        assert known is not None
        return known

    first, second = ended(events), ended(events[::-1])
    assert (first.total_yen, first.milestones) == (second.total_yen, second.milestones)
    assert first.total_yen == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payment_amount": 4200.5}, "order.payment_amount: a fraction of a yen"),
        ({"id": None}, "order.id"),
        ({"ordered_at": "yesterday"}, "order.ordered_at: not a time"),
        ({"transactions": [{"id": "1", "amount": 1.5}]}, "order.transactions.amount: a fraction of a yen"),
        ({"deliveries": [{"id": "1", "shipped_at": "soon"}]}, "order.deliveries.shipped_at: not a time"),
    ],
)
def test_what_can_not_be_read_is_named_and_not_shown(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        read(sample("order_placed") | change)


def test_no_field_but_the_id_is_needed() -> None:
    event = read({"id": "6743d1b2c3d4e5f600000009"})
    assert event.order is not None
    assert (event.type, event.as_of, event.order.lines, event.order.milestones) == ("OrderEdited", NOW, None, ())


@given(ORDERS, st.sampled_from(["", "6743d1b2c3d4e5f600000009"]))
def test_any_json_is_read_or_refused_by_name(document: Any, order_id: str) -> None:
    if isinstance(document, dict) and order_id:
        document = document | {"id": order_id}
    try:
        events = normalise({}, json.dumps(document).encode(), "main", NOW)
    except Permanent as error:
        named = error.reason
    else:
        assert isinstance(events[0], ShopEvent)
        named = ": ".join({one.source for one in events})
        assert named == "main/stores/order"
        return
    assert ": " in named
