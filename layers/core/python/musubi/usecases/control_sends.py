"""The kill switch: stop every Send of the deployment, or let them go on."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.domain.operations import Control
from musubi.domain.store_keys import ControlKey
from musubi.domain.writes import Create, Replace, Write
from musubi.ports import Clock, Store
from musubi.usecases.commit import until_committed


def stop_sends(store: Store, clock: Clock, reason: str) -> Control:
    """From now on the gate parks every Send; nothing is lost."""
    return _set(store, clock, stopped=True, reason=reason)


def resume_sends(store: Store, clock: Clock, reason: str) -> Control:
    """Open again. What was parked is released by the next sweep and asks the gate anew."""
    return _set(store, clock, stopped=False, reason=reason)


def _set(store: Store, clock: Clock, *, stopped: bool, reason: str) -> Control:
    def attempt() -> tuple[Sequence[Write], Control]:
        before = store.load([ControlKey()]).get(ControlKey())
        version = before.version + 1 if before else 1
        after = Control(stopped=stopped, reason=reason, at=clock.machine(), version=version)
        return [Replace(after) if before else Create(after)], after

    return until_committed(store, attempt)
