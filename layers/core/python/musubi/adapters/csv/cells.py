"""Cells as Japanese shop systems and Excel write them → dates, amounts, flags. `Permanent("why")` for what is none.

The caller knows the field's name and says it; the value itself is never part of an error.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

_ERAS = {
    **{"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018},
    **{"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018},
}
"""Era → the year before its first. Systems count on in an era that has ended (平成35年, for a date of expiry): as meant."""

_DATE = re.compile(
    r"(?:(?P<era>明治|大正|昭和|平成|令和|[MTSHR])\s*\.?(?P<of>元|[0-9]{1,2})|(?P<year>[0-9]{4}))"
    r"(?:年|[-/.])(?P<month>[0-9]{1,2})(?:月|[-/.])(?P<day>[0-9]{1,2})日?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_WEEKDAY = re.compile(r"\s*\([月火水木金土日](?:曜日?)?\)")
_TIME = re.compile(
    r"(?P<half>午前|午後|AM|PM)?\s*(?P<hour>[0-9]{1,2})(?:時|:)(?P<minute>[0-9]{1,2})?分?"
    r"(?::?(?P<second>[0-9]{1,2})(?:\.[0-9]{1,9})?秒?)?\s*(?P<zone>Z|UTC|JST|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_ZONED = re.compile(r"Z|UTC|JST|[+-][0-9]{2}:?[0-9]{2}$", re.IGNORECASE)
_COMPACT_TIME = re.compile(r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})")
_MONTH_DAY = re.compile(r"(?:--)?(?P<month>[0-9]{1,2})(?:月|[-/])(?P<day>[0-9]{1,2})日?")
_MONTH = re.compile(r"(?:(?P<year>[0-9]{4})(?:年|[-/]))?(?P<month>[0-9]{1,2})月?")
_MOST_HOURS = 47
"""30時 is 06:00 of the next day; two days are a mistake."""
_FIRST_YEAR, _LAST_YEAR = 1870, 2199
_SIGNS = str.maketrans({"△": "-", "▲": "-", "−": "-", "‐": "-", "￥": "¥", "、": ","})
_UNIT = re.compile(r"(?:円|pts?|points?|p|ポイント|点)$", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,6}))?")


def plain(text: str) -> str:
    """A cell as it is meant: without blanks around it, and without Excel's `="0012"`, which keeps leading zeros."""
    text = text.strip()
    return text[2:-1].strip() if text.startswith('="') and text.endswith('"') and len(text) > 2 else text


def narrow(text: str) -> str:
    """`text` with full-width digits and signs made narrow."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_SIGNS)).strip()


@lru_cache(maxsize=4096)
def day(text: str) -> date:
    """A date: 2026/1/5, 2026-01-05, 20260105, 2026年1月5日, R8.1.5, 令和8年1月5日; a time behind it is dropped."""
    text = narrow(text)
    instant(text)  # what stands behind the day must be a time: 2026/1/123 is no day with something behind it
    return _day_and_rest(text)[0]


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime:
    """The UTC instant of a date and time; Tokyo's clock where no zone is said, midnight where no time is.

    Hours may go on behind midnight, as broadcasters and night shops count: 25:30 is half past one on the next day.
    """
    on, rest = _day_and_rest(narrow(text))
    rest = rest.strip().removeprefix("T").removeprefix("t").strip()
    if not rest:
        return datetime(on.year, on.month, on.day, tzinfo=TOKYO).astimezone(UTC)
    found = _TIME.fullmatch(rest) or _COMPACT_TIME.fullmatch(rest)
    if found is None:
        raise Permanent("not a time")
    parts = found.groupdict()
    after = timedelta(hours=_hour(parts), minutes=_small(parts["minute"]), seconds=_small(parts["second"]))
    zone = _zone(parts.get("zone"))
    try:
        return (datetime(on.year, on.month, on.day, tzinfo=zone) + after).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Permanent("not a time") from None


def last_day(text: str) -> date:
    """The last Tokyo day of something that ends then: a date means through its end, a time the day just before it.

    A midnight without a zone is a date that Excel or a database wrote as a time: through the end of that day.
    """
    text = narrow(text)
    at, (on, rest) = instant(text).astimezone(TOKYO), _day_and_rest(text)
    plain_midnight = at == datetime(on.year, on.month, on.day, tzinfo=TOKYO) and not _ZONED.search(rest)
    return on if plain_midnight else (at - timedelta(microseconds=1)).date()


def birthday(text: str) -> tuple[int | None, int, int | None]:
    """(year?, month, day?): a date, 12/24 and 12月24日 without a year, 1990-12 and 12月 without a day."""
    text = narrow(text)
    if found := _MONTH_DAY.fullmatch(text):
        return None, int(found["month"]), int(found["day"])
    if found := _MONTH.fullmatch(text):
        return int(found["year"]) if found["year"] else None, int(found["month"]), None
    on = day(text)
    return on.year, on.month, on.day


def whole(text: str) -> int:
    """A whole number: 1,234, ¥1,234, 1,234円, １２３, △500, 1200.00, 350pt."""
    bare = _UNIT.sub("", narrow(text).replace(" ", "").replace("¥", "").replace("\\", ""))
    found = _NUMBER.fullmatch(bare)
    if found is None:
        raise Permanent("not a number")
    if (found["fraction"] or "").strip("0"):
        raise Permanent("a fraction")
    return int(bare.partition(".")[0].replace(",", ""))


def _day_and_rest(text: str) -> tuple[date, str]:
    found = _DATE.match(text) or _COMPACT.match(text)
    if found is None:
        raise Permanent("not a date")
    parts = found.groupdict()
    era = parts.get("era")
    counted = 1 if era and parts["of"] == "元" else int(parts["of"] if era else parts["year"])
    try:
        on = date(_ERAS[era.upper()] + counted if era else counted, int(parts["month"]), int(parts["day"]))
    except ValueError:
        raise Permanent("not a date") from None
    if not _FIRST_YEAR <= on.year <= _LAST_YEAR:
        raise Permanent("not a date")
    return on, _WEEKDAY.sub("", text[found.end() :], count=1)


def _hour(parts: dict[str, str | None]) -> int:
    hour, half = int(parts["hour"] or 0), (parts.get("half") or "").upper()
    if half in {"午後", "PM"} and hour < 12:
        return hour + 12
    if half in {"午前", "AM"} and hour == 12:
        return 0
    if hour > _MOST_HOURS:
        raise Permanent("not a time")
    return hour


def _small(text: str | None) -> int:
    number = int(text or 0)
    if number > 59:
        raise Permanent("not a time")
    return number


def _zone(text: str | None) -> timezone:
    if not text or text.upper() == "JST":
        return TOKYO
    if text.upper() in {"Z", "UTC"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise Permanent("not a time")
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if text[0] == "-" else away)
