"""What the use cases need from outside, as Protocols. The store's memory twin and its real adapter are held to one spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from musubi.domain.answers import Answer
from musubi.domain.history import Record
from musubi.domain.imports import FilePlace, FoundFile, Import, ImportJob, ImportPage
from musubi.domain.ledger import Send
from musubi.domain.operations import Due, Fact, PushRef, Run, RunShard
from musubi.domain.people import LinkEnded, Nonce
from musubi.domain.person import PersonView
from musubi.domain.polling import Missed, Poll
from musubi.domain.privacy import PrivacyRequest
from musubi.domain.scenario import Enrolment, Scenario
from musubi.domain.shop_writes import ShopAction
from musubi.domain.store_keys import EnrolmentKey, Key, MemberKey, PeopleRowKey, SendKey, ShopWriteKey
from musubi.domain.write_backs import ShopWrite
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

    def troubled_writes(self, limit: int) -> Sequence[ShopWrite]:
        """Writes into shops that were refused, are unknown, or may have been done without our knowing; oldest first."""
        ...

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

    def person(self, member: MemberKey) -> PersonView:
        """Everything that conditions on one member ask for, in one query; strongly consistent."""
        ...

    def polls_of(self, shop_id: str, platform: str) -> Sequence[Poll]:
        """How far a shop is known, one row for each kind of thing."""
        ...

    def latest_missed(self, shop_id: str, platform: str, limit: int) -> Sequence[Missed]:
        """What only polls brought, newest first."""
        ...


@dataclass(frozen=True)
class Row:
    """A stored row as it is: where it lies, and its fields as JSON types."""

    key: PeopleRowKey
    fields: Mapping[str, Any]


class PersonRows(Protocol):
    """What only erasing and exporting may ask: everything there is of somebody, whatever kind it is."""

    def of_member(self, shop_id: str, member_id: str, cursor: str | None) -> Page[Row]:
        """Rows in the member's own partition beside the profile and the proof of consents; strongly consistent."""
        ...

    def of_friend(self, user_id: str, cursor: str | None) -> Page[Row]:
        """Rows in the friend's own partition beside the friend; strongly consistent."""
        ...

    def owned_by(self, shop_id: str, member_id: str, cursor: str | None) -> Page[PeopleRowKey]:
        """Orders, carts and the like of a member (an index: may lag a little)."""
        ...

    def fetch(self, keys_: Sequence[PeopleRowKey]) -> Sequence[Row]:
        """Those that are there, of at most 100; strongly consistent."""
        ...

    def links_of_member(self, shop_id: str, member_id: str) -> Sequence[LinkEnded]:
        """Finished links, oldest first; strongly consistent."""
        ...

    def marks_of(self, person: str, cursor: str | None) -> Page[SendKey | EnrolmentKey | ShopWriteKey]:
        """Everything planned for a person, and what was written into a shop of them (an index: may lag a little)."""
        ...

    def of_shop(self, shop_id: str, cursor: str | None) -> Page[MemberKey | PeopleRowKey]:
        """Members of a shop, each once or more, and rows of its guests, by a Scan: for a shop's erasure, which an
        operator has approved, and for nothing else. A page may be empty and still have a next one.
        """
        ...

    def requests(self, shelf: str, until: datetime | None, limit: int) -> Sequence[PrivacyRequest]:
        """Requests on a shelf (`PrivacyRequest.shelf`) up to an instant, oldest first."""
        ...


class Exports(Protocol):
    def put(self, name: str, document: str) -> str:
        """Keep a JSON document for an operator, encrypted, for 30 days; returns where it lies. Raises Retryable."""
        ...


@dataclass(frozen=True)
class ShardJob:
    on: date
    shard: int


class PushQueue(Protocol):
    def send(self, refs: Sequence[PushRef], delay_s: int = 0, riders: Sequence[Record] = ()) -> None:
        """Enqueue all; raises Retryable naming how many were not taken. `delay_s` at most 900 (SQS).

        `riders` are lines for the history that travel with the first job: who works it off appends them with its own, which
        saves the producer a request.
        """
        ...


class Log(Protocol):
    """The way into the history. At least once: who can not be sure that it was heard says it again."""

    def append(self, records: Sequence[Record]) -> None:
        """Hand `records` over, in one request; raises Retryable if they were not taken. None is fine and asks nobody."""
        ...


class Archive(Protocol):
    """Where the history lies: objects that are written once or never, and then stay as they are."""

    def write(self, key: str, text: str) -> bool:
        """Store `text` under `key`, which only this writer knows, unless somebody has voided it. True: it is there, by this
        call or an earlier try of it. False: `key` is void. Raises Retryable when nobody knows.
        """
        ...

    def holds(self, key: str) -> bool | None:
        """True: lines are stored under `key`. False: it is void for ever. None: nothing yet."""
        ...

    def void(self, key: str) -> bool:
        """Make sure that nothing is ever stored under `key`. False: too late, it holds lines."""
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
        """Small words that facts need: `honorific` (様), `nameless` (お客様), `link_reward` (what points are for); from
        recipes/words.yaml.
        """
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


class ShopWriter(Protocol):
    """One shop's records, to be written to."""

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        """Do `action` for the shop's member; `key` (a UUID) is the same at every attempt, for shops that know such keys.

        Returns when the shop has done it, now or before. Raises Permanent when it never will (no such member, no right),
        `Unclear` when nobody knows whether it has, any other Retryable when it has surely not yet.
        """
        ...


class ShopQueue(Protocol):
    """Where a shop's changes wait for the worker, whoever brought them."""

    def send(
        self, shop_id: str, platform: str, snapshots: Sequence[Snapshot], *, at: datetime, backfill: bool = False
    ) -> None:
        """Enqueue all, as found by a poll at `at` (machine time); raises Retryable naming how many were not taken."""
        ...


class FileReplaced(Exception):
    """The file that is being read is another one now."""


class ImportFiles(Protocol):
    """The place where shops drop tables."""

    def place(self, key: str) -> FilePlace | None:
        """What the key says; None for what is no dropped file (a folder, a report). Permanent for a misplaced one."""
        ...

    def find(self, key: str) -> FoundFile:
        """Permanent if the file is gone."""
        ...

    def pages(self, one: Import) -> Iterable[ImportPage]:
        """The rest of a file, from the import's cursor on; at least one page. Raises FileReplaced, or Permanent for a file
        that can not be read as a whole.
        """
        ...

    def report(self, one: Import) -> None:
        """Leave what became of a file beside it; written again it is the same."""
        ...


class RowQueue(Protocol):
    """Where imported rows wait for the worker: the queue of the shops' events."""

    def send(self, messages: Sequence[str]) -> None:
        """Enqueue all, as they are; raises Retryable naming how many were not taken."""
        ...


class ImportJobs(Protocol):
    def send(self, job: ImportJob) -> None:
        """Let an import go on in another invocation."""
        ...
