"""The history's writer alone: a queue of messages with lines, batches of any cut, two clocks, faults at every call."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from musubi.adapters.memory.archive import MemoryArchive
from musubi.adapters.memory.clock import MemoryClock, MemoryTokens
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.history import Record, RecordKind
from musubi.domain.ids import derived_id
from musubi.ports import Archive, Store
from musubi.usecases.write_log import Deps, write_log
from tests.stores import samples
from tests.support.flows_faults import Crash, Points

VISIBILITY = timedelta(seconds=360)


def record(number: int, *, kind: RecordKind = RecordKind.EVENT, shard: int = 0, days: int = 0) -> Record:
    """A line about nothing."""
    return Record(
        record_id=derived_id("line", str(number)),
        kind=kind,
        at=samples.NOW + timedelta(days=days),
        shard=shard,
        body={"number": number},
    )


@dataclass
class Rig:
    """`read` gives the text of every stored object by its key."""

    store: Store = field(default_factory=MemoryStore)
    archive: Archive = field(default_factory=MemoryArchive)
    read: Any = None
    points: Points = field(default_factory=Points)

    def __post_init__(self) -> None:
        self.clock = MemoryClock(samples.NOW)
        self.tokens = MemoryTokens()
        archive = self.archive
        if isinstance(archive, MemoryArchive):
            self.read = lambda: archive.objects
        self.deps = self.wired(self.points)

    def wired(self, points: Points) -> Deps:
        store, archived = points.wire(self.store, "store"), points.wire(self.archive, "archive")
        return Deps(store, self.clock, archived, self.tokens)

    def lines(self) -> list[str]:
        """Every line of every object."""
        return [line for _, text in sorted(self.read().items()) for line in text.splitlines()]

    def ids(self) -> Counter[str]:
        return Counter(json.loads(line)["id"] for line in self.lines())

    def work_off(self, messages: Sequence[Sequence[Record]], seed: int, most: int = 4) -> None:
        """Until the queue is empty: batches are cut by `seed`, and another way each time something comes back."""
        cut = random.Random(seed)
        waiting = list(messages)
        for _ in range(60):
            if not waiting:
                return
            cut.shuffle(waiting)
            size = cut.randint(1, most)
            batch, waiting = waiting[:size], waiting[size:]
            try:
                late = write_log([one for message in batch for one in message], self.deps).late
            except Crash:
                waiting += batch
                self.clock.pass_time(VISIBILITY)
                continue
            if back := [message for message in batch if any(one.record_id in late for one in message)]:
                waiting += back
                self.clock.pass_time(timedelta(seconds=max(error.after_s for error in late.values())))
        raise AssertionError("never empty")
