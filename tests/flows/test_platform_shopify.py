"""Shopify: its webhooks end in messages and facts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from musubi.domain.changes import CartState, SubscriptionState
from musubi.domain.people import Attribute, Birthday, Consent, MemberState
from musubi.domain.privacy import PrivacyRequest, RequestKind
from musubi.domain.scenario import EnrolmentState
from musubi.domain.store_keys import CartKey, OrderKey, SubscriptionKey
from tests.support.flows_world import World, at
from tests.support.markdown import ROOT
from tests.support.platform_flows import day, member, row, send

SAMPLES = ROOT / "events" / "shop" / "shopify"


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


def told(world: World, *names: str) -> None:
    for name in names:
        send(world, "shopify", name)


@pytest.mark.shows("shopify", "order")
def test_an_order_is_thanked_for_once_however_many_topics_tell_of_it(world: World) -> None:
    world.to("2026-11-24T12:35")
    told(world, "orders_create", "orders_paid", "orders_create")
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。\nご注文番号：#1001")
    order = row(world, OrderKey("main", "6211220000003"))
    assert (order.total_yen, [line.sku for line in order.lines]) == (16040, ["GFT-SET-NEN", "TEA-SEN-100"])
    world.check()


@pytest.mark.shows("shopify", "shipping")
def test_a_parcel_is_told_with_its_carriers_page_and_its_delivery_is_known(world: World) -> None:
    world.to("2026-11-24T12:35")
    told(world, "orders_create")
    world.to("2026-11-26T16:41")
    told(world, "fulfillments_create")
    notice = world.line.accepted[-1]
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：400012345672" in notice.text
    assert notice.messages[1]["template"]["actions"][0]["uri"].endswith("id=400012345672")
    assert len(world.line.accepted) == 2
    world.check()


def test_two_parcels_are_told_once_each_whatever_says_so_first(world: World) -> None:
    world.given_linked("U" + "b" * 32, "1902", family_name="南雲")
    world.to("2026-11-24T15:01")
    told(
        world,
        "orders_fulfilled",
        "orders_partially_fulfilled",
        "fulfillment_events_create",
        "fulfillments_update_cancelled",
    )
    texts = [one.text for one in world.line.accepted]
    assert len([text for text in texts if "お問い合わせ番号：400023456783" in text]) == 1
    assert len([text for text in texts if "お問い合わせ番号：512345678904" in text]) == 1
    order = row(world, OrderKey("main", "6211220000203"))
    assert order.has("OrderShipped")
    assert order.has("OrderDelivered")
    world.check()


@pytest.mark.shows("shopify", "cancel")
def test_a_cancelled_order_is_not_followed_up(world: World) -> None:
    world.given_linked("U" + "b" * 32, "1003")
    world.to("2026-11-27T09:31")
    body = json.loads((SAMPLES / "orders_cancelled.json").read_text(encoding="utf-8"))
    placed = {**body, "cancelled_at": None, "financial_status": "paid", "updated_at": body["created_at"]}
    world.put_shop("shopify", {"x-shopify-topic": "orders/create", "x-shopify-webhook-id": "w-1"}, json.dumps(placed))
    world.settle()
    world.to("2026-11-27T10:13")
    told(world, "orders_cancelled")
    ended = {e.scenario: (e.state, e.ended_reason) for e in world.enrolments()}
    assert ended["order_followup"] == (EnrolmentState.EXITED, "OrderCancelled")
    order = row(world, OrderKey("main", str(body["id"])))
    assert (order.has("OrderCancelled"), order.total_yen) == (True, 0)


def test_a_deleted_order_ends_quietly(world: World) -> None:
    world.to("2026-11-24T12:35")
    told(world, "orders_create")
    told_before = len(world.line.accepted)
    body = json.dumps({"id": 6211220000003})
    world.put_shop("shopify", {"x-shopify-topic": "orders/delete", "x-shopify-webhook-id": "w-delete"}, body)
    world.settle()
    ended = {e.scenario: e.state for e in world.enrolments()}
    assert ended["order_followup"] is EnrolmentState.EXITED
    assert len(world.line.accepted) == told_before


@pytest.mark.shows("shopify", "member")
def test_who_signs_up_in_the_shop_is_greeted_by_name(world: World) -> None:
    other = "U" + "c" * 32
    world.given_friend(other)
    told(world, "customers_create")
    world.links(other, "1901")
    world.settle()
    told(world, "orders_updated")
    thanks = next(one for one in world.line.accepted if one.to == other and "#1101" in one.text)
    assert thanks.text.startswith("北見 楓様、ご注文ありがとうございます。")
    known = member(world, "1901")
    assert known.registered_at == at("2026-11-24T12:00")
    assert Attribute("app--1--loyalty.points", 1200, "shopify", at("2026-11-24T12:00")) in known.attributes
    world.check()


def test_guests_register_when_they_get_an_account_and_leave_when_it_is_disabled(world: World) -> None:
    world.given_linked("U" + "d" * 32, "1904")
    told(world, "customers_create_guest")
    assert member(world, "1902").registered_at is None
    told(world, "customers_enable", "customers_disable")
    assert member(world, "1902").registered_at == at("2026-11-24T16:00")
    assert member(world, "1904").state is MemberState.WITHDRAWN
    assert world.link("U" + "d" * 32) is None


def test_tags_and_consents_come_in_webhooks_of_their_own(world: World) -> None:
    told(world, "customer_tags_removed", "customer_tags_added", "customers_email_marketing_consent_update")
    known = member(world, "1902")
    assert known.tags == ("VIP",)
    assert known.consents == (Consent("email", "marketing", False, "shopify", at("2026-11-24T13:30")),)
    told(world, "customers_merge_failed", "customers_create_2024_10")
    assert member(world, "1903").merged_into is None


@pytest.mark.shows("shopify", "birthday")
def test_a_birthday_in_the_standard_metafield_is_congratulated(world: World) -> None:
    other = "U" + "c" * 32
    world.given_linked(other, "1901")
    told(world, "customers_create")
    day(world, "2026-11-30")
    (wish,) = world.line.accepted
    assert wish.to == other
    assert wish.text.startswith("北見 楓様、お誕生日おめでとうございます。")


def test_a_birthday_that_was_taken_back_is_not(world: World) -> None:
    world.given_linked("U" + "c" * 32, "1901", birthday=Birthday(11, 30))
    told(world, "customers_create", "customers_update")
    assert (member(world, "1901").birthday, member(world, "1901").given_name) == (None, "かえで")
    day(world, "2026-11-30")
    assert world.line.accepted == []


@pytest.mark.shows("shopify", "cart")
def test_a_checkout_is_open_until_it_is_an_order(world: World) -> None:
    token = json.loads((SAMPLES / "checkouts_create.json").read_text(encoding="utf-8"))["token"]
    world.to("2026-11-24T21:06")
    told(world, "customers_create", "checkouts_create")
    cart = row(world, CartKey("main", token))
    assert (cart.state, cart.member_id, cart.total_yen) == (CartState.OPEN, "1901", 12800)
    assert cart.lines[0].title == "年賀のご挨拶セット"
    told(world, "checkouts_update", "checkouts_create")
    assert row(world, CartKey("main", token)).state is CartState.COMPLETED


def test_an_order_ends_the_checkout_and_the_cart_that_it_was(world: World) -> None:
    order = json.loads((SAMPLES / "orders_create.json").read_text(encoding="utf-8"))
    world.to("2026-11-24T12:30")
    for topic, token in (("checkouts/create", order["checkout_token"]), ("carts/create", order["cart_token"])):
        body = {"token": token, "updated_at": world.now.isoformat(), "line_items": [{"title": "結び煎茶"}]}
        world.put_shop("shopify", {"x-shopify-topic": topic, "x-shopify-webhook-id": topic}, json.dumps(body))
        world.settle()
        assert row(world, CartKey("main", token)).state is CartState.OPEN
    world.to("2026-11-24T12:35")
    told(world, "orders_create")
    for token in (order["checkout_token"], order["cart_token"]):
        assert row(world, CartKey("main", token)).state is CartState.COMPLETED


@pytest.mark.shows("shopify", "subscription")
def test_a_contract_follows_its_status_and_its_payments(world: World) -> None:
    states = []
    for name, tokyo in (
        ("subscription_contracts_create", "2026-11-24T13:01"),
        ("subscription_contracts_update", "2026-11-25T09:01"),
        ("subscription_billing_attempts_success", "2026-12-24T06:01"),
    ):
        world.to(tokyo)
        told(world, name)
        contract = row(world, SubscriptionKey("main", "6097800001"))
        states.append(contract.state)
        assert contract.member_id == "1902"
    assert states == [SubscriptionState.ACTIVE, SubscriptionState.PAUSED, SubscriptionState.ACTIVE]


def test_a_card_that_expired_shows_on_the_contract(world: World) -> None:
    world.to("2026-12-24T06:01")
    told(world, "subscription_contracts_create", "subscription_billing_attempts_failure")
    assert row(world, SubscriptionKey("main", "6097800001")).state is SubscriptionState.FAILED


@pytest.mark.shows("shopify", "privacy")
def test_requests_of_the_law_are_kept_once_with_their_deadline(world: World) -> None:
    world.to("2026-11-24T13:01")
    world.given_linked("U" + "d" * 32, "1904")
    told(world, "customers_data_request", "customers_redact", "customers_redact", "shop_redact", "app_uninstalled")
    found = {one.kind: one for one in world.peek(PrivacyRequest)}
    assert set(found) == {RequestKind.ACCESS, RequestKind.ERASURE, RequestKind.SHOP, RequestKind.UNINSTALLED}
    assert len(world.peek(PrivacyRequest)) == 4
    assert found[RequestKind.ERASURE].deadline_at == at("2026-11-24T13:00") + timedelta(days=30)
    assert (found[RequestKind.ACCESS].member_id, found[RequestKind.ACCESS].order_ids) == ("1904", ("6211220003003",))
    assert member(world, "1904").state is MemberState.ERASED
    assert world.link("U" + "d" * 32) is None


def test_topics_without_an_effect_are_stored_and_change_nothing(world: World) -> None:
    told(world, "products_update", "preview_order_update", "checkouts_delete", "customers_merge_failed")
    assert world.line.accepted == []
    world.check()
