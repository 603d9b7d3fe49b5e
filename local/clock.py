"""Move business time of the local stack: `python -m local.clock 2026-12-24T09:00+09:00 | now`.

Time runs on from there. The command returns when everything due until then is settled, in order: the daily
runs of skipped days at their own Tokyo times, and waiting steps minute by minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from local.endpoints import Endpoints, NotRunning, home_of_stack, load
from local.schedules import Schedule, instants
from local.stack.aws import Aws
from local.stack.business import (
    FireFailed,
    Firing,
    business_now,
    clock_lock,
    forget_runs,
    machine_now,
    set_offset,
)
from local.stack.settle import DEFAULT_S, Settling, Unsettled

TOKYO = ZoneInfo("Asia/Tokyo")
MINUTE = timedelta(minutes=1)
_LONGEST_WALK = timedelta(days=800)


class BadTime(ValueError):
    """A time that cannot be meant; the message says what is accepted."""


@dataclass(frozen=True)
class Stop:
    """An instant at which the walk through time halts, and the wall-clock schedules that fire there."""

    at: datetime
    fires: tuple[Schedule, ...] = ()


def parse_at(text: str, machine: datetime) -> datetime:
    """Read `now` or an RFC 3339 time with offset; raises BadTime."""
    if text == "now":
        return machine
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadTime(f"{text!r} is neither `now` nor a time such as 2026-12-24T09:00+09:00") from None
    if found.tzinfo is None:
        raise BadTime(f"{text!r} has no offset; write 2026-12-24T09:00+09:00 for nine o'clock in Tokyo")
    return found


def next_stop(schedules: Iterable[Schedule], taken: datetime, due: datetime | None, target: datetime) -> Stop | None:
    """The next halt in (taken, target].

    The earliest daily run or the next minute tick that finds something due.

    A waiting step is picked up by the tick after its instant, so the halt is the full minute; a daily run
    that comes before goes first. None: nothing is left until `target`.
    """
    runs = [(instant, schedule) for schedule in schedules for instant in instants(schedule, taken, target)]
    first = min((instant for instant, _ in runs), default=None)
    tick = min(max(_next_minute(due), taken), target) if due is not None and due <= target else None
    if tick is not None and (first is None or tick < first):
        return Stop(tick)
    if first is None:
        return None
    return Stop(first, tuple(schedule for instant, schedule in runs if instant == first))


def _next_minute(instant: datetime) -> datetime:
    floor = instant.astimezone(UTC).replace(second=0, microsecond=0)
    return floor if floor == instant else floor + MINUTE


class Mover:
    """Walks a running stack to another business time."""

    def __init__(self, endpoints: Endpoints, home: Path, patience_s: float) -> None:
        self._endpoints = endpoints
        self._home = home
        self._aws = Aws.of(endpoints)
        self._firing = Firing(self._aws, home)
        self._settling = Settling(endpoints, self._aws, self._firing)
        self._patience_s = patience_s

    def walk(self, target: datetime, *, clear: bool = False) -> int:
        """Move to `target`; backwards nothing happens but that the days ahead will be run again. Returns the halts.

        The ticker stands still meanwhile. Raises Unsettled, FireFailed or BadTime.
        """
        with clock_lock(self._home, wait=True):
            return self._walk(target, clear=clear)

    def _walk(self, target: datetime, *, clear: bool) -> int:
        start = business_now(self._aws)
        if target - start > _LONGEST_WALK:
            raise BadTime(f"{target.isoformat()} is more than {_LONGEST_WALK.days} days ahead")
        halts = self._walk_forward(start, target) if target > start else 0
        self._set(timedelta() if clear else target - machine_now())
        self._firing.take_until(target)
        if target > start:
            self._finish()
        else:
            forget_runs(self._aws, target)
        return halts

    def _walk_forward(self, start: datetime, target: datetime) -> int:
        due = self._settling.run(self._patience_s)
        taken, halts = min(self._firing.taken_until(start), target), 0
        while stop := next_stop(self._firing.schedules, taken, due, target):
            if stop.at > start:
                self._set(stop.at - machine_now())
            for schedule in stop.fires:
                self._firing.fire(schedule, stop.at)
            due = self._settling.run(self._patience_s)
            taken, halts = max(taken, stop.at), halts + 1
            self._firing.take_until(taken)
        return halts

    def _finish(self) -> None:
        """At the target: one round of every rate schedule (ticks, sweeper, catch-up), until nothing moves."""
        self._settling.run(self._patience_s)
        for schedule in self._firing.schedules:
            if not schedule.fixed:
                self._firing.fire(schedule, business_now(self._aws))
        self._settling.run(self._patience_s)

    def _set(self, value: timedelta) -> None:
        set_offset(self._aws, value)
        tell_the_others(self._endpoints, value)


def tell_the_others(endpoints: Endpoints, value: timedelta) -> None:
    """Move the dates that the shop writes and the phones show; one that is not running is left out."""
    seconds = value.total_seconds()
    for url, body in (
        (f"{endpoints.shop}/_shop/clock", {"offset_s": seconds}),
        (f"{endpoints.line}/_sim/clock", {"business_offset_s": seconds}),
    ):
        try:
            httpx.post(url, json=body, timeout=5).raise_for_status()
        except httpx.ConnectError:
            continue


def move(at: str, *, home: Path | None = None, patience_s: float = DEFAULT_S) -> datetime:
    """Move the stack in `home` to `at` and return the business time then.

    Raises Unsettled, FireFailed or BadTime.
    """
    home = home or home_of_stack()
    endpoints = load(home)
    Mover(endpoints, home, patience_s).walk(parse_at(at, machine_now()), clear=at == "now")
    return business_now(Aws.of(endpoints))


def main() -> int:
    """Entry point; exit code 1 when the stack did not settle, 2 for a time that cannot be meant."""
    parser = argparse.ArgumentParser(prog="python -m local.clock", description="Move business time of the local stack.")
    parser.add_argument("at", help="2026-12-24T09:00+09:00, or `now` to take the move back")
    parser.add_argument("--patience", type=float, default=DEFAULT_S, help="seconds to wait at each halt")
    chosen = parser.parse_args()
    try:
        now = move(chosen.at, patience_s=chosen.patience)
    except (BadTime, NotRunning) as error:
        print(f"clock: {error}", file=sys.stderr)
        return 2
    except (Unsettled, FireFailed) as error:
        print(f"clock: {error}", file=sys.stderr)
        return 1
    print(f"business time is {now.astimezone(TOKYO).isoformat(timespec='seconds')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
