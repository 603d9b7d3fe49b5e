"""One row of a table, cell by cell.

What is impossible of what matters (whose it is, how much) is refused with `Permanent` naming the field; what only adds to
it (a birthday, a consent) is left out and counted. The value itself is told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from unicodedata import is_normalized

from musubi.adapters.csv import cells
from musubi.adapters.csv.layout import Columns, Layout, fold
from musubi.contracts.imports import source_of
from musubi.contracts.text import as_id, clean
from musubi.domain.errors import Permanent

T = TypeVar("T")

_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class About:
    """What holds for all rows of one file. `as_of` is the file's, `now` machine time."""

    shop_id: str
    layout: Layout
    columns: Columns
    as_of: datetime
    now: datetime

    @property
    def source(self) -> str:
        """Who says it."""
        return source_of(self.shop_id, self.layout.kind)

    @property
    def latest(self) -> datetime:
        """Later than this is no version and nothing that has happened: it would keep out what really comes later."""
        return self.now + _AHEAD


class Row:
    """One row, cell by cell. What can not be read of a field is refused, naming it, or left out: `leave_out` counts it."""

    def __init__(self, given: Sequence[str], about: About, leave_out: Callable[[str], None]) -> None:
        self.about = about
        self._given = given
        self._at = about.columns.fields
        self.leave_out = leave_out

    def text(self, name: str, limit: int = 100) -> str | None:
        """A cell as one line of safe text; None when it is empty or not there."""
        at = self._at.get(name)
        if at is None:
            return None
        found = self._given[at]
        return _clean(cells.plain(found), limit) if found else None

    def id(self, name: str) -> str | None:
        """An id; refused if it can be none."""
        at = self._at.get(name)
        found = cells.plain(self._given[at]) if at is not None else ""
        if not found:
            return None
        given = as_id(found)
        if given is None:
            raise Permanent(f"{name}: no id")
        return given

    def needed_id(self, name: str) -> str:
        """An id that must be there."""
        found = self.id(name)
        if found is None:
            raise Permanent(f"{name}: empty")
        return found

    def whole(self, name: str) -> int | None:
        """A whole number; refused if there is something else."""
        return self._read(name, cells.whole)

    def day(self, name: str) -> date | None:
        """A date; refused if there is something else."""
        return self._read(name, cells.day)

    def last_day(self, name: str) -> date | None:
        """The last day of something that ends; refused if there is something else."""
        return self._read(name, cells.last_day)

    def instant(self, name: str) -> datetime | None:
        """An instant; refused if there is something else."""
        return self._read(name, cells.instant)

    def lenient(self, name: str, read: Callable[[str], T]) -> T | None:
        """What `read` makes of a cell; left out if it can not be read."""
        found = self.text(name)
        try:
            return read(found) if found is not None else None
        except Permanent:
            self.leave_out(name)
            return None

    def version(self, name: str = "updated_at") -> datetime:
        """The row's own version, or the file's."""
        at = self.instant(name)
        if at is not None and at > self.about.latest:
            raise Permanent(f"{name}: in the future")
        return at or self.about.as_of

    def flag(self, name: str) -> bool | None:
        """Yes or no in one of the words that the layout knows."""
        return self.flag_in(name, self.text(name))

    def flag_in(self, name: str, found: str | None) -> bool | None:
        """The same, of a text."""
        if found is None:
            return None
        known = self.about.layout.flags.get(fold(found))
        if known is None:
            self.leave_out(name)
        return known

    def has(self, name: str) -> bool:
        """True when the table has a column for it."""
        return name in self._at

    def own(self) -> Iterator[tuple[str, str, str]]:
        """(name, type, text) of the shop's own attributes that this row fills."""
        for name, (at, kind) in self.about.columns.attributes.items():
            found = clean(cells.plain(self._given[at]), 1000)
            if found is not None:
                yield name, kind, found

    def _read(self, name: str, read: Callable[[str], T]) -> T | None:
        found = self.text(name)
        try:
            return read(found) if found is not None else None
        except Permanent as error:
            raise Permanent(f"{name}: {error.reason}") from None


def _clean(text: str, limit: int) -> str | None:
    """`clean`, at once for what it would leave as it is: most cells of a million rows."""
    if text.isprintable() and len(text) <= limit and "  " not in text and is_normalized("NFC", text):
        return text or None
    return clean(text, limit)
