"""The net under every emit-after-commit: enqueue planned Sends again, publish facts, give up what is too old to retry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from musubi.domain import ledger
from musubi.domain.engine import push_ref
from musubi.domain.ids import SHARDS, in_turn
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Circuit
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.store_keys import CircuitKey, ControlKey
from musubi.domain.writes import Committed, Remove, Replace
from musubi.ports import Bus, Clock, PushQueue, Store
from musubi.usecases.publish_facts import publish_facts

PAGE = 100
_MAX_PAGES = 50

NONCE_GRACE = timedelta(hours=1)
"""An accountLink event counts by LINE's timestamp, and may wait in a queue long after the nonce is over."""


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    push_queue: PushQueue
    bus: Bus


def sweep(
    deps: Deps,
    out_of_time: Callable[[], bool] = lambda: False,
    shards: Sequence[int] = tuple(range(SHARDS)),
) -> Outcome:
    """One sweep over `shards`; stops cleanly when `out_of_time` says so, the next sweep goes on."""
    counts = {"SendsSwept": 0, "SendsUnknown": 0, "FactsPublished": 0, "LinkAttemptsTimedOut": 0, "SendsReleased": 0}
    loaded = deps.store.load([ControlKey(), CircuitKey()])
    control, circuit = loaded.get(ControlKey()), loaded.get(CircuitKey())
    for shard in in_turn(shards, deps.clock.machine()):
        if not (control and control.stopped):
            counts["SendsReleased"] += _release_parked(shard, deps, out_of_time)
        if not _waits_outside(circuit, deps):
            swept, unknown = _sweep_sends(shard, deps, out_of_time)
            counts["SendsSwept"] += swept
            counts["SendsUnknown"] += unknown
        counts["FactsPublished"] += _sweep_facts(shard, deps)
        counts["LinkAttemptsTimedOut"] += _sweep_nonces(shard, deps)
        if out_of_time():
            return Outcome(Verdict.DONE, "out_of_time", counts)
    return Outcome(Verdict.DONE, "swept", counts)


def _waits_outside(circuit: Circuit | None, deps: Deps) -> bool:
    """True while LINE refuses the channel: every Send has a delayed job of its own then. A second one each sweep would
    add up over a long refusal, and each of them would be delayed again and again.
    """
    return circuit is not None and circuit.open_until > deps.clock.machine()


def _sweep_sends(shard: int, deps: Deps, out_of_time: Callable[[], bool]) -> tuple[int, int]:
    """Every row is touched once a sweep: its `look_at` moves on, so one page of stuck rows never hides the rest."""
    swept = unknown = 0
    for _ in range(_MAX_PAGES):
        now = deps.clock.machine()
        rows = deps.store.open_sends(shard, now, PAGE)
        # Before they are given up: the sender tells the history of them, also if this sweep dies on the way. A job that is
        # faster than we are gives the row up itself.
        if over := [push_ref(row) for row in rows if ledger.key_expired(row, now)]:
            deps.push_queue.send(over)
        refs = []
        for row in rows:
            moved = _swept(row, now)
            if not isinstance(deps.store.commit([Replace(moved)]), Committed):
                continue
            if moved.state is SendState.UNKNOWN:
                unknown += 1
            else:
                refs.append(push_ref(moved))
        if refs:
            deps.push_queue.send(refs)
        swept += len(refs)
        if len(rows) < PAGE or out_of_time():
            break
    return swept, unknown


def _swept(row: Send, now: datetime) -> Send:
    if ledger.key_expired(row, now):
        return ledger.give_up(row, now)
    return replace(row, look_at=now + ledger.SWEEP_AFTER, version=row.version + 1)


def _release_parked(shard: int, deps: Deps, out_of_time: Callable[[], bool]) -> int:
    """Sends that the kill switch stopped go on once it is off, those over LINE's monthly limit in the next month."""
    released = 0
    for _ in range(_MAX_PAGES):
        now = deps.clock.machine()
        rows = deps.store.parked_sends(shard, now, PAGE)
        moved = [ledger.release(row, "released", now) for row in rows]
        refs = [push_ref(row) for row in moved if isinstance(deps.store.commit([Replace(row)]), Committed)]
        if refs:
            deps.push_queue.send(refs)
        released += len(refs)
        if len(rows) < PAGE or out_of_time():
            break
    return released


def _sweep_facts(shard: int, deps: Deps) -> int:
    now = deps.clock.machine()
    facts = deps.store.open_facts(shard, now, PAGE)
    return publish_facts(facts, deps.store, deps.bus) if facts else 0


def _sweep_nonces(shard: int, deps: Deps) -> int:
    """LINE sends nothing for an expired link token: an attempt nobody finished is counted and cleared here."""
    now = deps.clock.machine()
    overdue = deps.store.overdue_nonces(shard, now - NONCE_GRACE, PAGE)
    return sum(isinstance(deps.store.commit([Remove(nonce)]), Committed) for nonce in overdue)
