"""The order in which a walk through business time halts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from local.clock import BadTime, next_stop, parse_at
from local.schedules import Schedule, parse_expression
from local.stack.business import RUNS_AT, parse_due_key, run_starts
from musubi.usecases import start_daily_run

TOKYO = ZoneInfo("Asia/Tokyo")
DAILY = Schedule("daily", "daily_alerts", "{}", parse_expression("cron(0 6 * * ? *)", "Asia/Tokyo"))
REPORT = Schedule("report", "report", "{}", parse_expression("cron(0 6 1 * ? *)", "Asia/Tokyo"))
TICK = Schedule("tick", "due_steps", "{}", parse_expression("rate(1 minute)"))
ALL = (DAILY, REPORT, TICK)


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def walk(start: datetime, target: datetime, waiting: list[datetime]) -> list[tuple[str, tuple[str, ...]]]:
    """Halts of a walk on which every due item is worked off at its halt."""
    halts, taken, left = [], start, sorted(waiting)
    while stop := next_stop(ALL, taken, left[0] if left else None, target):
        halts.append((f"{stop.at.astimezone(TOKYO):%m-%dT%H:%M}", tuple(one.name for one in stop.fires)))
        taken, left = stop.at, [item for item in left if item > stop.at]
    return halts


def test_daily_runs_and_due_items_come_in_the_order_of_their_instants() -> None:
    waiting = [tokyo("2026-12-24T10:00"), tokyo("2026-12-25T05:30"), tokyo("2026-12-26T08:00")]
    assert walk(tokyo("2026-12-24T09:00"), tokyo("2026-12-26T07:00"), waiting) == [
        ("12-24T10:00", ()),
        ("12-25T05:30", ()),
        ("12-25T06:00", ("daily",)),
        ("12-26T06:00", ("daily",)),
    ]


def test_schedules_of_one_instant_fire_at_one_halt() -> None:
    assert walk(tokyo("2026-12-31T12:00"), tokyo("2027-01-01T12:00"), []) == [("01-01T06:00", ("daily", "report"))]


def test_a_daily_run_goes_before_what_is_due_at_the_same_instant() -> None:
    stop = next_stop(ALL, tokyo("2026-12-24T05:00"), tokyo("2026-12-24T06:00"), tokyo("2026-12-24T07:00"))
    assert stop is not None
    assert stop.fires == (DAILY,)


def test_a_due_item_is_picked_up_by_the_next_full_minute_but_never_after_the_target() -> None:
    start, due = tokyo("2026-12-24T09:00"), tokyo("2026-12-24T10:00:20")
    assert next_stop(ALL, start, due, tokyo("2026-12-24T11:00")).at == tokyo("2026-12-24T10:01")  # type: ignore[union-attr]
    assert next_stop(ALL, start, due, tokyo("2026-12-24T10:00:30")).at == tokyo("2026-12-24T10:00:30")  # type: ignore[union-attr]


def test_an_overdue_item_is_worked_off_before_time_moves() -> None:
    start = tokyo("2026-12-24T09:00")
    stop = next_stop(ALL, start, start - timedelta(days=2), tokyo("2026-12-25T09:00"))
    assert stop is not None
    assert stop.at == start


def test_nothing_between_now_and_the_target_is_no_halt() -> None:
    start = tokyo("2026-12-24T09:00")
    assert next_stop(ALL, start, None, tokyo("2026-12-24T18:00")) is None
    assert next_stop(ALL, start, tokyo("2026-12-24T18:01"), tokyo("2026-12-24T18:00")) is None


def test_now_means_the_machine_clock() -> None:
    machine = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert parse_at("now", machine) == machine
    assert parse_at("2026-12-24T09:00+09:00", machine) == tokyo("2026-12-24T09:00")
    assert parse_at("2026-12-24T00:00:00Z", machine) == tokyo("2026-12-24T09:00")


@pytest.mark.parametrize("text", ["2026-12-24T09:00", "tomorrow", ""])
def test_a_time_without_offset_or_sense_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        parse_at(text, datetime.now(UTC))


def test_a_due_key_starts_with_its_utc_instant() -> None:
    assert parse_due_key("2026-12-24T01:00:00.000000Z#3f0c") == tokyo("2026-12-24T10:00")


@pytest.mark.parametrize(("pk", "sk"), [("RUN#daily", "2026-12-24"), ("RUN#daily#2026-12-24", "SHARD#07")])
def test_a_row_of_a_run_says_when_it_starts(pk: str, sk: str) -> None:
    """Going back in time forgets the runs ahead; else those days would find nobody who was made known since."""
    assert run_starts(pk, sk) == tokyo("2026-12-24T06:00")


def test_runs_start_when_the_product_says() -> None:
    assert start_daily_run.RUNS_AT == RUNS_AT
