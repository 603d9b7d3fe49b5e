"""What the real store and its memory twin must agree on: what a commit means, and which rows an index lists when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from musubi.domain.forgetting import ERASED
from musubi.domain.ids import MemberPerson, shard_of
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Fact, FactState
from musubi.domain.people import ExpiringPoints, Member, MemberState
from musubi.domain.store_keys import Key
from musubi.domain.write_backs import OPEN as OPEN_WRITES
from musubi.domain.write_backs import ShopWrite, WriteState
from musubi.domain.writes import (
    MAX_WRITES,
    CommitResult,
    Committed,
    Conflict,
    Create,
    Drop,
    Remove,
    Replace,
    Write,
)


class Standing(Enum):
    """How one write of a refused commit stands, judged by what is stored under its key."""

    HELD = "held"
    """Its condition held; only another one's failure kept it from being stored."""
    MINE = "mine"
    """Failed, but what is stored is exactly what it wanted: an earlier try of ours, or somebody with the same decision."""
    GONE = "gone"
    """A removal that found nothing: an earlier try of ours, or somebody else's removal."""
    OTHER = "other"
    """Failed: something else is stored, or nothing."""


def key_of(write: Write) -> Key[Any]:
    """The key that `write` speaks of."""
    return write.key if isinstance(write, Drop) else write.entity.key


def check(writes: Sequence[Write]) -> None:
    """Refuse what can not be one commit (ValueError: a bug in the caller, never a state of the store)."""
    if len(writes) > MAX_WRITES:
        raise ValueError(f"{len(writes)} writes in one commit, at most {MAX_WRITES}")
    if len({key_of(write) for write in writes}) != len(writes):
        raise ValueError("two writes of one commit speak of the same key")
    for write in writes:
        if isinstance(write, Create) and write.entity.version != 1:
            raise ValueError(f"Create of version {write.entity.version}: {type(write.entity).__name__}")
        if isinstance(write, Replace) and write.entity.version < 2:
            raise ValueError(f"Replace by version {write.entity.version}: {type(write.entity).__name__}")


def judge(writes: Sequence[Write], standings: Sequence[Standing], answer_lost: bool) -> CommitResult:
    """What a commit that the store refused really was: ours from an earlier try, or a conflict.

    A commit is atomic, so an earlier try of ours has left *every* change in place. One matching row alone proves
    nothing: derived ids let two workers write equal rows in different commits. Removals leave no trace to recognise;
    alone they count as ours only if an answer was lost on the way (`answer_lost`).
    """
    changes = [
        standing
        for write, standing in zip(writes, standings, strict=True)
        if isinstance(write, Create | Replace | Remove)
    ]
    all_in_place = bool(changes) and all(s in (Standing.MINE, Standing.GONE) for s in changes)
    if all_in_place and (answer_lost or Standing.MINE in changes):
        return Committed()
    lost = _keys(writes, standings, Standing.OTHER, Standing.GONE)
    return Conflict(lost or _keys(writes, standings, Standing.MINE))


def _keys(writes: Sequence[Write], standings: Sequence[Standing], *which: Standing) -> tuple[Key[Any], ...]:
    return tuple(key_of(w) for w, standing in zip(writes, standings, strict=True) if standing in which)


def wanted_version(write: Write) -> int | None:
    """The stored version that `write` demands; 0 = nothing may be stored, None = it demands nothing."""
    match write:
        case Create():
            return 0
        case Replace(entity):
            return entity.version - 1
        case Remove(entity):
            return entity.version
        case _:
            return None


def look_at(send: Send) -> datetime | None:
    """Since when the sweeper may look at an open Send (machine time); None = it is not its business."""
    if send.state in (SendState.PLANNED, SendState.CLAIMED):
        return send.look_at or send.planned_at
    return None


def parked_at(send: Send) -> datetime | None:
    """When a parked Send may go on, as far as time decides it (machine time); None for any other."""
    return (send.look_at or send.planned_at) if send.state is SendState.PARKED else None


def unknown_since(send: Send) -> datetime | None:
    """When a Send became unknown; None for any other, and when its person was erased: there is nobody to ask."""
    listed = send.state is SendState.UNKNOWN and send.reason != ERASED
    return (send.settled_at or send.planned_at) if listed else None


def troubled_since(write: ShopWrite) -> datetime | None:
    """Since when an operator may want to know of a write into a shop: it was refused, is unknown, or may have been done
    without our knowing. None for any other, and when its person was erased.
    """
    if write.reason == ERASED:
        return None
    if write.state in OPEN_WRITES:
        return write.first_unclear_at
    return write.settled_at if write.state in (WriteState.REFUSED, WriteState.UNKNOWN) else None


def fact_look_at(fact: Fact) -> datetime | None:
    """Since when the sweeper may publish a fact; None once it is published."""
    return (fact.look_at or fact.occurred_at) if fact.state is FactState.PLANNED else None


def birthday_of(member: Member) -> tuple[int, int] | None:
    """(month, day) under which the date index lists a member: only whole dates of active members."""
    if member.state is not MemberState.ACTIVE or member.birthday is None or member.birthday.day is None:
        return None
    return member.birthday.month, member.birthday.day


def member_shard(row: Member | ExpiringPoints) -> int:
    """The shard of the date index in which a member's rows are."""
    return shard_of(str(MemberPerson(row.shop_id, row.member_id)))
