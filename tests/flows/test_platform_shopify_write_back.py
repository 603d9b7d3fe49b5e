"""Shopify, written to: a link becomes a tag, a wish a metafield, and what Shopify then tells of it goes round nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from musubi.adapters.shops.writers import open_writer
from musubi.domain.people import Attribute, Member
from musubi.domain.write_backs import WriteState
from tests.support.flows_acts import MEMBER
from tests.support.flows_writes import TAG, Curious, WritingWorld, begun, linked
from tests.support.platform_flows import member
from tests.support.shopify_writes import Customer, ShopifyShop, shopify_shop


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with shopify_shop() as made:
        made.customers[MEMBER] = Customer(tags={"VIP"})
        yield made


@pytest.fixture
def world(shop: ShopifyShop) -> WritingWorld:
    made = WritingWorld(books=open_writer("shopify", shop.api()), catalog=Curious())
    shop.now = made.clock.machine
    made.keep(Member(shop_id="main", member_id=MEMBER, family_name="結城", joined=True))
    return made


def come_back(world: WritingWorld, shop: ShopifyShop) -> list[str]:
    """Shopify delivers what it has to tell; the topics."""
    told, shop.webhooks = shop.webhooks, []
    for number, (topic, body) in enumerate(told):
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": f"{world.now.timestamp()}-{number}"}
        world.put_shop("shopify", headers, json.dumps(body))
        world.pass_time(seconds=1)
    world.settle()
    return [topic for topic, _ in told]


@pytest.mark.shows("shopify", "write-back")
def test_a_link_is_a_tag_in_the_shop_and_its_echo_is_told_to_nobody(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    assert shop.customers[MEMBER].tags == {"VIP", TAG}
    assert world.states() == [WriteState.DONE]
    facts = len(world.bus.published)
    assert come_back(world, shop) == ["customer.tags_added", "customers/update"]
    assert member(world).tags == (TAG,)
    assert begun(world) == []
    assert world.counts["OwnWrites"] == 2
    assert len(world.bus.published) == facts
    assert len(shop.asked) == 1
    reasons = [json.loads(line)["reason"] for line in world.archive.lines() if '"own_write"' in line]
    assert reasons == ["own_write", "own_write"]
    world.check()


@pytest.mark.shows("shopify", "write-back")
def test_a_wish_is_a_metafield_and_never_a_consent_to_mail(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    come_back(world, shop)
    world.says("配信停止")
    world.settle()
    customer = shop.customers[MEMBER]
    assert (customer.metafields, customer.email_marketing) == ({"line_promo": "false"}, "subscribed")
    assert come_back(world, shop) == ["customers/update"]
    known = {one.name: one.value for one in member(world).attributes}
    assert known == {"musubi.line_promo": False}
    assert member(world).consents == ()
    assert (begun(world), world.counts["OwnWrites"]) == ([], 3)
    world.says("配信再開")
    world.settle()
    come_back(world, shop)
    assert [fact.data["state"] for fact in world.told("ConsentChanged")] == ["refused", "allowed"]
    assert [name for name, _ in shop.asked] == ["tagsAdd", "metafieldsSet", "metafieldsSet"]
    assert shop.webhooks == []
    world.check()


def test_what_the_shop_changes_in_the_same_breath_is_told(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    (added, (topic, update)) = shop.webhooks
    shop.webhooks = [added, (topic, {**update, "last_name": "新姓"})]
    come_back(world, shop)
    assert begun(world) == ["on_MemberUpdated"]
    assert world.counts["OwnWrites"] == 1
    assert member(world).family_name == "新姓"


def test_a_tag_that_staff_takes_away_is_told_and_not_put_back(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    come_back(world, shop)
    body = {"customerId": f"gid://shopify/Customer/{MEMBER}", "tags": [TAG], "occurredAt": world.now.isoformat()}
    shop.webhooks = [("customer.tags_removed", body)]
    come_back(world, shop)
    assert begun(world) == ["on_MemberTagsChanged"]
    assert member(world).tags == ()
    body = {**body, "occurredAt": world.now.isoformat()}
    shop.webhooks = [("customer.tags_added", body)]
    come_back(world, shop)
    # Our own write has explained its one change already.
    assert begun(world) == ["on_MemberTagsChanged"] * 2
    assert len(shop.asked) == 1


def test_a_mark_of_ours_that_staff_sets_is_no_wish(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    come_back(world, shop)
    stamp = world.now.isoformat()
    field = {"namespace": "musubi", "key": "line_promo", "type": "boolean", "value": "false", "updated_at": stamp}
    shop.webhooks = [("customers/update", {"id": int(MEMBER), "updated_at": stamp, "metafields": [field]})]
    come_back(world, shop)
    assert begun(world) == ["on_MemberUpdated"]
    assert Attribute("musubi.line_promo", False, "shopify", world.now.fromisoformat(stamp)) in member(world).attributes
    assert world.told("ConsentChanged") == []
    assert world.friend().promo.value == "allowed"


def test_unlinking_takes_the_tag_off(world: WritingWorld, shop: ShopifyShop) -> None:
    linked(world)
    come_back(world, shop)
    world.says("連携解除")
    world.settle()
    assert shop.customers[MEMBER].tags == {"VIP"}
    come_back(world, shop)
    assert (member(world).tags, begun(world)) == ((), [])
    world.check()


def test_an_answer_that_is_lost_is_asked_for_again(world: WritingWorld, shop: ShopifyShop) -> None:
    shop.lost = 1
    linked(world)
    assert [name for name, _ in shop.asked] == ["tagsAdd", "tagsAdd"]
    assert shop.customers[MEMBER].tags == {"VIP", TAG}
    assert world.states() == [WriteState.DONE]
    assert world.written()[0].attempts == 2


def test_who_is_no_customer_any_more_is_refused_once_and_loudly(world: WritingWorld, shop: ShopifyShop) -> None:
    del shop.customers[MEMBER]
    linked(world)
    assert world.states() == [WriteState.REFUSED]
    ((queue, reason, _),) = world.quarantine.kept
    assert (queue, reason) == ("write-back", "shopify api: tagsAdd refused: INVALID_VALUE")
    assert [row.reason for row in world.store.troubled_writes(9)] == [reason]
    assert len(shop.asked) == 1
