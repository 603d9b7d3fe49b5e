"""EC-CUBE's snapshots: what an order or a customer proves, by status and by date."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.eccube.snapshot import Frame, customer_events, order_events
from musubi.domain.changes import CartChange, CartState, MemberChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, LineKind, Milestone
from musubi.domain.people import Birthday, MemberState
from tests.support.eccube_documents import customer, item, order, parcel
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 5, tzinfo=UTC)
FRAME = Frame("main", NOW)
PLACED = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LATER = "2026-11-25T15:30:00+09:00"
LATER_AT = datetime(2026, 11, 25, 6, 30, tzinfo=UTC)


def told(document: dict[str, Any], frame: Frame = FRAME) -> dict[str, ShopEvent | UnreadShopEvent]:
    """The events of an order by the last part of their source."""
    return {one.source.rpartition("/")[2]: one for one in order_events(document, frame)}


def of_order(document: dict[str, Any], frame: Frame = FRAME) -> ShopEvent:
    (found,) = (e for e in order_events(document, frame) if isinstance(e, ShopEvent) and e.order)
    return found


def milestones(document: dict[str, Any], frame: Frame = FRAME) -> dict[str, datetime]:
    change = of_order(document, frame).order
    assert change is not None
    return {one.id: one.at for one in change.milestones}


# orders


def test_a_new_order() -> None:
    event = of_order(order())
    change = event.order
    assert change is not None
    assert (event.source, event.type, event.as_of, event.occurred_at) == (
        "main/eccube/order",
        "OrderPlaced",
        PLACED,
        PLACED,
    )
    assert (change.order_id, change.number, change.member_id, change.total_yen) == ("1203", "1203", "1001", 3850)
    assert change.milestones == (Milestone("OrderPlaced", PLACED),)
    assert (change.shipments, change.checkout_ids) == ((), ("1203",))
    assert change.lines == (
        Line(
            title="結び煎茶 100g", quantity=2, product_id="9", variant_id="31", sku="TEA-SEN-100",
            categories=("2", "5"), unit_yen=1650,
        ),
        Line(title="送料", unit_yen=550, kind=LineKind.SHIPPING),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind", "proven"),
    [
        ("1", "OrderPlaced", {"OrderPlaced"}),
        ("4", "OrderPlaced", {"OrderPlaced"}),
        ("6", "OrderPaid", {"OrderPlaced", "OrderPaid"}),
        ("5", "OrderShipped", {"OrderPlaced", "OrderShipped"}),
        ("3", "OrderCancelled", {"OrderPlaced", "OrderCancelled"}),
        ("9", "OrderReturned", {"OrderPlaced", "OrderReturned"}),
    ],
)
def test_each_status_proves_what_led_to_it(status: str, kind: str, proven: set[str]) -> None:
    document = order(status=status, update_date=LATER)
    assert of_order(document).type == kind
    found = milestones(document)
    assert set(found) == proven
    assert found["OrderPlaced"] == PLACED
    assert all(at == LATER_AT for name, at in found.items() if name != "OrderPlaced")


@pytest.mark.parametrize("status", ["1", "3", "4", "5", "6", "9"])
def test_without_an_order_date_nothing_was_placed(status: str) -> None:
    assert "OrderPlaced" not in milestones(order(status=status, order_date=None))


@pytest.mark.parametrize("status", ["1", "3", "4", "5", "6", "9", "12"])
def test_a_date_of_payment_proves_the_payment(status: str) -> None:
    found = milestones(order(status=status, payment_date=LATER))
    assert found["OrderPaid"] == LATER_AT


def test_a_payment_being_made_is_no_order_yet() -> None:
    assert {one.source for one in order_events(order(status="7"), FRAME)} == {
        "main/eccube/customer",
        "main/eccube/points",
    }


@pytest.mark.parametrize(("created", "kind"), [(True, "CheckoutStarted"), (False, "CheckoutUpdated")])
def test_somebody_at_the_till_is_a_checkout(created: bool, kind: str) -> None:
    document = order(status="8", order_date=None)
    event = told(document, Frame("main", NOW, created))["checkout"]
    assert isinstance(event, ShopEvent)
    assert (event.type, event.order) == (kind, None)
    assert event.cart == CartChange(
        checkout_id="1203", state=CartState.OPEN, member_id="1001", total_yen=3850,
        lines=of_order(order()).order.lines,  # type: ignore[union-attr]
    )  # fmt: skip


def test_a_status_of_the_shops_own_proves_nothing_and_is_counted() -> None:
    document = order(status="12", payment_date=LATER, Shippings=[parcel(shipping_date=LATER)])
    assert set(milestones(document)) == {"OrderPaid", "ShipmentDispatched/71"}
    (unread,) = (one for one in order_events(document, FRAME) if isinstance(one, UnreadShopEvent))
    assert unread.kind == "order status 12"
    assert "結城" not in unread.raw


def test_a_shop_may_say_as_what_its_own_status_counts() -> None:
    frame = Frame("main", NOW, statuses={"12": "4"})
    events = order_events(order(status="12"), frame)
    assert not any(isinstance(one, UnreadShopEvent) for one in events)
    assert set(milestones(order(status="12"), frame)) == {"OrderPlaced"}


def test_each_parcel_is_dispatched_by_itself() -> None:
    sent = parcel("72", shipping_date=LATER, tracking_number="4123-4567-8905", update_date=LATER)
    document = order(
        status="4", Shippings=[parcel("71"), sent, parcel("73", shipping_date=LATER, shipping_delivery_name="赤帽")]
    )
    change = of_order(document).order
    assert change is not None
    assert [one.id for one in change.milestones[1:]] == ["ShipmentDispatched/72", "ShipmentDispatched/73"]
    yamato, other = change.shipments
    assert (yamato.carrier, yamato.tracking_numbers) == ("yamato", ("412345678905",))
    assert (yamato.tracking_url or "").endswith("id=412345678905")
    assert (other.carrier, other.carrier_name, other.tracking_url) == ("other", "赤帽", None)


def test_a_parcels_change_is_a_new_version_of_its_order() -> None:
    assert of_order(order(Shippings=[parcel(update_date=LATER)])).as_of == LATER_AT


def test_the_last_parcel_is_when_an_order_was_shipped() -> None:
    first, last = "2026-11-25T10:00:00+09:00", "2026-11-26T10:00:00+00:00"
    document = order(
        status="5", update_date=LATER, Shippings=[parcel("1", shipping_date=last), parcel("2", shipping_date=first)]
    )
    assert milestones(document)["OrderShipped"] == datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_a_guest() -> None:
    events = order_events(order(Customer=None), FRAME)
    assert [one.source for one in events] == ["main/eccube/order"]
    assert of_order(order(Customer=None)).order.member_id is None  # type: ignore[union-attr]


@pytest.mark.parametrize("total", [17132066, 17132066.0, "17132066.00"])
def test_a_float_of_whole_yen_is_whole_yen(total: Any) -> None:
    assert of_order(order(payment_total=total)).order.total_yen == 17132066  # type: ignore[union-attr]


def test_another_currency_is_no_yen() -> None:
    assert of_order(order(currency_code="USD")).order.total_yen is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"payment_total": 0.5}, "payment_total"),
        ({"order_date": "tomorrow"}, "order_date"),
        ({"update_date": 5}, "update_date"),
        ({"id": None}, r"order\.id"),
        ({"Customer": customer(point=0.5)}, "point"),
    ],
)
def test_what_can_not_be_read_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        order_events(order(**changed), FRAME)


def test_a_line_that_can_not_be_read_loses_its_price_only() -> None:
    document = order(OrderItems=[item(price=0.5), item(product_name=None), 5])
    assert [one.unit_yen for one in of_order(document).order.lines or ()] == [None]  # type: ignore[union-attr]


def test_the_same_snapshot_is_the_same_events() -> None:
    later = Frame("main", NOW + timedelta(hours=1), created=True)
    assert {e.event_id for e in order_events(order(), FRAME)} == {e.event_id for e in order_events(order(), later)}


def test_points_that_change_are_no_news_of_the_order() -> None:
    before, after = told(order()), told(order(Customer=customer(point=90, update_date=LATER)))
    assert before["order"].event_id == after["order"].event_id
    assert before["points"].event_id != after["points"].event_id


# customers


def by_type(document: dict[str, Any], frame: Frame = FRAME) -> dict[str, ShopEvent]:
    return {one.type: one for one in customer_events(document, frame) if isinstance(one, ShopEvent)}


def test_a_regular_customer() -> None:
    events = by_type(customer())
    assert set(events) == {"MemberUpdated", "PointsBalanceChanged"}
    assert events["MemberUpdated"].member == MemberChange(
        member_id="1001", state=MemberState.ACTIVE, family_name="結城", given_name="さくら",
        birthday=Birthday(12, 24, 1992), registered_at=datetime(2024, 3, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert events["PointsBalanceChanged"].points == PointsChange(member_id="1001", balance=120)
    assert {one.as_of for one in events.values()} == {datetime(2026, 11, 24, 2, tzinfo=UTC)}


def test_a_registration_is_told_once_however_the_profile_changes() -> None:
    new = {"create_date": "2026-11-24T11:00:00+09:00"}
    first, second = by_type(customer(**new)), by_type(customer(**new, name02="桜", update_date=LATER))
    assert set(first) == {"MemberRegistered", "MemberUpdated", "PointsBalanceChanged"}
    one, other = first["MemberRegistered"], second["MemberRegistered"]
    assert (one.event_id, one.content) == (other.event_id, other.content)
    assert first["MemberUpdated"].event_id != second["MemberUpdated"].event_id


def test_who_has_not_confirmed_is_nobody_yet() -> None:
    assert customer_events(customer(Status={"id": "1"}), FRAME) == []


def test_who_withdrew_has_no_profile_any_more() -> None:
    (event,) = customer_events(customer(Status={"id": "3"}, email="x" * 60 + "@dummy.dummy"), FRAME)
    assert isinstance(event, ShopEvent)
    assert (event.type, event.member) == (
        "MemberWithdrawn",
        MemberChange(member_id="1001", state=MemberState.WITHDRAWN),
    )


@pytest.mark.parametrize("status", [{"id": "7"}, None])
def test_an_unknown_standing_is_kept_and_counted(status: Any) -> None:
    (event,) = customer_events(customer(Status=status), FRAME)
    assert isinstance(event, UnreadShopEvent)
    assert "結城" not in event.raw


@pytest.mark.parametrize(
    ("birth", "meant"),
    [
        ("1992-12-24T00:00:00+09:00", date(1992, 12, 24)),
        ("1992-12-23T15:00:00+00:00", date(1992, 12, 24)),
        ("1988-02-28T15:00:00+00:00", date(1988, 2, 29)),
        ("1950-06-15T00:00:00+10:00", date(1950, 6, 15)),
        ("1950-06-14T14:00:00+00:00", date(1950, 6, 15)),
        ("1968-01-01T00:00:00+09:00", date(1968, 1, 1)),
    ],
)
def test_a_birth_is_a_midnight_in_tokyo(birth: str, meant: date) -> None:
    change = by_type(customer(birth=birth))["MemberUpdated"].member
    assert change is not None
    assert change.birthday == Birthday(meant.month, meant.day, meant.year)


@pytest.mark.parametrize(("birth", "withdrawn"), [(None, True), ("1900-01-01T00:00:00+09:00", False), ("soon", False)])
def test_no_birthday(birth: Any, withdrawn: bool) -> None:
    change = by_type(customer(birth=birth))["MemberUpdated"].member
    assert change is not None
    assert (change.birthday, change.birthday_withdrawn) == (None, withdrawn)


def test_a_balance_that_comes_back_is_a_new_one() -> None:
    ids = {
        by_type(customer(point=point, update_date=f"2026-11-24T1{hour}:00:00+09:00"))["PointsBalanceChanged"].event_id
        for hour, point in enumerate([100, 200, 100])
    }
    assert len(ids) == 3


def test_no_points_no_balance() -> None:
    assert set(by_type(customer(point=None))) == {"MemberUpdated"}


# anything at all

NAMES = [*order(), *customer(), *item(), *parcel(), "category_id", "ProductCategories"]
DOCUMENTS = objects_with(NAMES) | st.builds(lambda more: order(**more), objects_with(NAMES))


@given(DOCUMENTS)
def test_no_document_raises_anything_but_permanent(document: dict[str, Any]) -> None:
    for read in (order_events, customer_events):
        with suppress(Permanent):
            assert all(event.event_id for event in read(document, FRAME))


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
def test_no_value_raises_anything_but_permanent(changed: dict[str, Any]) -> None:
    with suppress(Permanent):
        assert order_events(order(**changed), FRAME)
