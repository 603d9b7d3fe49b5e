"""Queues and bus in memory: what was sent lies in a list, and the next call can be made to fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from musubi.domain.errors import Retryable
from musubi.domain.history import Record
from musubi.domain.operations import Fact, PushRef
from musubi.ports import ShardJob, Snapshot


@dataclass
class _Failing:
    """`fail_next` calls raise Retryable before anything is taken."""

    fail_next: int = 0

    def _may_fail(self, what: str) -> None:
        if self.fail_next > 0:
            self.fail_next -= 1
            raise Retryable(what)


@dataclass
class MemoryPushQueue(_Failing):
    """Implements `PushQueue`. `sent` keeps every ref with its delay in seconds, `riders` what travelled along."""

    sent: list[tuple[PushRef, int]] = field(default_factory=list)
    riders: list[Record] = field(default_factory=list)

    def send(self, refs: Sequence[PushRef], delay_s: int = 0, riders: Sequence[Record] = ()) -> None:
        self._may_fail(f"{len(refs)} of {len(refs)} messages not enqueued")
        self.sent += [(ref, delay_s) for ref in refs]
        self.riders += riders

    def take(self) -> list[PushRef]:
        """Everything sent since the last `take`, delays ignored."""
        taken, self.sent = [ref for ref, _ in self.sent], []
        return taken


@dataclass
class MemoryLog(_Failing):
    """Implements `Log`. `appended` keeps every record, repeats too."""

    appended: list[Record] = field(default_factory=list)

    def append(self, records: Sequence[Record]) -> None:
        self._may_fail(f"{len(records)} lines not appended")
        self.appended += records


@dataclass
class MemoryShardQueue(_Failing):
    """Implements `ShardQueue`."""

    sent: list[ShardJob] = field(default_factory=list)

    def send(self, jobs: Sequence[ShardJob]) -> None:
        self._may_fail(f"{len(jobs)} of {len(jobs)} messages not enqueued")
        self.sent += jobs


@dataclass
class MemoryShopQueue(_Failing):
    """Implements `ShopQueue`. `sent` keeps (shop, platform, snapshot, at, backfill)."""

    sent: list[tuple[str, str, Snapshot, datetime, bool]] = field(default_factory=list)

    def send(
        self, shop_id: str, platform: str, snapshots: Sequence[Snapshot], *, at: datetime, backfill: bool = False
    ) -> None:
        self._may_fail(f"{len(snapshots)} of {len(snapshots)} messages not enqueued")
        self.sent += [(shop_id, platform, one, at, backfill) for one in snapshots]


@dataclass
class MemoryBus:
    """Implements `Bus`; the next `refuse_next` facts are not taken."""

    refuse_next: int = 0
    published: list[Fact] = field(default_factory=list)

    def publish(self, facts: Sequence[Fact]) -> set[str]:
        refused = min(self.refuse_next, len(facts))
        self.refuse_next -= refused
        taken = list(facts)[refused:]
        self.published += taken
        return {fact.fact_id for fact in taken}


@dataclass
class MemoryQuarantine(_Failing):
    """Implements `Quarantine`. `kept` holds (source, reason, body)."""

    kept: list[tuple[str, str, str]] = field(default_factory=list)

    def put(self, source: str, reason: str, body: str) -> None:
        self._may_fail("1 of 1 messages not enqueued")
        self.kept.append((source, reason, body))
