"""What becomes of a write into a shop: claims, leases, order, and the end of a grant nobody knows of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from musubi.domain.own_writes import newest_of
from musubi.domain.people import Member
from musubi.domain.rewards import reward_key
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent
from musubi.domain.write_backs import (
    KEY_LIFE,
    LEASE,
    ShopWrite,
    ToldFact,
    WriteKind,
    WriteRule,
    WriteState,
    forget_write,
    next_move,
    not_yet,
    rivals_of,
    settled,
    still_unclear,
    writes_for,
)

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULE = WriteRule(platform="square", linked_tag="line", consent=True, points=True)
FACT = ToldFact(
    fact_id="f-1", type="LinkMade", shop_id="main", member_id="1001", user_id="U1", occurred_at=NOW, said_at=None
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def one(kind: str = "LinkMade", said: float = 0, fact_id: str = "f-1", **more: Any) -> ShopWrite:
    fact = replace(FACT, type=kind, fact_id=fact_id, occurred_at=at(said), **more)
    (found,) = writes_for(fact, [RULE], NOW)
    return found


def test_what_each_fact_asks_for() -> None:
    assert one().action == AddTag("line")
    assert one("LinkEnded").action == RemoveTag("line")
    assert one("ConsentChanged", allowed=False).action == SetConsent(False)
    assert one("ConsentChanged", allowed=True, said_at=at(-9)).said_at == at(-9)
    assert one("RewardDue", points=500, note="LINE").action == GrantPoints(500, "LINE")
    ids = {one().write_id, one("LinkEnded").write_id, one(fact_id="f-2").write_id, one("RewardDue", points=1).write_id}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("LinkMade", WriteRule(platform="square", consent=True, points=True)),
        ("LinkEnded", WriteRule(platform="square")),
        ("ConsentChanged", WriteRule(platform="square", linked_tag="line")),
        ("ConsentChanged", RULE),
        ("RewardDue", WriteRule(platform="square", linked_tag="line")),
        ("RewardDue", RULE),
        ("ErasureDone", RULE),
    ],
)
def test_what_nobody_wants_or_nothing_says_is_not_written(kind: str, rule: WriteRule) -> None:
    """Also a consent of another channel and a reward of no points."""
    assert writes_for(replace(FACT, type=kind), [rule], NOW) == []


def test_a_claim_is_stored_together_with_what_will_come_back() -> None:
    move = next_move(one(), None, None, [], owner="o", now=NOW)
    assert move.call
    assert move.row is not None
    assert move.member is not None
    assert (move.row.version, move.row.state, move.row.lease_until) == (1, WriteState.CLAIMED, NOW + LEASE)
    (own,) = move.member.own_writes
    assert (own.effect, own.value, own.write_id, move.member.version) == ("tag:line", "true", move.row.write_id, 1)


def test_a_live_claim_keeps_others_off_and_a_dead_one_does_not() -> None:
    claimed = next_move(one(), None, None, [], owner="o", now=NOW).row
    assert claimed is not None
    other = next_move(one(), claimed, None, [], owner="p", now=at(10))
    assert (other.call, other.wait_s) == (False, 51)
    later = next_move(one(), claimed, None, [], owner="p", now=at(61))
    assert later.call
    assert later.row is not None
    assert (later.row.first_unclear_at, later.row.attempts, later.row.version) == (NOW, 2, 2)


def test_a_clear_no_leaves_the_clock_as_it_was_and_an_unclear_one_starts_it_once() -> None:
    claimed = next_move(one("RewardDue", points=5), None, None, [], owner="o", now=NOW).row
    assert claimed is not None
    assert not_yet(claimed, "429").first_unclear_at is None
    unclear = still_unclear(claimed, "500", at(1))
    assert unclear.first_unclear_at == at(1)
    again = next_move(one("RewardDue", points=5), unclear, None, [], owner="p", now=at(9)).row
    assert again is not None
    assert still_unclear(again, "500", at(10)).first_unclear_at == at(1)
    assert not_yet(again, "429").first_unclear_at == at(1)


def test_only_a_grant_is_given_up() -> None:
    for planned, state in ((one("RewardDue", points=5), WriteState.UNKNOWN), (one(), WriteState.CLAIMED)):
        claimed = next_move(planned, None, None, [], owner="o", now=NOW).row
        assert claimed is not None
        unclear = still_unclear(claimed, "500", at(1))
        move = next_move(planned, unclear, None, [], owner="p", now=at(1) + KEY_LIFE)
        assert move.row is not None
        assert (move.row.state, move.call) == (state, state is WriteState.CLAIMED)


@pytest.mark.parametrize("state", [WriteState.DONE, WriteState.STALE, WriteState.REFUSED, WriteState.UNKNOWN])
def test_what_is_settled_stays_so(state: WriteState) -> None:
    row = settled(one(), state, "x", NOW)
    move = next_move(one(), row, None, [], owner="o", now=at(999))
    assert (move.row, move.call, move.wait_s) == (None, False, None)


def _worked(order: tuple[int, ...], facts: list[ShopWrite]) -> tuple[list[str], Member | None]:
    member: Member | None = None
    done: list[ShopWrite] = []
    for n, which in enumerate(order):
        now = at(1000 * n)
        assert rivals_of(facts[which], member, now) == []
        move = next_move(facts[which], None, member, [], owner="o", now=now)
        if move.call:
            assert move.row is not None
            member = move.member
            done.append(move.row)
    return [row.kind.value for row in done], member


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_newest_fact_is_the_last_to_be_written(order: tuple[int, ...]) -> None:
    """Linked, unlinked, and at one instant unlinked from one and linked to another."""
    facts = [one("LinkMade", 0, "a"), one("LinkEnded", 5, "b"), one("LinkEnded", 9, "c"), one("LinkMade", 9, "d")]
    done, member = _worked(order, facts)
    assert done[-1] == "add_tag"
    newest = newest_of(member, "square/tag")
    assert newest is not None
    assert newest.write_id == facts[3].write_id


def test_of_two_wishes_of_one_instant_the_refusal_counts() -> None:
    wishes = [one("ConsentChanged", 0, "a", allowed=True), one("ConsentChanged", 0, "b", allowed=False)]
    for order in ((0, 1), (1, 0)):
        _, member = _worked(order, wishes)
        newest = newest_of(member, "square/consent")
        assert newest is not None
        assert newest.value == "false"


def test_a_newer_fact_waits_for_an_older_call_and_stops_it_from_being_repeated() -> None:
    older = next_move(one("LinkMade", 0, "a"), None, None, [], owner="o", now=NOW)
    newer = one("LinkEnded", 5, "b")
    assert older.row is not None
    assert rivals_of(newer, older.member, at(10)) == [older.row.key]
    waiting = next_move(newer, None, older.member, [older.row], owner="p", now=at(10))
    assert (waiting.call, waiting.wait_s) == (False, 51)
    assert waiting.row is not None
    assert (waiting.row.state, waiting.row.version) == (WriteState.PLANNED, 1)
    repeated = next_move(
        one("LinkMade", 0, "a"), still_unclear(older.row, "500", at(11)), waiting.member, [], owner="o", now=at(20)
    )
    assert repeated.row is not None
    assert repeated.row.state is WriteState.STALE
    goes = next_move(newer, waiting.row, waiting.member, [repeated.row], owner="p", now=at(21))
    assert goes.call


def test_grants_do_not_wait_for_each_other() -> None:
    first = next_move(one("RewardDue", points=5), None, None, [], owner="o", now=NOW)
    assert rivals_of(one("RewardDue", fact_id="other", points=5), first.member, at(1)) == []


def test_who_is_forgotten_leaves_an_id_and_a_state() -> None:
    open_row = next_move(one("RewardDue", points=5, note="x"), None, None, [], owner="o", now=NOW).row
    assert open_row is not None
    gone = forget_write(open_row, at(9))
    assert gone is not None
    assert (gone.state, gone.member_id, gone.value, gone.note, gone.version) == (WriteState.STALE, "", "", "", 2)
    assert gone.settled_at == at(9)
    assert forget_write(gone, at(10)) is None
    done = forget_write(settled(open_row, WriteState.DONE, "written", at(1)), at(9))
    assert done is not None
    assert (done.state, done.settled_at, done.is_grant) == (WriteState.DONE, at(1), True)


def test_a_reward_is_one_per_member_of_a_shop() -> None:
    keys = {reward_key("main", "1"), reward_key("main", "2"), reward_key("outlet", "1")}
    assert len(keys) == 3
    assert reward_key("main", "1") in keys


def test_every_kind_has_a_slot_and_an_effect() -> None:
    rows = [replace(one(), kind=kind, value="5") for kind in WriteKind]
    assert {row.slot for row in rows} == {"square/tag", "square/consent", "square/points"}
    assert len({row.effect for row in rows}) == 4
