"""What the composition root hands to the entry points: one value per kind of function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from musubi.domain.outcome import Outcome
from musubi.ports import Quarantine

T = TypeVar("T")


class HandBack(Protocol):
    def __call__(self, queue_arn: str, receipt: str, after_s: int) -> None:
        """Make a record that was received visible again in `after_s` seconds."""
        ...


@dataclass(frozen=True)
class Worker(Generic[T]):
    """A consumer of the queue `source`, one record at a time.

    `parse` gets the body and when SQS took it (machine time), and raises Permanent for what can never be
    read. `labels` are words for the log line that say what the record is about without personal data.
    `crash_after_s`: hand a record back that early even when nobody foresaw its error, where waiting for the
    visibility timeout costs more.
    """

    source: str
    parse: Callable[[str, datetime], T]
    use: Callable[[T], Iterable[Outcome]]
    labels: Callable[[T], Mapping[str, str]]
    quarantine: Quarantine
    hand_back: HandBack
    crash_after_s: int | None = None


class OutOfTime(Protocol):
    def __call__(self) -> bool: ...


@dataclass(frozen=True)
class Scheduled(Generic[T]):
    """What a schedule starts. `use` stops cleanly when it is told that the function's time is nearly up."""

    parse: Callable[[Any], T]
    use: Callable[[T, OutOfTime], Outcome]


def pseudonym(text: str | None) -> str:
    """Eight characters that stand for a person in logs: the same
    for the same person, and not to be turned back.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else "-"
