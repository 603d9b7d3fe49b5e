"""EC-CUBE from a thin webhook to the friend's phone: what the shop answers decides, whenever and however often it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.shops.source import ShopApi, open_source
from musubi.domain.dealings import Cart
from musubi.domain.operations import Seen
from musubi.domain.orders import Order
from musubi.domain.people import Birthday, Member, MemberState
from tests.support.eccube_documents import customer, order, parcel
from tests.support.eccube_shop import EccubeShop, Raw, eccube_shop
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World


@pytest.fixture
def shop() -> Iterator[EccubeShop]:
    with eccube_shop() as made:
        yield made


@pytest.fixture
def world(shop: EccubeShop) -> World:
    made = World()
    made.apis = lambda *_: api_of(shop)
    made.given_linked()
    return made


def api_of(shop: EccubeShop) -> ShopApi:
    return ShopApi(
        shop_id="main",
        base_url=shop.url,
        keys=lambda: (),
        left_s=lambda: 60.0,
        bearer=lambda refused=None: "access-0",
    )


def notify(world: World, *entries: tuple[str, Any, str]) -> None:
    """EC-CUBE's webhook, once."""
    body = [{"entity": entity, "id": number, "action": action} for entity, number, action in entries]
    world.put_shop(
        "eccube", {"content-type": "application/json", "x-eccube-url": "https://x.example/"}, json.dumps(body)
    )
    world.settle()
    world.pass_time(minutes=1)


def changes(world: World, shop: EccubeShop, **changed: Any) -> None:
    """The order is now like this, and the shop says that it changed."""
    shop.put("order", order(**{"update_date": world.now.isoformat(timespec="seconds"), **changed}))
    notify(world, ("order", 1203, "updated"))


def member(world: World) -> Member:
    return next(one for one in world.peek(Member) if one.member_id == MEMBER)


def told(world: World) -> list[str]:
    return [send.scenario for send in world.sends()]


