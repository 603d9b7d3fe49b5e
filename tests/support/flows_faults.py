"""Crashes and lost answers at every call that a use case makes of its ports, by number."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from musubi.domain.answers import Answer, classify
from musubi.domain.errors import Retryable
from musubi.domain.shop_writes import Unclear


class Crash(BaseException):
    """The process is gone: no `except Exception` sees it, nothing after it runs."""


class Mode(StrEnum):
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    ANSWER_LOST = "done, but the answer is lost"
    NOT_DONE = "not done, and nobody says so"


class Points:
    """Counts the calls of all wired ports and lets one of them go wrong. `at` 0: none."""

    def __init__(self, at: int = 0, mode: Mode = Mode.CRASH_BEFORE, effects_only: bool = False) -> None:
        self._at = at
        self._mode = mode
        self._effects_only = effects_only
        self.passed: list[str] = []

    @property
    def fired(self) -> bool:
        return 0 < self._at <= len(self.passed)

    def wire(self, port: Any, name: str) -> Any:
        """`port` with every call counted."""
        return _Wired(port, name, self)

    def call(self, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._effects_only and name not in EFFECTS:
            return method(*args, **kwargs)
        self.passed.append(name)
        if len(self.passed) != self._at:
            return method(*args, **kwargs)
        if self._mode is Mode.CRASH_BEFORE:
            raise Crash(name)
        if self._mode is not Mode.NOT_DONE:
            method(*args, **kwargs)
        if self._mode is Mode.CRASH_AFTER:
            raise Crash(name)
        return _no_answer(name)


def _no_answer(name: str) -> Answer | set[str]:
    """What the adapter makes of an answer that never came (ports.py)."""
    if name in ("line.push", "line.reply"):
        return classify(None, None, None)
    if name == "bus.publish":
        return set()
    if name == "writer.write":
        raise Unclear(f"{name}: no answer")
    raise Retryable(f"{name}: no answer")


EFFECTS = frozenset(
    {
        "store.commit",
        "push_queue.send",
        "shard_queue.send",
        "bus.publish",
        "quarantine.put",
        "exports.put",
        "line.push",
        "line.reply",
        "line.link_token",
        "log.append",
        "archive.write",
        "archive.void",
        "writer.write",
    }
)
"""Calls that change something outside."""


class _Wired:
    def __init__(self, port: Any, name: str, points: Points) -> None:
        self._port = port
        self._name = name
        self._points = points

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)

        def counted(*args: Any, **kwargs: Any) -> Any:
            return self._points.call(f"{self._name}.{method}", found, args, kwargs)

        return counted
