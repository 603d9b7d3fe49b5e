"""Square: bookings, loyalty points and customers as they come, and orders as its API tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from musubi.adapters.shops.source import open_source
from musubi.domain.changes import ReservationState
from musubi.domain.orders import Order
from musubi.domain.outcome import Outcome
from musubi.domain.people import Birthday, Member
from musubi.domain.polling import Missed
from musubi.domain.store_keys import OrderKey, ReservationKey
from tests.support.flows_acts import USER
from tests.support.flows_polls import poll
from tests.support.flows_world import World, at
from tests.support.markdown import ROOT
from tests.support.platform_flows import day, member, row, send
from tests.support.square_shop import SquareShop, refused, square_shop

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


def test_without_an_api_a_bill_and_its_order_end_as_square_says(world: World) -> None:
    send(world, "square", "order_created")
    assert world.peek(Order) == [], "an id alone tells nothing, and nothing waits for more"
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


# with its API


@pytest.fixture
def shop() -> Iterator[SquareShop]:
    with square_shop() as running:
        yield running


@pytest.fixture
def asking(shop: SquareShop) -> World:
    """A linked friend of a seller whose API the stage names."""
    made = World(polled=frozenset({("main", "square")}))
    made.apis = lambda *_: shop.api()
    made.given_linked(member=SAKURA)
    return made


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / "shop_api" / "square" / f"{name}.json").read_bytes())
    return found


def is_now(shop: SquareShop, name: str) -> None:
    """The seller's order is as the sample shows it."""
    order = sample(name)["order"]
    shop.orders[order["id"]] = order


def ask(world: World, shop: SquareShop, *whats: Any) -> Outcome:
    """One run of the schedule, and what comes of it."""
    outcome = poll(world, open_source("square", shop.api()), "square", whats or ("orders",))
    world.settle()
    return outcome


def told(world: World) -> list[str]:
    return [one.scenario for one in world.sends()]


@pytest.mark.shows("square", "order")
@pytest.mark.shows("square", "shipping")
def test_an_order_from_its_placing_to_the_parcel(asking: World, shop: SquareShop) -> None:
    is_now(shop, "order_placed")
    send(asking, "square", "order_created")
    is_now(shop, "order_paid")
    send(asking, "square", "payment_updated")
    asking.to("2026-11-25T10:01")
    is_now(shop, "order_shipped")
    send(asking, "square", "order_fulfillment_updated")
    thanks, notice = asking.line.accepted
    assert (thanks.to, notice.to) == (USER, USER)
    assert "ご注文番号：MS-2411-0007" in thanks.text
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：412345678905" in notice.text
    known = row(asking, ORDER)
    assert {one.name for one in known.milestones} == {"OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped"}
    assert (known.member_id, known.total_yen) == (SAKURA, 4980)
    assert [line.title for line in known.lines] == ["宇治抹茶 30g 缶", "送料"]
    asking.check()


@pytest.mark.shows("square", "order")
def test_all_that_happened_meanwhile_comes_with_one_event_and_only_once(asking: World, shop: SquareShop) -> None:
    asking.to("2026-11-25T10:01")
    is_now(shop, "order_shipped")
    for name in ("order_created", "order_fulfillment_updated", "payment_updated", "order_created"):
        send(asking, "square", name)
    assert sorted(told(asking)) == ["order_thanks", "shipping_notice"]
    assert len(asking.line.accepted) == 2
    asking.check()


@pytest.mark.shows("square", "cancel")
def test_a_cancelled_order_is_not_followed_up(asking: World, shop: SquareShop) -> None:
    is_now(shop, "order_placed")
    send(asking, "square", "order_created")
    asking.to("2026-11-24T14:01")
    is_now(shop, "order_cancelled")
    send(asking, "square", "order_cancelled")
    asking.to("2026-11-29T10:04")
    asking.tick()
    asking.settle()
    assert told(asking) == ["order_thanks"]
    ended = {one.scenario: one.ended_reason for one in asking.enrolments()}
    assert ended["order_followup"] == "OrderCancelled"
    asking.check()


