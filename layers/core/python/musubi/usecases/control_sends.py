"""The kill switch: stop every Send of the deployment, or let them go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from musubi.domain import ledger
from musubi.domain.ids import SHARDS
from musubi.domain.operations import Control
from musubi.domain.store_keys import ControlKey
from musubi.domain.writes import Create, Replace, Write
from musubi.ports import Clock, Store
from musubi.usecases.commit import until_committed

_FAR = timedelta(days=40)
"""Longer than a month: how far ahead a monthly limit parks."""
_ALL = 1_000_000


def stop_sends(store: Store, clock: Clock, reason: str) -> Control:
    """From now on the gate parks every Send; nothing is lost."""
    return _set(store, clock, stopped=True, reason=reason)


def resume_sends(store: Store, clock: Clock, reason: str, *, over_limit: bool = False) -> Control:
    """Open again. What the kill switch parked is released by the next sweep and asks the gate anew; with `over_limit` also
    what LINE's monthly limit parked, which else waits for the next month.
    """
    control = _set(store, clock, stopped=False, reason=reason)
    if over_limit:
        _bring_forward(store, clock)
    return control


def _bring_forward(store: Store, clock: Clock) -> None:
    now = clock.machine()
    for shard in range(SHARDS):
        for row in store.parked_sends(shard, now + _FAR, _ALL):
            if row.look_at is not None and row.look_at > now:
                # Unread: a row that conflicts is moving already.
                store.commit([Replace(ledger.bring_forward(row, now))])


def _set(store: Store, clock: Clock, *, stopped: bool, reason: str) -> Control:
    def attempt() -> tuple[Sequence[Write], Control]:
        before = store.load([ControlKey()]).get(ControlKey())
        version = before.version + 1 if before else 1
        after = Control(stopped=stopped, reason=reason, at=clock.machine(), version=version)
        return [Replace(after) if before else Create(after)], after

    return until_committed(store, attempt)
