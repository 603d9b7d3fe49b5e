"""`mappings/<shop>.yaml`: how one sender's own JSON becomes canonical events. Read while the worker starts.

A place in a body is a JMESPath expression (jmespath.org): `order.items[0].name`, `order.items[*].sku`,
`join(' ', [name01, name02])`. The data that comes out is read by `contracts.ec`, like every canonical event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from musubi.domain.events import DELTAS, SHOP_EVENTS

_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,4}")
_Scalar = str | int | bool | None


def _compiled(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a JMESPath expression in quotes")
    try:
        return jmespath.compile(value)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {str(error).splitlines()[0]}") from None


Path = Annotated[ParsedResult, BeforeValidator(_compiled)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Format(StrEnum):
    NUMBER = "number"
    """An amount or a count as people write it: `¥1,234`, `１２００円`, `300pt`."""
    TIME = "time"
    """A time of `pattern` (strptime); Tokyo's clock unless the pattern has `%z`."""
    DATE = "date"
    """A day of `pattern`."""
    EPOCH = "epoch"
    """Seconds since 1970."""
    EPOCH_MS = "epoch_ms"


class Place(_Strict):
    """One value: of a `path` in the body, through `map` (word by word) and `format`; or a `const`.

    A word that `map` does not have becomes `otherwise`, or nothing. `of: body` looks at the whole body inside an `each`.
    """

    path: Path | None = None
    const: _Scalar = None
    map: Mapping[str, _Scalar] | None = None
    otherwise: _Scalar = None
    format: Format | None = None
    pattern: str | None = None
    of: Annotated[str, Field(pattern=r"^(item|body)$")] = "item"

    @model_validator(mode="after")
    def _one_source(self) -> Place:
        if (self.path is None) == ("const" not in self.model_fields_set):
            raise ValueError("either path or const")
        if self.path is None and (self.map or self.format):
            raise ValueError("map and format need a path")
        if (self.format in (Format.TIME, Format.DATE)) != (self.pattern is not None):
            raise ValueError('format "time" and "date" need a pattern, the others have none')
        if self.pattern is not None and not _dated(self.pattern):
            raise ValueError("pattern: no strptime pattern with year, month and day")
        return self


class Rows(_Strict):
    """A list: one object of `data` for each element of the list at `each`."""

    each: Path
    data: Annotated[Mapping[str, Place], Field(min_length=1)]

    @field_validator("data", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return _places(value)


def _meant(value: object) -> str:
    return "list" if isinstance(value, Rows) or (isinstance(value, dict) and "each" in value) else "value"


# Told apart by what is meant, so that an error speaks of one kind and not of both.
_Said = Annotated[Annotated[Place, Tag("value")] | Annotated[Rows, Tag("list")], Discriminator(_meant)]


class EventType(_Strict):
    """The canonical event by a word in the body; a word that is not in `map` is none of this rule's business."""

    path: Path
    map: Annotated[Mapping[str, str], Field(min_length=1)]

    @field_validator("map")
    @classmethod
    def _canonical(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return {word: _event(name) for word, name in value.items()}


class Rule(_Strict):
    """One canonical event (with `each` one for every element) out of every body that fits `match`.

    `id` makes repeats recognisable: the same id and type are the same event. Without one the content is its own id, which
    is refused for events that add (points granted or used): said twice they would count once or twice by chance.
    """

    type: str | EventType
    match: Mapping[str, tuple[str, ...]] = {}
    each: Path | None = None
    id: Place | None = None
    time: Place | None = None
    data: Annotated[Mapping[str, _Said], Field(min_length=1)]

    @field_validator("type", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        return _event(value) if isinstance(value, str) else value

    @field_validator("match", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("an object of path: word or list of words")
        found = {}
        for path, words in value.items():
            _compiled(path)
            found[path] = tuple(_word(one) for one in (words if isinstance(words, list) else [words]))
        return found

    @field_validator("id", "time", mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("data", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return _places(value)

    @model_validator(mode="after")
    def _repeatable(self) -> Rule:
        if self.id is None and (adding := sorted(self.types & DELTAS)):
            raise ValueError(f"{adding[0]} needs an id")
        return self

    @property
    def types(self) -> frozenset[str]:
        return frozenset({self.type} if isinstance(self.type, str) else self.type.map.values())

    def selects(self, body: Any) -> bool:
        """True if the body says at every path of `match` one of its words."""
        return all(_word(jmespath.search(path, body)) in words for path, words in self.match.items())


class ShopMapping(_Strict):
    """The file. Every rule that fits a body makes its events; a body that no rule fits is stored unread."""

    shop: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    events: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @property
    def id(self) -> str:
        return self.shop


def _event(name: str) -> str:
    if name not in SHOP_EVENTS:
        raise ValueError(f"{name} is no canonical event")
    return name


def _places(value: object) -> object:
    """`field: path` is short for `field: {path: …}`; a field's dots lead into objects."""
    if not isinstance(value, dict):
        raise ValueError("an object of field: path")
    if wrong := [name for name in value if not (isinstance(name, str) and _FIELD.fullmatch(name))]:
        raise ValueError(f"{wrong[0]} is no field name")
    if inner := [name for name in value if any(other.startswith(f"{name}.") for other in value)]:
        raise ValueError(f"{inner[0]} is a value and an object")
    return {name: {"path": one} if isinstance(one, str) else one for name, one in value.items()}


def _word(value: object) -> str:
    """A value as the words of a mapping file: YAML and JSON differ in how they write true and 1."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


def word_of(value: object) -> str:
    """The word that `map` and `match` compare."""
    return _word(value).strip()


def _dated(pattern: str) -> bool:
    """True if a day survives being written and read back with `pattern`."""
    day = datetime(2024, 12, 31, tzinfo=None)  # noqa: DTZ001 - only the pattern is looked at
    try:
        return datetime.strptime(day.strftime(pattern), pattern).date() == day.date()  # noqa: DTZ007
    except ValueError:
        return False
