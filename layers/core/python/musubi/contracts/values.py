"""Money, dates, birthdays and names as shop systems write them. Each reader says what it can not read."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from musubi.contracts.text import clean
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent
from musubi.domain.people import Birthday, PointLot

_YEN = "JPY"
_MOST_YEN = 10**12
_MOST_POINTS = 10**12
_FIRST_YEAR, _LAST_YEAR = 1970, 2199

PLACEHOLDERS = frozenset({(0, 0, 0), (1, 1, 1), (1900, 1, 1), (1970, 1, 1)})
"""Birthdays that databases hold instead of nothing."""

_BIRTHDAY = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2}))?|--(?P<m>[0-9]{2})-?(?P<d>[0-9]{2})"
)
_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_LEAP_YEAR = 2000
_HONORIFICS = ("様", "さま", "さん")


def yen(value: Any, field: str) -> int | None:
    """Whole yen in `value`: a number, its text (`"23600.00"`, `"¥1,234"`) or `{amount, currency}`.

    None when it is absent, of another currency or no amount at all. A fraction of a yen raises Permanent: the shop
    means another unit, and every guess would be wrong by a factor.
    """
    if isinstance(value, dict):
        currency = value.get("currency", value.get("currency_code", _YEN))
        return yen(value.get("amount"), field) if currency == _YEN else None
    amount = _number(value)
    if amount is None or abs(amount) > _MOST_YEN:
        return None
    if amount != amount.to_integral_value():
        raise Permanent(f"{field}: a fraction of a yen")
    return int(amount)


def points(value: Any, field: str) -> int:
    """Whole points in `value`; Permanent when it is none: a wrong balance must not be told to anybody."""
    amount = _number(value)
    if amount is None or abs(amount) > _MOST_POINTS or amount != amount.to_integral_value():
        raise Permanent(f"{field}: not whole points")
    return int(amount)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) < 10**18 else None
    text = str(value).strip().lstrip("¥￥").replace(",", "")
    if isinstance(value, str) and not _AMOUNT.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # Bounded before anybody makes an int of it: 1E+999999 is ten bytes of JSON and a million digits.
    return number if number.is_finite() and -20 < number.adjusted() < 18 else (number if number == 0 else None)


def instant(value: Any, field: str) -> datetime | None:
    """The UTC instant in an RFC 3339 text; None when absent, Permanent when unreadable.

    Without an offset it is Tokyo's clock. More than six fractional digits are cut.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= 40:
        try:
            found = datetime.fromisoformat(value.strip().upper())
            aware = found if found.tzinfo else found.replace(tzinfo=TOKYO)
            if _FIRST_YEAR < aware.year < _LAST_YEAR:
                return aware.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise Permanent(f"{field}: not a time")


def last_day(value: Any, field: str) -> date:
    """The last Tokyo day on which something that ends at `value` can be used.

    A date means through its 23:59:59; an instant the day just before it, so a midnight belongs to the day it ends.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
        try:
            found = date.fromisoformat(value.strip())
        except ValueError:
            raise Permanent(f"{field}: not a date") from None
        if _FIRST_YEAR < found.year < _LAST_YEAR:
            return found
        raise Permanent(f"{field}: not a date")
    until = instant(value, field)
    if until is None:
        raise Permanent(f"{field}: missing")
    return (until - timedelta(microseconds=1)).astimezone(TOKYO).date()


def lots(value: Any, field: str) -> tuple[PointLot, ...] | None:
    """Point lots `[{points, expires_at}]`; None when absent. One bad lot spoils all: they replace what is stored."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise Permanent(f"{field}: not a list")
    return tuple(_lot(one, f"{field}.{i}") for i, one in enumerate(value))


def _lot(value: Any, field: str) -> PointLot:
    if not isinstance(value, dict):
        raise Permanent(f"{field}: not an object")
    return PointLot(
        last_day(value.get("expires_at"), f"{field}.expires_at"), points(value.get("points"), f"{field}.points")
    )


def birthday(value: Any, today: date) -> Birthday | None:
    """A birthday as `{year?, month, day?}`, `YYYY-MM-DD`, `YYYY-MM`, `--MM-DD` or an instant; None if it is none.

    Placeholders of databases (1900-01-01, 0000-00-00, …) are none. A year that can not be is dropped and the day kept.
    """
    year, month, day = _birthday_parts(value)
    if month is None or (year or 0, month, day or 0) in PLACEHOLDERS or not 1 <= month <= 12:
        return None
    if day is not None and not 1 <= day <= monthrange(_LEAP_YEAR, month)[1]:
        return None
    if year is not None and (not 1900 <= year <= today.year or day_missing(year, month, day)):
        year = None
    return Birthday(month, day, year)


def day_missing(year: int, month: int, day: int | None) -> bool:
    """True if `day` is not in that month of that year (29 February)."""
    return day is not None and day > monthrange(year, month)[1]


def _birthday_parts(value: Any) -> tuple[int | None, int | None, int | None]:
    if isinstance(value, dict):
        return _small(value.get("year")), _small(value.get("month")), _small(value.get("day"))
    if not isinstance(value, str) or len(value) > 40:
        return None, None, None
    text = value.strip().replace("/", "-")
    found = _BIRTHDAY.fullmatch(text)
    if found:
        parts = (found["year"], found["month"] or found["m"], found["day"] or found["d"])
        year, month, day = (int(part) if part else None for part in parts)
        return year, month, day
    return _birthday_of_instant(text)


def _birthday_of_instant(text: str) -> tuple[int | None, int | None, int | None]:
    """Databases hand a Tokyo midnight out as 15:00 UTC of the day before: the Tokyo day is the one that was meant."""
    if "T" not in text.upper():
        return None, None, None
    try:
        found = datetime.fromisoformat(text.upper())
        local = found.astimezone(TOKYO) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None, None, None
    return local.year, local.month, local.day


def _small(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value.strip()):
        return int(value)
    return value if type(value) is int and 0 <= value <= 9999 else None


def person_name(value: Any) -> tuple[str | None, str | None]:
    """(family, given) from `{family, given}`, from `{display}` alone, or from one text; without honorifics, and None
    for what is a mail address.
    """
    if isinstance(value, dict):
        family, given = _name(value.get("family")), _name(value.get("given"))
        return (family, given) if family or given else (_name(value.get("display")), None)
    return _name(value), None


def _name(value: Any) -> str | None:
    text = clean(value)
    if text is None or "@" in text:
        return None
    for honorific in _HONORIFICS:
        text = text.removesuffix(honorific).strip()
    return text or None
