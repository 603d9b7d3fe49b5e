"""Tell the bus what was decided: by the producer right after its commit, by the sweeper for what the bus did not take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from musubi.domain.operations import Fact, FactState
from musubi.domain.writes import Replace
from musubi.ports import Bus, Store


def publish_facts(facts: Sequence[Fact], store: Store, bus: Bus) -> int:
    """Publish, read every entry's result, settle those the bus took. Receivers dedupe by id, so a repeat is harmless."""
    taken = bus.publish(facts)
    for fact in facts:
        if fact.fact_id in taken:
            settled = replace(fact, state=FactState.PUBLISHED, look_at=None, version=fact.version + 1)
            store.commit([Replace(settled)])
    return len(taken)
