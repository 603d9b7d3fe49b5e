"""What several end-to-end tests do: people with a membership, and the judgement at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from local.clock import tell_the_others
from local.crowd import Crowd
from local.endpoints import Endpoints
from local.faults import unexplained
from local.stack.aws import Aws
from local.stack.business import Firing, clock_lock, machine_now, set_offset
from local.stack.settle import settle
from local.story import Story, days_after
from tests.support.oracle import TOKYO, tokyo


def linked(story: Story, crowd: Crowd, count: int = 1, birthday: date | None = None, **options: Any) -> list[list[str]]:
    """`count` friends, linked to members of their own: [[user id, member id], …]."""
    far = days_after(story.now(), 190)
    members = crowd.members(count, birthday=birthday or far, **options)
    users = crowd.phones(count)
    crowd.follow(users)
    story.settle()
    crowd.link(list(zip(users, members, strict=True)))
    story.settle()
    return [list(pair) for pair in zip(users, members, strict=True)]


def judge(story: Story, *, aws_fails: bool = False) -> None:
    """Nothing moves, LINE accepted exactly what a shopkeeper would expect, and flagged nothing."""
    story.settle()
    difference = story.difference()
    assert not difference, "\n".join(
        [*difference.lines(), *_reasons(story, {user for user, _, _ in difference.missing})]
    )
    flagged = unexplained(story, story.violations()) if aws_fails else story.violations()
    assert not flagged, flagged


def _reasons(story: Story, users: set[str]) -> list[str]:
    """What the product itself says of those who got too little."""
    return [
        f"  …{user[-4:]} {send['scenario']} {send['key']}: {send['state']} ({send['reason']})"
        for user in sorted(users)
        for send in story.musubi("explain", user)["sends"]
    ]


def sends(story: Story, person: str, scenario: str) -> list[dict[str, Any]]:
    """What support sees of a person's sends in one scenario."""
    found: Sequence[dict[str, Any]] = story.musubi("explain", person)["sends"]
    return [send for send in found if send["scenario"] == scenario]


def one_send(story: Story, person: str, scenario: str) -> dict[str, Any]:
    """The only send of a person in a scenario."""
    (send,) = sends(story, person, scenario)
    return send


class Calendar:
    """Stretches of business days that no other test of the session has lived through.

    A daily run that was done for a date is not done again, so people who come later than it would miss it.
    """

    def __init__(self, endpoints: Endpoints, home: Path) -> None:
        self._endpoints, self._home = endpoints, home
        self._free_from = machine_now().astimezone(TOKYO).date() + timedelta(days=60)

    def leap(self, days: int, first: date | None = None) -> date:
        """Go to 05:00 in Tokyo on the first of `days` fresh days, without the daily runs of the skipped ones.

        That is what a system sees that was switched off for long. `first` asks for a certain date.
        """
        on = first or self._free_from
        assert on >= self._free_from, f"{on} has been lived through"
        self._free_from = on + timedelta(days=days + 8)  # the catch-up looks seven days back
        target = tokyo(on, time(5))
        aws = Aws.of(self._endpoints)
        with clock_lock(self._home, wait=True):
            set_offset(aws, target - machine_now())
            tell_the_others(self._endpoints, target - machine_now())
            Firing(aws, self._home).take_until(target)
        settle(self._endpoints, 60, self._home)
        return on
