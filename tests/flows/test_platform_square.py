"""Square: bookings, loyalty points, customers, and what becomes of an order's bill."""

from __future__ import annotations

import pytest

from musubi.domain.changes import ReservationState
from musubi.domain.people import Birthday
from musubi.domain.store_keys import OrderKey, ReservationKey
from tests.support.flows_world import World, at
from tests.support.platform_flows import day, member, row, send

SAKURA = "CSAKURA1001EXAMPLE"
ORDER = OrderKey("main", "nEXAMPLEoRDERsakura01")


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked(member=SAKURA)
    return made


@pytest.mark.shows("square", "booking")
def test_a_booking_is_known_in_tokyo_time_and_can_be_called_off(world: World) -> None:
    send(world, "square", "booking_created")
    booked = row(world, ReservationKey("main", "zkras0xv0xwswx"))
    assert (booked.state, booked.member_id) == (ReservationState.BOOKED, SAKURA)
    assert (booked.start_at, booked.end_at) == (at("2026-12-05T10:00"), at("2026-12-05T11:00"))
    world.to("2026-11-26T18:31")
    send(world, "square", "booking_cancelled")
    assert row(world, ReservationKey("main", "zkras0xv0xwswx")).state is ReservationState.CANCELLED
    world.check()


def test_a_booking_that_was_called_off_stays_so_when_its_making_arrives_later(world: World) -> None:
    world.to("2026-11-26T18:31")
    send(world, "square", "booking_cancelled")
    send(world, "square", "booking_created")
    assert row(world, ReservationKey("main", "zkras0xv0xwswx")).state is ReservationState.CANCELLED


@pytest.mark.shows("square", "points")
def test_points_that_expire_are_told_a_week_before_their_last_day(world: World) -> None:
    send(world, "square", "loyalty_account_updated", **{"2026-11-30T15:00:00Z": "2026-12-02T15:00:00Z"})
    assert member(world, SAKURA).points == 640
    day(world, "2026-11-25")
    (reminder,) = world.line.accepted
    assert "140" in reminder.text
    assert world.send("point_expiry").key_value == "2026-12-02/7"
    world.check()


@pytest.mark.shows("square", "member")
@pytest.mark.shows("square", "birthday")
def test_a_birthday_of_unknown_year_is_congratulated(world: World) -> None:
    send(world, "square", "customer_created", **{"0000-12-24": "0000-11-25"})
    known = member(world, SAKURA)
    assert (known.family_name, known.birthday, known.tags) == ("結城", Birthday(11, 25), ("GOLDEXAMPLEGROUP01",))
    day(world, "2026-11-25")
    (wish,) = world.line.accepted
    assert "お誕生日おめでとうございます" in wish.text


def test_who_unsubscribed_from_mail_is_known_to_refuse_it(world: World) -> None:
    send(world, "square", "customer_created")
    world.to("2026-11-25T10:01")
    send(world, "square", "customer_unsubscribed")
    assert member(world, SAKURA).refuses("email", "marketing")
    assert not member(world, SAKURA).refuses("line", "marketing")


@pytest.mark.shows("square", "cancel")
def test_a_bill_and_its_order_end_as_square_says(world: World) -> None:
    send(world, "square", "payment_updated")
    assert row(world, ORDER).has("OrderPaid")
    world.to("2026-11-25T12:01")
    send(world, "square", "order_cancelled")
    send(world, "square", "refund_updated")
    order = row(world, ORDER)
    assert {one.id for one in order.milestones} == {
        "OrderPaid",
        "OrderCancelled",
        "OrderRefunded/pEXAMPLEpAYMENT01_rEFUND01",
    }
    assert order.member_id == SAKURA


def test_a_merged_customer_is_carried_over(world: World) -> None:
    world.to("2026-11-25T11:01")
    send(world, "square", "customer_merged")
    assert member(world, "COLDRECORD0EXAMPLE").merged_into == "CMERGED1001EXAMPLE"
