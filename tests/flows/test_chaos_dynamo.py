"""The same stories over DynamoDB (moto): the same end, and a fault at every effect changes nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.flows_faults import Mode, Points
from tests.support.flows_stories import STORIES, Make, clean, enumerate_points


@pytest.mark.parametrize("mode", [Mode.CRASH_BEFORE, Mode.CRASH_AFTER, Mode.ANSWER_LOST])
@pytest.mark.parametrize("story", ["linking", "changing_members", "ordering", "cancelling", "a_day"])
def test_a_fault_at_every_effect_on_dynamodb(
    story: str, mode: Mode, dynamo_world: Make, record_property: Callable[[str, object], None]
) -> None:
    total, wrong = enumerate_points(story, mode, dynamo_world, effects_only=True)
    record_property("crash_points", total)
    record_property("crash_points_failed", len(wrong))
    assert wrong == []


@pytest.mark.parametrize("story", STORIES)
def test_the_stores_tell_the_same_story(story: str, dynamo_world: Make) -> None:
    world = dynamo_world(Points())
    STORIES[story](world)
    world.check()
    assert world.ending().minus(clean(story)[0]) == []
