"""The local stand-in for EventBridge Scheduler.

`python -m local.stack.ticker` fires the schedules on the business clock.

A rate is squeezed, so that a minute's tick comes every few real seconds; a wall-clock schedule fires when
business time passes its instant, with that instant in its input. While somebody walks through time
(`local.clock`), it stands still.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.endpoints import home_of_stack
from local.schedules import Every, Schedule, instants
from local.stack.aws import Aws
from local.stack.business import FireFailed, Firing, business_now, clock_lock
from local.stack.settings import from_environment

SQUEEZE = 12
"""A minute of a rate lasts five real seconds."""

_log = logging.getLogger("ticker")


class Ticker:
    """Decides at each look which schedules to fire."""

    def __init__(self, aws: Aws, home: Path) -> None:
        self._aws = aws
        self._home = home
        self._firing = Firing(aws, home)
        self._next: dict[str, float] = {}

    def look(self, monotonic_s: float) -> None:
        """Fire what has come up since the last look."""
        with clock_lock(self._home, wait=False) as ours:
            if not ours:
                return
            now = business_now(self._aws)
            for schedule in self._firing.schedules:
                if isinstance(schedule.when, Every):
                    self._beat(schedule, now, monotonic_s, schedule.when.period.total_seconds() / SQUEEZE)
            self._wall_clock(now)

    def _beat(self, schedule: Schedule, now: datetime, monotonic_s: float, period_s: float) -> None:
        if monotonic_s >= self._next.setdefault(schedule.name, monotonic_s + period_s):
            self._next[schedule.name] = monotonic_s + period_s
            self._firing.fire(schedule, now)

    def _wall_clock(self, now: datetime) -> None:
        taken = self._firing.taken_until(now)
        for schedule in self._firing.schedules:
            for instant in instants(schedule, taken, now):
                self._firing.fire(schedule, instant)
        self._firing.take_until(now)


def main() -> None:
    """Look once a second until the process is ended.

    A failing function is logged and fired again at its next turn.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    ticker = Ticker(Aws(from_environment().aws), home_of_stack())
    while True:
        try:
            ticker.look(time.monotonic())
        except (FireFailed, ClientError, BotoCoreError) as error:
            _log.warning("%s", error)
        time.sleep(1)


if __name__ == "__main__":
    main()
