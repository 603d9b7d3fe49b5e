"""An order of Square as it stands now, and everything that it proves."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from musubi.adapters.shops.square.frame import Frame
from musubi.adapters.shops.square.orders import order_events
from musubi.contracts.text import parse_json
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import LineKind
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PLACED, PAID, SENT = "2026-11-24T02:50:00.000Z", "2026-11-24T02:51:12.000Z", "2026-11-24T02:55:00.000Z"
UPDATED = "2026-11-24T02:59:57.123Z"
NAMES = [
    "id", "reference_id", "customer_id", "state", "version", "created_at", "updated_at", "closed_at", "total_money",
    "net_amounts", "net_amount_due_money", "line_items", "service_charges", "fulfillments", "tenders", "refunds", "returns",
    "source_order_id", "uid", "type", "shipment_details", "pickup_details", "delivery_details", "shipped_at", "quantity",
    "amount", "currency", "name", "card_details", "status",
]  # fmt: skip


def yen(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "JPY"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


TENDER = {"id": "T1", "type": "CARD", "created_at": PAID, "customer_id": "C1", "card_details": {"status": "CAPTURED"}}
PARCEL = {
    "uid": "F1",
    "type": "SHIPMENT",
    "state": "COMPLETED",
    "shipment_details": {"carrier": "ヤマト運輸", "tracking_number": "1234-5678-9012", "shipped_at": SENT},
}


def order(**changed: Any) -> dict[str, Any]:
    """A paid order of two bags of tea and its postage."""
    return {
        "id": "O1",
        "location_id": "L1",
        "customer_id": "C1",
        "state": "OPEN",
        "version": 4,
        "created_at": PLACED,
        "updated_at": UPDATED,
        "line_items": [
            {
                "uid": "I1",
                "name": "煎茶",
                "variation_name": "100g",
                "quantity": "2",
                "catalog_object_id": "VTEA100",
                "base_price_money": yen(2000),
                "total_money": yen(4320),
                "total_discount_money": yen(0),
            }
        ],
        "service_charges": [{"name": "送料", "total_money": yen(660)}],
        "tenders": [TENDER],
        "total_money": yen(4980),
        "net_amounts": {"total_money": yen(4980)},
        "net_amount_due_money": yen(0),
        **changed,
    }


def told(**changed: Any) -> ShopEvent:
    (event,) = order_events(order(**changed), Frame("main", NOW))
    assert isinstance(event, ShopEvent), event
    return event


def change(**changed: Any) -> OrderChange:
    found = told(**changed).order
    assert found is not None
    return found


def milestones(**changed: Any) -> dict[str, datetime]:
    return {one.id: one.at for one in change(**changed).milestones}


def test_an_order_with_all_that_is_known_of_it() -> None:
    event = told(reference_id="S-1001")
    assert (event.type, event.occurred_at, event.source) == ("OrderPaid", at(PAID), "main/square/order")
    found = event.order
    assert found is not None
    assert (found.order_id, found.number, found.member_id, found.total_yen) == ("O1", "S-1001", "C1", 4980)
    tea, postage = found.lines or ()
    assert (tea.title, tea.quantity, tea.unit_yen, tea.variant_id) == ("煎茶 100g", 2, 2160, "VTEA100")
    assert (postage.title, postage.unit_yen, postage.kind) == ("送料", 660, LineKind.FEE)
    assert {one.id: one.at for one in found.milestones} == {"OrderPlaced": at(PLACED), "OrderPaid": at(PAID)}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tenders": [], "net_amount_due_money": yen(4980)}, set()),
        ({"tenders": [], "fulfillments": [{"uid": "F1", "type": "SHIPMENT", "state": "PROPOSED"}]}, {"OrderPlaced"}),
        ({"tenders": [], "state": "COMPLETED"}, {"OrderPlaced"}),
        ({"tenders": [{**TENDER, "card_details": {"status": "FAILED"}}]}, set()),
        ({"tenders": [{**TENDER, "card_details": {"status": "AUTHORIZED"}}]}, {"OrderPlaced"}),
        ({"net_amount_due_money": yen(1000)}, {"OrderPlaced"}),
        ({"net_amount_due_money": None}, {"OrderPlaced"}),
        ({"net_amount_due_money": None, "state": "COMPLETED"}, {"OrderPlaced", "OrderPaid"}),
        ({"tenders": [{"id": "T1", "type": "CASH"}]}, {"OrderPlaced", "OrderPaid"}),
        ({"state": "CANCELED"}, {"OrderPlaced", "OrderPaid", "OrderCancelled"}),
        ({"state": "CANCELED", "tenders": []}, {"OrderCancelled"}),
    ],
)
def test_what_proves_that_it_was_placed_paid_and_called_off(changed: dict[str, Any], expected: set[str]) -> None:
    assert set(milestones(**changed)) == expected


def test_a_basket_that_nobody_has_paid_for_is_kept_and_is_no_order_yet() -> None:
    event = told(tenders=[], net_amount_due_money=yen(4980))
    assert event.type == "OrderEdited"
    assert event.order is not None
    assert event.order.member_id == "C1"


def test_a_parcel_with_its_number_and_the_carriers_page() -> None:
    found = change(fulfillments=[PARCEL])
    (parcel,) = found.shipments
    assert (parcel.shipment_id, parcel.carrier, parcel.tracking_numbers) == ("F1", "yamato", ("123456789012",))
    assert parcel.tracking_url is not None
    assert "kuronekoyamato" in parcel.tracking_url
    times = {one.id: one.at for one in found.milestones}
    assert (times["ShipmentDispatched/F1"], times["OrderShipped"]) == (at(SENT), at(SENT))


def test_a_link_to_nobodys_tracking_page_is_not_taken() -> None:
    details = {"carrier": "山の郵便屋さん", "tracking_number": "42", "tracking_url": "https://evil.example/x"}
    (parcel,) = change(fulfillments=[{**PARCEL, "shipment_details": details}]).shipments
    assert (parcel.carrier_name, parcel.tracking_url) == ("日本郵便", None)


def test_one_of_two_parcels_is_no_order_that_has_left() -> None:
    second = {"uid": "F2", "type": "SHIPMENT", "state": "PREPARED"}
    assert "OrderShipped" not in milestones(fulfillments=[PARCEL, second])
    assert "OrderShipped" in milestones(fulfillments=[PARCEL, {**second, "state": "CANCELED"}])
    assert "OrderShipped" not in milestones(fulfillments=[{**second, "state": "FAILED"}])


def test_what_waits_at_the_counter_and_what_was_fetched() -> None:
    waits = {"uid": "F1", "type": "PICKUP", "state": "PREPARED", "pickup_details": {"ready_at": SENT}}
    assert milestones(fulfillments=[waits])["OrderReadyForPickup"] == at(SENT)
    fetched = {**waits, "state": "COMPLETED", "pickup_details": {"ready_at": SENT, "picked_up_at": UPDATED}}
    found = milestones(fulfillments=[fetched])
    assert (found["OrderReadyForPickup"], found["OrderDelivered"]) == (at(SENT), at(UPDATED))
    at_once = {"uid": "F1", "type": "PICKUP", "state": "COMPLETED"}
    assert "OrderReadyForPickup" not in milestones(fulfillments=[at_once])


def test_what_a_courier_brought_is_delivered() -> None:
    brought = {"uid": "F1", "type": "DELIVERY", "state": "COMPLETED", "delivery_details": {"completed_at": SENT}}
    assert milestones(fulfillments=[brought])["OrderDelivered"] == at(SENT)


def test_a_customer_at_a_till_may_be_known_by_the_payment_alone() -> None:
    assert change(customer_id=None).member_id == "C1"
    two = [TENDER, {**TENDER, "id": "T2", "customer_id": "C2"}]
    assert change(customer_id=None, tenders=two).member_id is None


def test_a_total_is_what_is_left_of_it() -> None:
    assert change(net_amounts={"total_money": yen(1980)}).total_yen == 1980
    assert change(net_amounts=None).total_yen == 4980
    assert change(total_money={"amount": 1, "currency": "USD"}, net_amounts=None).total_yen is None
    with pytest.raises(Permanent, match=r"order\.total_money: a fraction of a yen"):
        told(net_amounts={"total_money": yen(0) | {"amount": 4980.5}})


def test_a_refund_of_the_order_itself_counts_once_it_is_approved() -> None:
    refunds = [{"id": "R1", "status": "APPROVED", "created_at": SENT}, {"id": "R2", "status": "PENDING"}]
    assert milestones(refunds=refunds)["OrderRefunded/R1"] == at(SENT)
    assert "OrderRefunded/R2" not in milestones(refunds=refunds)


def test_a_refund_is_an_order_about_another_one() -> None:
    refund = order(
        id="O9",
        state="COMPLETED",
        line_items=None,
        tenders=[],
        returns=[{"source_order_id": "O1"}],
        refunds=[{"id": "R1", "status": "APPROVED", "created_at": SENT}],
    )
    (event,) = order_events(refund, Frame("main", NOW))
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.type, event.order.order_id, event.order.member_id) == ("OrderRefunded", "O1", None)
    assert [one.id for one in event.order.milestones] == ["OrderRefunded/R1"]
    assert event.order.lines is None


@pytest.mark.parametrize("about", [{"returns": [{}]}, {"refunds": [{"id": "R1", "status": "PENDING"}]}])
def test_giving_money_back_is_no_purchase(about: dict[str, Any]) -> None:
    refund = order(id="O9", state="COMPLETED", line_items=None, **about)
    assert order_events(refund, Frame("main", NOW)) == []


def test_an_exchange_is_both() -> None:
    refunds = [{"id": "R1", "status": "APPROVED", "created_at": SENT}]
    events = order_events(order(returns=[{"source_order_id": "O0"}], refunds=refunds), Frame("main", NOW))
    changes = [one.order for one in events if isinstance(one, ShopEvent) and one.order]
    assert [(one.order_id, [m.name for m in one.milestones]) for one in changes] == [
        ("O1", ["OrderPlaced", "OrderPaid"]),
        ("O0", ["OrderRefunded"]),
    ]


def test_a_draft_is_kept_and_told_to_nobody() -> None:
    (event,) = order_events(order(state="DRAFT"), Frame("main", NOW))
    assert isinstance(event, UnreadShopEvent)
    assert event.kind == "order draft"


def test_words_that_square_may_add_are_counted_and_the_rest_is_read() -> None:
    new = {"uid": "F1", "type": "DRONE", "state": "COMPLETED"}
    event, *unread = order_events(order(state="PAUSED", fulfillments=[new]), Frame("main", NOW))
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert "OrderDelivered" not in {one.name for one in event.order.milestones}
    assert [one.kind for one in unread if isinstance(one, UnreadShopEvent)] == [
        "order fulfillment DRONE",
        "order state PAUSED",
    ]


def test_the_version_settles_two_changes_of_one_millisecond() -> None:
    first, second = told(version=4), told(version=5)
    assert first.as_of == at(UPDATED) + timedelta(microseconds=4)
    assert second.as_of > first.as_of
    assert told(version=None).as_of == at(UPDATED)
    assert told(version=99_999).as_of < at(UPDATED) + timedelta(milliseconds=1)


def test_equal_content_is_one_event_whatever_else_a_search_or_a_fetch_adds() -> None:
    first, again = told(), told(metadata={"a": "b"}, location_id="L2")
    assert (first.source, first.event_id, first.content) == (again.source, again.event_id, again.content)
    assert told(version=5).event_id != first.event_id


@pytest.mark.parametrize(
    ("item", "quantity", "unit"),
    [
        ({"quantity": "1.5", "base_price_money": yen(800)}, 1, 800),
        ({"quantity": "3.00000"}, 3, None),
        ({"quantity": "2", "total_money": yen(999), "base_price_money": yen(500)}, 2, 500),
        ({"quantity": "1", "total_money": yen(900), "total_discount_money": yen(100), "base_price_money": yen(1000)}, 1, 1000),
        ({"quantity": "1", "total_money": yen(0) | {"amount": 0.5}}, 1, None),
        ({"quantity": None}, 1, None),
        ({"quantity": "NaN"}, 1, None),
    ],
)  # fmt: skip
def test_a_line_that_is_odd_is_worth_less_than_its_order(item: dict[str, Any], quantity: int, unit: int | None) -> None:
    (line,) = change(line_items=[{"name": "茶葉", **item}], service_charges=[]).lines or ()
    assert (line.quantity, line.unit_yen) == (quantity, unit)


@pytest.mark.parametrize("field", ["created_at", "updated_at"])
def test_a_time_that_is_none_is_named(field: str) -> None:
    with pytest.raises(Permanent, match=rf"order\.{field}: not a time"):
        told(**{field: "yesterday"})
    with pytest.raises(Permanent, match=r"order\.id"):
        told(id=None)


@given(body=objects_with(NAMES) | JSON)
def test_no_order_breaks_it(body: Any) -> None:
    with suppress(Permanent):
        document = parse_json(json.dumps(body), "order")
        order_events(document if isinstance(document, dict) else {}, Frame("main", NOW))
