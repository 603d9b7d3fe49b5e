"""The simulator's two clocks: LINE's own (tokens, retry keys, quota months) and the business time that phones show."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


class SimClock:
    """Machine time plus an offset that the story moves; seconds since 1970.

    LINE's rules follow `now()`. `business_offset_s` moves only what phones show and what `business_at` records say:
    a story that plays weeks in seconds does so without expiring reply tokens or forgetting retry keys.
    """

    def __init__(self, machine: Callable[[], float] = time.time) -> None:
        self._machine = machine
        self.offset_s = 0.0
        self.business_offset_s = 0.0

    def now(self) -> float:
        """LINE's time, seconds since 1970."""
        return self._machine() + self.offset_s

    def now_ms(self) -> int:
        """LINE's time in milliseconds, as webhooks carry it."""
        return int(self.now() * 1000)

    def business_now(self) -> float:
        """The time that people in the story see on their phones."""
        return self.now() + self.business_offset_s


def jst(seconds: float) -> datetime:
    """Aware Tokyo datetime of a second count."""
    return datetime.fromtimestamp(seconds, tz=JST)


def iso(seconds: float) -> str:
    """RFC 3339 text in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def month_of(seconds: float) -> str:
    """Calendar month in Japan ("2026-11"): the unit of LINE's quota (§2.6)."""
    return jst(seconds).strftime("%Y-%m")


def day_of(seconds: float) -> str:
    """Calendar day in Japan as LINE's statistics take it ("20261122", §2.6)."""
    return jst(seconds).strftime("%Y%m%d")
