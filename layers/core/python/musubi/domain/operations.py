"""What keeps the machinery honest: due items, runs, leases, the kill switch, the breaker, marks and outward facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from musubi.domain.store_keys import (
    CircuitKey,
    ControlKey,
    DueKey,
    FactKey,
    RunKey,
    RunShardKey,
    SeenKey,
    ShardLeaseKey,
)


class DueKind(StrEnum):
    ENROLMENT = "enrolment"
    """The next step of an enrolment."""
    SEND = "send"
    """A Send that waits for its quiet hours to end."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """One waiting thing and the business instant it waits for. Written and removed in the transaction that decides it."""

    shard: int
    at: datetime
    kind: DueKind
    ref: str
    failures: int = 0
    version: int = 1

    @property
    def key(self) -> DueKey:
        return DueKey(self.shard, self.at, self.ref)


@dataclass(frozen=True, kw_only=True)
class ShardLease:
    """Who works on a due shard, until when (machine time)."""

    shard: int
    owner: str
    until: datetime
    version: int = 1

    @property
    def key(self) -> ShardLeaseKey:
        return ShardLeaseKey(self.shard)


@dataclass(frozen=True, kw_only=True)
class Control:
    """The kill switch: while `stopped`, no Send leaves; what is planned is parked and released by `resume`."""

    stopped: bool
    reason: str
    at: datetime
    version: int = 1

    @property
    def key(self) -> ControlKey:
        return ControlKey()


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """LINE said a passing no (rate, token, access): nobody calls before `open_until` (machine time)."""

    open_until: datetime
    reason: str
    version: int = 1

    @property
    def key(self) -> CircuitKey:
        return CircuitKey()


@dataclass(frozen=True)
class PushRef:
    """What a push job says: which Send, for whom, and hints that let the sender load all it needs in one request."""

    send_id: str
    person: str
    enrolment_id: str
    hint_user: str | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An event that has been taken. `content` is a hash: the same id with other content is a conflict, and counted.

    `raw` is kept only when we could not understand the event. `emitted` lets a repeat enqueue again what the first try
    committed but may not have enqueued.
    """

    source: str
    event_id: str
    kind: str
    content: str
    at: datetime
    verdict: str
    raw: str | None = None
    emitted: tuple[PushRef, ...] = ()
    version: int = 1

    @property
    def key(self) -> SeenKey:
        return SeenKey(self.source, self.event_id)


class FactState(StrEnum):
    PLANNED = "planned"
    PUBLISHED = "published"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something the shop may want to know. Written with the decision, published after it; receivers dedupe by `fact_id`."""

    fact_id: str
    type: str
    occurred_at: datetime
    data: dict[str, str] = field(default_factory=dict)
    state: FactState = FactState.PLANNED
    look_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> FactKey:
        return FactKey(self.fact_id)


class RunState(StrEnum):
    STARTED = "started"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One business date of one schedule. Only `done` stops a rerun, which is harmless anyway: all ids are derived."""

    schedule: str
    on: date
    state: RunState
    started_at: datetime
    done_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> RunKey:
        return RunKey(self.schedule, self.on)


@dataclass(frozen=True, kw_only=True)
class RunShard:
    """A finished shard of a run, with the number of people it enrolled."""

    schedule: str
    on: date
    shard: int
    enrolled: int
    done_at: datetime
    version: int = 1

    @property
    def key(self) -> RunShardKey:
        return RunShardKey(self.schedule, self.on, self.shard)
