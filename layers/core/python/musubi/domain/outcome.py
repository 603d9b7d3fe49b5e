"""What a use case did with one record, for the log line and the metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    DONE = "done"
    """Something changed or was sent."""
    STALE = "stale"
    """Already done, or overtaken by something newer; nothing to do."""
    IGNORED = "ignored"
    """Understood and deliberately without effect."""
    STORED = "stored"
    """Not understood; kept as it came, and counted."""


@dataclass(frozen=True)
class Outcome:
    """`reason` is a short code (no personal data); `counts` become metrics."""

    verdict: Verdict
    reason: str
    counts: dict[str, int] = field(default_factory=dict)
