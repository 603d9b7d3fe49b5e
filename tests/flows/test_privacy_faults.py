"""Deadlines, and requests that fail: a fault at every call of the job changes nothing of what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from musubi.domain.ledger import Send
from musubi.domain.operations import Fact
from musubi.domain.privacy import ConsentProof, PrivacyRequest, RequestKind, RequestState
from musubi.domain.writes import Committed, Put
from musubi.usecases import file_privacy
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_faults import Mode, Points
from tests.support.flows_privacy import OTHER_MEMBER, much_is_known
from tests.support.flows_world import World


@pytest.fixture
def world() -> World:
    made = World()
    much_is_known(made)
    return made


def asked(world: World, kind: str, **data: Any) -> None:
    world.shop(kind, {"request_id": "r-1", **data})
    world.settle()


def test_a_request_rings_a_week_before_its_deadline_and_when_it_fails(world: World) -> None:
    asked(world, "ShopErasureRequested")
    assert world.privacy()["PrivacyRequestsLate"] == 0
    world.pass_time(days=23, hours=1)
    assert world.privacy()["PrivacyRequestsLate"] == 1


def test_one_request_that_fails_keeps_no_other_from_it(world: World) -> None:
    broken = PrivacyRequest(
        request_id="broken", kind=RequestKind.ERASURE, shop_id="main", member_id="9", received_at=world.now,
        deadline_at=world.now + timedelta(days=20), look_at=world.now, cursor="no_such_phase",
    )  # fmt: skip
    world.keep(broken)
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    world.pass_time(minutes=11)
    late = [world.privacy()["PrivacyRequestsLate"] for _ in range(5)]
    assert late == [0, 0, 0, 0, 1]
    states = {row.request_id: row.state for row in world.peek(PrivacyRequest)}
    assert states.pop("broken") is RequestState.FAILED
    assert set(states.values()) == {RequestState.DONE}


@pytest.mark.parametrize("mode", [Mode.CRASH_BEFORE, Mode.CRASH_AFTER, Mode.ANSWER_LOST])
def test_a_fault_at_every_call_of_the_job(mode: Mode, record_property: Callable[[str, object], None]) -> None:
    """The erasure of one, the export of another, and a friend's wish, with one call after the other going wrong."""
    before = _filed()
    clean = _job(before, Points())
    total = len(clean.points.passed)
    assert total > 30
    for at in range(1, total + 1):
        world = _job(before, Points(at, mode))
        where = f"{mode} {clean.points.passed[at - 1]} (call {at})"
        assert {row.state for row in world.peek(PrivacyRequest)} == {RequestState.DONE}, where
        assert _without_versions(world) == _without_versions(clean), where
        assert _facts(world) == _facts(clean), where
    record_property("crash_points", total)


def _filed() -> World:
    """Everybody's requests are filed, and nothing is done for them yet."""
    world = World()
    much_is_known(world)
    world.shop("PersonalDataErasureRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.shop("PersonalDataRequested", {"request_id": "r-2", "member_id": OTHER_MEMBER})
    world.settle()
    file_privacy.erase_friend(world.store, world.clock, USER)
    world.pass_time(minutes=11)
    return world


def _job(before: World, points: Points) -> World:
    """The job in a copy of `before`."""
    world = World(points=points)
    world.clock.pass_time(before.now - world.now)
    row: Any
    for row in before.peek(object):
        assert world.store.commit([Put(row)]) == Committed()
    for _ in range(4):
        world.privacy()
        world.pass_time(minutes=5)
    return world


def _facts(world: World) -> set[str]:
    return {row.fact_id for row in world.peek(Fact) if row.type == "ErasureDone"}


def _without_versions(world: World) -> set[str]:
    rows = [row for row in world.peek(object) if not isinstance(row, (Fact, PrivacyRequest, ConsentProof))]
    return {repr(replace(row, version=1, settled_at=None) if isinstance(row, Send) else row) for row in rows}
