"""A fault at every call of links, wishes, rewards and their write-back: the shop's books end as without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from musubi.domain.people import Member
from musubi.domain.shop_writes import Unclear
from musubi.domain.store_keys import MemberKey
from musubi.domain.write_backs import WriteState
from tests.support.flows_acts import MEMBER
from tests.support.flows_faults import Mode, Points
from tests.support.flows_writes import TAG, Books, WritingWorld


def story(world: WritingWorld) -> None:
    """A friend with a wish links, takes the wish back, leaves and comes again; each time the shop tells of its tag."""
    world.given_friend()
    world.says("配信停止")
    world.settle()
    for words in ("配信再開", "連携解除", ""):
        world.account_linked(world.logs_in())
        world.settle(4)
        _echo(world, f"echo-{words}", "customer.tags_added")
        if words:
            world.says(words)
            world.settle(4)
    world.settle(4)


def _echo(world: WritingWorld, event_id: str, topic: str) -> None:
    body = {"customerId": f"gid://shopify/Customer/{MEMBER}", "tags": [TAG], "occurredAt": world.now.isoformat()}
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": event_id}
    world.put_shop("shopify", headers, json.dumps(body))
    world.settle(4)


def ending(world: WritingWorld) -> tuple[object, ...]:
    """What is in the books and in our rows, without when and in how many attempts. Of one wish told twice either is stale."""
    books: Any = world.books
    key = MemberKey("main", MEMBER)
    member = world.store.load([key]).get(key)
    assert isinstance(books, Books)
    assert isinstance(member, Member)
    assert set(world.states()) <= {WriteState.DONE, WriteState.STALE}
    rows = sorted((row.kind.value, row.value) for row in world.written())
    facts = sorted((fact.type, fact.data.get("state", "")) for kind in KINDS for fact in world.told(kind))
    return frozenset(books.tags), books.allowed, dict(books.points), rows, facts, member.tags


KINDS = ("LinkMade", "LinkEnded", "ConsentChanged", "RewardDue")


def played(points: Points, **how: Any) -> WritingWorld:
    world = WritingWorld(points=points, link_points=500, all_shards=False, **how)
    story(world)
    return world


def test_the_story_reaches_everything() -> None:
    world = played(Points())
    tags, allowed, points, rows, facts, known = ending(world)
    assert (tags, allowed, known) == ({f"{MEMBER}:{TAG}"}, True, (TAG,))
    assert isinstance(points, dict)
    assert list(points.values()) == [500]
    assert isinstance(rows, Sequence)
    assert {row[0] for row in rows} == {"add_tag", "remove_tag", "set_consent", "grant_points"}
    assert isinstance(facts, Sequence)
    assert {fact[0] for fact in facts} == set(KINDS)
    assert world.counts["OwnWrites"] >= 1
    assert {"writer.write", "bus.publish", "store.commit"} <= set(world.points.passed)
    world.check()


@pytest.mark.parametrize("mode", Mode)
def test_a_fault_at_every_call(mode: Mode, record_property: Callable[[str, object], None]) -> None:
    clean = played(Points())
    calls = list(clean.points.passed)
    assert len(calls) > 100
    wrong = []
    for at in range(1, len(calls) + 1):
        world = played(Points(at, mode))
        world.check(errors=False)
        if ending(world) != ending(clean):
            wrong.append(f"call {at} {calls[at - 1]}: {ending(world)}")
    record_property("crash_points", len(calls))
    record_property("crash_points_failed", len(wrong))
    assert wrong == []


@pytest.mark.parametrize("seed", range(6))
def test_two_faults_and_duplicates_together(seed: int) -> None:
    calls = len(played(Points()).points.passed)
    world = played(Points(1 + (seed * 7919) % calls, list(Mode)[seed % 4]), duplicate=True, shuffle=seed)
    world.check(errors=False)
    assert ending(world) == ending(played(Points()))


def test_a_shop_that_is_away_for_an_hour_gets_everything_in_the_end() -> None:
    world = WritingWorld(link_points=500)
    assert isinstance(world.books, Books)
    world.books.answers = [Unclear("shop API: ReadTimeoutError") for _ in range(6)]
    story(world)
    assert (world.books.tags, world.books.allowed, world.books.granted) == ({f"{MEMBER}:{TAG}"}, True, 500)
    assert world.dead == []
