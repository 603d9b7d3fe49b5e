"""What a friend is told: once for each event, whatever it came to, and all that is due at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from musubi.domain.events import FriendEvent, LineEventType
from musubi.domain.intents import COMMANDS, MAY_TELL, Intent, intent_of
from musubi.domain.ledger import SendState
from musubi.domain.scenario import EventEntry, Scenario, Step
from tests.support import made
from tests.support.flows_acts import USER
from tests.support.flows_world import CATALOG, World


class Refusing(World):
    """LINE gives no link token."""

    def _wire(self) -> None:
        self.line.link_token = lambda user_id: None  # type: ignore[method-assign]
        super()._wire()


def test_a_link_that_line_refuses_is_told_once_however_often_the_event_comes() -> None:
    """The repeat did not find its own answer, and fought with it until it was a dead letter."""
    world = Refusing(duplicate=True)
    world.given_friend()
    world.says("会員連携")
    world.drain()
    assert (len(world.line.accepted), world.dead, world.errors) == (1, [], [])


class TwoSteps:
    """The recipes, but whoever follows gets two messages at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(CATALOG, name)

    def scenarios(self) -> Sequence[Scenario]:
        return [self._doubled(s) for s in CATALOG.scenarios()]

    @staticmethod
    def _doubled(scenario: Scenario) -> Scenario:
        if not isinstance(scenario.entry, EventEntry) or scenario.entry.event != FriendEvent.FOLLOWED:
            return scenario
        (first,) = scenario.steps
        return replace(scenario, steps=(first, Step("second", first.template)))


def test_a_second_step_that_is_due_at_once_waits_for_no_sweeper() -> None:
    world = World(catalog=TwoSteps())
    world.webhook(world.line_event("follow"))
    world.drain()
    assert [s.state for s in world.sends()] == [SendState.ACCEPTED] * 2
    assert len(world.line.texts(USER)) == 2


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_words_and_buttons_express_every_command(command: Intent) -> None:
    typed = made.line_event(LineEventType.MESSAGE, text="…")
    tapped = made.line_event(LineEventType.POSTBACK, postback=f"v=1&do={command.value}")
    assert intent_of(typed, command.value) is intent_of(tapped, None) is command


@pytest.mark.parametrize("data", ["v=2&do=unlink", "do=unlink", "v=1&do=follow", "v=1&do=none", "v=1", "", "unlink"])
def test_buttons_of_another_time_mean_nothing(data: str) -> None:
    assert intent_of(made.line_event(LineEventType.POSTBACK, postback=data), None) is Intent.NONE


def test_everything_a_friend_can_be_told_has_its_intents() -> None:
    assert {told for tells in MAY_TELL.values() for told in tells} == set(FriendEvent)
    assert set(MAY_TELL) == set(Intent)
