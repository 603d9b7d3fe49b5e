"""WooCommerce: its webhooks end in messages and facts."""

from __future__ import annotations

import json

import pytest

from musubi.domain.changes import SubscriptionState
from musubi.domain.people import Birthday, MemberState
from musubi.domain.scenario import EnrolmentState
from musubi.domain.store_keys import OrderKey, SubscriptionKey
from tests.support.flows_acts import USER
from tests.support.flows_world import World, at
from tests.support.markdown import ROOT
from tests.support.platform_flows import day, member, row, send

OTHER = "U" + "b" * 32
SAMPLES = ROOT / "events" / "shop" / "woocommerce"


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked(member="1901", family_name="北見")
    made.given_linked(OTHER, "1902", family_name="南雲")
    made.to("2026-11-24T12:01")
    return made


def told(world: World, *names: str) -> None:
    for name in names:
        send(world, "woocommerce", name)


def changed(world: World, name: str, **changes: object) -> None:
    """A sample with other values in it, as WooCommerce would deliver it next."""
    body = {**json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8")), **changes}
    world.put_shop("woocommerce", {"x-wc-webhook-topic": "order.updated"}, json.dumps(body))
    world.settle()


@pytest.mark.shows("woocommerce", "order")
def test_an_order_is_thanked_for_once_and_known_to_be_paid_later(world: World) -> None:
    told(world, "order_created", "order_created")
    (thanks,) = world.line.accepted
    assert thanks.to == USER
    assert thanks.text.startswith("北見様、ご注文ありがとうございます。\nご注文番号：3001")
    assert not row(world, OrderKey("main", "3001")).has("OrderPaid")
    world.to("2026-11-24T13:11")
    told(world, "order_updated_processing")
    order = row(world, OrderKey("main", "3001"))
    assert order.has("OrderPaid")
    assert (order.total_yen, [line.unit_yen for line in order.lines]) == (4920, [1080, 2160])
    assert len(world.line.accepted) == 1
    world.check()


def test_an_order_that_is_new_and_done_at_once_is_thanked_for_and_shipped(world: World) -> None:
    world.to("2026-11-24T15:31")
    told(world, "order_updated_completed")
    assert sorted(one.scenario for one in world.sends()) == ["order_thanks", "shipping_notice"]
    told(world, "order_updated_processing", "order_created")
    assert len(world.line.accepted) == 2
    world.check()


@pytest.mark.shows("woocommerce", "shipping")
def test_a_parcel_of_the_tracking_plugin_is_told_with_its_carriers_page(world: World) -> None:
    told(world, "order_created")
    world.to("2026-11-24T15:31")
    told(world, "order_updated_completed", "order_updated_completed")
    notice = world.line.accepted[-1]
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：400012345672" in notice.text
    assert notice.messages[1]["template"]["actions"][0]["uri"].endswith("id=400012345672")
    assert len(world.line.accepted) == 2
    assert row(world, OrderKey("main", "3001")).has("OrderShipped")
    world.check()


@pytest.mark.shows("woocommerce", "cancel")
def test_a_cancelled_order_is_not_followed_up(world: World) -> None:
    told(world, "order_created_paid")
    world.to("2026-11-24T15:31")
    told(world, "order_updated_cancelled")
    ended = {e.scenario: (e.state, e.ended_reason) for e in world.enrolments()}
    assert ended["order_followup"] == (EnrolmentState.EXITED, "OrderCancelled")
    assert row(world, OrderKey("main", "3002")).has("OrderCancelled")


def test_a_failed_payment_cancels_nothing_and_money_at_the_door_is_not_paid_yet(world: World) -> None:
    told(world, "order_created_cod", "order_updated_failed", "order_created_guest", "order_created_draft")
    assert not row(world, OrderKey("main", "3003")).has("OrderPaid")
    failed = row(world, OrderKey("main", "3007"))
    assert (failed.has("OrderPaymentFailed"), failed.has("OrderCancelled")) == (True, False)
    assert row(world, OrderKey("main", "3004")).member_id is None
    changed(world, "order_created_cod", status="completed", date_completed_gmt="2026-11-24T04:00:00")
    assert row(world, OrderKey("main", "3003")).has("OrderPaid")


def test_half_a_yen_goes_to_quarantine(world: World) -> None:
    told(world, "order_created_jpy_fraction")
    assert [reason for _, reason, _ in world.quarantine.kept] == ["total: a fraction of a yen"]


@pytest.mark.shows("woocommerce", "member")
def test_who_opens_an_account_is_greeted_by_name_until_the_account_is_gone(world: World) -> None:
    newcomer = "U" + "c" * 32
    world.given_friend(newcomer)
    send(world, "woocommerce", "customer_created", **{"1901": "1951"})
    world.links(newcomer, "1951")
    world.settle()
    send(world, "woocommerce", "order_created", **{'"customer_id": 1901': '"customer_id": 1951'})
    thanks = world.line.accepted[-1]
    assert (thanks.to, thanks.text[:5]) == (newcomer, "北見 楓様")
    assert member(world, "1951").registered_at == at("2026-11-24T12:00")
    send(world, "woocommerce", "customer_deleted", **{"1905": "1951"})
    assert member(world, "1951").state is MemberState.ERASED
    assert world.link(newcomer) is None


@pytest.mark.shows("woocommerce", "birthday")
def test_a_birthday_in_a_plugins_field_is_congratulated(world: World) -> None:
    told(world, "customer_created")
    assert member(world, "1901").birthday == Birthday(11, 30, 1990)
    day(world, "2026-11-30")
    (wish,) = world.line.accepted
    assert wish.text.startswith("北見 楓様、お誕生日おめでとうございます。")


def test_a_birthday_that_was_taken_back_is_not(world: World) -> None:
    told(world, "customer_created", "customer_updated")
    day(world, "2026-11-30")
    assert world.line.accepted == []


@pytest.mark.shows("woocommerce", "subscription")
def test_a_subscription_is_known_with_its_next_day_and_ends(world: World) -> None:
    told(world, "subscription_created")
    contract = row(world, SubscriptionKey("main", "3010"))
    assert (contract.state, contract.member_id, str(contract.next_on)) == (
        SubscriptionState.ACTIVE,
        "1902",
        "2026-12-24",
    )
    told(world, "subscription_updated", "subscription_created")
    assert row(world, SubscriptionKey("main", "3010")).state is SubscriptionState.CANCELLED


def completed(world: World, **changes: object) -> None:
    """The order is done at 15:30; what the sample has of a tracking plugin only if `changes` say so."""
    told(world, "order_created")
    world.to("2026-11-24T15:31")
    changed(world, "order_updated_completed", **{"meta_data": [], **changes})


def wait(world: World, minutes: int) -> None:
    world.pass_time(minutes=minutes)
    world.tick()
    world.settle()


@pytest.mark.shows("woocommerce", "shipping")
def test_without_a_tracking_plugin_the_order_itself_is_told_to_have_left(world: World) -> None:
    completed(world)
    assert [one.scenario for one in world.sends()] == ["order_thanks"]
    wait(world, 10)
    assert world.line.accepted[-1].text.startswith("北見様、ご注文の商品を発送しました。\nご注文番号：3001")
    wait(world, 60)
    assert len(world.line.accepted) == 2
    world.check()


def test_a_parcel_that_is_entered_within_ten_minutes_is_told_instead(world: World) -> None:
    completed(world)
    wait(world, 4)
    changed(world, "order_updated_completed", date_modified_gmt="2026-11-24T06:35:00")
    wait(world, 60)
    assert sorted(one.scenario for one in world.sends()) == ["order_thanks", "shipping_notice"]
    ended = {one.scenario: one.ended_reason for one in world.enrolments()}
    assert ended["shipped_notice"] == "ShipmentDispatched"


def test_what_is_completed_without_a_way_to_the_customer_has_not_left(world: World) -> None:
    completed(world, shipping_lines=[])
    wait(world, 60)
    assert [one.scenario for one in world.sends()] == ["order_thanks"]
    assert not row(world, OrderKey("main", "3001")).has("OrderShipped")
