"""Pages: reading goes on behind any of them, ids are derived, messages stay small, nothing raises but our own errors."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from musubi.adapters.csv import reading as csv_reading
from musubi.adapters.csv.reading import MESSAGE_BYTES, MESSAGE_ROWS, PAGE_MESSAGES, PAGE_RECORDS
from musubi.contracts.imports import FIELDS
from musubi.domain.errors import Permanent
from musubi.domain.imports import MAX_PROBLEMS
from tests.unit.imports.reading import LAYOUTS, NOW, events_of, job, pages, read

MEMBERS = "会員ID,氏名,ポイント\n" + "".join(f"{n},会員{n},{n}\n" for n in range(2500))


def test_messages_and_pages_are_small_and_hold_every_row_once() -> None:
    raw = MEMBERS.encode("cp932")
    found = pages(job("members", raw), raw)
    messages = [message for page in found for message in page.messages]
    assert 5 <= len(found) <= 6
    assert max(len(page.messages) for page in found) <= PAGE_MESSAGES + 1
    assert max(len(json.loads(message)["body"].encode()) for message in messages) < MESSAGE_BYTES
    events = events_of(messages)
    assert len({event.event_id for event in events}) == len(events) == 5000
    assert [page.offset for page in found] == sorted(page.offset for page in found)
    assert found[-1].offset == len(raw)


def test_wide_rows_make_messages_of_fewer() -> None:
    wide = "会員ID,タグ\n" + "".join(f'{n},"{",".join(["あ" * 90 + str(i) for i in range(20)])}"\n' for n in range(60))
    raw = wide.encode()
    (page,) = pages(job("members", raw), raw)
    assert len(page.messages) > 60 // MESSAGE_ROWS + 1
    assert max(len(message.encode()) for message in page.messages) < 2 * MESSAGE_BYTES
    assert len(events_of(page.messages)) == 60


def test_a_page_ends_where_nothing_is_taken_too() -> None:
    raw = ("会員ID,氏名\n" + "a b,x\n" * (PAGE_RECORDS + 10)).encode()
    first, second = pages(job("members", raw), raw)
    assert (first.tally.refused, second.tally.refused) == (PAGE_RECORDS, 10)
    one = job("members", raw).after(first).after(second)
    assert (one.tally.refused, len(one.tally.problems)) == (PAGE_RECORDS + 10, MAX_PROBLEMS)


def test_the_same_table_of_the_same_day_is_the_same_events() -> None:
    text = "会員ID,氏名,ポイント\n1001,結城,5\n"
    _, first = read("members", text)
    _, again = read("members", text)
    assert [e.event_id for e in first] == [e.event_id for e in again]
    # Back to an earlier balance is news: a later table is another version, though it says the same.
    _, later = read("members", text, as_of=NOW)
    assert not {e.event_id for e in first} & {e.event_id for e in later}


def test_columns_that_mean_nothing_are_named() -> None:
    raw = "会員ID,電話番号,メモ\n1,2,3\n".encode()
    (page,) = pages(job("members", raw), raw)
    assert page.unknown_columns == ("電話番号", "メモ")


_CELLS = st.sampled_from(
    ["", "1001", "1002", "x y", "2026/1/5", "1,200円", "はい", "退会", "発送済み", '"', "あ\nい", "12/24"]
)
_ROWS = st.lists(st.lists(_CELLS | st.text(max_size=8), min_size=4, max_size=5), max_size=25)


def _table(kind: str, fields: list[str], rows: list[list[str]]) -> bytes:
    names = [LAYOUTS.of("main", kind).shown[name].split(", ")[0] for name in fields]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    return ("\n".join([",".join(names), *quoted]) + "\n").encode("utf-8", "ignore")


@settings(max_examples=200)
@given(st.data(), st.sampled_from(sorted(FIELDS)), _ROWS, st.integers(1, 5))
def test_any_table_read_in_any_pieces_comes_to_the_same(
    data: st.DataObject, kind: str, rows: list[list[str]], page_size: int
) -> None:
    needed = {"members": ["member_id"], "points": ["member_id", "balance"], "orders": ["order_id"]}[kind]
    others = sorted(FIELDS[kind] - set(needed))
    fields = needed + data.draw(st.lists(st.sampled_from(others), min_size=2, max_size=3, unique=True))
    raw = _table(kind, fields[:4], [row[: len(fields[:4])] for row in rows])
    whole = pages(job(kind, raw), raw)
    expected = [event.event_id for page in whole for event in events_of(page.messages)]
    csv_reading.PAGE_RECORDS, before = page_size, csv_reading.PAGE_RECORDS
    try:
        one, found = job(kind, raw), list[str]()
        for _ in range(len(rows) + 2):  # one page an invocation, each beginning where the last one ended
            first = pages(one, raw, size=11 if len(raw) < 400 else 1 << 20)[0]
            found += [event.event_id for event in events_of(first.messages)]
            one = one.after(first)
    finally:
        csv_reading.PAGE_RECORDS = before
    assert found == expected
    total = job(kind, raw)
    for page in whole:
        total = total.after(page)
    assert one.tally == total.tally
    assert one.tally.rows == one.tally.taken + one.tally.refused + one.tally.skipped


@given(st.binary(max_size=2000), st.sampled_from(sorted(FIELDS)))
def test_any_bytes_are_pages_or_refused(raw: bytes, kind: str) -> None:
    table = "会員ID,残高,注文番号\n".encode() + raw
    for file in (raw, table):
        with suppress(Permanent):
            events_of([message for page in pages(job(kind, file), file) for message in page.messages])
