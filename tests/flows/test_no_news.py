"""Shops send an update for whatever they save: one that changes nothing begins nothing."""

from __future__ import annotations

from typing import Any

import pytest

from musubi.domain.store_keys import MemberKey
from tests.support.flows_acts import MEMBER
from tests.support.flows_world import World
from tests.support.flows_writes import Curious, begun


@pytest.fixture
def world() -> World:
    made = World(catalog=Curious())
    made.given_linked(family_name="結城")
    return made


def tell(world: World, kind: str, hour: int, **data: Any) -> None:
    world.shop(kind, {"member_id": MEMBER, "version": f"2026-11-24T{hour:02}:00:00Z", **data})
    world.settle()


def test_the_same_name_in_a_newer_version_is_no_news(world: World) -> None:
    for hour in (1, 2):
        tell(world, "MemberUpdated", hour, name={"family": "結城"})
    assert begun(world) == []
    tell(world, "MemberUpdated", 3, name={"family": "新姓"})
    tell(world, "MemberUpdated", 2, name={"family": "結城"})
    assert begun(world) == ["on_MemberUpdated"], "what is older than what we know is none either"
    key = MemberKey("main", MEMBER)
    member = world.store.load([key]).get(key)
    assert member is not None
    assert member.family_name == "新姓"


def test_a_tag_that_is_there_and_a_consent_that_was_given_are_no_news(world: World) -> None:
    given = {"channel": "email", "purpose": "marketing", "state": "granted"}
    for hour in (1, 2):
        tell(world, "MemberTagsChanged", hour, added=["VIP"])
        tell(world, "MemberConsentChanged", hour, consent={**given, "at": f"2026-11-24T0{hour}:00:00Z"})
    assert sorted(begun(world)) == ["on_MemberConsentChanged", "on_MemberTagsChanged"]


def test_a_member_of_whom_nothing_was_known_is_news(world: World) -> None:
    world.shop("MemberUpdated", {"member_id": "1099"})
    world.settle()
    assert begun(world) == ["on_MemberUpdated"]
