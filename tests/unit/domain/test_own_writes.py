"""Echoes of our own writes: what explains an update, once, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.changes import MemberChange, PointsChange
from musubi.domain.events import ShopEvent
from musubi.domain.own_writes import ECHO, MAX_OWN, Echo, echo_of, newest_of, noted, order_of, with_seen
from musubi.domain.people import Attribute, Consent, Member, OwnWrite, PointLot, Rank
from musubi.domain.profiles import apply_member
from musubi.domain.projection import apply_points

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
TAGGED = OwnWrite("shopify/tag", "tag:line", "true", "w-1", NOW, 1, NOW)
REFUSED = OwnWrite("shopify/consent", "consent", "false", "w-2", NOW, 1, NOW)
GRANTED = OwnWrite("square/points", "points", "500", "w-3", NOW, 0, NOW)
MEMBER = Member(
    shop_id="main",
    member_id="1001",
    family_name="結城",
    tags=("vip",),
    points=100,
    own_writes=(TAGGED, REFUSED, GRANTED),
)


def told(kind: str = "MemberUpdated", after: timedelta = timedelta(seconds=2), **change: Any) -> ShopEvent:
    at = NOW + after
    return ShopEvent(
        source="main/shopify/x", event_id="e-1", type=kind, shop_id="main", platform="shopify", occurred_at=at,
        as_of=at, received_at=at, content="c", **change,
    )  # fmt: skip


def of_member(member: Member = MEMBER, kind: str = "MemberUpdated", after: float = 2, **said: Any) -> Echo:
    event = told(kind, timedelta(seconds=after), member=MemberChange(member_id="1001", **said))
    assert event.member is not None
    return echo_of(member, apply_member(member, event.member, "main", event.as_of), event, timedelta())


def of_points(member: Member = MEMBER, kind: str = "PointsBalanceChanged", **said: Any) -> Echo:
    event = told(kind, points=PointsChange(member_id="1001", **said))
    assert event.points is not None
    return echo_of(member, apply_points(member, event.points, "main", event.as_of), event, timedelta())


MARK = Attribute("musubi.line_promo", False, "shopify", NOW)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"tags_added": ("line",)}, {"w-1"}),
        ({"tags": ("vip", "line")}, {"w-1"}),
        ({"attributes": (MARK,)}, {"w-2"}),
        ({"attributes": (replace(MARK, name="_musubi_line_promo"),)}, {"w-2"}),
        ({"consents": (Consent("line", "marketing", False, "shopify", NOW),)}, {"w-2"}),
        ({"tags": ("vip", "line"), "attributes": (MARK,), "family_name": "結城"}, {"w-1", "w-2"}),
    ],
)
def test_what_we_wrote_is_ours_when_it_comes_back(said: dict[str, Any], seen: set[str]) -> None:
    assert of_member(**said) == Echo(whole=True, seen=frozenset(seen))


@pytest.mark.parametrize(
    "said",
    [
        {"tags_added": ("line", "gold")},
        {"tags": ("line",)},
        {"tags_removed": ("vip",)},
        {"attributes": (replace(MARK, value=True),)},
        {"attributes": (replace(MARK, value="false"),)},
        {"attributes": (replace(MARK, name="musubi.other"),)},
        {"consents": (Consent("email", "marketing", False, "shopify", NOW),)},
        {"tags_added": ("line",), "family_name": "新姓"},
        {"tags_added": ("line",), "rank": Rank("gold", "ゴールド")},
    ],
)
def test_anything_else_is_told(said: dict[str, Any]) -> None:
    assert not of_member(**said).whole


def test_each_write_explains_one_change() -> None:
    echo = of_member(tags_added=("line",))
    member = with_seen(replace(MEMBER, tags=("vip", "line")), echo.seen)
    assert [own.seen for own in member.own_writes] == [True, False, False]
    without = replace(member, tags=("vip",))
    assert not of_member(without, tags_added=("line",)).whole
    # The same topic once more changes nothing, and is still ours.
    assert of_member(member, tags_added=("line",)) == Echo(whole=True)


def test_an_update_that_changes_nothing_is_ours_only_close_to_a_write() -> None:
    assert of_member(family_name="結城").whole
    assert not of_member(after=3600, family_name="結城").whole
    assert not of_member(replace(MEMBER, own_writes=()), family_name="結城").whole


def test_a_late_echo_is_known_and_a_very_late_one_is_not() -> None:
    assert of_member(after=ECHO.total_seconds(), tags_added=("line",)).whole
    assert not of_member(after=ECHO.total_seconds() + 1, tags_added=("line",)).whole


@pytest.mark.parametrize("kind", ["MemberRegistered", "MemberWithdrawn", "PointsUsed", "OrderPlaced"])
def test_what_no_write_of_ours_comes_back_as_is_never_ours(kind: str) -> None:
    assert not of_member(kind=kind, tags_added=("line",)).whole


def test_points_are_ours_by_how_many_more_they_are() -> None:
    assert of_points(balance=600) == Echo(whole=True, seen=frozenset({"w-3"}))
    assert of_points(granted=500, kind="PointsGranted").whole
    assert not of_points(balance=700).whole
    assert not of_points(replace(MEMBER, points=None), balance=600).whole
    lots = (PointLot(date(2026, 12, 31), 100),)
    assert not of_points(balance=100, lots=lots).whole
    assert not of_points(with_seen(MEMBER, frozenset({"w-3"})), balance=600).whole


def test_whoever_is_not_known_has_no_echo() -> None:
    assert echo_of(None, MEMBER, told(), timedelta()) == Echo(whole=False)


writes = st.builds(
    OwnWrite,
    slot=st.sampled_from(["shopify/tag", "shopify/consent", "shopify/points"]),
    effect=st.just("tag:line"),
    value=st.sampled_from(["true", "false"]),
    write_id=st.integers(0, 30).map(lambda n: f"w-{n}"),
    said_at=st.integers(0, 9).map(lambda n: NOW + timedelta(minutes=n)),
    rank=st.integers(0, 1),
    at=st.integers(0, 900).map(lambda n: NOW + timedelta(minutes=n)),
)


@given(st.lists(writes, max_size=40, unique_by=lambda own: own.write_id))
def test_the_newest_of_each_slot_stays_however_many_writes_there_are(own: list[OwnWrite]) -> None:
    member = Member(shop_id="main", member_id="1")
    for one in own:
        member = noted(member, one)
    assert len(member.own_writes) <= MAX_OWN
    assert member.version == 1 + len(own)
    for slot in {one.slot for one in own}:
        assert newest_of(member, slot) == max((one for one in own if one.slot == slot), key=order_of)


def test_another_attempt_is_no_other_write() -> None:
    member = noted(with_seen(MEMBER, frozenset({"w-1"})), replace(TAGGED, at=NOW + timedelta(minutes=1)))
    (again,) = (own for own in member.own_writes if own.write_id == "w-1")
    assert (again.at, again.seen, len(member.own_writes)) == (NOW + timedelta(minutes=1), True, 3)
