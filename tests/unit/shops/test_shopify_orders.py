"""Shopify's orders beyond the first three topics: lines, totals, parcels, refunds, edits, and any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent
from musubi.domain.orders import Line, Milestone, Order
from musubi.domain.projection import apply_order, is_silent
from tests.unit.shops.shopify_bodies import AT, CREATED, NOW, ORDER, call, item, names, order, parcel, read, unread

LATER = "2026-11-24T09:00:00+09:00"
LATER_AT = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
PAID = {"kind": "refund", "status": "success"}


def milestone(event: ShopEvent, name: str) -> Milestone:
    assert event.order is not None
    return next(one for one in event.order.milestones if one.name == name)


def test_lines_are_read_in_the_shops_money_without_what_people_typed() -> None:
    event = call("orders/create", order(line_items=[item(), item(price_set=None, variant_id=None, sku="")]))
    assert event.order is not None
    first = Line(title="結び煎茶", quantity=2, product_id="8412300000037", variant_id="45120700000091", sku="TEA-SEN-100",
                 unit_yen=1620)  # fmt: skip
    assert event.order.lines == (first, replace(first, variant_id=None, sku=None))
    assert "御礼" not in repr(event)


@pytest.mark.parametrize(
    ("changes", "quantities"),
    [
        ({"line_items": [item(current_quantity=1), item(current_quantity=0)]}, [1]),
        ({"line_items": []}, []),
        ({"line_items": [None, "x", {}, item(quantity="2")]}, [2]),
        ({"line_items": None}, None),
        ({}, None),
    ],
)
def test_a_line_counts_what_is_still_bought_of_it(changes: dict[str, Any], quantities: list[int] | None) -> None:
    event = call("orders/updated", order(**changes))
    assert event.order is not None
    lines = event.order.lines
    assert quantities == (None if lines is None else [line.quantity for line in lines])


def test_a_line_in_another_currency_has_no_yen() -> None:
    dollars = item(price="19.99", price_set={"shop_money": {"amount": "19.99", "currency_code": "USD"}})
    event = call("orders/create", order(line_items=[dollars]))
    assert event.order is not None
    assert event.order.lines is not None
    assert event.order.lines[0].unit_yen is None


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"current_total_price": "12800"}, 12800),
        ({"current_total_price": "12800.00", "current_total_price_set": None}, 12800),
        ({"current_total_price_set": {"shop_money": {"amount": "0", "currency_code": "JPY"}}}, 0),
        ({"total_price": "23600.0", "total_price_set": None}, 23600),
        ({"total_price": None, "total_price_set": None}, None),
    ],
)
def test_the_total_is_what_edits_and_refunds_leave_of_it(changes: dict[str, Any], total: int | None) -> None:
    event = call("orders/updated", order(**changes))
    assert event.order is not None
    assert event.order.total_yen == total


def test_half_a_yen_is_refused_in_the_current_total_too() -> None:
    with pytest.raises(Permanent, match=r"current_total_price: a fraction"):
        call("orders/updated", order(current_total_price="0.5"))


def test_the_checkout_and_the_cart_that_became_the_order() -> None:
    event = call("orders/create", order(checkout_token="b9a17e85", cart_token="hWNf936e8367?key=3f2a"))
    assert event.order is not None
    assert event.order.checkout_ids == ("b9a17e85", "hWNf936e8367")


@pytest.mark.parametrize("topic", ["orders/updated", "orders/fulfilled", "orders/create"])
def test_an_order_is_shipped_with_its_last_parcel_whoever_says_so(topic: str) -> None:
    parcels = [parcel(), parcel(id=5, created_at=LATER, updated_at=LATER), parcel(id=6, status="cancelled")]
    event = call(topic, order(fulfillment_status="fulfilled", fulfillments=parcels))
    assert names(event) == ["OrderPlaced", "ShipmentDispatched/4", "ShipmentDispatched/5", "OrderShipped"]
    assert milestone(event, "OrderShipped").at == LATER_AT


def test_a_part_of_an_order_is_a_parcel_and_not_the_order() -> None:
    event = call("orders/partially_fulfilled", order(fulfillment_status="partial", fulfillments=[parcel()]))
    assert (event.type, names(event)) == ("ShipmentDispatched", ["OrderPlaced", "ShipmentDispatched/4"])


def test_a_body_that_is_only_an_id_is_shipped_by_its_topic() -> None:
    assert names(call("orders/fulfilled", {"id": ORDER})) == ["OrderShipped"]
    assert names(call("orders/updated", {"id": ORDER})) == []


@pytest.mark.parametrize(("second", "expected"), [("delivered", True), ("in_transit", False), (None, False)])
def test_an_order_has_arrived_with_its_last_parcel(second: str | None, expected: bool) -> None:
    parcels = [parcel(shipment_status="delivered"), parcel(id=5, shipment_status=second)]
    event = call("orders/updated", order(fulfillment_status="fulfilled", fulfillments=parcels))
    assert ("OrderDelivered" in names(event)) is expected


def test_a_parcel_says_itself_that_it_was_delivered() -> None:
    event = call("fulfillments/update", parcel(shipment_status="delivered", updated_at=LATER))
    assert [(m.name, m.at) for m in event.order.milestones] == [  # type: ignore[union-attr]
        ("ShipmentDispatched", AT),
        ("OrderDelivered", LATER_AT),
    ]


def test_a_parcel_that_waited_for_its_warehouse_left_when_it_left() -> None:
    event = call("fulfillments/update", parcel(updated_at=LATER))
    assert milestone(event, "ShipmentDispatched").at == LATER_AT


def test_a_parcel_in_a_state_that_nobody_knows_is_stored() -> None:
    assert unread("fulfillments/create", parcel(status="teleported")).kind == "fulfillments/create status"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("delivered", ["OrderDelivered"]),
        ("ready_for_pickup", ["OrderReadyForPickup"]),
        ("in_transit", []),
        ("failure", []),
    ],
)
def test_what_a_carrier_reports(status: str, expected: list[str]) -> None:
    event = call("fulfillment_events/create", {"order_id": ORDER, "status": status, "happened_at": LATER})
    assert names(event) == expected
    assert event.occurred_at == LATER_AT


def test_a_carriers_unknown_word_is_stored() -> None:
    assert unread("fulfillment_events/create", {"order_id": ORDER, "status": "lost"}).kind.endswith("status")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transactions": [PAID]}, ["OrderRefunded/9"]),
        ({}, ["OrderRefunded/9"]),
        ({"transactions": []}, []),
        ({"transactions": [{**PAID, "status": "failure"}, {**PAID, "status": "pending"}]}, []),
    ],
)
def test_a_refund_is_one_when_money_went_back(changes: dict[str, Any], expected: list[str]) -> None:
    refund = {"id": 9, "order_id": ORDER, "created_at": LATER, "processed_at": None, **changes}
    assert names(call("refunds/create", refund)) == expected
    inside = call("orders/updated", order(financial_status="partially_refunded", refunds=[refund]))
    assert names(inside) == ["OrderPlaced", "OrderPaid", *expected]


def test_convenience_store_money_is_dated_by_whoever_tells_of_it_first() -> None:
    for topic in ("orders/paid", "orders/updated"):
        event = call(topic, order(financial_status="paid", processed_at=CREATED, updated_at=LATER))
        assert milestone(event, "OrderPaid").at == LATER_AT
    refunded = call("orders/updated", order(financial_status="refunded", processed_at=CREATED, updated_at=LATER))
    assert milestone(refunded, "OrderPaid").at == AT


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "sale", "status": "failure"}, ["OrderPaymentFailed"]),
        ({"kind": "authorization", "status": "error"}, ["OrderPaymentFailed"]),
        ({"kind": "sale", "status": "success"}, []),
        ({"kind": "refund", "status": "failure"}, []),
        ({}, []),
    ],
)
def test_one_movement_of_money_pays_no_order(changes: dict[str, Any], expected: list[str]) -> None:
    event = call("order_transactions/create", {"id": 1, "order_id": ORDER, "created_at": LATER, **changes})
    assert names(event) == expected
    assert not event.is_test


@pytest.mark.parametrize("changes", [{"test": True}, {"gateway": "bogus"}, {"order_id": 820982911946154508}])
def test_test_money_is_marked(changes: dict[str, Any]) -> None:
    assert call("order_transactions/create", {"order_id": ORDER, "kind": "sale", **changes}).is_test


def test_an_edit_names_its_order_and_leaves_the_rest_to_the_update() -> None:
    event = call("orders/edited", {"order_edit": {"id": 3, "order_id": ORDER, "created_at": LATER}})
    assert event.order is not None
    assert (event.type, event.order.order_id, event.order.milestones) == ("OrderEdited", str(ORDER), ())
    assert names(call("orders/edited", order())) == ["OrderPlaced"]
    assert unread("orders/edited", {"edit": 1}).kind == "orders/edited shape"


def test_a_deleted_order_ends_and_nobody_is_told() -> None:
    event = call("orders/delete", {"id": ORDER})
    assert names(event) == ["OrderCancelled"]
    assert is_silent(event)


@pytest.mark.parametrize(
    ("topic", "field"),
    [
        ("fulfillments/create", "id, order_id"),
        ("fulfillment_events/create", "order_id"),
        ("refunds/create", "id, order_id"),
        ("order_transactions/create", "order_id"),
        ("orders/delete", "id"),
    ],
)
def test_what_belongs_to_no_order_can_never_be_read(topic: str, field: str) -> None:
    with pytest.raises(Permanent, match=f"^{field}: missing"):
        read(topic, {"note": "x"})


def _story() -> list[ShopEvent]:
    """One order from its placement to a refund and a late cancellation, as Shopify tells it."""

    def at(minutes: int) -> str:
        return (AT + timedelta(minutes=minutes)).isoformat()

    sent = parcel(tracking_number=None, updated_at=at(20), created_at=at(20))
    numbered = {**sent, "tracking_number": "512345678904", "updated_at": at(25)}
    second = parcel(id=5, created_at=at(40), updated_at=at(40))
    there = {**second, "shipment_status": "delivered", "updated_at": at(70)}
    refund = {"id": 9, "order_id": ORDER, "created_at": at(80), "transactions": [PAID]}
    lines = [item(), item(id=2, sku="CUP")]
    paid = {"financial_status": "paid", "line_items": lines, "checkout_token": "b9a1"}
    half = {**paid, "fulfillment_status": "partial", "fulfillments": [numbered]}
    full = {**paid, "fulfillment_status": "fulfilled", "fulfillments": [numbered, second]}
    less = {"current_total_price": "12800", "line_items": [item(), item(id=2, current_quantity=0)], "refunds": [refund]}
    over = {**full, **less, "financial_status": "partially_refunded"}
    return [
        call("orders/create", order(updated_at=at(0), line_items=lines, cart_token="hWN")),
        call("orders/paid", order(**paid, updated_at=at(10))),
        call("orders/updated", order(**paid, updated_at=at(10))),
        call("fulfillments/create", sent),
        call("fulfillments/update", numbered),
        call("orders/partially_fulfilled", order(**half, updated_at=at(25))),
        call("fulfillments/create", second),
        call("orders/fulfilled", order(**full, updated_at=at(40))),
        call("fulfillment_events/create", {"order_id": ORDER, "status": "delivered", "happened_at": at(69)}),
        call("fulfillments/update", there),
        call("refunds/create", refund),
        call("orders/updated", order(**over, updated_at=at(80))),
        call("orders/cancelled", order(**over, updated_at=at(90), cancelled_at=at(90), customer=None)),
    ]


def _settled(events: Sequence[ShopEvent]) -> Order:
    known: Order | None = None
    for event in events:
        assert event.order is not None
        known = apply_order(known, event.order, "main", event.as_of) or known
    assert known is not None
    return replace(known, version=1)


STORY = _story()


@given(
    st.lists(st.integers(0, len(STORY) - 1), max_size=6).flatmap(lambda extra: st.permutations([*range(13), *extra]))
)
def test_whatever_arrives_when_and_how_often_the_order_is_the_same(arrival: list[int]) -> None:
    assert len(STORY) == 13
    assert _settled([STORY[i] for i in arrival]) == _settled(STORY)


def test_that_order_has_seen_everything() -> None:
    known = _settled(STORY)
    assert {m.id for m in known.milestones} == {
        "OrderPlaced", "OrderPaid", "ShipmentDispatched/4", "ShipmentDispatched/5", "OrderShipped", "OrderDelivered",
        "OrderRefunded/9", "OrderCancelled",
    }  # fmt: skip
    assert (known.member_id, known.total_yen, known.checkout_ids) == ("7204155301001", 12800, ("b9a1", "hWN"))
    assert [line.sku for line in known.lines] == ["TEA-SEN-100"]
    assert known.shipments[0].tracking_numbers == ("512345678904",)
    assert NOW - known.milestones[0].at < timedelta(days=1)
