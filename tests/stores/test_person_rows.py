"""One spec for both kinds of `PersonRows`: everything of somebody is found, over more rows than a page holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from musubi.adapters.dynamo import keys
from musubi.adapters.dynamo.person_rows import DynamoPersonRows
from musubi.adapters.memory.person_rows import MemoryPersonRows
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.people import Consent, ExpiringPoints, Side
from musubi.domain.privacy import (
    DONE_SHELF,
    OPEN_SHELF,
    WAITING_SHELF,
    ConsentProof,
    PrivacyRequest,
    RequestKind,
    RequestState,
    part_shelf,
)
from musubi.domain.store_keys import MemberKey, PeopleRowKey
from musubi.domain.writes import Committed, Drop, Entity, Put
from musubi.ports import Page, PersonRows, Store
from tests.stores.conftest import PAGE, dynamo_store
from tests.stores.samples import ENDED, ENROLMENT, FRIEND, LINK, MEMBER, NOW, ORDER, POINTS, SEND, USER, at
from tests.stores.write_samples import SHOP_WRITE
from tests.support import tables

T = TypeVar("T")

PROOF = ConsentProof(
    shop_id="main",
    member_id="1001",
    consents=(Consent("email", "marketing", True, "main", NOW),),
    kept_until=at(1000),
)


@pytest.fixture(params=["memory", "dynamo"])
def both(request: pytest.FixtureRequest) -> tuple[Store, PersonRows]:
    if request.param == "memory":
        store = MemoryStore(page_size=PAGE)
        return store, MemoryPersonRows(store, page_size=PAGE)
    client: Any = request.getfixturevalue("dynamodb")
    rows = DynamoPersonRows(client, people_table=tables.PEOPLE, work_table=tables.WORK, page_size=PAGE, scanned=PAGE)
    return dynamo_store(client), rows


def keep(store: Store, *rows: Entity) -> None:
    for row in rows:
        assert store.commit([Put(row)]) == Committed()


def everything(read: Callable[[str | None], Page[T]]) -> list[T]:
    found, cursor = list[T](), None
    for _ in range(60):
        page = read(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("pages without an end")


def points(number: int) -> ExpiringPoints:
    return replace(POINTS, expires_on=POINTS.expires_on + timedelta(days=number))


def test_rows_of_a_member_are_all_but_the_profile_and_the_proof(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    keep(store, MEMBER, PROOF, LINK.mirrored(), *(points(n) for n in range(4)), replace(POINTS, member_id="1002"))
    found = everything(lambda cursor: rows.of_member("main", "1001", cursor))
    assert sorted(row.key.row for row in found) == [
        "LINK", "POINTS#2026-12-31", "POINTS#2027-01-01", "POINTS#2027-01-02", "POINTS#2027-01-03",
    ]  # fmt: skip
    assert found[1].fields == {"shop_id": "main", "member_id": "1001", "expires_on": "2026-12-31", "points": 300}


def test_a_row_is_dropped_by_where_it_was_found(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    keep(store, MEMBER, *(points(n) for n in range(4)))
    found = everything(lambda cursor: rows.of_member("main", "1001", cursor))
    assert store.commit([Drop(row.key) for row in found]) == Committed()
    assert everything(lambda cursor: rows.of_member("main", "1001", cursor)) == []
    assert store.load([MEMBER.key]).get(MEMBER.key) == MEMBER


def test_rows_of_a_friend_are_all_but_the_friend(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    keep(store, FRIEND, LINK, ENDED, ENDED.mirrored())
    found = everything(lambda cursor: rows.of_friend(USER, cursor))
    assert [row.key for row in found] == [
        PeopleRowKey(f"F#{USER}", "LINK"),
        PeopleRowKey(f"F#{USER}", keys.place(ENDED.key).sk),
    ]


def test_what_a_member_owns_elsewhere_is_found_under_the_member(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    orders = [replace(ORDER, order_id=f"A-{n}") for n in range(7)]
    others = [replace(ORDER, order_id="B-1", member_id="1002"), replace(ORDER, order_id="G-1", member_id=None)]
    merged = replace(MEMBER, member_id="77", merged_into="1001")
    keep(store, *orders, *others, merged)
    found = everything(lambda cursor: rows.owned_by("main", "1001", cursor))
    expected = [keys.place(key) for key in (*(order.key for order in orders), merged.key)]
    assert sorted((key.partition, key.row) for key in found) == sorted((one.pk, one.sk) for one in expected)
    fetched = {row.fields["order_id"]: row.fields for row in rows.fetch(found[:100]) if "order_id" in row.fields}
    assert set(fetched) == {f"A-{n}" for n in range(7)}
    assert fetched["A-1"]["total_yen"] == ORDER.total_yen


def test_finished_links_are_found_from_the_members_side(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    earlier = replace(ENDED, user_id="U" + "9" * 32, linked_at=at(-99))
    keep(store, ENDED, ENDED.mirrored(), earlier, earlier.mirrored(), replace(ENDED, member_id="2", side=Side.MEMBER))
    assert list(rows.links_of_member("main", "1001")) == [earlier.mirrored(), ENDED.mirrored()]
    assert list(store.ended_links(USER)) == [ENDED]


def test_marks_of_a_person_are_sends_enrolments_and_writes(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    sends = [replace(SEND, send_id=f"s-{n}", planned_at=at(n)) for n in range(5)]
    enrolments = [replace(ENROLMENT, enrolment_id=f"e-{n}", started_at=at(n)) for n in range(3)]
    writes = [replace(SHOP_WRITE, write_id=f"w-{n}", planned_at=at(n)) for n in range(4)]
    others: list[Entity] = [replace(SEND, send_id="x", person="m:main/1002"), replace(SHOP_WRITE, member_id="1002")]
    keep(store, *sends, *enrolments, *writes, *others, replace(SHOP_WRITE, write_id="forgotten", member_id=""))
    found = everything(lambda cursor: rows.marks_of("m:main/1001", cursor))
    assert set(found) == {*(s.key for s in sends), *(e.key for e in enrolments), *(w.key for w in writes)}


def test_a_shop_is_its_members_and_what_guests_left(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    members = [replace(MEMBER, member_id=str(n)) for n in range(7)]
    guest = replace(ORDER, order_id="G-1", member_id=None)
    elsewhere: list[Entity] = [replace(MEMBER, shop_id="main2", member_id="9"), replace(guest, shop_id="other")]
    keep(store, *members, replace(POINTS, member_id="only-points"), ORDER, guest, *elsewhere, LINK, FRIEND)
    found = set(everything(lambda cursor: rows.of_shop("main", cursor)))
    assert found == {
        *(row.key for row in members),
        MemberKey("main", "only-points"),
        MemberKey("main", "1001"),
        PeopleRowKey("O#main/G-1", "ORDER"),
    }


def request(number: int, **given: Any) -> PrivacyRequest:
    known: dict[str, Any] = {
        "request_id": f"r-{number}",
        "kind": RequestKind.ERASURE,
        "shop_id": "main",
        "received_at": NOW,
        "deadline_at": at(1000 - number),
        "look_at": at(number),
    }
    return PrivacyRequest(**(known | given))


def test_requests_lie_on_their_shelves(both: tuple[Store, PersonRows]) -> None:
    store, rows = both
    opened = [request(n, state=state) for n, state in enumerate(list(RequestState)[1:4])]
    waiting = [request(n, state=RequestState.WAITING) for n in (10, 11, 12, 13, 14)]
    done = [request(n, state=RequestState.DONE, done_at=at(n)) for n in (21, 20)]
    parts = [request(n, state=RequestState.WAITING, parent="r-0") for n in (31, 30)]
    keep(store, *opened, *waiting, *done, *parts, request(40, state=RequestState.DONE, parent="r-0", done_at=NOW))

    def listed(shelf: str, seconds: float | None = None, limit: int = 50) -> list[str]:
        until = None if seconds is None else at(seconds)
        return [one.request_id for one in rows.requests(shelf, until, limit)]

    assert listed(OPEN_SHELF) == ["r-2", "r-1", "r-0"]
    assert listed(WAITING_SHELF) == ["r-10", "r-11", "r-12", "r-13", "r-14"]
    assert listed(WAITING_SHELF, 11) == ["r-10", "r-11"]
    assert listed(WAITING_SHELF, limit=4) == ["r-10", "r-11", "r-12", "r-13"]
    assert listed(DONE_SHELF) == ["r-20", "r-21"]
    assert listed(part_shelf("r-0")) == ["r-30", "r-31"]
