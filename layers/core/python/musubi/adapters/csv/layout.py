"""What the columns and words of a table mean: the layouts that musubi ships, under those of the shop."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from musubi.adapters.content import read_folder
from musubi.contracts.imports import AttributeColumn, LayoutFile
from musubi.domain.errors import ConfigError, Permanent
from musubi.domain.orders import LineKind

T = TypeVar("T")

_NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "members": (("member_id",),),
    "points": (("member_id",), ("balance", "lot_points")),
    "orders": (("order_id", "order_number"),),
}
"""Of each group one column must be there."""

_DROPPED = re.compile(r"[\s「」『』【】\[\]()_\-・.:/\"'*#]")


@dataclass(frozen=True)
class Layout:
    """One kind of table of one shop. `names` are folded column names by field, the best first."""

    kind: str
    names: Mapping[str, Sequence[str]]
    shown: Mapping[str, str]
    attributes: Mapping[str, AttributeColumn]
    flags: Mapping[str, bool]
    statuses: Mapping[str, str]
    line_kinds: Mapping[str, LineKind]

    def columns(self, header: Sequence[str]) -> Columns:
        """Where in `header` what stands. Permanent if a column that must be there is not, or one is there twice."""
        folded = [fold(cell) for cell in header]
        found: dict[str, int] = {}
        for field, names in self.names.items():
            name = next((name for name in names if name in folded), None)
            if name is not None:
                found[field] = _only(folded, header, name)
        own = {
            name: (_only(folded, header, fold(column.column)), column.type)
            for name, column in self.attributes.items()
            if fold(column.column) in folded
        }
        for group in _NEEDED[self.kind]:
            if not found.keys() & set(group):
                wanted = " or ".join(self.shown[field] for field in group)
                raise Permanent(f"file: no column for {' or '.join(group)} (as {wanted})")
        used = {*found.values(), *(index for index, _ in own.values())}
        unknown = tuple(cell.strip()[:60] for i, cell in enumerate(header) if i not in used and cell.strip())
        return Columns(len(header), found, own, unknown)


@dataclass(frozen=True)
class Columns:
    """Places of fields and of attributes (with their types) in a row, and the columns that mean nothing here."""

    width: int
    fields: Mapping[str, int]
    attributes: Mapping[str, tuple[int, str]]
    unknown: tuple[str, ...]


class Layouts:
    """All layouts of a deployment; ConfigError, naming file and key, for a mistake in the shop's."""

    def __init__(self, content_dir: str | None = None) -> None:
        layers: list[Traversable] = [files("musubi.recipes")]
        if content_dir and Path(content_dir).is_dir():
            layers.append(Path(content_dir))
        self._files = [one for layer in layers for one in read_folder(layer, "imports", LayoutFile).values()]

    def of(self, shop_id: str, kind: str) -> Layout:
        """The layout of a kind of table; what a shop's own files say comes before what is said for all."""
        mine = [one for one in self._files if one.kind == kind and one.shop in (None, shop_id)]
        if not mine:
            raise ConfigError(f"imports: no layout for {kind}")
        ordered = sorted(mine, key=lambda one: one.shop is not None)
        names: dict[str, list[str]] = {}
        attributes: dict[str, AttributeColumn] = {}
        for one in ordered:
            for field, given in one.columns.items():
                names[field] = [*given, *names.get(field, [])]
            attributes |= one.attributes
        return Layout(
            kind=kind,
            names={field: [fold(name) for name in given] for field, given in names.items()},
            shown={field: ", ".join(given[:3]) for field, given in names.items()},
            attributes=attributes,
            flags=_words(
                (word, flag == "yes") for one in ordered for flag, words in one.flags.items() for word in words
            ),
            statuses=_words(
                (word, state) for one in ordered for state, words in one.statuses.items() for word in words
            ),
            line_kinds=_words(
                (word, kind) for one in ordered for kind, words in one.line_kinds.items() for word in words
            ),
        )


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """A column name or a word, however wide, spaced, cased or bracketed it is written."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _words(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    return {fold(word): meaning for word, meaning in pairs}


def _only(folded: Sequence[str], header: Sequence[str], name: str) -> int:
    if folded.count(name) > 1:
        raise Permanent(f"file: the column {header[folded.index(name)].strip()[:60]} is there twice")
    return folded.index(name)
