"""Load → decide → commit, again until the conditions of the write hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from musubi.domain.errors import Retryable
from musubi.domain.writes import Committed, Write
from musubi.ports import Store

T = TypeVar("T")

ATTEMPTS = 5


def until_committed(store: Store, attempt: Callable[[], tuple[Sequence[Write], T]]) -> T:
    """Run `attempt` (which loads and decides) and commit its writes; on a conflict somebody was faster: decide anew.

    Raises Retryable when the same record stays contended: better handed back than spun on.
    """
    for _ in range(ATTEMPTS):
        writes, result = attempt()
        if not writes or isinstance(store.commit(writes), Committed):
            return result
    raise Retryable("contended", after_s=2)
