"""One file, page by page: its rows as messages for the queue shop-events, and where it goes on behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from musubi.adapters.csv.kinds import KINDS
from musubi.adapters.csv.layout import Layouts
from musubi.adapters.csv.records import Record, Records, read_head
from musubi.adapters.csv.rows import About, Row
from musubi.contracts.imports import row_json, rows_message
from musubi.domain.errors import Permanent
from musubi.domain.imports import MAX_PROBLEMS, Import, ImportPage, RowCounts, RowProblem

HEAD_BYTES = 1024 * 1024
"""What is looked at to learn how a file is written."""
PAGE_MESSAGES = 40
"""Messages of one page: four requests to SQS, then one to DynamoDB for the cursor."""
PAGE_RECORDS = 4_000
"""Rows of one page at most, also where most of them are refused: a crash repeats no more than these."""
MESSAGE_ROWS = 25
"""Rows of one message: the worker takes each by itself and must be through with ten messages in 30 s."""
MESSAGE_BYTES = 60_000
GROUP_ROWS = 500
"""Rows that one order, or one member's points, may have."""

ReadFrom = Callable[[int], Iterable[bytes]]
"""The bytes of a file from an offset on, in pieces."""


class TableReader:
    """Reads files of all kinds. `now` is machine time."""

    def __init__(self, layouts: Layouts, now: Callable[[], datetime]) -> None:
        self._layouts = layouts
        self._now = now

    def pages(self, job: Import, read_from: ReadFrom) -> Iterator[ImportPage]:
        """The rest of a file from where `job` is. Permanent for a file that can not be read as a whole."""
        head = read_head(_head_of(read_from(0)))
        layout = self._layouts.of(job.shop_id, job.kind)
        about = About(job.shop_id, layout, layout.columns(head.header), job.as_of, self._now())
        if job.offset:
            offset, line, encoding = job.offset, job.line, job.encoding or head.encoding
        else:
            offset, line, encoding = head.offset, head.line, head.encoding
        records = Records(read_from(offset), encoding, head.delimiter, offset, line)
        yield from _Pages(about, records).pages(offset, line)


def _head_of(chunks: Iterable[bytes]) -> bytes:
    found = bytearray()
    for chunk in chunks:
        found += chunk[:HEAD_BYTES]
        if len(found) >= HEAD_BYTES:
            break
    return bytes(found[:HEAD_BYTES])


class _Found(NamedTuple):
    row: Row | None
    key: str | None
    problem: str = ""


@dataclass
class _Group:
    """Rows that follow each other and belong together; `broken` says why they are all refused, `torn` that a
    record behind them could not be read.
    """

    key: str | None
    line: int
    rows: list[Row]
    broken: str = ""
    torn: bool = False


class _Pages:
    """The work of one call: groups records, makes events of them, fills messages and pages."""

    def __init__(self, about: About, records: Records) -> None:
        self._about = about
        self._records = records
        self._kind = KINDS[about.layout.kind]
        self._group: _Group | None = None
        self._rows: list[bytes] = []
        self._bytes = 0
        self._begin_page()

    def _begin_page(self) -> None:
        self._messages: list[str] = []
        self._counts = Counter[str]()
        self._left_out = Counter[str]()
        self._problems: list[RowProblem] = []

    def pages(self, offset: int, line: int) -> Iterator[ImportPage]:
        """All pages from `offset` on; the last one may hold nothing but its cursor."""
        for record in self._records:
            if record.problem or any(record.cells):
                found = self._row(record)
                if not self._continues(found):
                    self._close()
                    if self._full():
                        yield self._page(offset, line)
                self._take(record, found)
            offset, line = record.end, record.last
        self._close()
        yield self._page(offset, line)

    def _row(self, record: Record) -> _Found:
        """The row and the name of what it is about, or why there is none. Counts nothing: it may be another page's."""
        try:
            if record.problem:
                raise Permanent(record.problem)
            row = Row(self._fitted(record.cells), self._about, self._leave_out)
            return _Found(row, self._kind.key(row) if self._kind.key else None)
        except Permanent as error:
            return _Found(None, None, error.reason)

    def _leave_out(self, field: str) -> None:
        self._left_out[field] += 1

    def _fitted(self, given: Sequence[str]) -> Sequence[str]:
        width = self._about.columns.width
        if len(given) == width or (len(given) > width and not any(given[width:])):
            return given
        raise Permanent(f"{len(given)} cells, the header has {width}")

    def _continues(self, found: _Found) -> bool:
        """True where the open group may go on: by a row of its own, or one that nobody can read."""
        group = self._group
        if group is None:
            return True
        if self._kind.key is None:
            return False
        return found.row is None or (found.key is not None and found.key == group.key)

    def _take(self, record: Record, found: _Found) -> None:
        self._counts["rows"] += 1
        group = self._group
        if found.row is None:
            self._refuse(record.line, 1, found.problem)
            # Whose row that was is not known. If the group goes on behind it, it may well be one of its own.
            if group is not None:
                group.torn = True
        elif group is None:
            self._group = _Group(found.key, record.line, [found.row])
        else:
            group.broken = group.broken or ("a row among them can not be read" if group.torn else "")
            group.rows.append(found.row)
            if len(group.rows) >= GROUP_ROWS:
                group.broken = f"{GROUP_ROWS} rows or more of one"
                self._close()
                self._group = _Group(found.key, record.last + 1, [], group.broken)

    def _close(self) -> None:
        group, self._group = self._group, None
        if group is None or not group.rows:
            return
        try:
            if group.broken:
                raise Permanent(group.broken)
            told = [row_json(self._about.source, one) for one in self._kind.read(group.rows)]
        except Permanent as error:
            self._refuse(group.line, len(group.rows), error.reason)
            return
        self._counts["taken" if told else "skipped"] += len(group.rows)
        self._counts["events"] += len(told)
        for one in told:
            self._add(one)

    def _refuse(self, line: int, rows: int, reason: str) -> None:
        field, colon, why = reason.partition(": ")
        self._counts["refused"] += rows
        self._problems.append(RowProblem(line, field, why) if colon else RowProblem(line, "", reason))

    def _add(self, row: bytes) -> None:
        if self._bytes + len(row) > MESSAGE_BYTES:
            self._flush()
        self._rows.append(row)
        self._bytes += len(row)
        if len(self._rows) == MESSAGE_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            about = self._about
            self._messages.append(rows_message(about.shop_id, about.layout.kind, self._rows, about.now))
            self._rows, self._bytes = [], 0

    def _full(self) -> bool:
        return len(self._messages) >= PAGE_MESSAGES or self._counts["rows"] >= PAGE_RECORDS

    def _page(self, offset: int, line: int) -> ImportPage:
        self._flush()
        counts = self._counts
        page = ImportPage(
            messages=self._messages,
            offset=offset,
            line=line,
            encoding=self._records.encoding,
            unknown_columns=self._about.columns.unknown,
            tally=RowCounts(
                rows=counts["rows"],
                taken=counts["taken"],
                refused=counts["refused"],
                skipped=counts["skipped"],
                events=counts["events"],
                left_out=tuple(sorted(self._left_out.items())),
                problems=tuple(sorted(self._problems, key=lambda one: one.line)[:MAX_PROBLEMS]),
            ),
        )
        self._begin_page()
        return page
