"""Links: made by the newest proof, ended by the newest wish, both sides or none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from musubi.adapters.memory.store import MemoryStore
from musubi.domain.linking import LinkMove, end_link, make_link, nonce_digest
from musubi.domain.operations import Fact
from musubi.domain.people import Link, LinkEnded, Nonce, Side
from musubi.domain.store_keys import LinkOfFriendKey, LinkOfMemberKey
from musubi.domain.writes import Committed, Create, Entity
from tests.support import made
from tests.support.made import NOON, OTHER_USER, USER, after

Rows = dict[tuple[str, ...], tuple[str, str]]


class Table:
    """The memory store with what links need; every decision is committed and must hold."""

    def __init__(self, *entities: Entity) -> None:
        self.store = MemoryStore()
        for entity in entities:
            self.keep(entity)

    def keep(self, entity: Entity) -> None:
        assert isinstance(self.store.commit([Create(entity)]), Committed)

    def of_friend(self, user: str = USER) -> Link | None:
        return self.store.load([key := LinkOfFriendKey(user)]).get(key)

    def of_member(self, member: str = "1001") -> Link | None:
        return self.store.load([key := LinkOfMemberKey("main", member)]).get(key)

    def make(self, nonce: Nonce | None, at: datetime = NOON, user: str = USER, **given: Any) -> LinkMove:
        move = make_link(
            user_id=user,
            entrance="direct",
            nonce=nonce,
            digest=nonce.digest if nonce else "digest-unknown",
            at=at,
            now=at,
            of_friend=self.of_friend(user),
            of_member=self.of_member(nonce.member_id) if nonce else None,
            **given,
        )
        assert not move.writes or isinstance(self.store.commit(move.writes), Committed)
        return move

    def end(self, link: Link | None, at: datetime) -> LinkMove:
        assert link is not None
        move = end_link(link, at=at, now=at, reason="asked")
        assert not move.writes or isinstance(self.store.commit(move.writes), Committed)
        return move

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Who is linked with whom; fails when one side says what the other does not."""
        links = self.store.all_of(Link)
        friends = {(x.user_id, x.member_id) for x in links if x.side is Side.FRIEND}
        members = {(x.user_id, x.member_id) for x in links if x.side is Side.MEMBER}
        assert friends == members
        return friends

    @property
    def ended(self) -> list[tuple[str, str, str]]:
        """Finished links; fails when one side says what the other does not."""
        rows = self.store.all_of(LinkEnded)
        friends, members = ([x for x in rows if x.side is side] for side in Side)
        assert {x.mirrored() for x in friends} == set(members)
        return sorted((x.user_id, x.member_id, x.reason) for x in friends)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return sorted((f.type, f.data["user_id"], f.data["member_id"]) for f in self.store.all_of(Fact))


def linked(user: str = USER, member: str = "1001", **given: Any) -> tuple[Link, Link]:
    link = made.link(user_id=user, member_id=member, **given)
    return link, link.mirrored()


def test_a_first_link() -> None:
    nonce = made.nonce()
    table = Table(nonce)
    assert table.make(nonce).reason == "linked"
    assert table.pairs == {(USER, "1001")}
    assert table.told == [("LinkMade", USER, "1001")]
    assert table.store.all_of(Nonce) == []


def test_the_same_event_again_finds_its_own_work() -> None:
    nonce = made.nonce()
    table = Table(nonce)
    table.make(nonce)
    again = table.make(nonce)
    assert (again.reason, again.writes, again.link) == ("linked_already", (), table.of_friend())


def test_a_nonce_links_only_once() -> None:
    nonce = made.nonce()
    table = Table(nonce)
    table.make(nonce)
    stolen = make_link(
        user_id=OTHER_USER,
        entrance="direct",
        nonce=nonce,
        digest=nonce.digest,
        at=NOON,
        now=NOON,
        of_friend=None,
        of_member=table.of_member(),
    )
    assert not isinstance(table.store.commit(stolen.writes), Committed)
    assert table.pairs == {(USER, "1001")}


def test_the_same_pair_by_another_login_stays_as_it_is() -> None:
    nonce = made.nonce()
    table = Table(nonce, *linked())
    move = table.make(nonce)
    assert (move.reason, move.link) == ("same_pair", made.link())
    assert table.pairs == {(USER, "1001")}
    assert table.told == []


