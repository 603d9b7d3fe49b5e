"""Square's webhooks by themselves: bookings, loyalty, customers, payments; orders by what their ids prove."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given

from musubi.adapters.shops.base import no_apis
from musubi.adapters.shops.square.normalise import normalise
from musubi.domain.changes import (
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    ReservationChange,
    ReservationState,
)
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import Birthday, Consent, MemberState, PointLot
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SENT = "2026-11-24T02:59:58.123Z"
SENT_AT = datetime(2026, 11, 24, 2, 59, 58, 123000, tzinfo=UTC)
UPDATED = "2026-11-24T02:59:57Z"
UPDATED_AT = datetime(2026, 11, 24, 2, 59, 57, tzinfo=UTC)
NAMES = [
    "type", "event_id", "created_at", "updated_at", "data", "object", "id", "booking", "loyalty_account", "customer", "payment",
    "refund", "order_updated", "customer_id", "order_id", "status", "state", "start_at", "appointment_segments",
    "duration_minutes", "balance", "expiring_point_deadlines", "points", "expires_at", "birthday", "group_ids",
    "preferences", "email_unsubscribed", "event_context", "merge", "to_customer_id", "amount_money", "amount", "currency",
]  # fmt: skip


def call(kind: str, **things: Any) -> ShopEvent | UnreadShopEvent:
    data_id = things.pop("data_id", None)
    body = {
        "merchant_id": "MERCHANT1",
        "type": kind,
        "event_id": "5b2e7a52-0f0e-4bb5-9a71-1f3a7a2f9d01",
        "created_at": SENT,
        "data": {"type": kind.partition(".")[0], "id": data_id, "object": things},
    }
    (event,) = normalise({}, json.dumps(body).encode(), "main", NOW, apis=no_apis)
    return event


def told(kind: str, **things: Any) -> ShopEvent:
    event = call(kind, **things)
    assert isinstance(event, ShopEvent), event
    return event


BOOKING = {
    "id": "bk1",
    "customer_id": "C1",
    "status": "ACCEPTED",
    "start_at": "2026-12-05T01:00:00Z",
    "created_at": "2026-11-24T02:59:00Z",
    "updated_at": UPDATED,
    "location_id": "L1",
    "appointment_segments": [{"duration_minutes": 60, "team_member_id": "T1"}, {"duration_minutes": 30}],
}


def test_a_booking_with_its_length_and_without_ids_for_names() -> None:
    event = told("booking.created", booking=BOOKING)
    assert (event.type, event.as_of, event.source) == ("ReservationMade", UPDATED_AT, "main/square/booking.created")
    assert event.reservation == ReservationChange(
        reservation_id="bk1",
        state=ReservationState.BOOKED,
        member_id="C1",
        start_at=datetime(2026, 12, 5, 1, 0, tzinfo=UTC),
        end_at=datetime(2026, 12, 5, 2, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("status", ["CANCELLED_BY_CUSTOMER", "CANCELLED_BY_SELLER", "DECLINED"])
def test_a_booking_that_was_called_off_says_so_whatever_the_verb(status: str) -> None:
    for verb in ("created", "updated"):
        event = told(f"booking.{verb}", booking={**BOOKING, "status": status})
        assert event.type == "ReservationCancelled"
        assert event.reservation is not None
        assert event.reservation.state is ReservationState.CANCELLED


@pytest.mark.parametrize("status", ["NO_SHOW", "SOMETHING_NEW", None])
def test_a_booking_of_another_status_is_kept_unread(status: str | None) -> None:
    assert isinstance(call("booking.updated", booking={**BOOKING, "status": status}), UnreadShopEvent)


def test_a_loyalty_account_brings_balance_and_lots_as_of_the_event() -> None:
    account = {
        "id": "LA1",
        "customer_id": "C1",
        "balance": 320,
        "updated_at": "2026-01-01T00:00:00Z",
        "expiring_point_deadlines": [{"points": 120, "expires_at": "2026-12-31T15:00:00Z"}],
    }
    event = told("loyalty.account.updated", loyalty_account=account)
    assert (event.type, event.as_of, event.occurred_at) == ("PointsBalanceChanged", SENT_AT, SENT_AT)
    assert event.points == PointsChange(member_id="C1", balance=320, lots=(PointLot(date(2026, 12, 31), 120),))


def test_without_deadlines_no_points_are_about_to_expire() -> None:
    event = told("loyalty.account.updated", loyalty_account={"customer_id": "C1", "balance": -5})
    assert event.points == PointsChange(member_id="C1", balance=-5, lots=())


def test_points_of_a_phone_number_are_nobodys_yet() -> None:
    assert isinstance(call("loyalty.account.updated", loyalty_account={"balance": 10}), UnreadShopEvent)


CUSTOMER = {
    "id": "C1",
    "given_name": "さくら",
    "family_name": "結城",
    "birthday": "0000-12-24",
    "created_at": "2026-11-24T02:59:50Z",
    "updated_at": UPDATED,
    "group_ids": ["G1", "G2"],
    "preferences": {"email_unsubscribed": True},
}


def test_a_customer_with_a_birthday_of_unknown_year() -> None:
    event = told("customer.created", customer=CUSTOMER)
    assert event.type == "MemberRegistered"
    assert event.member == MemberChange(
        member_id="C1",
        state=MemberState.ACTIVE,
        family_name="結城",
        given_name="さくら",
        birthday=Birthday(12, 24),
        registered_at=datetime(2026, 11, 24, 2, 59, 50, tzinfo=UTC),
        tags=("G1", "G2"),
        consents=(Consent("email", "marketing", allowed=False, source="square", at=UPDATED_AT),),
    )


def test_an_update_neither_revives_a_member_nor_opts_anybody_in() -> None:
    quiet = {**CUSTOMER, "preferences": {"email_unsubscribed": False}, "birthday": None}
    event = told("customer.updated", customer=quiet)
    assert event.member is not None
    assert (event.type, event.member.state, event.member.consents) == ("MemberUpdated", None, ())
    assert (event.member.birthday, event.member.birthday_withdrawn) == (None, True)
    silent = told("customer.updated", customer={"id": "C1", "updated_at": UPDATED})
    assert silent.member is not None
    assert (silent.member.birthday_withdrawn, silent.member.tags) == (False, None)


def test_a_deleted_customer_is_forgotten_and_a_merged_one_carried_over() -> None:
    gone = told("customer.deleted", customer={"id": "C1"})
    assert gone.member == MemberChange(member_id="C1", state=MemberState.ERASED)
    merge = {"merge": {"from_customer_ids": ["C1", "C2"], "to_customer_id": "C3"}}
    merged = told("customer.deleted", customer={"id": "C1"}, event_context=merge)
    assert (merged.type, merged.merge) == ("MemberMerged", MergeChange(kept_id="C3", removed_id="C1"))
    assert merged.member is None


PAYMENT = {
    "id": "P1",
    "order_id": "O1",
    "customer_id": "C1",
    "status": "COMPLETED",
    "updated_at": UPDATED,
    "amount_money": {"amount": 4980, "currency": "JPY"},
}


@pytest.mark.parametrize(("status", "name"), [("COMPLETED", "OrderPaid"), ("FAILED", "OrderPaymentFailed")])
def test_a_payment_proves_what_became_of_the_orders_bill(status: str, name: str) -> None:
    event = told("payment.updated", payment={**PAYMENT, "status": status})
    assert event.order == OrderChange(order_id="O1", member_id="C1", milestones=(Milestone(name, UPDATED_AT),))


@pytest.mark.parametrize("change", [{"status": "APPROVED"}, {"status": "CANCELED"}, {"order_id": None}])
def test_a_payment_that_proves_nothing_of_an_order_is_kept_unread(change: dict[str, Any]) -> None:
    assert isinstance(call("payment.updated", payment={**PAYMENT, **change}), UnreadShopEvent)


def test_a_fraction_of_a_yen_is_refused_and_dollars_are_none_of_ours() -> None:
    with pytest.raises(Permanent, match="a fraction of a yen"):
        call("payment.updated", payment={**PAYMENT, "amount_money": {"amount": 4980.5, "currency": "JPY"}})
    told("payment.updated", payment={**PAYMENT, "amount_money": {"amount": 4980.5, "currency": "USD"}})


def test_each_completed_refund_is_a_milestone_of_its_own() -> None:
    refund = {"id": "R1", "payment_id": "P1", "order_id": "O1", "status": "COMPLETED", "updated_at": UPDATED}
    event = told("refund.updated", refund=refund)
    assert event.order == OrderChange(order_id="O1", milestones=(Milestone("OrderRefunded", UPDATED_AT, "R1"),))
    assert isinstance(call("refund.created", refund={**refund, "status": "PENDING"}), UnreadShopEvent)


def test_a_thin_order_proves_its_cancellation_and_nothing_else() -> None:
    thin = {"order_id": "O1", "version": 3, "state": "CANCELED", "updated_at": UPDATED}
    event = told("order.updated", order_updated=thin)
    assert event.order == OrderChange(order_id="O1", milestones=(Milestone("OrderCancelled", UPDATED_AT),))
    for state in ("OPEN", "COMPLETED", "DRAFT"):
        assert isinstance(call("order.updated", order_updated={**thin, "state": state}), UnreadShopEvent)


@pytest.mark.parametrize("kind", ["webhooks.test_notification", "invoice.created", "order.fulfillment.updated"])
def test_other_types_are_kept_unread_under_their_name(kind: str) -> None:
    event = call(kind)
    assert isinstance(event, UnreadShopEvent)
    assert event.kind == kind


@pytest.mark.parametrize("kind", ["booking.created", "customer.created", "customer.deleted"])
def test_what_has_no_id_is_refused_by_its_field(kind: str) -> None:
    with pytest.raises(Permanent, match="id: missing or no id"):
        call(kind)


def test_a_repeat_is_the_same_event() -> None:
    first, again = told("booking.created", booking=BOOKING), told("booking.created", booking=BOOKING)
    assert (first.source, first.event_id, first.content) == (again.source, again.event_id, again.content)


@given(body=objects_with(NAMES) | JSON)
def test_no_body_breaks_it(body: Any) -> None:
    with suppress(Permanent):
        assert len(normalise({}, json.dumps(body).encode(), "main", NOW, apis=no_apis)) == 1
