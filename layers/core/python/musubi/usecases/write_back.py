"""Write a fact of ours back into the shop that it is about: a tag, a consent, points. Once, and the newest wins.

One commit claims the row and notes with the member what will come back; then the shop is called; then its answer is stored.
A crash in between leaves a claim whose lease ends: tags and consents are written again, points with the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from musubi.domain.errors import Permanent, Retryable
from musubi.domain.gate import Policy
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.people import Member, MemberState
from musubi.domain.shop_writes import Unclear
from musubi.domain.store_keys import MemberKey, ShopWriteKey
from musubi.domain.write_backs import (
    ShopWrite,
    ToldFact,
    WriteRule,
    WriteState,
    next_move,
    not_yet,
    rivals_of,
    settled,
    still_unclear,
    writes_for,
)
from musubi.domain.writes import Create, Replace, Write
from musubi.ports import Clock, Loaded, ShopWriter, Store, Tokens
from musubi.usecases.commit import until_committed

_MERGES = 5
"""Steps from a member to the one who stands for them now."""


class Writers(Protocol):
    def __call__(self, shop_id: str, platform: str, /) -> ShopWriter: ...


@dataclass(frozen=True)
class Deps:
    """`rules` are what is written back, by shop."""

    store: Store
    clock: Clock
    tokens: Tokens
    policy: Policy
    rules: Mapping[str, Sequence[WriteRule]]
    writers: Writers


def write_back(fact: ToldFact, deps: Deps) -> Iterator[Outcome]:
    """Everything that `fact` asks for. At the end raises Retryable if any of it has to be tried again, else Permanent if a
    shop refused: its row says why, and is not tried again by itself.
    """
    if not deps.policy.lets(fact.user_id):
        yield Outcome(Verdict.IGNORED, "not_a_tester")
        return
    planned = writes_for(fact, deps.rules.get(fact.shop_id, ()), deps.clock.machine())
    if not planned:
        yield Outcome(Verdict.IGNORED, "nothing_to_write")
    failed: list[Retryable | Permanent] = []
    for one in planned:
        try:
            yield _write(one, deps)
        except (Retryable, Permanent) as error:
            failed.append(error)
    if failed:
        raise next((error for error in failed if isinstance(error, Retryable)), failed[0])


def _write(planned: ShopWrite, deps: Deps) -> Outcome:
    claim = until_committed(deps.store, lambda: _attempt(planned, deps))
    if isinstance(claim, Retryable):
        raise claim
    if isinstance(claim, Outcome):
        return claim
    try:
        deps.writers(claim.shop_id, claim.platform).write(claim.member_id, claim.action, claim.write_id)
    except Unclear as error:
        _store(still_unclear(claim, error.reason, deps.clock.machine()), deps)
        raise
    except Permanent as error:
        _store(settled(claim, WriteState.REFUSED, error.reason, deps.clock.machine()), deps)
        raise
    except Retryable as error:
        _store(not_yet(claim, error.reason), deps)
        raise
    _store(settled(claim, WriteState.DONE, "written", deps.clock.machine()), deps)
    return Outcome(Verdict.DONE, claim.kind.value, {"WritesDone": 1})


def _attempt(planned: ShopWrite, deps: Deps) -> tuple[Sequence[Write], ShopWrite | Outcome | Retryable]:
    """The claim, or what else came of it."""
    now, owner = deps.clock.machine(), deps.tokens.owner()
    loaded = deps.store.load([planned.key, MemberKey(planned.shop_id, planned.member_id)])
    stored = loaded.get(planned.key)
    loaded, member_id = _standing_for(stored or planned, loaded, deps)
    member = loaded.get(MemberKey(planned.shop_id, member_id))
    if stored is None and member_id != planned.member_id:
        if not planned.follows_merges:
            return (), Outcome(Verdict.IGNORED, "merged")
        planned = replace(planned, member_id=member_id)
    if member is not None and member.state is MemberState.ERASED:
        # Also one whose row waits: the erasure takes care of it.
        return (), Outcome(Verdict.IGNORED, "erased")
    rivals = _rows(rivals_of(stored or planned, member, now), deps)
    move = next_move(planned, stored, member, rivals, owner=owner, now=now)
    writes = [_kept(one) for one in (move.row, move.member) if one is not None]
    if move.wait_s is not None:
        return writes, Retryable(move.reason, after_s=move.wait_s)
    if move.row is None:
        if stored is not None and stored.state is WriteState.REFUSED:
            # Whoever stored the refusal may have died before anybody was told.
            raise Permanent(stored.reason)
        return (), Outcome(Verdict.STALE, move.reason)
    if move.call:
        return writes, move.row
    named = {WriteState.UNKNOWN: "WritesUnknown", WriteState.STALE: "WritesStale"}
    return writes, Outcome(Verdict.STALE, move.reason, {named[move.row.state]: 1})


def _rows(keys: Sequence[ShopWriteKey], deps: Deps) -> list[ShopWrite]:
    loaded = deps.store.load(keys) if keys else Loaded({})
    return [row for key in keys if (row := loaded.get(key)) is not None]


def _standing_for(write: ShopWrite, loaded: Loaded, deps: Deps) -> tuple[Loaded, str]:
    """The member who stands for the one that `write` names, loaded: two records may have become one meanwhile. What has been
    claimed once stays with whom it was claimed for.
    """
    member_id = write.member_id
    for _ in range(_MERGES):
        key = MemberKey(write.shop_id, member_id)
        if not loaded.holds(key):
            loaded = loaded.plus(deps.store.load([key]))
        member = loaded.get(key)
        if member is None or member.merged_into is None or write.attempts:
            break
        member_id = member.merged_into
    return loaded, member_id


def _kept(row: ShopWrite | Member) -> Write:
    return Create(row) if row.version == 1 else Replace(row)


def _store(row: ShopWrite, deps: Deps) -> None:
    """Whatever came of the call. A row that was changed meanwhile was forgotten with its person: that stays."""
    deps.store.commit([Replace(row)])