def test_an_unknown_and_an_expired_nonce_link_nobody() -> None:
    nonce = made.nonce()
    table = Table(nonce)
    assert table.make(None).reason == "nonce_unknown"
    assert table.make(nonce, after(minutes=10)).reason == "linked"
    late = made.nonce(digest="digest-2", member_id="1002")
    table.keep(late)
    assert table.make(late, after(minutes=10, seconds=1)).reason == "nonce_expired"
    assert table.pairs == {(USER, "1001")}
    assert table.store.all_of(Nonce) == []


def test_a_friend_who_logs_in_as_another_member_leaves_the_first() -> None:
    nonce = made.nonce(member_id="1002")
    table = Table(nonce, *linked())
    assert table.make(nonce).reason == "linked"
    assert table.pairs == {(USER, "1002")}
    assert table.ended == [(USER, "1001", "superseded")]
    assert table.told == [("LinkEnded", USER, "1001"), ("LinkMade", USER, "1002")]


def test_a_member_who_comes_with_another_line_account_leaves_the_first() -> None:
    nonce = made.nonce()
    table = Table(nonce, *linked(user=OTHER_USER))
    table.make(nonce)
    assert table.pairs == {(USER, "1001")}
    assert table.ended == [(OTHER_USER, "1001", "superseded")]


def test_both_sides_may_have_been_linked_with_others() -> None:
    nonce = made.nonce(member_id="1002")
    table = Table(nonce, *linked(), *linked(user=OTHER_USER, member="1002", linked_at=after(days=-7)))
    table.make(nonce)
    assert table.pairs == {(USER, "1002")}
    assert table.ended == [(USER, "1001", "superseded"), (OTHER_USER, "1002", "superseded")]
    assert len(table.told) == 3


@pytest.mark.parametrize(
    "other", [linked(linked_at=after(minutes=1)), linked(OTHER_USER, "1002", linked_at=after(minutes=1))]
)
def test_an_older_proof_that_arrives_late_supersedes_nothing(other: tuple[Link, Link]) -> None:
    nonce = made.nonce(member_id="1002")
    table = Table(nonce, *other)
    assert table.make(nonce).reason == "overtaken"
    assert table.pairs == {(other[0].user_id, other[0].member_id)}
    assert table.store.all_of(Nonce) == []


def test_a_proof_older_than_the_wish_to_be_unlinked_links_nobody() -> None:
    nonce = made.nonce()
    table = Table(nonce)
    assert table.make(nonce, unlinked_at=after(seconds=1)).reason == "overtaken"
    assert table.pairs == set()
    newer = made.nonce(digest="digest-2")
    table.keep(newer)
    assert table.make(newer, after(seconds=2), unlinked_at=after(seconds=1)).reason == "linked"


@pytest.mark.parametrize("side", [Side.FRIEND, Side.MEMBER])
def test_a_link_ends_from_either_side_whatever_its_versions(side: Side) -> None:
    """A friend who changed members has a second version on one side and a first on the other."""
    first, second = made.nonce(), made.nonce(digest="digest-2", member_id="1002")
    table = Table(first, second)
    table.make(first)
    table.make(second, after(minutes=1))
    found = table.of_friend() if side is Side.FRIEND else table.of_member("1002")
    assert table.end(found, after(minutes=2)).reason == "unlinked"
    assert table.pairs == set()
    assert table.ended == [(USER, "1001", "superseded"), (USER, "1002", "asked")]


def test_a_wish_to_unlink_that_is_older_than_the_link_changes_nothing() -> None:
    table = Table(*linked(linked_at=NOON))
    move = table.end(table.of_friend(), after(seconds=-1))
    assert (move.reason, move.writes) == ("linked_since", ())
    assert table.pairs == {(USER, "1001")}


def test_two_ends_of_one_link_tell_one_fact() -> None:
    table = Table(*linked())
    link = table.of_friend()
    first = table.end(link, NOON)
    assert link is not None
    second = end_link(link, at=after(seconds=9), now=NOON, reason="withdrawn")
    assert [f.fact_id for f in first.facts] == [f.fact_id for f in second.facts]
    assert not isinstance(table.store.commit(second.writes), Committed)


def test_facts_name_the_pair_and_wait_for_the_sweeper() -> None:
    nonce = made.nonce()
    (fact,) = Table(nonce).make(nonce).facts
    assert fact.data == {
        "shop_id": "main",
        "member_id": "1001",
        "user_id": USER,
        "method": "account_link",
        "entrance": "direct",
    }
    assert fact.look_at is not None
    assert fact.look_at > NOON


def test_only_a_digest_of_a_nonce_is_kept() -> None:
    assert nonce_digest("secret") == nonce_digest("secret") != "secret"
    assert "secret" not in repr(replace(made.nonce(), digest=nonce_digest("secret")))
