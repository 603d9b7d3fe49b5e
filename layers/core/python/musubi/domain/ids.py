"""Identities. Every id that leaves the system is derived from why the thing exists, never drawn at random.

A retried, duplicated or replayed trigger then meets its own earlier work instead of doing it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1c0f0e-6d75-5375-8269-7375626d7573")
_SEPARATOR = "\x1f"
_ESCAPES = str.maketrans({"\x1b": "\x1b0", "\x1f": "\x1b1"})

SHARDS = 32
"""Partitions of every time index: DynamoDB takes about 1,000 writes a second per partition, a 10:00 burst needs more."""


def derived_id(*parts: str) -> str:
    """A UUIDv5 of `parts`; the same parts always give the same id, different parts never share one."""
    return str(uuid5(_NAMESPACE, _SEPARATOR.join(part.translate(_ESCAPES) for part in parts)))


def enrolment_id(deployment: str, scenario: str, person: str, key: str) -> str:
    """Id of one person's passage through one scenario for one occurrence (`key`: an order, a year…)."""
    return derived_id("enrolment", deployment, scenario, person, key)


def send_id(deployment: str, scenario: str, step: str, person: str, key: str) -> str:
    """Id of a Send: SQS body id, ledger key and LINE's X-Line-Retry-Key at once.

    The scenario's version is no part of it: a new version must not send the same step for the same occurrence again.
    """
    return derived_id("send", deployment, scenario, step, person, key)


def shard_of(text: str, shards: int = SHARDS) -> int:
    """A stable shard for `text`; sha256, because Python's `hash` differs from process to process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % shards


def in_turn(shards: Sequence[int], now: datetime) -> Sequence[int]:
    """`shards`, beginning with another one each minute: runs that run out of time must not all leave the same ones."""
    first = int(now.timestamp() // 60) % len(shards) if shards else 0
    return (*shards[first:], *shards[:first])


@dataclass(frozen=True)
class MemberPerson:
    """The subject of a Send that belongs to a member of the shop, whoever is linked at the time."""

    shop_id: str
    member_id: str

    def __str__(self) -> str:
        return f"m:{self.shop_id}/{self.member_id}"


@dataclass(frozen=True)
class FriendPerson:
    """The subject of a Send that belongs to a LINE friend, linked or not."""

    user_id: str

    def __str__(self) -> str:
        return f"f:{self.user_id}"


Person = MemberPerson | FriendPerson


def parse_person(text: str) -> Person:
    """The person that `text` (`m:<shop>/<member>` or `f:<userId>`) names; ValueError for anything else."""
    kind, _, rest = text.partition(":")
    if kind == "m":
        shop_id, _, member_id = rest.partition("/")
        if shop_id and member_id:
            return MemberPerson(shop_id, member_id)
    if kind == "f" and rest:
        return FriendPerson(rest)
    raise ValueError(f"not a person: {text!r} (expected m:<shop>/<member> or f:<userId>)")
