"""What flows of one platform have in common: a sample body put on the queue, the run of a day, what is stored of a person."""

from __future__ import annotations

import json
from typing import TypeVar

from musubi.domain.people import Member
from musubi.domain.store_keys import Key, MemberKey
from tests.support.flows_world import World, at
from tests.support.markdown import ROOT

T = TypeVar("T")


def send(world: World, platform: str, name: str, **replaced: str) -> None:
    """A sample of `events/shop/<platform>/` as the door queues it, texts in it `replaced`; then until all is quiet."""
    folder = ROOT / "events" / "shop" / platform
    body = (folder / f"{name}.json").read_text(encoding="utf-8")
    for old, new in replaced.items():
        body = body.replace(old, new)
    headers = json.loads((folder / f"{name}.headers.json").read_text(encoding="utf-8"))
    world.put_shop(platform, {key.lower(): value for key, value in headers.items()}, body)
    world.pass_time(seconds=1)
    world.settle()


def day(world: World, on: str) -> None:
    """The daily run of `on` at six, and the ticks of the morning."""
    world.to(f"{on}T06:00")
    world.daily()
    world.settle()
    for hour in ("10:00", "11:00", "11:30"):
        if at(f"{on}T{hour}") > world.now:
            world.to(f"{on}T{hour}")
            world.tick()
            world.settle()


def row(world: World, key: Key[T]) -> T:
    """The stored row; fails when there is none."""
    found = world.store.load([key]).get(key)
    assert found is not None, f"nothing under {key}"
    return found


def member(world: World, member_id: str = "1001") -> Member:
    return row(world, MemberKey("main", member_id))
