"""Randomness, for the few things that must not be derived."""

from __future__ import annotations

from secrets import token_hex, token_urlsafe


class RandomTokens:
    """Implements `Tokens` with the machine's secure source."""

    def owner(self) -> str:
        return token_hex(8)

    def secret(self) -> str:
        """256 bits, 43 characters."""
        return token_urlsafe(32)