def test_a_refund_counts_for_the_order_that_it_is_about(asking: World, shop: SquareShop) -> None:
    is_now(shop, "order_paid")
    send(asking, "square", "payment_updated")
    asking.to("2026-11-24T15:01")
    is_now(shop, "order_refund")
    send(asking, "square", "refund_updated", nEXAMPLEoRDERsakura01="rEXAMPLErEFUNDorder04")
    (known,) = asking.peek(Order)
    assert known.order_id == ORDER.order_id, "the refund is no order of hers"
    assert "OrderRefunded/pEXAMPLEpAYMENT01_rEFUND01" in {one.id for one in known.milestones}
    assert told(asking) == ["order_thanks"]
    asking.check()


def test_a_sale_at_the_till_is_hers_by_its_payment(asking: World, shop: SquareShop) -> None:
    is_now(shop, "order_till")
    send(asking, "square", "payment_updated", nEXAMPLEoRDERsakura01="tEXAMPLEtILLsale00003")
    (known,) = asking.peek(Order)
    assert (known.member_id, known.total_yen, known.has("OrderPaid")) == (SAKURA, 2000, True)
    asking.check()


def test_an_api_that_is_out_of_turn_delays_the_order_and_nothing_else(asking: World, shop: SquareShop) -> None:
    is_now(shop, "order_placed")
    shop.answers.extend([refused(503, "SERVICE_UNAVAILABLE"), refused(429, "RATE_LIMITED")])
    send(asking, "square", "order_created")
    send(asking, "square", "booking_created")
    asking.pass_time(minutes=10)
    asking.settle()
    assert row(asking, ReservationKey("main", "zkras0xv0xwswx")).member_id == SAKURA
    assert len(asking.line.accepted) == 1
    asking.check()


@pytest.mark.shows("square", "reconcile")
def test_what_no_webhook_brought_is_found_and_told_once(asking: World, shop: SquareShop) -> None:
    asking.to("2026-11-24T12:00")
    ask(asking, shop)
    asking.to("2026-11-24T12:20")
    order = {
        **sample("order_paid")["order"],
        "created_at": "2026-11-24T03:02:00.000Z",
        "updated_at": "2026-11-24T03:03:00.000Z",
    }
    shop.orders[order["id"]] = order
    for hour in (13, 14):
        asking.to(f"2026-11-24T{hour}:00")
        ask(asking, shop)
    send(asking, "square", "order_created")
    (thanks,) = asking.line.accepted
    assert "MS-2411-0007" in thanks.text
    assert [one.platform for one in asking.peek(Missed)] == ["square"]
    asking.check()


@pytest.mark.shows("square", "reconcile")
def test_a_profile_that_no_webhook_brought_is_found_with_its_groups(asking: World, shop: SquareShop) -> None:
    ask(asking, shop, "members")
    asking.to("2026-11-24T12:30")
    shop.groups = {one["id"]: one["name"] for one in sample("customer_groups")["groups"]}
    for one in sample("customers_page")["customers"]:
        shop.customers[one["id"]] = {**one, "updated_at": "2026-11-24T03:10:00.000Z"}
    asking.to("2026-11-24T13:30")
    assert ask(asking, shop, "members").counts["PollFound"] == 2
    sakura, naoto = sorted(asking.peek(Member), key=lambda one: one.registered_at or asking.now)
    assert (sakura.member_id, sakura.birthday, sakura.tags) == (SAKURA, Birthday(12, 24), ("ゴールド会員",))
    assert (naoto.family_name, naoto.joined, naoto.refuses("email", "marketing")) == ("三上", True, True)
    asking.check()


def test_a_profile_that_the_webhook_brought_is_found_and_known(asking: World, shop: SquareShop) -> None:
    ask(asking, shop, "members")
    shop.groups = {one["id"]: one["name"] for one in sample("customer_groups")["groups"]}
    sakura, _ = sample("customers_page")["customers"]
    shop.customers[sakura["id"]] = {**sakura, "updated_at": "2026-11-24T02:58:00.100Z"}
    send(asking, "square", "customer_created", **{sakura["updated_at"]: "2026-11-24T02:58:00.100Z"})
    known = member(asking, SAKURA)
    asking.to("2026-11-24T12:02")
    assert ask(asking, shop, "members").counts["PollFound"] == 1
    assert (member(asking, SAKURA), known.tags) == (known, ("ゴールド会員",))
    assert (asking.counts["PollMissed"], asking.counts["PollKnown"]) == (0, 1)
    asking.check()
