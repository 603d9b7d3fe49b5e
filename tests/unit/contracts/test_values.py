"""Money, points, dates, birthdays, names and text as the world writes them."""

from __future__ import annotations

import contextlib
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.contracts import values
from musubi.contracts.text import as_id, bounded_id, canonical, clean, content_hash, parse_json
from musubi.domain.errors import Permanent
from musubi.domain.people import Birthday, PointLot
from tests.unit.contracts.strategies import ANY_TEXT, JSON

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12800, 12800),
        ("12800", 12800),
        ("12800.00", 12800),
        ("¥12,800", 12800),
        (Decimal("12800.0"), 12800),
        (12800.0, 12800),
        ({"amount": "23600.0", "currency": "JPY"}, 23600),
        ({"amount": "23600", "currency_code": "JPY"}, 23600),
        ({"amount": 500}, 500),
        (0, 0),
        ({"amount": "9.99", "currency": "USD"}, None),
        (None, None),
        ("", None),
        ("twelve", None),
        (True, None),
        ([], None),
        ("1E+999999", None),
        (Decimal("1E+999999"), None),
        (10**400, None),
        (Decimal("NaN"), None),
    ],
)
def test_yen(value: Any, expected: int | None) -> None:
    assert values.yen(value, "total") == expected


@pytest.mark.parametrize("value", ["0.5", "12800.01", 1.5, {"amount": "1.5", "currency": "JPY"}, Decimal("0.1")])
def test_a_fraction_of_a_yen_is_never_guessed_away(value: Any) -> None:
    with pytest.raises(Permanent, match="total: a fraction of a yen"):
        values.yen(value, "total")


@given(amount=st.integers(-(10**12), 10**12), zeros=st.integers(0, 4))
def test_every_spelling_of_whole_yen_is_that_amount(amount: int, zeros: int) -> None:
    spelled = f"{amount}.{'0' * zeros}" if zeros else str(amount)
    for value in (amount, spelled, Decimal(spelled), {"amount": spelled, "currency": "JPY"}, f"{amount:,}"):
        assert values.yen(value, "total") == amount


@given(whole=st.integers(0, 10**9), fraction=st.integers(1, 999))
def test_every_fraction_is_refused(whole: int, fraction: int) -> None:
    with pytest.raises(Permanent):
        values.yen(f"{whole}.{fraction:03d}", "total")


@given(value=JSON)
def test_readers_raise_nothing_but_permanent(value: Any) -> None:
    for read in (values.yen, values.points, values.instant, values.last_day, values.lots):
        with contextlib.suppress(Permanent):
            read(value, "field")
    values.birthday(value, TODAY)
    values.person_name(value)
    clean(value)
    as_id(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1992-12-24", Birthday(12, 24, 1992)),
        ("1992/12/24", Birthday(12, 24, 1992)),
        ("--12-24", Birthday(12, 24)),
        ("--1224", Birthday(12, 24)),
        ("1992-12", Birthday(12, None, 1992)),
        ({"month": 12}, Birthday(12)),
        ({"year": "1992", "month": "12", "day": "24"}, Birthday(12, 24, 1992)),
        ("1988-02-29", Birthday(2, 29, 1988)),
        ("--02-29", Birthday(2, 29)),
        ("1990-02-29", Birthday(2, 29)),
        ("0000-05-03", Birthday(5, 3)),
        ("2099-05-03", Birthday(5, 3)),
        ("1992-12-23T15:00:00Z", Birthday(12, 24, 1992)),
        ("1992-12-24T00:00:00+09:00", Birthday(12, 24, 1992)),
        ("1900-01-01", None),
        ("1970-01-01", None),
        ("0001-01-01", None),
        ("0000-00-00", None),
        ("1992-13-01", None),
        ("1992-04-31", None),
        ("1992-00-10", None),
        ({"month": 2, "day": 30}, None),
        ({"month": True}, None),
        ({"day": 3}, None),
        ("十二月", None),
        ("", None),
        (None, None),
        (19921224, None),
    ],
)
def test_birthdays(value: Any, expected: Birthday | None) -> None:
    assert values.birthday(value, TODAY) == expected


@given(born=st.dates(date(1900, 1, 2), TODAY).filter(lambda d: d != date(1970, 1, 1)))
def test_every_real_birthday_survives_all_its_spellings(born: date) -> None:
    expected = Birthday(born.month, born.day, born.year)
    spelled = {"year": born.year, "month": born.month, "day": born.day}
    for value in (born.isoformat(), spelled, f"{born.isoformat()}T00:00:00+09:00", f"{born.isoformat()}T23:59:59"):
        assert values.birthday(value, TODAY) == expected
    assert values.birthday(f"--{born:%m-%d}", TODAY) == Birthday(born.month, born.day)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("2026-12-31T23:59:59+09:00", date(2026, 12, 31)),
        ("2026-12-31T14:59:59Z", date(2026, 12, 31)),
        ("2026-12-31T14:59:59.999999999Z", date(2026, 12, 31)),
        ("2026-12-31T15:00:00Z", date(2026, 12, 31)),
        ("2026-12-31T15:00:01Z", date(2027, 1, 1)),
        ("2026-12-31T12:00:00", date(2026, 12, 31)),
        ("2028-02-29", date(2028, 2, 29)),
    ],
)
def test_points_can_be_used_through_the_end_of_a_tokyo_day(value: str, expected: date) -> None:
    assert values.last_day(value, "expires_at") == expected


