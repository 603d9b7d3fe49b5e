"""Identifiers in LINE's shapes. They come from the machine's entropy, never from the seed: a restarted simulator
that repeated a webhookEventId would look like a duplicate to the product."""

from __future__ import annotations

import hashlib
import random
import re
import secrets
import uuid

USER_ID = re.compile(r"U[0-9a-f]{32}")
GROUP_ID = re.compile(r"[CR][0-9a-f]{32}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def user_id_of(provider: str, person: str) -> str:
    """The id under which one provider knows a person; another provider gets another id (§9.20)."""
    return "U" + hashlib.sha256(f"{provider}\n{person}".encode()).hexdigest()[:32]


def group_id() -> str:
    """A fresh group id (C + 32 hex)."""
    return "C" + secrets.token_hex(16)


def request_id() -> str:
    """A fresh value for x-line-request-id."""
    return str(uuid.uuid4())


def ulid(ms: int) -> str:
    """A ULID for webhookEventId (§1.3)."""
    number = (ms << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def opaque(prefix: str = "", size: int = 24) -> str:
    """An unguessable opaque string (tokens, reply tokens, quote tokens)."""
    return prefix + secrets.token_urlsafe(size)


def dice(seed: int) -> random.Random:
    """Repeatable chance for faults and shapes of JSON; never for ids or tokens."""
    return random.Random(seed)  # noqa: S311  repeatable on purpose
