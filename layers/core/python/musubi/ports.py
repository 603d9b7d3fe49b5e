"""What the use cases need from outside, as Protocols. The store's memory twin and its real adapter are held to one spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from musubi.domain.answers import Answer
from musubi.domain.ledger import Send
from musubi.domain.operations import Due, Fact, PushRef, Run, RunShard
from musubi.domain.people import LinkEnded, Nonce
from musubi.domain.polling import Missed, Poll
from musubi.domain.scenario import Enrolment, Scenario
from musubi.domain.store_keys import Key, MemberKey
from musubi.domain.writes import CommitResult, Write

T = TypeVar("T")


class Loaded:
    """The answer to one load: what was stored under each key when it was read (strongly consistent)."""

    def __init__(self, entities: Mapping[Key[Any], Any]) -> None:
        self._entities = dict(entities)

    def get(self, key: Key[T]) -> T | None:
        """The entity under `key`, or None. KeyError if `key` was not part of the load: that is a bug, not an absence."""
        found: T | None = self._entities[key]
        return found

    def holds(self, key: Key[Any]) -> bool:
        """True when `key` was part of the load."""
        return key in self._entities

    def plus(self, other: Loaded) -> Loaded:
        """Both loads as one; `other` is the later one and wins."""
        return Loaded({**self._entities, **other._entities})


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of an index; `cursor` None means there is no further one."""

    items: tuple[T, ...]
    cursor: str | None


class Store(Protocol):
    """All state. Reads by key are strongly consistent; writes are one atomic commit with conditions."""

    def load(self, keys: Iterable[Key[Any]]) -> Loaded:
        """Read many keys in as few requests as possible. Raises Retryable when the store stays unreachable."""
        ...

    def commit(self, writes: Sequence[Write]) -> CommitResult:
        """Store all or nothing. A commit whose answer was lost and that is tried again is `Committed`, not `Conflict`."""
        ...

    def due_before(self, shard: int, until: datetime, limit: int) -> Sequence[Due]:
        """The oldest due items of a shard with `at` <= `until`, strongly consistent, oldest first."""
        ...

    def birthdays(self, month: int, day: int, shard: int, cursor: str | None) -> Page[MemberKey]: ...

    def points_expiring(self, on: date, shard: int, cursor: str | None) -> Page[MemberKey]: ...

    def open_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        """Planned and claimed rows whose `look_at` <= `look_before`, oldest first (an index: may lag a little)."""
        ...

    def parked_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        """Parked rows whose `look_at` <= `look_before`, oldest first: up to now, only the kill switch keeps them."""
        ...

    def unknown_sends(self, limit: int) -> Sequence[Send]: ...

    def open_facts(self, shard: int, look_before: datetime, limit: int) -> Sequence[Fact]: ...

    def overdue_nonces(self, shard: int, now: datetime, limit: int) -> Sequence[Nonce]:
        """Link attempts whose time is over and that LINE never answered."""
        ...

    def latest_runs(self, schedule: str, limit: int) -> Sequence[Run]:
        """Newest business date first."""
        ...

    def run_shards(self, schedule: str, on: date) -> Sequence[RunShard]: ...

    def history_of(self, person: str, limit: int) -> tuple[Sequence[Send], Sequence[Enrolment]]:
        """Newest Sends and enrolments of a person."""
        ...

    def ended_links(self, user_id: str) -> Sequence[LinkEnded]: ...

    def polls_of(self, shop_id: str, platform: str) -> Sequence[Poll]:
        """How far a shop is known, one row for each kind of thing."""
        ...

    def latest_missed(self, shop_id: str, platform: str, limit: int) -> Sequence[Missed]:
        """What only polls brought, newest first."""
        ...


@dataclass(frozen=True)
class ShardJob:
    on: date
    shard: int


class PushQueue(Protocol):
    def send(self, refs: Sequence[PushRef], delay_s: int = 0) -> None:
        """Enqueue all; raises Retryable naming how many were not taken. `delay_s` at most 900 (SQS)."""
        ...


class ShardQueue(Protocol):
    def send(self, jobs: Sequence[ShardJob]) -> None: ...


class Bus(Protocol):
    def publish(self, facts: Sequence[Fact]) -> set[str]:
        """Publish; returns the ids of the facts that the bus took (per-entry results)."""
        ...


class LineGateway(Protocol):
    """LINE's Messaging API. Answers come back as values; only a bug raises."""

    def push(self, to: str, messages: str, retry_key: str) -> Answer:
        """`messages` is the JSON array exactly as rendered; `retry_key` is the Send's id."""
        ...

    def reply(self, token: str, messages: str) -> Answer: ...

    def link_token(self, user_id: str) -> str | None:
        """A link token (10 min, single use), or None when LINE refuses one. Raises Retryable when LINE does not answer."""
        ...


class Clock(Protocol):
    def business(self) -> datetime:
        """Now, for calendars, due items, quiet hours. Movable on the local stage."""
        ...

    def machine(self) -> datetime:
        """Now, for leases, tokens, retry keys. Never moved."""
        ...


class Catalog(Protocol):
    """The scenarios and templates of this deployment."""

    def scenarios(self) -> Sequence[Scenario]: ...

    def scenario(self, scenario_id: str, version: int) -> Scenario | None:
        """That version, or the newest if that version is gone (a step id keeps its meaning)."""
        ...

    def template(self, template_id: str) -> Any:
        """The message structure of a template; KeyError if there is none."""
        ...

    def words(self) -> Mapping[str, str]:
        """Small words that facts need: `honorific` (様), `nameless` (お客様); from recipes/words.yaml."""
        ...

    def command(self, text: str) -> str | None:
        """The command that a friend's text means (`start_link`, `unlink`, …), or None."""
        ...


class Quarantine(Protocol):
    def put(self, source: str, reason: str, body: str) -> None:
        """Keep a record that can never succeed, with its raw body; raises Retryable if it could not be kept."""
        ...


class Tokens(Protocol):
    def owner(self) -> str:
        """A fresh random name for one claim."""
        ...

    def secret(self) -> str:
        """A fresh unguessable value (≥ 128 bits), URL-safe."""
        ...


What = Literal["orders", "members"]
"""What a shop is asked for: its orders or its customers."""


@dataclass(frozen=True)
class Snapshot:
    """One order or member as the shop's API gave it, in the form in which a webhook would have brought it.

    The platform's `normalise` reads both, so that a change found by asking and the same change pushed are one event.
    `headers` have lower-case names.
    """

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class SourcePage:
    """Some of what changed; `cursor` None means that there is no further page."""

    snapshots: Sequence[Snapshot]
    cursor: str | None


class ShopSource(Protocol):
    """A shop that can be asked what changed."""

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        """One page of what was last modified after `since` and not after `until` (the shop's clock; a little more is fine).

        The shop goes on selling between two pages, and what is modified meanwhile leaves its place in the list. So a
        cursor must not be a page's number alone: what is modified in the window and stays as it is appears on one page
        at least. A cursor may be stored for days. Raises Retryable when the shop does not answer or is busy; Permanent,
        naming what it said, when it refuses our key or answers what can not be read.
        """
        ...


class ShopQueue(Protocol):
    """Where a shop's changes wait for the worker, whoever brought them."""

    def send(
        self, shop_id: str, platform: str, snapshots: Sequence[Snapshot], *, at: datetime, backfill: bool = False
    ) -> None:
        """Enqueue all, as found by a poll at `at` (machine time); raises Retryable naming how many were not taken."""
        ...
