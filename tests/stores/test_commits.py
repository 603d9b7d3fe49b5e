"""One spec for both stores: what each kind of write demands, and what a refused commit means."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from musubi.adapters.memory.store import MemoryStore
from musubi.domain.writes import (
    MAX_WRITES,
    CommitResult,
    Committed,
    Conflict,
    Create,
    Drop,
    Entity,
    Put,
    Remove,
    Replace,
    Write,
)
from musubi.ports import Store
from tests.stores import samples
from tests.stores.samples import CIRCUIT, DUE, ENROLMENT, FRIEND, LEASE, LINK, MEMBER, SEEN, SEND

DONE = Committed()


def stored(store: Store, entity: Entity) -> Any:
    return store.load([entity.key]).get(entity.key)


def next_version(entity: Any, **changes: Any) -> Any:
    return replace(entity, version=entity.version + 1, **changes)


def conflict(*entities: Entity) -> CommitResult:
    return Conflict(tuple(entity.key for entity in entities))


@pytest.mark.parametrize("entity", samples.ALL, ids=lambda e: str(type(e.key).__name__))
def test_what_is_stored_comes_back_whole(store: Store, entity: Entity) -> None:
    assert store.commit([Create(entity)]) == DONE
    back = stored(store, entity)
    assert back == entity
    assert type(back) is type(entity)


def test_nothing_stored_is_none_and_a_key_not_asked_for_is_a_bug(store: Store) -> None:
    loaded = store.load([FRIEND.key])
    assert loaded.get(FRIEND.key) is None
    with pytest.raises(KeyError):
        loaded.get(MEMBER.key)
    assert store.load([]) is not None


def test_load_reads_more_than_one_request_holds_and_repeated_keys(store: Store) -> None:
    leases = [replace(LEASE, shard=n) for n in range(120)]
    for start in (0, 60):
        assert store.commit([Create(lease) for lease in leases[start : start + 60]]) == DONE
    missing = replace(LEASE, shard=999)
    loaded = store.load([lease.key for lease in [*leases, missing, *leases]])
    assert [loaded.get(lease.key) for lease in leases] == leases
    assert loaded.get(missing.key) is None


def test_load_reads_both_tables_at_once(store: Store) -> None:
    store.commit([Create(FRIEND), Create(SEND)])
    loaded = store.load([FRIEND.key, SEND.key])
    assert (loaded.get(FRIEND.key), loaded.get(SEND.key)) == (FRIEND, SEND)


def test_nothing_to_write_is_committed(store: Store) -> None:
    assert store.commit([]) == DONE


# Two write kinds per case: alone it is a plain request, beside another row a transaction.
ALONE: tuple[Write, ...] = ()
BESIDE: tuple[Write, ...] = (Put(CIRCUIT),)
both = pytest.mark.parametrize("beside", [ALONE, BESIDE], ids=["alone", "beside"])


@both
def test_create_loses_against_what_is_there(store: Store, beside: tuple[Write, ...]) -> None:
    store.commit([Create(FRIEND)])
    other = replace(FRIEND, entrance="other")
    assert store.commit([Create(other), *beside]) == conflict(other)
    assert stored(store, FRIEND) == FRIEND
    assert stored(store, CIRCUIT) is None


@both
def test_replace_needs_the_version_before_it(store: Store, beside: tuple[Write, ...]) -> None:
    second = next_version(MEMBER, points=1)
    assert store.commit([Replace(second), *beside]) == conflict(MEMBER)
    store.commit([Create(MEMBER)])
    assert store.commit([Replace(second), *beside]) == DONE
    assert stored(store, MEMBER) == second
    late = next_version(MEMBER, points=2)
    assert store.commit([Replace(late)]) == conflict(MEMBER)
    assert stored(store, MEMBER) == second


@both
def test_remove_needs_the_version_that_was_read(store: Store, beside: tuple[Write, ...]) -> None:
    store.commit([Create(DUE)])
    store.commit([Replace(next_version(DUE))])
    assert store.commit([Remove(DUE), *beside]) == conflict(DUE)
    assert store.commit([Remove(next_version(DUE)), *beside]) == DONE
    assert stored(store, DUE) is None


@both
def test_remove_of_nothing_is_somebody_elses_removal(store: Store, beside: tuple[Write, ...]) -> None:
    assert store.commit([Remove(DUE), *beside]) == conflict(DUE)
    assert stored(store, CIRCUIT) is None


@both
def test_put_and_drop_ask_nothing(store: Store, beside: tuple[Write, ...]) -> None:
    assert store.commit([Put(LEASE), *beside]) == DONE
    assert store.commit([Put(replace(LEASE, owner="o2", version=9)), *beside]) == DONE
    assert stored(store, LEASE).owner == "o2"
    assert store.commit([Drop(LEASE.key), *beside]) == DONE
    assert store.commit([Drop(LEASE.key), *beside]) == DONE
    assert stored(store, LEASE) is None


def test_all_or_nothing(store: Store) -> None:
    store.commit([Create(MEMBER), Create(LEASE)])
    result = store.commit(
        [
            Create(FRIEND),
            Replace(next_version(MEMBER)),
            Remove(replace(LEASE, version=5)),
            Create(replace(MEMBER, member_id="1002")),
        ]
    )
    assert result == conflict(LEASE)
    assert stored(store, FRIEND) is None
    assert stored(store, MEMBER) == MEMBER
    assert stored(store, LEASE) == LEASE


def test_a_conflict_names_every_key_that_was_not_as_wanted(store: Store) -> None:
    store.commit([Create(FRIEND), Create(LEASE)])
    result = store.commit([Create(replace(FRIEND, entrance="x")), Create(SEEN), Create(replace(LEASE, owner="x"))])
    assert result == conflict(FRIEND, LEASE)


# The answer to the first try was lost; the second try must not take its own work for somebody else's.


@both
@pytest.mark.parametrize("entity", [FRIEND, MEMBER, SEND, SEEN], ids=lambda e: type(e).__name__)
def test_creating_again_what_is_there_exactly_so_is_committed(
    store: Store, beside: tuple[Write, ...], entity: Entity
) -> None:
    for _ in range(2):
        assert store.commit([Create(entity), *beside]) == DONE


def test_the_same_transaction_again_is_committed(store: Store) -> None:
    store.commit([Create(ENROLMENT), Create(DUE)])
    again: list[Write] = [
        Replace(next_version(ENROLMENT, next_step="last")),
        Remove(DUE),
        Create(SEND),
        Put(SEEN),
        Drop(LEASE.key),
    ]
    assert store.commit(again) == DONE
    assert store.commit(again) == DONE
    assert stored(store, DUE) is None


def test_the_same_transaction_is_a_conflict_once_its_work_was_overtaken(store: Store) -> None:
    store.commit([Create(ENROLMENT)])
    second = next_version(ENROLMENT, next_step="last")
    store.commit([Replace(second), Create(SEND)])
    store.commit([Replace(next_version(second, next_step="very last"))])
    assert store.commit([Replace(second), Create(SEND)]) == conflict(ENROLMENT)


def test_an_equal_row_of_another_commit_does_not_pass_for_our_own(store: Store) -> None:
    store.commit([Create(ENROLMENT), Create(SEEN)])
    other_event = replace(SEEN, event_id="other")
    result = store.commit([Create(ENROLMENT), Create(other_event)])
    assert result == conflict(ENROLMENT)
    assert stored(store, other_event) is None, "saying Committed here would lose this mark"


def test_link_is_stored_on_both_sides_or_on_none(store: Store) -> None:
    member_side = LINK.mirrored()
    store.commit([Create(replace(member_side, user_id="U" + "f" * 32))])
    assert store.commit([Create(LINK), Create(member_side)]) == conflict(member_side)
    assert stored(store, LINK) is None


# What can not be one commit is a bug of the caller, on both stores alike.


def test_a_commit_of_the_most_writes_works_and_one_more_is_refused(store: Store) -> None:
    leases = [replace(LEASE, shard=n) for n in range(MAX_WRITES + 1)]
    assert store.commit([Create(lease) for lease in leases[:MAX_WRITES]]) == DONE
    with pytest.raises(ValueError, match="101 writes"):
        store.commit([Create(lease) for lease in leases])


@pytest.mark.parametrize(
    ("writes", "words"),
    [
        ([Create(FRIEND), Put(FRIEND)], "same key"),
        ([Create(next_version(FRIEND))], "Create of version 2"),
        ([Replace(FRIEND)], "Replace by version 1"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, writes: list[Write], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        store.commit(writes)


def test_nobody_changes_a_stored_row_but_by_a_commit(store: Store) -> None:
    facts = {"order": "5501"}
    send = replace(SEND, facts=facts)
    store.commit([Create(send)])
    facts["order"] = "changed outside"
    stored(store, send).facts["order"] = "changed after reading"
    for found in store.history_of(send.person, 1)[0]:
        found.facts["order"] = "changed after a query"
    assert stored(store, send).facts == {"order": "5501"}


def test_ids_that_contain_separators_do_not_meet(store: Store) -> None:
    pairs = [("a", "b/c"), ("a/b", "c"), ("a#b", "c"), ("a", "b#c"), ("a%23b", "c"), ("a", "x" * 5000)]
    members = [replace(MEMBER, shop_id=shop, member_id=member) for shop, member in pairs]
    assert store.commit([Create(member) for member in members]) == DONE
    loaded = store.load([member.key for member in members])
    assert [loaded.get(member.key) for member in members] == members


def test_of_many_who_claim_one_row_at_once_one_wins() -> None:
    """On the twin only: the DynamoDB of these tests lives in this process and does not lock its own writes."""
    store = MemoryStore()
    store.commit([Create(SEND)])
    results: list[CommitResult] = []
    ready = Barrier(8)

    def claim(n: int) -> None:
        ready.wait()
        results.append(store.commit([Replace(next_version(SEND, owner=f"o{n}"))]))

    threads = [Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(DONE) == 1
    assert results.count(conflict(SEND)) == 7
