"""A clock that stands still until it is moved, and tokens that count."""

from __future__ import annotations

from datetime import datetime, timedelta


class MemoryClock:
    """Implements `Clock`. `pass_time` moves both times, `move_business` only the one that calendars follow."""

    def __init__(self, now: datetime) -> None:
        self._machine = now
        self._business = now

    def business(self) -> datetime:
        return self._business

    def machine(self) -> datetime:
        return self._machine

    def pass_time(self, by: timedelta) -> None:
        self._machine += by
        self._business += by

    def move_business(self, to: datetime) -> None:
        self._business = to


class MemoryTokens:
    """Implements `Tokens`: `owner-1`, `owner-2`, …, `secret-1`, …"""

    def __init__(self) -> None:
        self._owners = 0
        self._secrets = 0

    def owner(self) -> str:
        self._owners += 1
        return f"owner-{self._owners}"

    def secret(self) -> str:
        self._secrets += 1
        return f"secret-{self._secrets}"
