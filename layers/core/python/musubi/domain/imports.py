"""Imports of whole tables: one file that a shop dropped, how far it has been read, and what came of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from musubi.domain.store_keys import ImportKey

MAX_PROBLEMS = 200
"""Rows with a problem that are told one by one; the others are counted."""
MAX_UNKNOWN = 200


class ImportState(StrEnum):
    READING = "reading"
    DONE = "done"
    REFUSED = "refused"
    """The file as a whole can not be read; `reason` says why."""
    REPLACED = "replaced"
    """Another file took its place while it was read; that one has an import of its own."""


@dataclass(frozen=True)
class ImportJob:
    """A file to read, or to go on with. `import_id` None: a new file, of which only its key is known."""

    key: str
    import_id: str | None = None


@dataclass(frozen=True)
class FilePlace:
    """What a file's key says of it: `kind` is members, orders or points."""

    shop_id: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file that is there. `as_of`: when the shop made it, if whoever dropped it said so, else when it was dropped."""

    key: str
    place: FilePlace
    etag: str
    size: int
    uploaded_at: datetime
    as_of: datetime


@dataclass(frozen=True)
class RowProblem:
    """Why a row was not taken: its first line in the file, the field if one is to blame, never the value."""

    line: int
    field: str
    why: str


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """What became of the rows read so far. `left_out`: fields whose value could not be read and was left aside."""

    rows: int = 0
    taken: int = 0
    refused: int = 0
    skipped: int = 0
    """Rows that are understood and mean nothing here: a provisional member, an order that was never finished."""
    events: int = 0
    left_out: tuple[tuple[str, int], ...] = ()
    problems: tuple[RowProblem, ...] = ()

    def plus(self, other: RowCounts) -> RowCounts:
        """Both together; of the problems the first `MAX_PROBLEMS`."""
        left_out = dict(self.left_out)
        for field, count in other.left_out:
            left_out[field] = left_out.get(field, 0) + count
        return RowCounts(
            rows=self.rows + other.rows,
            taken=self.taken + other.taken,
            refused=self.refused + other.refused,
            skipped=self.skipped + other.skipped,
            events=self.events + other.events,
            left_out=tuple(sorted(left_out.items())),
            problems=(*self.problems, *other.problems)[:MAX_PROBLEMS],
        )


@dataclass(frozen=True, kw_only=True)
class Import:
    """One dropped file. `offset` and `line` are behind the last row that is on its way; `encoding` is None while only ASCII
    was seen. `as_of` is the version of all that the file says without a version of its own.
    """

    import_id: str
    shop_id: str
    kind: str
    file_key: str
    etag: str
    size: int
    as_of: datetime
    started_at: datetime
    state: ImportState = ImportState.READING
    reason: str = ""
    offset: int = 0
    line: int = 0
    encoding: str | None = None
    unknown_columns: tuple[str, ...] = ()
    tally: RowCounts = RowCounts()
    ended_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> ImportKey:
        return ImportKey(self.import_id)

    def after(self, page: ImportPage) -> Import:
        """The import when `page` is on its way."""
        return replace(
            self,
            offset=page.offset,
            line=page.line,
            encoding=page.encoding,
            unknown_columns=page.unknown_columns[:MAX_UNKNOWN],
            tally=self.tally.plus(page.tally),
            version=self.version + 1,
        )

    def ended(self, state: ImportState, reason: str, at: datetime) -> Import:
        """The import when there is no more to do."""
        return replace(self, state=state, reason=reason, ended_at=at, version=self.version + 1)


@dataclass(frozen=True, kw_only=True)
class ImportPage:
    """Some rows of a file: the messages that carry them, and where the file goes on behind them."""

    messages: Sequence[str]
    offset: int
    line: int
    encoding: str | None
    unknown_columns: tuple[str, ...]
    tally: RowCounts
