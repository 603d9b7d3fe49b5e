"""How the parts of a key are spelled."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

LONGEST_PART = 400


def part(text: str) -> str:
    """`A#1/2` → `A%231%2F2`: an id that can not be mistaken for two.

    Ids longer than a key may be are hashed; `%%` never comes out of the escaping, so a hash is never another's id.
    """
    escaped = text.replace("%", "%25").replace("#", "%23").replace("/", "%2F")
    if len(escaped.encode()) <= LONGEST_PART:
        return escaped
    return "%%" + hashlib.sha256(text.encode()).hexdigest()


def instant(at: datetime) -> str:
    """`2026-12-24T01:00:00.000000Z`. ValueError for a naive time: it would sort by somebody's local clock."""
    if at.tzinfo is None:
        raise ValueError("naive datetime in a key")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def two(number: int) -> str:
    """`07`"""
    return f"{number:02d}"
