"""The memory twins are strict where LINE and AWS are, or tests over them would prove nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from musubi.adapters.memory.clock import MemoryTokens
from musubi.adapters.memory.queues import MemoryBus, MemoryPushQueue, MemoryQuarantine, MemoryShardQueue
from musubi.domain.errors import Retryable
from musubi.domain.operations import Fact, PushRef
from musubi.ports import Bus, PushQueue, Quarantine, ShardJob, ShardQueue, Tokens


def test_twins_fit_their_ports() -> None:
    queue: PushQueue = MemoryPushQueue()
    shards: ShardQueue = MemoryShardQueue()
    bus: Bus = MemoryBus()
    quarantine: Quarantine = MemoryQuarantine()
    tokens: Tokens = MemoryTokens()
    assert all((queue, shards, bus, quarantine, tokens))


def test_queues_fail_when_told_and_take_nothing_then() -> None:
    ref = PushRef("s", "m:main/1", "e")
    push, shards, kept = MemoryPushQueue(fail_next=1), MemoryShardQueue(fail_next=1), MemoryQuarantine(fail_next=1)
    job = ShardJob(date(2026, 12, 24), 7)
    with pytest.raises(Retryable):
        push.send([ref])
    with pytest.raises(Retryable):
        shards.send([job])
    with pytest.raises(Retryable):
        kept.put("push", "x", "{}")
    push.send([ref], 30)
    shards.send([job])
    kept.put("push", "x", "{}")
    assert (push.sent, shards.sent, kept.kept) == ([(ref, 30)], [job], [("push", "x", "{}")])
    assert (push.take(), push.take()) == ([ref], [])


def test_the_bus_takes_some() -> None:
    facts = [Fact(fact_id=f"f{n}", type="LinkMade", occurred_at=datetime(2026, 1, 1, tzinfo=UTC)) for n in range(3)]
    bus = MemoryBus(refuse_next=2)
    assert bus.publish(facts) == {"f2"}
    assert bus.publish(facts) == {"f0", "f1", "f2"}