@pytest.mark.parametrize("value", [None, "", "2026-02-29", "0000-00-00", "soon", 20261231, {}, "9999-12-31"])
def test_an_expiry_that_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(Permanent):
        values.last_day(value, "expires_at")


def test_lots_are_read_whole_or_not_at_all() -> None:
    good = {"points": "300", "expires_at": "2026-12-24"}
    assert values.lots([good], "lots") == (PointLot(date(2026, 12, 24), 300),)
    assert values.lots([], "lots") == ()
    assert values.lots(None, "lots") is None
    spoiled: list[Any] = [[good, {"points": 1}], [good, 5], {}, [{**good, "points": 1.5}], [{**good, "points": None}]]
    for bad in spoiled:
        with pytest.raises(Permanent, match=r"^lots"):
            values.lots(bad, "lots")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22T12:00:00+09:00", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        ("2026-11-22T03:00:00Z", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        ("2026-11-22t03:00:00z", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        ("2026-11-22T03:00:00.123456789Z", datetime(2026, 11, 22, 3, 0, 0, 123456, UTC)),
        ("2026-11-22T12:00:00", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_instants(value: Any, expected: datetime | None) -> None:
    assert values.instant(value, "time") == expected


@pytest.mark.parametrize("value", ["yesterday", 5, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "x" * 99])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(Permanent, match="time: not a time"):
        values.instant(value, "time")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"family": "結城", "given": "さくら"}, ("結城", "さくら")),
        ({"family": "結城", "given": "さくら", "display": "さくら"}, ("結城", "さくら")),
        ({"display": "結城 さくら様"}, ("結城 さくら", None)),
        ("結城 さくら様", ("結城 さくら", None)),
        ("someone@example.com", (None, None)),
        ("様", (None, None)),
        (None, (None, None)),
        (5, (None, None)),
    ],
)
def test_names(value: Any, expected: tuple[str | None, str | None]) -> None:
    assert values.person_name(value) == expected


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_plain_text_only_loses_its_blanks(text: str) -> None:
    assert clean(text) == (" ".join(text.split()) or None)
    assert clean(f"茶{text}") == f"茶{' '.join(f'.{text}'.split())[1:]}"


@given(text=ANY_TEXT, limit=st.integers(1, 50))
def test_cleaned_text_is_one_short_line_that_can_be_stored(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    if cleaned is None:
        return
    cleaned.encode()
    assert 0 < len(cleaned) <= limit
    assert cleaned == cleaned.strip()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in cleaned)
    assert clean(cleaned, limit) == cleaned


def test_bidi_overrides_and_controls_are_gone() -> None:
    assert clean("\u202egnp.exe\u202c\x00 a\r\nb\u200b\ufeff\u2067!") == "gnp.exe a b!"
    assert clean("葛\U000e0100城市") == "葛\U000e0100城市"
    assert clean("\u202e \n") is None
    assert clean("x" * 10_000) == "x" * 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (820982911946154508, "820982911946154508"),
        ("820982911946154508", "820982911946154508"),
        (" 1001 ", "1001"),
        ("会員-1", "会員-1"),
        ("gid://shopify/Order/1", "gid://shopify/Order/1"),
        (True, None),
        (1.0, None),
        (-1, None),
        ("", None),
        ("a b", None),
        ("a\u202eb", None),
        ("x" * 129, None),
        (None, None),
        ({}, None),
    ],
)
def test_ids(value: Any, expected: str | None) -> None:
    assert as_id(value) == expected


@given(text=ANY_TEXT)
def test_any_text_has_a_bounded_id(text: str) -> None:
    assert as_id(bounded_id(text)) == bounded_id(text)


@pytest.mark.parametrize("raw", ["NaN", "[Infinity]", '{"a":1,"a":2}', "", "{", "[" * 100_000, b"\xff", "9" * 5000])
def test_json_that_two_readers_could_read_differently_is_refused(raw: Any) -> None:
    with pytest.raises(Permanent, match="body: not JSON"):
        parse_json(raw, "body")


def test_numbers_stay_exact() -> None:
    assert parse_json("[820982911946154508, 0.1]", "body") == [820982911946154508, Decimal("0.1")]


@given(value=JSON)
def test_equal_content_has_one_hash_whatever_the_spelling(value: Any) -> None:
    assert content_hash(parse_json(canonical(value), "x")) == content_hash(parse_json(canonical(value), "x"))
    assert canonical(value).isascii()
