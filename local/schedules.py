"""The deployment's schedules, read from the synthesised template and asked for their instants. Pure.

Nothing is called.

The embedded AWS ignores a schedule's time zone and leaves `<aws.scheduler.…>` unreplaced, so the local stage
deploys its schedules disabled and `local/stack/ticker.py` and `local/clock.py` fire them with what is decided
here. Expressions follow https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (rate and
cron).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_WAIT = timedelta(days=366)


class BadSchedule(ValueError):
    """A schedule that cannot be fired here; the message quotes it."""


@dataclass(frozen=True)
class Every:
    """`rate(…)`: a fixed distance between two firings."""

    period: timedelta


@dataclass(frozen=True)
class Daily:
    """`cron(…)`: the wall-clock times of some dates in a time zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    zone: ZoneInfo

    def on(self, day: date) -> bool:
        """True if the schedule fires on this date."""
        weekday = day.isoweekday() % 7 + 1
        return day.month in self.months and day.day in self.days and weekday in self.weekdays

    def times(self, day: date) -> Iterator[datetime]:
        """The aware instants of one date, in order."""
        for hour in self.hours:
            for minute in self.minutes:
                yield datetime.combine(day, time(hour, minute), self.zone)


@dataclass(frozen=True)
class Schedule:
    """One schedule of the template: what it calls, with which input, when."""

    name: str
    function: str
    input: str
    when: Every | Daily

    @property
    def fixed(self) -> bool:
        """True for a schedule with wall-clock times; skipping one of these skips a business event."""
        return isinstance(self.when, Daily)


def instants(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """Every instant of a wall-clock schedule in (after, until], in order. A rate has none.

    Only its distance matters.
    """
    if not isinstance(schedule.when, Daily):
        return []
    when, found = schedule.when, []
    day = after.astimezone(when.zone).date()
    while day <= until.astimezone(when.zone).date():
        if when.on(day):
            found += [instant for instant in when.times(day) if after < instant <= until]
        day += timedelta(days=1)
    return found


def next_instant(schedule: Schedule, after: datetime) -> datetime | None:
    """The first instant of a wall-clock schedule after a moment, or None within a year."""
    if not isinstance(schedule.when, Daily):
        return None
    day, when = after.astimezone(schedule.when.zone).date(), schedule.when
    for offset in range(_LONGEST_WAIT.days + 1):
        here = day + timedelta(days=offset)
        for instant in when.times(here) if when.on(here) else ():
            if instant > after:
                return instant
    return None


def input_at(schedule: Schedule, instant: datetime, attempt: int = 1) -> str:
    """The template's own input with the scheduler's placeholders filled in (times in UTC, whole seconds)."""
    text = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {
        "<aws.scheduler.scheduled-time>": text,
        "<aws.scheduler.schedule-arn>": f"arn:aws:scheduler:local:000000000000:schedule/local/{schedule.name}",
        "<aws.scheduler.execution-id>": f"{schedule.name}-{text}",
        "<aws.scheduler.attempt-number>": str(attempt),
    }
    filled = schedule.input
    for placeholder, value in values.items():
        filled = filled.replace(placeholder, value)
    if "<aws.scheduler." in filled:
        raise BadSchedule(f"schedule {schedule.name}: unknown placeholder in its input {schedule.input!r}")
    return filled


def parse_expression(expression: str, zone: str = "UTC") -> Every | Daily:
    """Read `rate(5 minutes)` or `cron(0 6 * * ? *)`; raises BadSchedule for anything else."""
    if rate := _RATE.fullmatch(expression):
        return Every(timedelta(**{f"{rate[2]}s": int(rate[1])}))
    cron = _CRON.fullmatch(expression)
    if cron is None or cron[6] != "*":
        raise BadSchedule(f"neither rate(…) nor a cron(…) of every year: {expression!r}")
    try:
        return Daily(
            minutes=_values(cron[1], 0, 59),
            hours=_values(cron[2], 0, 23),
            days=frozenset(_values(cron[3], 1, 31)),
            months=frozenset(_values(cron[4], 1, 12, _MONTHS)),
            weekdays=frozenset(_values(cron[5], 1, 7, _WEEKDAYS)),
            zone=ZoneInfo(zone),
        )
    except ValueError as error:
        raise BadSchedule(f"{expression!r}: {error}") from None


def _values(text: str, low: int, high: int, names: Sequence[str] = ()) -> tuple[int, ...]:
    """The numbers that a field of a cron expression stands for, ascending."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in {"*", "?"}:
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(f"{part!r} is outside {low}-{high}")
        found.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(text: str, names: Sequence[str]) -> int:
    return names.index(text.upper()) + 1 if text.upper() in names else int(text)


def from_template(template: Mapping[str, Any]) -> list[Schedule]:
    """The schedules of a synthesised template, by name.

    Their targets must be functions of the same template.
    """
    resources: Mapping[str, Any] = template.get("Resources", {})
    found = [
        _schedule(resources, resource["Properties"])
        for resource in resources.values()
        if resource["Type"] == "AWS::Scheduler::Schedule"
    ]
    return sorted(found, key=lambda schedule: schedule.name)


def _schedule(resources: Mapping[str, Any], properties: Mapping[str, Any]) -> Schedule:
    name = properties["Name"]
    arn = properties["Target"]["Arn"]
    function = arn["Fn::GetAtt"][0] if isinstance(arn, dict) and "Fn::GetAtt" in arn else None
    if function is None or resources[function]["Type"] != "AWS::Lambda::Function":
        raise BadSchedule(f"schedule {name} calls {arn!r}, which is no function of its template")
    return Schedule(
        name=name,
        function=resources[function]["Properties"]["FunctionName"],
        input=properties["Target"].get("Input", "{}"),
        when=parse_expression(properties["ScheduleExpression"], properties.get("ScheduleExpressionTimezone", "UTC")),
    )