@pytest.mark.shows("eccube", "order")
@pytest.mark.shows("eccube", "shipping")
def test_an_order_from_the_till_to_the_door(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    shop.put("order", order(status="8", order_date=None))
    notify(world, ("order", 1203, "created"))
    changes(world, shop, status="7", order_date=None)
    assert told(world) == [], "nobody has ordered yet"
    changes(world, shop, status="1", order_date=at)
    changes(world, shop, status="6", order_date=at, payment_date=at)
    sent = parcel(shipping_date=world.now.isoformat(), tracking_number="4123-4567-8905")
    changes(world, shop, status="5", order_date=at, payment_date=at, Shippings=[sent])
    thanks, notice = world.line.accepted
    assert (thanks.to, notice.to) == (USER, USER)
    assert thanks.text.startswith("結城 さくら様、ご注文ありがとうございます。\nご注文番号：1203")
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：412345678905" in notice.text
    (stored,) = world.peek(Order)
    names = [one.name for one in stored.milestones]
    assert set(names) == {"OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped"}
    assert stored.total_yen == 3850
    world.check()


@pytest.mark.shows("eccube", "order")
def test_all_that_happened_meanwhile_comes_with_one_webhook_and_only_once(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    sent = parcel(shipping_date=at, tracking_number="4123-4567-8905")
    shop.put("order", order(status="5", order_date=at, payment_date=at, update_date=at, Shippings=[sent]))
    for action in ("created", "updated", "updated"):
        notify(world, ("order", 1203, action))
    assert len(world.line.accepted) == 2
    assert {"order_thanks", "shipping_notice"} <= set(told(world))
    world.check()


@pytest.mark.shows("eccube", "cancel")
def test_a_cancelled_order_is_not_followed_up(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    changes(world, shop, order_date=at)
    changes(world, shop, status="3", order_date=at)
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert told(world) == ["order_thanks"]
    ended = {one.scenario: one.ended_reason for one in world.enrolments()}
    assert ended["order_followup"] == "OrderCancelled"
    world.check()


def test_an_order_that_is_cancelled_when_we_ask_is_thanked_by_nobody(world: World, shop: EccubeShop) -> None:
    changes(world, shop, status="3", order_date=world.now.isoformat(timespec="seconds"))
    assert world.line.accepted == []
    world.check()


@pytest.mark.shows("eccube", "cart")
def test_a_checkout_is_open_until_it_is_an_order(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    shop.put("order", order(status="8", order_date=None, update_date=at))
    notify(world, ("order", 1203, "created"))
    assert {(one.checkout_id, one.member_id, one.state.value) for one in world.peek(Cart)} == {("1203", MEMBER, "open")}
    changes(world, shop, order_date=at)
    assert {one.state.value for one in world.peek(Cart)} == {"completed"}
    world.check()


@pytest.mark.shows("eccube", "member")
@pytest.mark.shows("eccube", "birthday")
def test_a_customer_registers_changes_and_leaves(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    shop.put("customer", customer(name02="さくら", birth="1992-11-24T15:00:00+00:00", create_date=at, update_date=at))
    notify(world, ("customer", 1001, "created"))
    assert (member(world).family_name, member(world).given_name) == ("結城", "さくら")
    assert member(world).birthday == Birthday(11, 25, 1992)
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    world.to("2026-11-25T10:30")
    world.tick()
    world.settle()
    assert [send.scenario for send in world.sends()] == ["birthday"]
    assert len(world.line.accepted) == 1
    withdrawn: dict[str, Any] = {"Status": {"id": "3"}, "update_date": world.now.isoformat(timespec="seconds")}
    shop.put("customer", customer(**withdrawn))
    notify(world, ("customer", 1001, "updated"))
    assert member(world).state is MemberState.WITHDRAWN
    assert world.link() is None
    notify(world, ("customer", 1001, "deleted"))
    assert member(world).state is MemberState.ERASED
    world.check()


@pytest.mark.shows("eccube", "points")
def test_an_order_and_its_customer_tell_the_balance(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    changes(world, shop, order_date=at, Customer=customer(point=80, update_date=at))
    assert (member(world).points, member(world).lots) == (80, ())
    later = (world.now + timedelta(minutes=1)).isoformat(timespec="seconds")
    shop.put("customer", customer(point=180, update_date=later))
    notify(world, ("customer", 1001, "updated"))
    assert member(world).points == 180
    shop.put("customer", customer(point=5, update_date=at))
    notify(world, ("customer", 1001, "updated"))
    assert member(world).points == 180, "an older answer of a replica"
    world.check()


def test_a_shop_that_does_not_answer_is_asked_again(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    shop.put("order", order(order_date=at, update_date=at))
    shop.laid_out["/api"] = [Raw(503), Raw(200, b"<html>maintenance</html>"), Raw(429)]
    notify(world, ("order", 1203, "updated"))
    assert [one.how for one in world.line.accepted] == ["push"]
    assert len(shop.queries) == 4
    world.check()


def test_what_is_not_read_is_kept_and_harms_nobody(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    shop.put("order", order(order_date=at, update_date=at))
    notify(
        world, ("product", 2, "updated"), ("order", "x", "updated"), ("order", 9, "deleted"), ("order", 1203, "updated")
    )
    kept = {seen.kind for seen in world.peek(Seen) if seen.verdict == "unread"}
    assert kept == {"product updated", "order updated", "order deleted"}
    assert len(world.line.accepted) == 1
    world.check()


@pytest.mark.shows("eccube", "reconcile")
def test_a_webhook_that_was_lost_is_made_up_for_by_the_poll_and_repeats_nothing(world: World, shop: EccubeShop) -> None:
    at = world.now.isoformat(timespec="seconds")
    document = order(order_date=at, update_date=at)
    found = {"nodes": [document], "totalCount": 1, "pageInfo": {"hasNextPage": False}}
    shop.laid_out["/api"] = [Raw(200, json.dumps({"data": {"orders": found}}).encode())]
    since = datetime.fromisoformat(at) - timedelta(hours=1)
    (snapshot,) = open_source("eccube", api_of(shop)).changed("orders", since, world.now, None).snapshots
    world.put_shop("eccube", dict(snapshot.headers), snapshot.body.decode())
    world.settle()
    assert len(world.line.accepted) == 1
    shop.put("order", document)
    notify(world, ("order", 1203, "updated"))
    assert len(world.line.accepted) == 1
    world.check()
