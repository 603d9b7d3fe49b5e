"""Every message twice, in any order, a fault at every call: LINE accepts what it accepts in a clean run.

The number of fault points is printed at the end of the test session.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.flows_faults import Mode, Points
from tests.support.flows_stories import STORIES, clean, enumerate_points
from tests.support.flows_world import World


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("story", STORIES)
def test_a_fault_at_every_call_in_memory(
    story: str, mode: Mode, record_property: Callable[[str, object], None]
) -> None:
    total, wrong = enumerate_points(
        story, mode, lambda points: World(points=points, all_shards=False), effects_only=False
    )
    record_property("crash_points", total)
    record_property("crash_points_failed", len(wrong))
    assert wrong == []
    assert total > 5


@pytest.mark.parametrize("story", STORIES)
def test_every_message_twice(story: str) -> None:
    world = World(duplicate=True)
    STORIES[story](world)
    world.check()
    assert world.ending().minus(clean(story)[0]) == []


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("seed", range(12))
def test_every_message_twice_in_any_order_and_late(story: str, seed: int) -> None:
    world = World(duplicate=True, shuffle=seed)
    STORIES[story](world)
    world.check()
    assert world.ending().minus(clean(story)[0]) == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("story", STORIES)
def test_two_faults_and_duplicates_together(story: str, seed: int) -> None:
    """Seeded: a crash somewhere, every message twice, any order."""
    calls = len(clean(story)[1])
    points = Points(1 + (seed * 7919) % calls, list(Mode)[seed % 4])
    world = World(duplicate=True, shuffle=seed, points=points)
    STORIES[story](world)
    world.check(errors=False)
    assert world.ending().minus(clean(story)[0]) == []


def test_the_stories_reach_every_port_and_every_end() -> None:
    """A story that no longer does what it tells would make the faults above prove nothing."""
    passed = {call for story in STORIES for call in clean(story)[1]}
    assert passed >= {
        "store.load",
        "store.commit",
        "store.due_before",
        "store.birthdays",
        "store.points_expiring",
        "store.parked_sends",
        "push_queue.send",
        "shard_queue.send",
        "bus.publish",
        "line.push",
        "line.reply",
        "line.link_token",
    }
    assert {state for story in STORIES for *_, state, _ in clean(story)[0].sends} == {"accepted", "skipped"}
