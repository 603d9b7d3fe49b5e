"""Derived ids: the same reason gives the same id, another reason another one."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain import ids

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tricky = st.text("ab/:#|\x1b\x1f01", max_size=6)
parts = st.lists(texts | tricky, min_size=1, max_size=5)
no_slash = texts.filter(lambda t: t and "/" not in t)


@given(parts, parts)
def test_ids_are_equal_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (ids.derived_id(*one) == ids.derived_id(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a\x1fb", "c"), ("a", "b\x1fc")),
        (("a", "b"), ("a\x1fb",)),
        (("a\x1b1b",), ("a\x1fb",)),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
    ],
)
def test_a_separator_inside_a_part_separates_nothing(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert ids.derived_id(*one) != ids.derived_id(*other)


def test_the_ids_of_one_occurrence_are_stable_uuids_of_their_own() -> None:
    args = ("musubi-test", "some_scenario", "m:main/1001", "A-1")
    enrolment = ids.enrolment_id(*args)
    send = ids.send_id("musubi-test", "some_scenario", "one", "m:main/1001", "A-1")
    assert enrolment == ids.enrolment_id(*args)
    assert enrolment != send
    assert (UUID(enrolment).version, UUID(send).version) == (5, 5)


@given(no_slash, texts.filter(bool))
def test_a_member_comes_back_from_its_text(shop: str, member: str) -> None:
    person = ids.MemberPerson(shop, member)
    assert ids.parse_person(str(person)) == person


@given(texts.filter(bool))
def test_a_friend_comes_back_from_its_text(user: str) -> None:
    person = ids.FriendPerson(user)
    assert ids.parse_person(str(person)) == person


@pytest.mark.parametrize("text", ["", "m", "m:", "m:main", "m:main/", "m:/1", "f:", "x:1", "1001"])
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a person"):
        ids.parse_person(text)


@given(texts)
def test_a_shard_is_always_one_of_the_shards(text: str) -> None:
    assert 0 <= ids.shard_of(text) < ids.SHARDS


def test_shards_fill_evenly_and_do_not_change_between_processes() -> None:
    filled = Counter(ids.shard_of(f"m:main/{n}") for n in range(32_000))
    assert len(filled) == ids.SHARDS
    assert min(filled.values()) > 800
    assert max(filled.values()) < 1_200
    assert [ids.shard_of(f"m:main/{n}") for n in (1, 2, 3)] == [28, 19, 21]
