"""Tokyo calendar rules. Japan has had no daylight saving since 1951, so JST is a fixed offset and needs no zone database."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta, timezone

from musubi.domain.people import Birthday
from musubi.domain.scenario import Wait

TOKYO = timezone(timedelta(hours=9), "JST")

STALE_AFTER = timedelta(hours=24)
"""A milestone older than this when it reaches us updates state and messages nobody (imports, long outages of the shop)."""


def tokyo_date(instant: datetime) -> date:
    """The Tokyo calendar day that `instant` falls on."""
    return instant.astimezone(TOKYO).date()


def tokyo_instant(on: date, at: time = time()) -> datetime:
    """The UTC instant of clock time `at` on the Tokyo day `on`."""
    return datetime.combine(on, at, TOKYO).astimezone(UTC)


def next_month(now: datetime) -> datetime:
    """The instant at which the Tokyo calendar month after `now`'s begins."""
    on = tokyo_date(now)
    return tokyo_instant(date(on.year + on.month // 12, on.month % 12 + 1, 1))


def is_fresh(at: datetime, received_at: datetime, ahead: timedelta) -> bool:
    """True when what happened at `at` is still news. `received_at` is machine time, `ahead` what business time is moved by.

    Nobody tells a shop that our business clock was moved: it may date its events by either.
    """
    clocks = (received_at, received_at + ahead)
    return at >= max(clocks) - STALE_AFTER or abs(at - min(clocks)) <= STALE_AFTER


def step_due(wait: Wait, anchor: datetime) -> datetime:
    """When a step with `wait` is due, counted from `anchor` (see `Wait`)."""
    if wait.at is None:
        return anchor + timedelta(days=wait.days, hours=wait.hours, minutes=wait.minutes)
    on = tokyo_date(anchor + timedelta(hours=wait.hours, minutes=wait.minutes)) + timedelta(days=wait.days)
    return tokyo_instant(on, wait.at)


def quiet_until(now: datetime, begin: time, end: time) -> datetime | None:
    """The instant at which quiet hours [begin, end) end, or None outside them. `begin` after `end` spans midnight."""
    local = now.astimezone(TOKYO)
    clock = local.time()
    if begin == end:
        return None
    if begin < end:
        return tokyo_instant(local.date(), end) if begin <= clock < end else None
    if clock >= begin:
        return tokyo_instant(local.date() + timedelta(days=1), end)
    return tokyo_instant(local.date(), end) if clock < end else None


def birthdays_kept_on(on: date) -> tuple[tuple[int, int], ...]:
    """The (month, day) pairs that celebrate on `on`.

    29 February keeps 28 February in common years: Japanese law lets age rise at the end of that day, and statutes name it
    the deemed birthday.
    """
    kept = [(on.month, on.day)]
    if (on.month, on.day) == (2, 28) and not isleap(on.year):
        kept.append((2, 29))
    return tuple(kept)


def is_kept_on(birthday: Birthday | None, on: date) -> bool:
    """True when `birthday` is celebrated on `on`; never for one whose day is unknown."""
    return birthday is not None and (birthday.month, birthday.day) in birthdays_kept_on(on)


def japanese_date(on: date) -> str:
    """`12月24日`, as messages write it."""
    return f"{on.month}月{on.day}日"
