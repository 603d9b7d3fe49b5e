"""A small soak: 5 % of all calls to LINE and to AWS go wrong, and everybody gets everything exactly once all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.crowd import Crowd
from local.endpoints import Endpoints
from local.faults import LINE_MODES, Weather, no_rules_yet
from local.outside import Outside
from local.soak import Soak
from local.stack.settings import Settings
from local.stack.up import down, up
from local.story import Story
from tests.e2e.acting import judge
from tests.e2e.conftest import free_block

pytestmark = [pytest.mark.e2e, pytest.mark.faults]
RATE = 0.05
MEMBERS = 40


@pytest.fixture
def stormy(stack_settings: Settings) -> Iterator[tuple[Endpoints, Settings]]:
    """A second stack, whose functions reach AWS through the fault proxy."""
    home = stack_settings.home.with_name(f"{stack_settings.home.name}-faults")
    settings = replace(stack_settings, home=home, port_base=free_block(), faults=no_rules_yet(home))
    try:
        yield up(settings, lambda line: None), settings
    finally:
        down(settings.home)


def test_under_faults_on_both_sides_every_due_message_is_accepted_exactly_once(
    stormy: tuple[Endpoints, Settings],
) -> None:
    endpoints, settings = stormy
    story, weather = Story(endpoints, settings.home, patience_s=300), Weather(endpoints, settings)
    # Not the bus: a fact that it did not take waits two minutes for the sweeper, and a walk through time waits with it.
    weather.on(RATE, services=("dynamodb", "sqs"))
    soak = Soak(story, Crowd(story, Outside.of(endpoints, settings)), MEMBERS, print)
    soak.play()
    judge(story, aws_fails=True)
    # The run proves something only if faults fell on both sides.
    hits = weather.line_hits()
    assert sum(hits.values()) >= 5
    assert set(hits) <= set(LINE_MODES)
    total, faulted = weather.aws_requests()
    assert faulted >= RATE / 2 * total > 20
    assert story.musubi("unknown", "list") == []
