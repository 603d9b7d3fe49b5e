"""WooCommerce, written to: a link and a wish become metadata of the customer, and what comes back goes round nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from musubi.domain.write_backs import WriteRule, WriteState
from tests.support.flows_writes import TAG, WritingWorld, begun, linked, world_of
from tests.support.platform_flows import member
from tests.support.woocommerce_shop import WooShop, woocommerce_shop


@pytest.fixture
def woo() -> Iterator[WooShop]:
    with woocommerce_shop() as shop:
        yield shop


def woo_tells(world: WritingWorld, shop: WooShop) -> None:
    """`customer.updated`, as WooCommerce sends it after any change of the customer."""
    stamp = world.now.strftime("%Y-%m-%dT%H:%M:%S")
    body = {**shop.customers[1901], "date_modified_gmt": stamp}
    world.put_shop("woocommerce", {"x-wc-webhook-topic": "customer.updated"}, json.dumps(body))
    world.pass_time(seconds=1)
    world.settle()


@pytest.mark.shows("woocommerce", "write-back")
def test_woocommerce_holds_tag_and_wish_as_metadata_and_its_echo_is_told_to_nobody(woo: WooShop) -> None:
    world = world_of(woo, WriteRule(platform="woocommerce", linked_tag=TAG, consent=True), "1901")
    woo.customer(1901, world.now)
    woo_tells(world, woo)
    known = begun(world)
    linked(world, "1901")
    woo_tells(world, woo)
    assert (member(world, "1901").tags, begun(world)) == ((TAG,), known)
    world.says("配信停止")
    world.settle()
    held = {row["key"]: row["value"] for row in woo.customers[1901]["meta_data"]}
    assert held == {f"musubi_tag_{TAG}": "1", "musubi_line_promo": "no"}
    woo_tells(world, woo)
    assert (world.counts["OwnWrites"], begun(world)) == (2, known)
    world.says("連携解除")
    world.settle()
    woo_tells(world, woo)
    assert (member(world, "1901").tags, begun(world), len(woo.written)) == ((), known, 3)
    assert set(world.states()) == {WriteState.DONE}
    world.check()


def test_what_woocommerces_staff_changes_is_told(woo: WooShop) -> None:
    world = world_of(woo, WriteRule(platform="woocommerce", linked_tag=TAG), "1901")
    woo.customer(1901, world.now, first_name="", last_name="新姓")
    linked(world, "1901")
    woo_tells(world, woo)
    assert begun(world) == ["on_MemberUpdated"]
    assert member(world, "1901").family_name == "新姓"
