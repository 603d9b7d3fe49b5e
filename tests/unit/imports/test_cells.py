"""Dates, amounts and flags as Japanese systems write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.csv import cells
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent


@pytest.mark.parametrize(
    "text",
    [
        *("2026/1/5", "2026-01-05", "2026.1.5", "20260105", "2026年1月5日", "２０２６／０１／０５", "2026/1/5(月)"),
        *("R8.1.5", "r8/1/5", "令和8年1月5日", "令和８年１月５日", "㋿8年1月5日", "H38.1.5", "2026-01-05 00:00:00"),
    ],
)
def test_days(text: str) -> None:
    assert cells.day(text) == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("text", "on"),
    [("令和元年5月1日", date(2019, 5, 1)), ("S63.4.1", date(1988, 4, 1)), ("大正15年1月2日", date(1926, 1, 2))],
)
def test_eras(text: str, on: date) -> None:
    assert cells.day(text) == on


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026/13/1",
        "2026/2/30",
        "2026/1/123",
        "0000-00-00",
        "1/5",
        "令和0.5",
        "x",
        "99999/1/1",
        "2026/1/5 x",
    ],
)
def test_no_days(text: str) -> None:
    with pytest.raises(Permanent, match="not a"):
        cells.day(text)


@pytest.mark.parametrize(
    ("text", "tokyo"),
    [
        ("2026/1/5", "2026-01-05T00:00"),
        ("2026/1/5 9:05", "2026-01-05T09:05"),
        ("2026-01-05T09:05:06.789", "2026-01-05T09:05:06"),
        ("2026年1月5日 9時5分", "2026-01-05T09:05"),
        ("2026/1/5 25:30", "2026-01-06T01:30"),
        ("2026/1/5 午後3:05", "2026-01-05T15:05"),
        ("2026/1/5 午前12:05", "2026-01-05T00:05"),
        ("20260105093000", "2026-01-05T09:30"),
        ("2026-01-05T00:30:00Z", "2026-01-05T09:30"),
        ("2026-01-05 00:30:00 UTC", "2026-01-05T09:30"),
        ("2026-01-05T05:00:00+04:30", "2026-01-05T09:30"),
        ("R8.1.5 9:30:00 JST", "2026-01-05T09:30"),
    ],
)
def test_instants_are_tokyos_where_no_zone_is_said(text: str, tokyo: str) -> None:
    assert cells.instant(text) == datetime.fromisoformat(f"{tokyo}+09:00")
    assert cells.instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026/1/5 48:00", "2026/1/5 9:60", "2026/1/5 9:05:61", "2026/1/5 9:05+99:00", "9:05"])
def test_no_instants(text: str) -> None:
    with pytest.raises(Permanent, match="not a"):
        cells.instant(text)


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("2027/3/31", date(2027, 3, 31)),
        ("2027/3/31 23:59:59", date(2027, 3, 31)),
        ("2027/3/31 0:00", date(2027, 3, 31)),
        ("2027-03-31T15:00:00Z", date(2027, 3, 31)),
    ],
)
def test_what_ends_ends_with_a_day(text: str, on: date) -> None:
    assert cells.last_day(text) == on


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1992/12/24", (1992, 12, 24)),
        ("平成4年12月24日", (1992, 12, 24)),
        ("12/24", (None, 12, 24)),
        ("12月24日", (None, 12, 24)),
        ("--12-24", (None, 12, 24)),
        ("1992-12", (1992, 12, None)),
        ("１２月", (None, 12, None)),
        ("1992-12-24 00:00:00", (1992, 12, 24)),
    ],
)
def test_birthdays_as_far_as_they_are_known(text: str, parts: tuple[int | None, int, int | None]) -> None:
    assert cells.birthday(text) == parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("1234", 1234), ("1,234", 1234), ("¥1,234", 1234), ("￥1,234", 1234), ("\\1,234", 1234), ("1,234円", 1234)),
        *(
            ("１，２３４", 1234),
            ("△500", -500),
            ("-500", -500),
            ("1234.00", 1234),
            ("350pt", 350),
            ("350 ポイント", 350),
            ("0", 0),
        ),
    ],
)
def test_whole_numbers(text: str, number: int) -> None:
    assert cells.whole(text) == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "1,23", "--1", "1e3", "12 34x", "NaN", "9" * 16])
def test_no_whole_numbers(text: str) -> None:
    with pytest.raises(Permanent):
        cells.whole(text)


def test_excels_way_to_keep_zeros_is_undone() -> None:
    assert cells.plain(' ="0012" ') == "0012"


@given(
    st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.sampled_from(["%Y/%m/%d", "%Y-%m-%d", "%Y%m%d", "%Y年%m月%d日"])
)
def test_a_day_survives_every_way_to_write_it(on: date, form: str) -> None:
    assert cells.day(on.strftime(form)) == on
    assert cells.instant(on.strftime(form)).astimezone(TOKYO).date() == on


@given(st.text(max_size=40) | st.from_regex(r"[0-9RHS年月日/:.\- TZ+]{0,24}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (cells.day, cells.instant, cells.last_day, cells.birthday, cells.whole):
        with suppress(Permanent):
            read(text)
