"""The threads as short stories: what people and schedules do, with time to settle between the scenes.

Every story is played on a clean world first; what it ends in is what it must end in under every fault.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from musubi.domain.calendar import tokyo_date
from musubi.domain.ids import SHARDS, shard_of
from musubi.domain.operations import RunShard
from musubi.domain.people import Birthday, PointLot
from musubi.domain.projection import member_writes
from musubi.domain.writes import Committed
from tests.support import made
from tests.support.flows_acts import MEMBER
from tests.support.flows_ending import Ending
from tests.support.flows_faults import Mode, Points
from tests.support.flows_world import World, person

Story = Callable[[World], None]
Make = Callable[[Points], World]


def linking(world: World) -> None:
    """Follow, link, refuse promotion, unlink."""
    world.follow()
    world.settle()
    world.links()
    world.settle()
    world.says("配信停止")
    world.settle()
    world.says("連携解除")
    world.settle()


def changing_members(world: World) -> None:
    """A friend who is linked logs in as another member, whom another friend held."""
    world.given_linked("U" + "b" * 32, "1002")
    world.given_linked()
    world.account_linked(world.logs_in("1002"))
    world.settle()


def ordering(world: World) -> None:
    """An order, its parcel, the fifth day."""
    world.given_linked()
    world.placed()
    world.settle()
    world.paid()
    world.shipped()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()


def burst(world: World) -> None:
    """All events of an order at once."""
    world.given_linked()
    world.placed()
    world.paid()
    world.shipped()
    world.shipped(parcel="P-2")
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()


def cancelling(world: World) -> None:
    """An order that is cancelled after its thank-you."""
    world.given_linked()
    world.placed()
    world.settle()
    world.cancelled()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()


def a_late_evening(world: World) -> None:
    """The fifth day's tick comes at night: held, and sent in the morning."""
    world.given_linked()
    world.placed()
    world.settle()
    world.to("2026-11-29T21:30")
    world.tick()
    world.settle()
    world.to("2026-11-30T09:30")
    world.tick()
    world.settle()


def stopped_and_resumed(world: World) -> None:
    """The kill switch while a thank-you waits."""
    world.given_linked()
    world.stop()
    world.placed()
    world.settle()
    world.resume()
    world.sweep()
    world.settle()


def nobody(world: World) -> None:
    """People who get nothing: unlinked, blocked, refused, withdrawn on the way."""
    blocked, gone = "U" + "b" * 32, "U" + "c" * 32
    world.given_linked()
    world.given_linked(blocked, "1002")
    world.given_linked(gone, "1003")
    world.says("配信停止")
    world.unfollow(blocked)
    world.shop("MemberWithdrawn", {"member_id": "1003"})
    world.settle()
    for n, member in enumerate(("1002", "1003", "1004")):
        world.placed(f"N-{n}", member)
    world.placed("N-9")
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()


def a_day(world: World) -> None:
    """A birthday and points that end, by the daily run over the one shard that has somebody."""
    world.given_linked()
    _born_and_rich(world)
    on = date(2026, 11, 25)
    world.to("2026-11-25T05:59")
    busy = shard_of(person())
    world.keep(*(_done(world, on, shard) for shard in range(SHARDS) if shard != busy))
    world.daily(on)
    world.settle()
    for hour in ("10:00", "11:15"):
        world.to(f"2026-11-25T{hour}")
        world.tick()
        world.settle()


def _born_and_rich(world: World) -> None:
    """Member 1001 with a birthday on 25 November and points that end on 26 November."""
    before = made.member(family_name="結城", given_name=None)
    lots = (PointLot(date(2026, 11, 26), 300), PointLot(date(2026, 12, 25), 40))
    after: Any = made.member(
        family_name="結城", given_name=None, birthday=Birthday(11, 25), points=340, lots=lots, version=2
    )
    assert after.member_id == MEMBER
    assert isinstance(world.store.commit(member_writes(before, after)), Committed)


def _done(world: World, on: date, shard: int) -> RunShard:
    assert tokyo_date(world.now) == on
    return RunShard(schedule="daily", on=on, shard=shard, enrolled=0, done_at=world.clock.machine())


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        linking,
        changing_members,
        ordering,
        burst,
        cancelling,
        a_late_evening,
        stopped_and_resumed,
        nobody,
        a_day,
    )
}


@cache
def clean(story: str) -> tuple[Ending, tuple[str, ...]]:
    """How `story` ends when nothing goes wrong, and the calls it makes of its ports."""
    world = World()
    STORIES[story](world)
    world.check()
    return world.ending(), tuple(world.points.passed)


def enumerate_points(story: str, mode: Mode, make: Make, *, effects_only: bool) -> tuple[int, list[str]]:
    """Play `story` once per call with `mode` at that call; the number of plays and what went wrong in which."""
    counted = Points(effects_only=effects_only)
    STORIES[story](make(counted))
    total, wrong = len(counted.passed), []
    for at in range(1, total + 1):
        points = Points(at, mode, effects_only)
        world = make(points)
        where = f"{story}, {mode} {counted.passed[at - 1]} (call {at})"
        try:
            STORIES[story](world)
            assert points.fired
            world.check(errors=mode not in (Mode.ANSWER_LOST, Mode.NOT_DONE))
        except AssertionError as error:
            wrong.append(f"{where}: {error}")
            continue
        wrong += [f"{where}: {difference}" for difference in world.ending().minus(clean(story)[0])]
    return total, wrong
