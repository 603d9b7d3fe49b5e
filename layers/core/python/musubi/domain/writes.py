"""What a decision wants stored: conditions included, so that the write itself decides who wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from musubi.domain.store_keys import Key


class Entity(Protocol):
    """A stored thing: it knows its key, and its version counts its writes from 1."""

    @property
    def key(self) -> Key[Any]: ...

    @property
    def version(self) -> int: ...


@dataclass(frozen=True)
class Create:
    """Store `entity` (version 1) if nothing is stored under its key."""

    entity: Entity


@dataclass(frozen=True)
class Replace:
    """Store `entity` if the stored version is the one before it."""

    entity: Entity


@dataclass(frozen=True)
class Remove:
    """Delete if the stored version is `entity`'s: nobody has touched it since it was read."""

    entity: Entity


@dataclass(frozen=True)
class Put:
    """Store whatever is there. Only for rows that another condition of the same commit protects, or that may overwrite."""

    entity: Entity


@dataclass(frozen=True)
class Drop:
    """Delete whatever is there. Same rule as for `Put`."""

    key: Key[Any]


Write = Create | Replace | Remove | Put | Drop

MAX_WRITES = 100
"""DynamoDB's limit for one transaction."""


@dataclass(frozen=True)
class Committed:
    """Stored, by this call or by an earlier try of the very same write."""


@dataclass(frozen=True)
class Conflict:
    """Nothing was stored: these keys were not as the conditions said. Load again and decide again."""

    keys: tuple[Key[Any], ...]


CommitResult = Committed | Conflict
