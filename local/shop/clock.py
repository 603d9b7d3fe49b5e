"""The shop's two clocks: business time can be moved, machine time never is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


class ShopClock:
    """Business time = machine time + offset; time runs on from wherever it was moved to."""

    def __init__(self) -> None:
        self.offset_s: float = 0.0

    def now(self) -> datetime:
        """Business time in Japan: what the shop writes into orders and points."""
        return (datetime.now(UTC) + timedelta(seconds=self.offset_s)).astimezone(JST)

    @staticmethod
    def machine_seconds() -> int:
        """Unix seconds of the machine: signatures are checked against it, so no story moves it."""
        return int(time.time())


def rfc3339(moment: datetime) -> str:
    """`2026-12-24T09:00:00+09:00`: the shop-local form that Shopify's REST bodies use."""
    return moment.astimezone(JST).isoformat(timespec="seconds")


def rfc3339_fine(moment: datetime) -> str:
    """The same with microseconds, for versions: two changes of one member within a second must not tie."""
    return moment.astimezone(JST).isoformat(timespec="microseconds")


def parse_moment(text: str) -> datetime:
    """Read an RFC 3339 time; a time without offset is refused, since a guess would be wrong by nine hours."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without offset: {text}")
    return moment.astimezone(JST)
