"""One spec for both stores: every access pattern, with more rows than a page holds (three)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from musubi.domain.ids import FriendPerson, MemberPerson, shard_of
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import FactState
from musubi.domain.people import Birthday, Member, MemberState
from musubi.domain.store_keys import MemberKey
from musubi.domain.writes import Committed, Create, Entity, Put, Remove, Replace
from musubi.ports import Page, Store
from tests.stores.samples import (
    DUE,
    ENDED,
    ENROLMENT,
    FACT,
    MEMBER,
    NONCE,
    NOW,
    POINTS,
    RUN,
    RUN_SHARD,
    SEND,
    TOKYO,
    at,
)

SHARD = 7


def keep(store: Store, rows: Iterable[Entity]) -> None:
    for row in rows:
        assert store.commit([Put(row)]) == Committed()


def ids_in_shard(count: int, shard: int = SHARD) -> list[str]:
    """`count` ids whose own shard is `shard`."""
    found = (f"id-{n}" for n in range(100_000) if shard_of(f"id-{n}") == shard)
    return [next(found) for _ in range(count)]


def members_in_shard(count: int, shard: int = SHARD) -> list[Member]:
    found = (str(n) for n in range(100_000) if shard_of(str(MemberPerson("main", str(n)))) == shard)
    return [replace(MEMBER, member_id=next(found)) for _ in range(count)]


def pages(read: Callable[[str | None], Page[MemberKey]]) -> tuple[set[MemberKey], int]:
    """Everything that `read` gives over all its pages, and how many pages that were."""
    found: list[MemberKey] = []
    cursor: str | None = None
    for count in range(1, 50):
        page = read(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            assert len(found) == len(set(found)), "a page repeats what another one had"
            return set(found), count
    raise AssertionError("the pages never end")


def test_due_items_come_oldest_first_up_to_the_instant_inclusive(store: Store) -> None:
    times = [5, -3, 0, 2, -7, 1, 9, -1]
    rows = [replace(DUE, at=at(s), ref=f"r{s}") for s in times]
    keep(store, [*rows, replace(DUE, shard=8, at=at(-9))])
    found = store.due_before(SHARD, NOW.astimezone(TOKYO), 100)
    assert [row.ref for row in found] == ["r-7", "r-3", "r-1", "r0"]
    assert [row.ref for row in store.due_before(SHARD, at(100), 5)] == ["r-7", "r-3", "r-1", "r0", "r1"]
    assert store.due_before(9, at(100), 5) == []


def test_due_items_that_differ_by_a_microsecond_keep_their_order(store: Store) -> None:
    whole = NOW.replace(microsecond=0)
    rows = [replace(DUE, at=whole + timedelta(microseconds=n), ref=f"r{n}") for n in (1, 0, 999_999, 10)]
    keep(store, rows)
    assert [row.ref for row in store.due_before(SHARD, whole + timedelta(seconds=1), 9)] == [
        "r0",
        "r1",
        "r10",
        "r999999",
    ]
    assert [row.ref for row in store.due_before(SHARD, whole, 9)] == ["r0"]


def test_a_moved_due_item_is_found_at_its_new_instant_only(store: Store) -> None:
    store.commit([Create(DUE)])
    moved = replace(DUE, at=at(3600))
    assert store.commit([Remove(DUE), Create(moved)]) == Committed()
    assert store.due_before(SHARD, at(10), 9) == []
    assert store.due_before(SHARD, at(3600), 9) == [moved]


def test_birthdays_of_a_day_and_shard_over_several_pages(store: Store) -> None:
    members = members_in_shard(8)
    others = [
        replace(members[7], birthday=Birthday(month=12, day=25)),
        replace(MEMBER, member_id="month-only", birthday=Birthday(month=12)),
        replace(MEMBER, member_id="unknown", birthday=None),
    ]
    keep(store, [*members[:7], *others])
    found, count = pages(lambda cursor: store.birthdays(12, 24, SHARD, cursor))
    assert found == {member.key for member in members[:7]}
    assert count >= 3
    assert pages(lambda cursor: store.birthdays(12, 24, SHARD + 1, cursor))[0] == set()
    assert pages(lambda cursor: store.birthdays(12, 25, SHARD, cursor))[0] == {members[7].key}


def test_a_member_who_leaves_leaves_the_birthday_index(store: Store) -> None:
    member = members_in_shard(1)[0]
    store.commit([Create(member)])
    store.commit([Replace(replace(member, state=MemberState.WITHDRAWN, version=2))])
    assert store.birthdays(12, 24, SHARD, None).items == ()


def test_every_member_is_in_exactly_one_birthday_shard(store: Store) -> None:
    members = [replace(MEMBER, member_id=f"m/{n}#") for n in range(12)]
    keep(store, members)
    found = [key for shard in range(32) for key in pages(lambda c, s=shard: store.birthdays(12, 24, s, c))[0]]  # type: ignore[misc]
    assert sorted(key.member_id for key in found) == sorted(member.member_id for member in members)


def test_points_that_expire_on_a_day(store: Store) -> None:
    members = members_in_shard(5)
    rows = [replace(POINTS, member_id=member.member_id) for member in members]
    keep(store, [*rows, replace(POINTS, member_id=members[0].member_id, expires_on=date(2027, 1, 31))])
    found, count = pages(lambda cursor: store.points_expiring(date(2026, 12, 31), SHARD, cursor))
    assert found == {member.key for member in members}
    assert count >= 2
    store.commit([Remove(rows[0])])
    assert len(pages(lambda cursor: store.points_expiring(date(2026, 12, 31), SHARD, cursor))[0]) == 4


def sends(states: Iterable[tuple[SendState, float | None]], shard: int = SHARD) -> list[Send]:
    rows = list(states)
    return [
        replace(
            SEND,
            send_id=send_id,
            state=state,
            planned_at=at(-60),
            look_at=None if look is None else at(look),
            settled_at=None if state is not SendState.UNKNOWN else at(look or 0),
        )
        for send_id, (state, look) in zip(ids_in_shard(len(rows), shard), rows, strict=True)
    ]


def test_open_sends_are_the_planned_and_claimed_ones_that_may_be_looked_at(store: Store) -> None:
    rows = sends(
        [
            (SendState.PLANNED, 3),
            (SendState.CLAIMED, -3),
            (SendState.PLANNED, None),
            (SendState.PLANNED, 0),
            (SendState.PLANNED, -9),
            (SendState.HELD, -1),
            (SendState.PARKED, -1),
            (SendState.ACCEPTED, -1),
            (SendState.SKIPPED, -1),
            (SendState.UNKNOWN, -1),
        ]
    )
    keep(store, rows)
    planned_long_ago = rows[2]
    assert store.open_sends(SHARD, NOW, 99) == [planned_long_ago, rows[4], rows[1], rows[3]]
    assert store.open_sends(SHARD, NOW, 2) == [planned_long_ago, rows[4]]
    assert store.open_sends(SHARD + 1, NOW, 99) == []


def test_a_settled_send_is_open_no_more(store: Store) -> None:
    (row,) = sends([(SendState.CLAIMED, 0)])
    store.commit([Create(row)])
    store.commit([Replace(replace(row, state=SendState.ACCEPTED, version=2))])
    assert store.open_sends(SHARD, NOW, 9) == []


def test_parked_sends_of_a_shard_that_may_go_on_and_unknown_ones_of_all_shards(store: Store) -> None:
    parked = sends([(SendState.PARKED, s) for s in (-1, -4, -2, 3)])
    unknown = sends([(SendState.UNKNOWN, s) for s in (9, 8)], shard=3)
    keep(store, [*parked, *unknown])
    assert store.parked_sends(SHARD, NOW, 9) == [parked[1], parked[2], parked[0]]
    assert store.parked_sends(SHARD, NOW, 2) == [parked[1], parked[2]]
    assert store.parked_sends(SHARD + 1, NOW, 9) == []
    assert store.unknown_sends(9) == [unknown[1], unknown[0]]


def test_facts_wait_until_they_are_published(store: Store) -> None:
    ids = ids_in_shard(3)
    early, late, done = (replace(FACT, fact_id=i, look_at=at(s)) for i, s in zip(ids, (-5, 5, -9), strict=True))
    keep(store, [late, early, replace(done, state=FactState.PUBLISHED)])
    assert store.open_facts(SHARD, NOW, 9) == [early]
    assert store.open_facts(SHARD, at(5), 9) == [early, late]
    assert store.open_facts(SHARD, at(5), 1) == [early]


def test_nonces_that_nobody_answered(store: Store) -> None:
    ids = ids_in_shard(3)
    rows = [replace(NONCE, digest=i, expires_at=at(s)) for i, s in zip(ids, (-5, 5, -9), strict=True)]
    keep(store, rows)
    assert store.overdue_nonces(SHARD, NOW, 9) == [rows[2], rows[0]]
    store.commit([Remove(rows[2])])
    assert store.overdue_nonces(SHARD, NOW, 9) == [rows[0]]


def test_runs_newest_first_and_their_shards(store: Store) -> None:
    runs = [replace(RUN, on=date(2026, 12, day)) for day in (9, 24, 10, 11)]
    shards = [replace(RUN_SHARD, shard=n) for n in (31, 0, 9, 10)]
    keep(store, [*runs, *shards, replace(RUN, schedule="weekly"), replace(RUN_SHARD, on=date(2026, 12, 23))])
    assert [run.on.day for run in store.latest_runs("daily", 3)] == [24, 11, 10]
    assert [one.shard for one in store.run_shards("daily", date(2026, 12, 24))] == [0, 9, 10, 31]
    assert store.run_shards("daily", date(2026, 12, 25)) == []


def test_history_of_one_person_newest_first(store: Store) -> None:
    mine = [replace(SEND, send_id=f"s{n}", planned_at=at(n)) for n in (2, 0, 4, 1, 3)]
    passages = [replace(ENROLMENT, enrolment_id=f"e{n}", started_at=at(n)) for n in (1, 0)]
    other: Any = str(FriendPerson("U" + "f" * 32))
    keep(
        store,
        [
            *mine,
            *passages,
            replace(SEND, send_id="x", person=other),
            replace(ENROLMENT, enrolment_id="y", person=other),
        ],
    )
    sent, enrolled = store.history_of(SEND.person, 4)
    assert [send.send_id for send in sent] == ["s4", "s3", "s2", "s1"]
    assert [one.enrolment_id for one in enrolled] == ["e1", "e0"]
    assert store.history_of("m:main/nobody", 4) == ([], [])


def test_finished_links_of_one_friend_oldest_first(store: Store) -> None:
    rows = [replace(ENDED, linked_at=at(s)) for s in (30, 10, 20, 40)]
    keep(store, [*rows, replace(ENDED, user_id="U" + "f" * 32)])
    assert store.ended_links(ENDED.user_id) == [rows[1], rows[2], rows[0], rows[3]]
