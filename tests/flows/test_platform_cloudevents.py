"""CloudEvents and the bus: canonical events end in messages and facts."""

from __future__ import annotations

import pytest

from musubi.domain.changes import CartState, ReservationState, SubscriptionState
from musubi.domain.people import MemberState, Rank
from musubi.domain.privacy import PrivacyRequest, RequestKind
from musubi.domain.store_keys import CartKey, OrderKey, ReservationKey, SubscriptionKey
from tests.support.flows_acts import MEMBER
from tests.support.flows_world import World, at
from tests.support.platform_flows import day, member, row, send

LINES = [{"title": "知覧茶 100g", "quantity": 2, "unit_price": 1480}]


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


@pytest.mark.shows("cloudevents", "order")
def test_an_order_is_thanked_for_once_whichever_way_it_comes(world: World) -> None:
    data = {"order_id": "A-1", "order_number": "#A-1", "member_id": MEMBER, "placed_at": world.now.isoformat()}
    world.shop("OrderPlaced", data, event_id="e-1")
    world.on_bus("OrderPlaced", data, "e-1")
    world.settle()
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。\nご注文番号：#A-1")
    world.check()


@pytest.mark.shows("cloudevents", "shipping")
def test_a_parcel_is_told_with_its_carriers_page(world: World) -> None:
    world.placed()
    world.settle()
    world.shipped()
    world.settle()
    assert "お問い合わせ番号：123456789012" in world.line.accepted[-1].text
    world.check()


@pytest.mark.shows("cloudevents", "cancel")
def test_a_cancelled_order_is_not_followed_up(world: World) -> None:
    world.placed()
    world.settle()
    world.cancelled()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert [one.scenario for one in world.sends()] == ["order_thanks"]
    assert row(world, OrderKey("main", "A-1")).has("OrderCancelled")


@pytest.mark.shows("cloudevents", "member")
def test_the_name_in_the_next_message_is_the_one_that_the_shop_told_last(world: World) -> None:
    world.shop("MemberUpdated", {"member_id": MEMBER, "profile": {"name": {"family": "佐倉", "given": "ゆい"}}})
    world.placed()
    world.settle()
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("佐倉 ゆい様、")


def test_nothing_is_sent_to_a_member_who_withdrew(world: World) -> None:
    world.shop("MemberWithdrawn", {"member_id": MEMBER})
    world.settle()
    world.placed()
    world.settle()
    assert world.line.accepted == []
    assert member(world).state is MemberState.WITHDRAWN


@pytest.mark.shows("cloudevents", "points")
def test_points_that_expire_are_told_a_week_before(world: World) -> None:
    lots = [{"points": 120, "expires_at": "2026-12-02"}, {"points": 500, "expires_at": "2027-11-30"}]
    world.shop("PointsBalanceChanged", {"member_id": MEMBER, "balance": 620, "lots": lots})
    world.settle()
    day(world, "2026-11-25")
    (reminder,) = world.line.accepted
    assert "120" in reminder.text
    assert world.send("point_expiry").key_value == "2026-12-02/7"


@pytest.mark.shows("cloudevents", "birthday")
def test_a_birthday_is_congratulated(world: World) -> None:
    world.shop("MemberUpdated", {"member_id": MEMBER, "profile": {"birthday": "--11-25"}})
    world.settle()
    day(world, "2026-11-25")
    (wish,) = world.line.accepted
    assert wish.at == at("2026-11-25T10:00")
    assert "お誕生日おめでとうございます" in wish.text


@pytest.mark.shows("cloudevents", "rank")
def test_a_rank_is_known_until_a_newer_one(world: World) -> None:
    newer, older = world.now.isoformat(), "2026-11-01T00:00:00+09:00"
    rank = {"code": "gold", "name": "ゴールド", "valid_until": "2027-03-31"}
    world.shop("MemberRankChanged", {"member_id": MEMBER, "to": rank, "version": newer})
    world.shop("MemberRankChanged", {"member_id": MEMBER, "to": {"code": "none", "name": "一般"}, "version": older})
    world.settle()
    known = member(world).rank
    assert isinstance(known, Rank)
    assert (known.code, known.name) == ("gold", "ゴールド")


@pytest.mark.shows("cloudevents", "cart")
def test_a_cart_is_open_until_its_order(world: World) -> None:
    world.shop("CheckoutStarted", {"checkout_id": "ck-1", "member_id": MEMBER, "lines": LINES, "total": 2960})
    world.settle()
    cart = row(world, CartKey("main", "ck-1"))
    assert (cart.state, cart.total_yen, cart.lines[0].title) == (CartState.OPEN, 2960, "知覧茶 100g")
    world.placed(checkout_id="ck-1")
    world.settle()
    assert row(world, CartKey("main", "ck-1")).over


@pytest.mark.shows("cloudevents", "booking")
def test_a_booking_is_known_and_can_be_called_off(world: World) -> None:
    made = {"reservation_id": "R-1", "member_id": MEMBER, "start_at": "2026-12-05T10:00:00+09:00", "service": "お茶会"}
    world.shop("ReservationMade", made)
    world.settle()
    booked = row(world, ReservationKey("main", "R-1"))
    assert (booked.state, booked.start_at, booked.service) == (
        ReservationState.BOOKED,
        at("2026-12-05T10:00"),
        "お茶会",
    )
    world.shop("ReservationCancelled", {"reservation_id": "R-1"})
    world.settle()
    assert row(world, ReservationKey("main", "R-1")).state is ReservationState.CANCELLED


@pytest.mark.shows("cloudevents", "subscription")
def test_a_subscription_is_known_with_its_next_day(world: World) -> None:
    world.shop("SubscriptionStarted", {"subscription_id": "S-1", "member_id": MEMBER, "next_date": "2026-12-20"})
    world.shop("SubscriptionPaymentFailed", {"subscription_id": "S-1", "member_id": MEMBER})
    world.settle()
    contract = row(world, SubscriptionKey("main", "S-1"))
    assert (contract.state, str(contract.next_on)) == (SubscriptionState.FAILED, "2026-12-20")


@pytest.mark.shows("cloudevents", "privacy")
def test_a_request_for_erasure_is_kept_with_its_deadline(world: World) -> None:
    world.shop("PersonalDataErasureRequested", {"member_id": MEMBER, "deadline_at": "2026-12-20T00:00:00+09:00"})
    world.settle()
    (request,) = world.peek(PrivacyRequest)
    assert (request.kind, request.deadline_at) == (RequestKind.ERASURE, at("2026-12-20T00:00"))


def test_a_sample_over_http_is_the_same_flow(world: World) -> None:
    send(world, "cloudevents", "order_placed")
    assert world.line.accepted[0].text.startswith("結城様、ご注文ありがとうございます。")
