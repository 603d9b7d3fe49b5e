"""After an erasure the tables themselves, item by item, hold nothing that the person or the shop said of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from musubi.usecases import file_privacy
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_faults import Points
from tests.support.flows_privacy import OTHER_MEMBER, OTHER_USER, WORDS, much_is_known
from tests.support.flows_world import World

Make = Callable[[Points], World]


def items(world: World, client: Any) -> list[str]:
    """Every item of both tables, as the tables hold it."""
    store: Any = world.store
    pages = [client.get_paginator("scan").paginate(TableName=name) for name in store._committer._tables.values()]
    return [json.dumps(item, ensure_ascii=False) for each in pages for page in each for item in page["Items"]]


def found(world: World, client: Any, *words: str) -> list[str]:
    return [item for item in items(world, client) if any(word in item for word in words)]


def run(world: World, times: int = 1) -> None:
    for _ in range(times):
        world.pass_time(minutes=11)
        world.privacy()
    world.settle()


@pytest.fixture
def world(dynamo_world: Make) -> World:
    made = dynamo_world(Points())
    much_is_known(made)
    return made


def test_no_item_says_anything_of_an_erased_member(world: World, dynamodb: Any) -> None:
    assert [word for word in WORDS if not found(world, dynamodb, word)] == []
    world.shop("PersonalDataErasureRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.settle()
    run(world)
    assert found(world, dynamodb, *WORDS) == []
    left = {json.loads(item)["sk"]["S"] for item in found(world, dynamodb, MEMBER)}
    assert left == {"MEMBER", "PROOF", "SEND", "ENROLMENT", "SEEN", "FACT", "PRIVACY"}
    assert [f.data["member_id"] for f in world.bus.published if f.type == "ErasureDone"] == [MEMBER]
    world.check()


def test_no_item_names_a_friend_who_is_forgotten_but_facts_that_end_in_a_month(world: World, dynamodb: Any) -> None:
    assert file_privacy.erase_friend(world.store, world.clock, USER) is not None
    run(world)
    assert {json.loads(item)["sk"]["S"] for item in found(world, dynamodb, USER)} <= {"FACT"}
    assert found(world, dynamodb, "結城")


def test_no_item_says_anything_of_a_shop_that_was_given_up(world: World, dynamodb: Any) -> None:
    much_is_known(world, OTHER_MEMBER, OTHER_USER)
    world.placed("G-1", None, lines=[{"title": "旬の果物", "product_id": "P-9", "quantity": 1}])
    world.shop("ShopErasureRequested", {"request_id": "r-1"})
    world.settle()
    assert world.rows is not None
    (request,) = world.rows.requests("OPEN", None, 2)
    file_privacy.approve(world.store, world.clock, request.request_id)
    run(world, 3)
    assert found(world, dynamodb, *WORDS) == []


def test_an_export_over_dynamodb_holds_every_word(world: World) -> None:
    world.shop("PersonalDataRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.settle()
    world.privacy()
    (document,) = world.exports.kept.values()
    assert [word for word in WORDS if word not in document] == []
    assert MEMBER in json.loads(document)["member_id"]
