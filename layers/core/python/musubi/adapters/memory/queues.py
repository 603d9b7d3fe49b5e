"""Queues and bus in memory: what was sent lies in a list, and the next call can be made to fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from musubi.domain.errors import Retryable
from musubi.domain.operations import Fact, PushRef
from musubi.ports import ShardJob


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
    """Implements `PushQueue`. `sent` keeps every ref with its delay in seconds."""

    sent: list[tuple[PushRef, int]] = field(default_factory=list)

    def send(self, refs: Sequence[PushRef], delay_s: int = 0) -> None:
        self._may_fail(f"{len(refs)} of {len(refs)} messages not enqueued")
        self.sent += [(ref, delay_s) for ref in refs]

    def take(self) -> list[PushRef]:
        """Everything sent since the last `take`, delays ignored."""
        taken, self.sent = [ref for ref, _ in self.sent], []
        return taken


@dataclass
class MemoryShardQueue(_Failing):
    """Implements `ShardQueue`."""

    sent: list[ShardJob] = field(default_factory=list)

    def send(self, jobs: Sequence[ShardJob]) -> None:
        self._may_fail(f"{len(jobs)} of {len(jobs)} messages not enqueued")
        self.sent += jobs


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
