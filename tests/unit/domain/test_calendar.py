"""Tokyo days, due instants, quiet hours, 29 February."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain import calendar
from musubi.domain.people import Birthday
from musubi.domain.scenario import Wait

TOKYO = ZoneInfo("Asia/Tokyo")

instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
times = st.times().map(lambda t: t.replace(microsecond=0))


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


@given(instants)
def test_the_fixed_offset_is_what_the_zone_database_says(instant: datetime) -> None:
    assert calendar.tokyo_date(instant) == instant.astimezone(TOKYO).date()


@given(days, times)
def test_a_tokyo_clock_time_is_one_instant_of_that_day(on: date, at: time) -> None:
    instant = calendar.tokyo_instant(on, at)
    assert instant.tzinfo is UTC
    assert instant.astimezone(TOKYO).replace(tzinfo=None) == datetime.combine(on, at)
    assert calendar.tokyo_date(instant) == on


@pytest.mark.parametrize(
    ("bought", "wait", "due"),
    [
        ("2026-11-24T12:00", Wait(days=5, at=time(10)), "2026-11-29T10:00"),
        ("2026-11-24T00:00", Wait(days=5, at=time(10)), "2026-11-29T10:00"),
        ("2026-11-24T23:59:59", Wait(days=5, at=time(10)), "2026-11-29T10:00"),
        ("2026-12-28T08:30", Wait(days=5, at=time(10)), "2027-01-02T10:00"),
        ("2028-02-25T08:30", Wait(days=5, at=time(10)), "2028-03-01T10:00"),
        ("2026-11-24T12:00", Wait(days=5), "2026-11-29T12:00"),
        ("2026-11-24T12:00", Wait(), "2026-11-24T12:00"),
        ("2026-11-24T12:00", Wait(hours=3), "2026-11-24T15:00"),
        ("2026-11-24T23:55", Wait(minutes=10), "2026-11-25T00:05"),
        ("2026-11-24T23:55", Wait(minutes=10, at=time(10)), "2026-11-25T10:00"),
        ("2026-11-24T23:00", Wait(hours=3, at=time(10)), "2026-11-25T10:00"),
        # A clock time that is over on the anchor's own day is due at once, not tomorrow.
        ("2026-11-24T12:00", Wait(at=time(10)), "2026-11-24T10:00"),
    ],
)
def test_when_a_step_is_due(bought: str, wait: Wait, due: str) -> None:
    assert calendar.step_due(wait, jst(bought)) == jst(due)


@given(instants, st.integers(0, 400), times)
def test_a_step_with_a_clock_time_keeps_it_whatever_the_hour_of_the_purchase(
    anchor: datetime, wait_days: int, at: time
) -> None:
    due = calendar.step_due(Wait(days=wait_days, at=at), anchor).astimezone(TOKYO)
    assert due.time() == at
    assert due.date() - anchor.astimezone(TOKYO).date() == timedelta(days=wait_days)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T20:59:59", None),
        ("2026-11-24T21:00", "2026-11-25T09:00"),
        ("2026-11-24T23:59:59", "2026-11-25T09:00"),
        ("2026-11-25T00:00", "2026-11-25T09:00"),
        ("2026-11-25T08:59:59", "2026-11-25T09:00"),
        ("2026-11-25T09:00", None),
        ("2026-12-31T22:00", "2027-01-01T09:00"),
    ],
)
def test_quiet_hours_that_span_midnight(now: str, until: str | None) -> None:
    expected = jst(until) if until else None
    assert calendar.quiet_until(jst(now), time(21), time(9)) == expected


@given(instants, times, times)
def test_quiet_hours_end_within_a_day_and_are_over_then(now: datetime, begin: time, end: time) -> None:
    until = calendar.quiet_until(now, begin, end)
    if until is None:
        return
    assert now < until <= now + timedelta(days=1)
    assert until.astimezone(TOKYO).time() == end
    assert calendar.quiet_until(until, begin, end) is None


@given(instants, times)
def test_quiet_hours_without_length_are_none(now: datetime, at: time) -> None:
    assert calendar.quiet_until(now, at, at) is None


@given(instants, times, times)
def test_every_instant_is_quiet_in_a_window_or_in_its_complement(now: datetime, begin: time, end: time) -> None:
    if begin != end:
        inside = calendar.quiet_until(now, begin, end) is not None
        assert inside != (calendar.quiet_until(now, end, begin) is not None)


@pytest.mark.parametrize(
    ("on", "kept"),
    [
        (date(2027, 2, 28), {(2, 28), (2, 29)}),
        (date(2028, 2, 28), {(2, 28)}),
        (date(2028, 2, 29), {(2, 29)}),
        (date(2100, 2, 28), {(2, 28), (2, 29)}),
        (date(2027, 3, 1), {(3, 1)}),
    ],
)
def test_29_february_keeps_the_28th_in_common_years(on: date, kept: set[tuple[int, int]]) -> None:
    assert set(calendar.birthdays_kept_on(on)) == kept


@given(st.integers(2000, 2099), st.dates(date(2000, 1, 1), date(2000, 12, 31)))
def test_every_birthday_is_kept_on_exactly_one_day_of_every_year(year: int, born: date) -> None:
    birthday = Birthday(born.month, born.day)
    length = 366 if isleap(year) else 365
    year_days = [date(year, 1, 1) + timedelta(days=n) for n in range(length)]
    assert sum(calendar.is_kept_on(birthday, on) for on in year_days) == 1


@given(days)
def test_a_birthday_without_a_day_is_kept_on_no_day(on: date) -> None:
    assert not calendar.is_kept_on(Birthday(on.month), on)
    assert not calendar.is_kept_on(None, on)


@given(instants)
def test_the_next_month_begins_with_a_tokyo_midnight_of_a_first(now: datetime) -> None:
    begins = calendar.next_month(now).astimezone(TOKYO)
    assert (begins.day, begins.time()) == (1, time())
    assert timedelta() < begins - now <= timedelta(days=31)
    assert (begins - timedelta(microseconds=1)).month == now.astimezone(TOKYO).month


@pytest.mark.parametrize("ahead_days", [0, 30, -30])
@pytest.mark.parametrize(("hours", "fresh"), [(-25, False), (-24, True), (0, True), (24, True)])
def test_news_is_fresh_on_the_machines_clock_or_on_the_moved_one(ahead_days: int, hours: int, fresh: bool) -> None:
    received, ahead = jst("2026-11-22T12:00"), timedelta(days=ahead_days)
    for clock in (received, received + ahead):
        assert calendar.is_fresh(clock + timedelta(hours=hours), received, ahead) is fresh
    assert not calendar.is_fresh(min(received, received + ahead) - timedelta(days=9), received, ahead)


def test_how_a_message_writes_a_date() -> None:
    assert calendar.japanese_date(date(2026, 12, 4)) == "12月4日"
