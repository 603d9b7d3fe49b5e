"""Square, written to: what a link, a wish and a reward become there, and what comes back goes round nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from musubi.domain.shop_writes import REFUSED_TAG
from musubi.domain.write_backs import WriteRule, WriteState
from tests.support.flows_writes import POINTS, TAG, WritingWorld, begun, linked, world_of
from tests.support.platform_flows import member
from tests.support.square_shop import SquareShop, square_shop

SAKURA = "CSAKURA1001EXAMPLE"


@pytest.fixture
def square() -> Iterator[SquareShop]:
    with square_shop() as shop:
        shop.customers[SAKURA] = {"id": SAKURA, "family_name": "結城", "group_ids": []}
        shop.accounts["L1"] = {"id": "L1", "customer_id": SAKURA, "balance": 40}
        yield shop


def square_tells(world: WritingWorld, kind: str, thing: dict[str, object]) -> None:
    name, stamp = kind.rpartition(".")[0].replace(".", "_"), world.now.isoformat()
    event = {"type": kind, "event_id": f"e-{stamp}", "created_at": stamp, "data": {"object": {name: thing}}}
    world.put_shop("square", {}, json.dumps(event))
    world.pass_time(seconds=1)
    world.settle()


def customer_tells(world: WritingWorld, shop: SquareShop) -> None:
    square_tells(world, "customer.updated", {**shop.customers[SAKURA], "updated_at": world.now.isoformat()})


@pytest.mark.shows("square", "write-back")
def test_square_holds_tag_and_refusal_as_groups_and_their_echo_is_told_to_nobody(square: SquareShop) -> None:
    world = world_of(square, WriteRule(platform="square", linked_tag=TAG, consent=True), SAKURA)
    linked(world, SAKURA)
    customer_tells(world, square)
    assert (member(world, SAKURA).tags, begun(world)) == ((TAG,), [])
    world.says("配信停止")
    world.settle()
    customer_tells(world, square)
    assert set(member(world, SAKURA).tags) == {TAG, REFUSED_TAG}
    assert (world.counts["OwnWrites"], begun(world)) == (2, [])
    world.says("配信再開")
    world.settle()
    customer_tells(world, square)
    assert (member(world, SAKURA).tags, begun(world)) == ((TAG,), [])
    assert [fact.data["state"] for fact in world.told("ConsentChanged")] == ["refused", "allowed"]
    assert set(world.states()) == {WriteState.DONE}
    world.check()


@pytest.mark.shows("square", "write-back")
@pytest.mark.parametrize("lost", [0, 1], ids=["answered", "the answer is lost"])
def test_a_first_link_is_worth_points_in_square_once(square: SquareShop, lost: int) -> None:
    world = world_of(square, WriteRule(platform="square", points=True), SAKURA)
    square.lost = lost
    linked(world, SAKURA)
    world.settle(3)
    assert square.accounts["L1"]["balance"] == 40 + POINTS
    square_tells(world, "loyalty.account.updated", square.accounts["L1"])
    assert (member(world, SAKURA).points, world.counts["OwnWrites"], begun(world)) == (340, 1, [])
    world.says("連携解除")
    world.settle()
    world.links(member=SAKURA)
    world.settle(3)
    assert square.accounts["L1"]["balance"] == 40 + POINTS, "a second link earns nothing"
    assert len(world.told("RewardDue")) == 1
    world.check()


def test_who_has_no_loyalty_account_is_listed_for_staff(square: SquareShop) -> None:
    square.accounts.clear()
    world = world_of(square, WriteRule(platform="square", points=True), SAKURA)
    linked(world, SAKURA)
    assert world.states() == [WriteState.REFUSED]
    ((queue, reason, _),) = world.quarantine.kept
    assert (queue, reason) == ("write-back", "loyalty account: this customer has none")
