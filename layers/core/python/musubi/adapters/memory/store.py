"""The Store in memory: same conditions, same verdicts, same order of rows as DynamoDB's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from datetime import date, datetime
from threading import Lock
from typing import Any, TypeVar, cast

from musubi.adapters import rules
from musubi.adapters.dynamo.keys import Place, place
from musubi.adapters.rules import Standing
from musubi.domain.ids import shard_of
from musubi.domain.ledger import Send
from musubi.domain.operations import Due, Fact, Run, RunShard
from musubi.domain.people import ExpiringPoints, LinkEnded, Member, Nonce, Side
from musubi.domain.person import PersonView, person_of
from musubi.domain.polling import Missed, Poll
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import Key, MemberKey
from musubi.domain.write_backs import ShopWrite
from musubi.domain.writes import CommitResult, Committed, Create, Drop, Entity, Remove, Replace, Write
from musubi.ports import Loaded, Page

T = TypeVar("T")


class MemoryStore:
    """Implements `Store`. What goes in and out is copied: nobody can change a stored row but by a commit."""

    def __init__(self, page_size: int = 200) -> None:
        # By place, as in the tables: a row can be named by more than one key.
        self._rows: dict[Place, Entity] = {}
        self._lock = Lock()
        self._page_size = page_size

    def load(self, keys: Iterable[Key[Any]]) -> Loaded:
        with self._lock:
            return Loaded({key: deepcopy(self._rows.get(place(key))) for key in keys})

    def commit(self, writes: Sequence[Write]) -> CommitResult:
        rules.check(writes)
        with self._lock:
            standings = [self._standing(write) for write in writes]
            if all(standing is Standing.HELD for standing in standings):
                for write in writes:
                    self._apply(write)
                return Committed()
        return rules.judge(writes, standings, answer_lost=False)

    def _standing(self, write: Write) -> Standing:
        stored = self._rows.get(place(rules.key_of(write)))
        version = rules.wanted_version(write)
        if version is None or version == (stored.version if stored else 0):
            return Standing.HELD
        if isinstance(write, Create | Replace) and stored == write.entity:
            return Standing.MINE
        if isinstance(write, Remove) and stored is None:
            return Standing.GONE
        return Standing.OTHER

    def _apply(self, write: Write) -> None:
        if isinstance(write, Remove | Drop):
            self._rows.pop(place(rules.key_of(write)), None)
            return
        self._rows[place(write.entity.key)] = deepcopy(write.entity)

    def all_of(self, kind: type[T]) -> list[T]:
        """Every stored row of `kind`, oldest commit first: for assertions in tests, no access pattern of the system."""
        with self._lock:
            return [cast(T, deepcopy(row)) for row in self._rows.values() if isinstance(row, kind)]

    def placed(self) -> list[tuple[Place, Entity]]:
        """Every stored row and where it would lie in the tables, for the reads of `MemoryRows`."""
        with self._lock:
            return [(where, deepcopy(row)) for where, row in self._rows.items()]

    def due_before(self, shard: int, until: datetime, limit: int) -> Sequence[Due]:
        due = [row for row in self.all_of(Due) if row.shard == shard and row.at <= until]
        return sorted(due, key=lambda row: (row.at, row.ref))[:limit]

    def birthdays(self, month: int, day: int, shard: int, cursor: str | None) -> Page[MemberKey]:
        found = [
            row.key
            for row in self.all_of(Member)
            if rules.birthday_of(row) == (month, day) and rules.member_shard(row) == shard
        ]
        return self._page(found, cursor)

    def points_expiring(self, on: date, shard: int, cursor: str | None) -> Page[MemberKey]:
        found = [
            MemberKey(row.shop_id, row.member_id)
            for row in self.all_of(ExpiringPoints)
            if row.expires_on == on and rules.member_shard(row) == shard
        ]
        return self._page(found, cursor)

    def _page(self, found: list[MemberKey], cursor: str | None) -> Page[MemberKey]:
        ordered = sorted(found, key=_cursor)
        rest = [key for key in ordered if cursor is None or _cursor(key) > cursor]
        items = tuple(rest[: self._page_size])
        return Page(items, _cursor(items[-1]) if len(rest) > len(items) else None)

    def open_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        return self._oldest(Send, lambda s: rules.look_at(s) if s.shard == shard else None, limit, look_before)

    def parked_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        return self._oldest(Send, lambda s: rules.parked_at(s) if s.shard == shard else None, limit, look_before)

    def unknown_sends(self, limit: int) -> Sequence[Send]:
        return self._oldest(Send, rules.unknown_since, limit)

    def troubled_writes(self, limit: int) -> Sequence[ShopWrite]:
        return self._oldest(ShopWrite, rules.troubled_since, limit)

    def open_facts(self, shard: int, look_before: datetime, limit: int) -> Sequence[Fact]:
        def at(fact: Fact) -> datetime | None:
            return rules.fact_look_at(fact) if shard_of(fact.fact_id) == shard else None

        return self._oldest(Fact, at, limit, look_before)

    def overdue_nonces(self, shard: int, now: datetime, limit: int) -> Sequence[Nonce]:
        return self._oldest(Nonce, lambda n: n.expires_at if shard_of(n.digest) == shard else None, limit, now)

    def _oldest(
        self, kind: type[T], at: Callable[[T], datetime | None], limit: int, until: datetime | None = None
    ) -> list[T]:
        dated = [(at(row), row) for row in self.all_of(kind)]
        listed = [(when, row) for when, row in dated if when is not None and (until is None or when <= until)]
        return [row for _, row in sorted(listed, key=lambda pair: pair[0])][:limit]

    def latest_runs(self, schedule: str, limit: int) -> Sequence[Run]:
        runs = [row for row in self.all_of(Run) if row.schedule == schedule]
        return sorted(runs, key=lambda row: row.on, reverse=True)[:limit]

    def run_shards(self, schedule: str, on: date) -> Sequence[RunShard]:
        shards = [row for row in self.all_of(RunShard) if (row.schedule, row.on) == (schedule, on)]
        return sorted(shards, key=lambda row: row.shard)

    def history_of(self, person: str, limit: int) -> tuple[Sequence[Send], Sequence[Enrolment]]:
        sends = [row for row in self.all_of(Send) if row.person == person]
        enrolments = [row for row in self.all_of(Enrolment) if row.person == person]
        sends.sort(key=lambda row: (row.planned_at, row.send_id), reverse=True)
        enrolments.sort(key=lambda row: (row.started_at, row.enrolment_id), reverse=True)
        return sends[:limit], enrolments[:limit]

    def ended_links(self, user_id: str) -> Sequence[LinkEnded]:
        ended = [row for row in self.all_of(LinkEnded) if row.user_id == user_id and row.side is Side.FRIEND]
        return sorted(ended, key=lambda row: row.linked_at)

    def person(self, member: MemberKey) -> PersonView:
        with self._lock:
            rows = [(where, deepcopy(row)) for where, row in self._rows.items() if where.pk == place(member).pk]
        return person_of(row for _, row in sorted(rows, key=lambda pair: pair[0].sk))

    def polls_of(self, shop_id: str, platform: str) -> Sequence[Poll]:
        polls = [row for row in self.all_of(Poll) if (row.shop_id, row.platform) == (shop_id, platform)]
        return sorted(polls, key=lambda row: row.what)

    def latest_missed(self, shop_id: str, platform: str, limit: int) -> Sequence[Missed]:
        missed = [row for row in self.all_of(Missed) if (row.shop_id, row.platform) == (shop_id, platform)]
        return sorted(missed, key=lambda row: (row.at, row.event_id), reverse=True)[:limit]


def _cursor(key: MemberKey) -> str:
    return f"{key.shop_id}/{key.member_id}"
