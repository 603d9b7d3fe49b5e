"""Bytes of a table → records with the line and the byte at which they are, in constant memory.

UTF-8 (with or without BOM) or cp932, comma or tab, quoted as RFC 4180 says, also over several lines. Anything may come: a
record that can not be read is one with a problem, and the next one is read all the same.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from musubi.domain.errors import Permanent

MAX_RECORD = 64 * 1024
"""Bytes of one record; also what a file's header may have."""
MAX_LINES = 200
"""Lines that one quoted record may span."""
MAX_COLUMNS = 200

_BOM = b"\xef\xbb\xbf"
_FOREIGN = (
    ((b"\xff\xfe", b"\xfe\xff"), "UTF-16; save it as UTF-8 or Shift_JIS"),
    ((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "a spreadsheet; export it as CSV"),
    ((b"\x1f\x8b",), "compressed; unpack it first"),
)
_NOT_CP932 = frozenset("\x80\xa0\uf8f0\uf8f1\uf8f2\uf8f3")
"""What Python's cp932 makes of bytes that stand for nothing in it."""


class Record(NamedTuple):
    """One record: its first and last line (from 1), the byte after its end, and its cells, or why it has none."""

    line: int
    last: int
    end: int
    cells: Sequence[str]
    problem: str = ""


@dataclass(frozen=True)
class Head:
    """What the first bytes of a file say. `encoding` None: only ASCII so far, both are possible. `offset` and `line` are
    where the rows begin (lines before them).
    """

    encoding: str | None
    delimiter: str
    header: tuple[str, ...]
    offset: int
    line: int


def read_head(first: bytes) -> Head:
    """The header and how the file is written, by its first bytes (at least `MAX_RECORD`, or all). Permanent for a file that
    is no table.
    """
    for beginnings, why in _FOREIGN:
        if first.startswith(beginnings):
            raise Permanent(f"file: {why}")
    bom = len(_BOM) if first.startswith(_BOM) else 0
    encoding = "utf-8" if bom else encoding_of(first)
    offset, line = bom, 0
    for raw, size in _lines((first[bom:],)):
        if raw is None:
            raise Permanent("file: its header is too long")
        if not raw.strip():
            offset, line = offset + size, line + 1
            continue
        delimiter = "\t" if raw.count(b"\t") > raw.count(b",") else ","
        record = next(Records((first[offset:],), encoding, delimiter, offset, line))
        return _head(record, encoding, delimiter, line)
    raise Permanent("file: empty")


def _head(record: Record, encoding: str | None, delimiter: str, before: int) -> Head:
    if record.problem:
        raise Permanent(f"file: its header can not be read ({record.problem})")
    if any("\r" in cell for cell in record.cells):
        raise Permanent("file: lines that end with CR alone; save it with LF or CRLF")
    if len(record.cells) > MAX_COLUMNS:
        raise Permanent(f"file: more than {MAX_COLUMNS} columns")
    lines = 1 + sum(cell.count("\n") for cell in record.cells)
    return Head(encoding, delimiter, tuple(record.cells), record.end, before + lines)


def encoding_of(sample: bytes) -> str | None:
    """`utf-8` or `cp932`, whichever can be what more lines of `sample` are written in; None for ASCII. Permanent if neither.

    A line that is not written in it will be a row with a problem: it must not turn the others into broken names.
    """
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    lines = [line for line in whole.split(b"\n") if not line.isascii()]
    fitting = {e: sum(_decoded(line, e) is not None for line in lines) for e in ("utf-8", "cp932")}
    best = max(fitting, key=lambda encoding: fitting[encoding])
    if lines and not fitting[best]:
        raise Permanent("file: neither UTF-8 nor Shift_JIS (cp932)")
    return best if lines else None


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if encoding == "cp932" and not _NOT_CP932.isdisjoint(text) else text


class Records(Iterator[Record]):
    """The records of `chunks`, the first of which begins at byte `offset`, after `line` lines.

    `encoding` is decided by the first record that is not ASCII where the head did not decide it; it never changes after.
    """

    def __init__(
        self, chunks: Iterable[bytes], encoding: str | None, delimiter: str, offset: int = 0, line: int = 0
    ) -> None:
        self.encoding = encoding
        self._delimiter = delimiter
        self._quote = delimiter.encode() + b'"'
        self._end = offset
        self._line = line
        self._source = _lines(chunks)
        self._ahead: deque[tuple[bytes | None, int]] = deque()

    def __next__(self) -> Record:
        raw, size = self._ahead.popleft() if self._ahead else next(self._source)
        self._line += 1
        self._end += size
        line = self._line
        if raw is None:
            return Record(line, self._line, self._end, (), "longer than a row may be")
        if b'"' in raw and _is_open(raw, self._delimiter.encode()):
            whole = self._continued(raw)
            if whole is None:
                return Record(line, self._line, self._end, (), "a quote that does not end")
            raw = whole
        return self._record(line, raw)

    def _continued(self, raw: bytes) -> bytes | None:
        """`raw` with the lines that belong to it; None, and nothing taken, if its quote never ends within the limits."""
        taken: list[tuple[bytes | None, int]] = []
        while len(taken) < MAX_LINES:
            line = self._ahead.popleft() if self._ahead else next(self._source, None)
            if line is None:
                break
            taken.append(line)
            if line[0] is None or len(raw) + line[1] > MAX_RECORD:
                break
            raw += line[0]
            if b'"' in line[0] and not _is_open(raw, self._delimiter.encode()):
                self._line += len(taken)
                self._end += sum(size for _, size in taken)
                return raw
        self._ahead.extendleft(reversed(taken))
        return None

    def _record(self, line: int, raw: bytes) -> Record:
        text = self._text(raw)
        if text is None:
            return Record(line, self._line, self._end, (), f"not {self.encoding or 'text'}")
        text = text.rstrip("\r\n")
        if '"' not in text:
            return Record(line, self._line, self._end, text.split(self._delimiter))
        try:
            return Record(line, self._line, self._end, next(csv.reader((text,), delimiter=self._delimiter)))
        except (csv.Error, StopIteration):
            return Record(line, self._line, self._end, (), "not a row")

    def _text(self, raw: bytes) -> str | None:
        if self.encoding is None:
            if raw.isascii():
                return raw.decode("ascii")
            self.encoding = next((e for e in ("utf-8", "cp932") if _decoded(raw, e) is not None), None)
            if self.encoding is None:
                return None
        return _decoded(raw, self.encoding)


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes | None, int]]:
    """Lines with their ends, and their lengths in bytes; None for the text of one that is too long to keep.

    In neither encoding can a line feed be part of another character.
    """
    rest, dropped = b"", 0
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            size = dropped + len(line) + 1
            yield (None if size > MAX_RECORD else line + b"\n"), size
            dropped = 0
        if dropped + len(rest) > MAX_RECORD:
            dropped, rest = dropped + len(rest), b""
    if dropped or rest:
        yield (None if dropped + len(rest) > MAX_RECORD else rest), dropped + len(rest)


def _is_open(raw: bytes, delimiter: bytes) -> bool:
    """True if a quoted cell of `raw` has not ended. A quote counts only where a cell begins: `24" monitor` has none."""
    at = 0
    while True:
        after = at
        if raw[at : at + 1] == b'"':
            after = _closing(raw, at + 1)
            if after < 0:
                return True
        at = raw.find(delimiter, after) + 1
        if at == 0:
            return False


def _closing(raw: bytes, at: int) -> int:
    """The place after the quote that ends the cell whose text begins at `at`; -1 if there is none."""
    while True:
        at = raw.find(b'"', at) + 1
        if at == 0:
            return -1
        if raw[at : at + 1] != b'"':
            return at
        at += 1
