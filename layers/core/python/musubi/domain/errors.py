"""Typed errors. The type says what the edge does with the record that raised it; nothing else decides it."""

from __future__ import annotations


class MusubiError(Exception):
    """Base of all errors that carry a policy."""


class Retryable(MusubiError):
    """Not now: hand the record back and try again after `after_s` seconds."""

    def __init__(self, reason: str, after_s: int = 5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


class Permanent(MusubiError):
    """Never: the record can not succeed whatever is tried. It goes to quarantine with its raw body and raises an alarm."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConfigError(MusubiError):
    """The deployment is wrong; raised while the function starts, naming the key that is missing or bad."""
