"""What the composition root hands to the entry points: one value per kind of function."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from musubi.domain.errors import Retryable
from musubi.domain.outcome import Outcome
from musubi.ports import Quarantine

T = TypeVar("T")


class HandBack(Protocol):
    def __call__(self, queue_arn: str, receipt: str, after_s: int) -> None:
        """Make a record that was received visible again in `after_s` seconds."""
        ...


class Deadline:
    """Until when the running invocation may work. Lambda ends a function in the middle of a call to LINE, and then
    nobody knows what became of it; so calls are fitted into what is left, and a record that does not fit is not begun.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends = math.inf

    def begin(self, left_s: float) -> None:
        """An invocation begins that Lambda ends in `left_s` seconds."""
        self._ends = self._monotonic() + left_s

    def left_s(self) -> float:
        """Seconds until Lambda ends the invocation; infinite outside of one."""
        return self._ends - self._monotonic()


@dataclass(frozen=True)
class Worker(Generic[T]):
    """A consumer of the queue `source`, one record at a time.

    `parse` gets the body and when SQS took it (machine time), and raises Permanent for what can never be read. `labels`
    are words for the log line that say what the record is about without personal data. `crash_after_s`: hand a record
    back that early even when nobody foresaw its error, where waiting for the visibility timeout costs more. `needs_s`:
    seconds that must be left to begin a record; the rest of the batch comes back.
    """

    source: str
    parse: Callable[[str, datetime], T]
    use: Callable[[T], Iterable[Outcome]]
    labels: Callable[[T], Mapping[str, str]]
    quarantine: Quarantine
    hand_back: HandBack
    crash_after_s: int | None = None
    needs_s: float = 5
    deadline: Deadline = field(default_factory=Deadline)


@dataclass(frozen=True)
class BatchWorker(Generic[T]):
    """A consumer of the queue `source` that works a whole batch off at once, where that is what makes it cheap.

    `use` gets what was read and answers for all of it: one outcome, and by number which records have to come back, and why.
    """

    source: str
    parse: Callable[[str], T]
    use: Callable[[Sequence[T]], tuple[Outcome, Mapping[int, Retryable]]]
    quarantine: Quarantine
    hand_back: HandBack
    deadline: Deadline = field(default_factory=Deadline)


class OutOfTime(Protocol):
    def __call__(self) -> bool: ...


@dataclass(frozen=True)
class Scheduled(Generic[T]):
    """What a schedule starts. `use` stops cleanly when it is told that the function's time is nearly up; `deadline` says how
    much is left, for calls that must end before it.
    """

    parse: Callable[[Any], T]
    use: Callable[[T, OutOfTime], Outcome]
    deadline: Deadline = field(default_factory=Deadline)


def pseudonym(text: str | None) -> str:
    """Eight characters that stand for a person in logs: the same for the same person, and not to be turned back."""
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else "-"
