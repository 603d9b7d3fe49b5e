"""Rank, tags, custom fields and consents of a member: each follows its own version, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.changes import MemberChange
from musubi.domain.people import Attribute, Birthday, Consent, Member, MemberState, Rank
from musubi.domain.profiles import MAX_ATTRIBUTES, MAX_TAGS, apply_member, direction, member_news, strictest
from tests.support import made
from tests.support.made import NOON, after


def change(**said: Any) -> MemberChange:
    return MemberChange(member_id="1001", **said)


def after_all(changes: list[tuple[MemberChange, int]]) -> Member:
    member: Member | None = None
    for said, minute in changes:
        member = apply_member(member, said, "main", after(minutes=minute)) or member
    assert member is not None
    return replace(member, version=1)


def attribute(name: str, value: Any, minute: int, source: str = "cart") -> Attribute:
    return Attribute(name, value, source, after(minutes=minute))


TAGS = ["a", "b", "c"]
names = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
minutes = st.integers(0, 6)


@st.composite
def saids(draw: st.DrawFn) -> tuple[MemberChange, int]:
    minute = draw(minutes)
    return (
        draw(
            st.one_of(
                st.builds(lambda t: change(tags=t), names),
                st.builds(lambda a, r: change(tags_added=a, tags_removed=r), names, names),
                st.builds(lambda c: change(rank=Rank(c, c.upper())), st.sampled_from(["s", "g", "p"])),
                st.builds(
                    lambda n, v: change(attributes=(attribute(n, v, minute),)),
                    st.sampled_from(["x", "y"]),
                    st.sampled_from([1, True, "1", date(2026, 1, 1), ""]),
                ),
                st.builds(
                    lambda c, a: change(consents=(Consent(c, "marketing", a, "cart", after(minutes=minute)),)),
                    st.sampled_from(["line", "email"]),
                    st.booleans(),
                ),
            )
        ),
        minute,
    )


stories = st.lists(saids(), min_size=1, max_size=7, unique_by=lambda one: one[1]).flatmap(
    lambda s: st.tuples(st.just(s), st.permutations(s + s[:2]))
)


@given(stories)
def test_any_order_of_arrival_ends_in_the_same_profile(
    case: tuple[list[tuple[MemberChange, int]], list[tuple[MemberChange, int]]],
) -> None:
    history, arrivals = case
    assert after_all(list(arrivals)) == after_all(sorted(history, key=lambda one: one[1]))


def test_a_rank_makes_no_name_stale() -> None:
    told = [(change(rank=Rank("g", "G")), 5), (change(family_name="新姓", birthday=Birthday(3, 3)), 3)]
    member = after_all(told)
    assert (member.family_name, member.birthday, member.rank) == ("新姓", Birthday(3, 3), Rank("g", "G"))


def test_all_tags_at_once_and_what_came_and_went_since() -> None:
    member = after_all(
        [(change(tags_added=("vip",)), 5), (change(tags_removed=("new",)), 6), (change(tags=("new", "x")), 3)]
    )
    assert member.tags == ("vip", "x")
    assert after_all([(change(tags=()), 7), (change(tags_added=("vip",)), 5)]).tags == ()
    # Of one instant the removal counts.
    both = [(change(tags_added=("vip",)), 5), (change(tags_removed=("vip",)), 5)]
    assert after_all(both).tags == after_all(both[::-1]).tags == ()


def test_fields_and_tags_are_bounded() -> None:
    many = tuple(attribute(f"f{n:03}", n, n) for n in range(MAX_ATTRIBUTES * 2))
    member = after_all([(change(attributes=many[:150]), 1), (change(attributes=many[150:]), 1)])
    assert [a.name for a in member.attributes] == [a.name for a in many[MAX_ATTRIBUTES:]]
    tags = tuple(f"t{n:03}" for n in range(MAX_TAGS * 2))
    assert len(after_all([(change(tags_added=tags), 1)]).tags) == MAX_TAGS


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_consents_of_one_instant_the_refusal_counts(order: int) -> None:
    both = [Consent("line", "marketing", allowed, "cart", NOON) for allowed in (True, False)]
    member = after_all([(change(consents=(one,)), 1) for one in both[::order]])
    assert member.refuses("line", "marketing")
    assert not member.refuses("email", "marketing")
    assert len(member.consents) == 1


def test_of_two_records_of_one_person_a_refusal_in_either_is_one() -> None:
    early_no = Consent("line", "marketing", False, "a", after(minutes=1))
    late_yes = Consent("line", "marketing", True, "b", after(minutes=9))
    mail = Consent("email", "marketing", True, "b", after(minutes=2))
    assert strictest((early_no,), (late_yes, mail)) == strictest((late_yes, mail), (early_no,)) == (mail, early_no)


def test_nothing_of_an_erased_member_stays_or_comes_back() -> None:
    full = change(rank=Rank("g", "G"), tags=("vip",), attributes=(attribute("x", 1, 1),), family_name="結城")
    consents = (Consent("line", "marketing", False, "cart", NOON),)
    gone = after_all([(full, 5), (change(consents=consents), 5), (change(state=MemberState.ERASED), 3), (full, 9)])
    assert gone == Member(shop_id="main", member_id="1001", state=MemberState.ERASED, profile_as_of=after(minutes=5))


# news


def news(before: Member | None, said: MemberChange, event: str = "MemberUpdated") -> list[tuple[str, str]]:
    found = apply_member(before, said, "main", after(minutes=9))
    return [(one.event, one.key) for one in member_news(before, found, said, event, NOON)] if found else []


def test_only_another_rank_than_the_stored_one_is_news() -> None:
    silver, gold = Rank("s", "シルバー"), Rank("g", "ゴールド")
    before = made.member(rank=silver, rank_as_of=NOON, joined=True)
    assert news(before, change(rank=gold)) == [("MemberRankChanged", f"g/{after(minutes=9).isoformat()}")]
    assert news(before, change(rank=replace(silver, amount_to_next=5))) == []
    assert news(made.member(joined=True), change(rank=gold)) == []
    assert news(made.member(joined=True), change(rank=gold), "MemberRankChanged") != []
    late = replace(before, rank_as_of=after(hours=1))
    assert news(late, change(rank=gold), "MemberRankChanged") == []


@pytest.mark.parametrize(
    ("before", "now", "said", "way"),
    [
        (Rank("s", "S"), Rank("g", "G"), "up", "up"),
        (Rank("g", "G"), Rank("s", "S"), "down", "down"),
        (Rank("s", "S", next_name="G"), Rank("g", "G"), None, "up"),
        (Rank("g", "G"), Rank("s", "S", next_name="G"), None, "down"),
        (Rank("s", "S"), Rank("g", "G"), None, "unknown"),
        (None, Rank("g", "G"), None, "unknown"),
    ],
)
def test_which_way_a_rank_went(before: Rank | None, now: Rank, said: str | None, way: str) -> None:
    assert direction(before, now, said) == way


def test_a_member_joins_once() -> None:
    active = change(state=MemberState.ACTIVE, registered_at=NOON)
    assert news(None, active, "MemberRegistered") == [("MemberRegistered", "registered")]
    assert news(None, active) == [("MemberRegistered", "registered")]
    assert news(None, change(state=MemberState.ACTIVE)) == [], "a snapshot that does not say since when"
    assert news(made.member(joined=True), active, "MemberRegistered") == []
    assert news(None, change(family_name="結城")) == []
