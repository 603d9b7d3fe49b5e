"""Bytes → records: encodings, quoting, limits, and where each record is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.csv.records import MAX_COLUMNS, MAX_LINES, MAX_RECORD, Record, Records, read_head
from musubi.domain.errors import Permanent


def chunks(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))


def records(text: str | bytes, encoding: str = "utf-8", size: int = 7, delimiter: str = ",") -> list[Record]:
    raw = text.encode(encoding) if isinstance(text, str) else text
    return list(Records(chunks(raw, size), encoding, delimiter))


def cells(text: str | bytes, **how: str) -> list[list[str]]:
    return [list(one.cells) for one in records(text, **how)]  # type: ignore[arg-type]


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    assert cells('a,"b,""c""\r\nd",e\r\nf,g\r\n') == [["a", 'b,"c"\r\nd', "e"], ["f", "g"]]


def test_a_quote_inside_a_plain_cell_is_a_quote() -> None:
    assert cells('1,24" モニター\n2,x\n') == [["1", '24" モニター'], ["2", "x"]]


def test_tabs_separate_where_the_header_says_so() -> None:
    head = read_head("会員ID\t氏名\n1\t綾瀬, 蓮\n".encode())
    assert (head.delimiter, head.header) == ("\t", ("会員ID", "氏名"))
    assert cells("1\t綾瀬, 蓮\n", delimiter="\t") == [["1", "綾瀬, 蓮"]]


def test_each_record_knows_its_lines_and_its_end() -> None:
    text = 'a,b\r\n"x\r\ny",1\r\n\r\nlast'
    found = records(text)
    assert [(one.line, one.last, one.end) for one in found] == [(1, 1, 5), (2, 3, 15), (4, 4, 17), (5, 5, 21)]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("会員ID,氏名\n".encode(), "utf-8"),
        ("会員ID,氏名\n".encode("utf-8-sig"), "utf-8"),
        ("会員ID,氏名\n1,髙橋①\n".encode("cp932"), "cp932"),
        (b"member_id,name\n1,x\n", None),
    ],
)
def test_the_encoding_is_recognised(raw: bytes, encoding: str | None) -> None:
    head = read_head(raw)
    assert head.encoding == encoding
    assert head.header[0] in {"会員ID", "member_id"}


def test_ascii_headers_leave_the_encoding_to_the_first_row_that_is_not() -> None:
    found = Records([b"1,x\n", "2,さくら\n".encode("cp932"), "3,さくら\n".encode()], None, ",")
    first, second, third = found
    assert (first.cells, second.cells) == (["1", "x"], ["2", "さくら"])
    assert (third.problem, found.encoding) == ("not cp932", "cp932")


def test_a_row_of_another_encoding_is_a_problem_of_its_own() -> None:
    raw = "会員ID,氏名\n1,さくら\n".encode() + "2,蓮\n".encode("cp932") + "3,澪\n".encode()
    assert read_head(raw).encoding == "utf-8"
    assert [one.problem for one in records(raw)] == ["", "", "not utf-8", ""]


def test_a_quote_that_never_ends_costs_one_row() -> None:
    text = '1,"open\n' + "".join(f"{n},x\n" for n in range(2, MAX_LINES + 50))
    found = records(text, size=4096)
    assert [one.problem for one in found if one.problem] == ["a quote that does not end"]
    assert found[0].line == 1
    assert [one.cells[0] for one in found[1:]] == [str(n) for n in range(2, MAX_LINES + 50)]


def test_a_row_that_is_too_long_costs_itself() -> None:
    text = "1,a\n2," + "x" * (2 * MAX_RECORD) + "\n3,c\n"
    first, second, third = records(text, size=10_000)
    assert (first.cells, third.cells, third.line) == (["1", "a"], ["3", "c"], 3)
    assert (second.problem, second.end) == ("longer than a row may be", len(text) - 4)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        ("会員ID\n1\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04....", "spreadsheet"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"\xff\x00\x81\n\xfe\xff\xa0\n", "neither UTF-8 nor Shift_JIS"),
        ("会員ID,氏名\r1,x\r2,y\r".encode(), "CR alone"),
        (b'"member_id,name\n1,x\n', "a quote that does not end"),
        (b"x" * (MAX_RECORD + 1), "too long"),
        (b"x," * (MAX_COLUMNS + 1) + b"\n", f"more than {MAX_COLUMNS} columns"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_reason(raw: bytes, why: str) -> None:
    with pytest.raises(Permanent, match=why):
        read_head(raw)


@given(st.binary(max_size=3000), st.integers(1, 64), st.sampled_from([None, "utf-8", "cp932"]))
def test_any_bytes_are_records_or_problems(raw: bytes, size: int, encoding: str | None) -> None:
    found = list(Records(chunks(raw, size), encoding, ","))
    assert (found[-1].end if found else 0) == len(raw)
    assert [one.line for one in found] == [1, *(one.last + 1 for one in found[:-1])][: len(found)]
    with suppress(Permanent):
        assert len(read_head(raw).header) <= MAX_COLUMNS


_CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"]) | st.sampled_from(list('",\n\t ')), max_size=12)


@given(st.lists(st.lists(_CELL, min_size=2, max_size=5), max_size=8), st.integers(1, 50))
def test_what_pythons_csv_writes_is_read_as_it_was(rows: list[list[str]], size: int) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    raw = out.getvalue().encode()
    found = list(Records(chunks(raw, size), "utf-8", ","))
    assert [list(one.cells) for one in found] == rows
    for one in found:  # reading can go on behind any record
        rest = list(Records(chunks(raw[one.end :], size), "utf-8", ",", one.end, one.last))
        assert rest == [other for other in found if other.line > one.line]
