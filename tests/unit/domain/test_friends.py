"""Whatever the order of arrival, what is known of a friend ends as LINE's timestamps say."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.events import LineEvent, LineEventType
from musubi.domain.friends import apply_presence, is_overtaken, set_promo, wish_unlinked
from musubi.domain.people import Friend, Promo, Reach
from tests.support import made
from tests.support.made import NOON, after

FOLLOW, UNFOLLOW, MESSAGE = LineEventType.FOLLOW, LineEventType.UNFOLLOW, LineEventType.MESSAGE

histories = st.lists(
    st.tuples(
        st.sampled_from([FOLLOW, UNFOLLOW, MESSAGE, LineEventType.POSTBACK, LineEventType.ACCOUNT_LINK]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
).map(lambda steps: [made.line_event(t, after(seconds=n), standby=s) for n, (t, s) in enumerate(steps)])


def applied(events: list[LineEvent]) -> Friend:
    friend: Friend | None = None
    for event in events:
        friend = apply_presence(friend, event) or friend
    assert friend is not None
    return friend


@given(histories.flatmap(lambda h: st.tuples(st.just(h), st.permutations(h), st.lists(st.sampled_from(h), max_size=4))))
def test_shuffled_and_duplicated_events_end_as_ordered_ones(
    case: tuple[list[LineEvent], list[LineEvent], list[LineEvent]],
) -> None:
    history, shuffled, repeats = case
    expected, found = applied(history), applied(shuffled + repeats)
    last = history[-1]
    assert found.reach is (Reach.BLOCKED if last.type is UNFOLLOW else Reach.REACHABLE)
    assert found.standby is last.standby
    assert found.reach_at == found.standby_at == last.at
    assert (found.followed_at, found.first_seen_at) == (expected.followed_at, history[0].at)


@given(histories)
def test_versions_count_changes_and_a_repeat_changes_nothing(history: list[LineEvent]) -> None:
    friend: Friend | None = None
    for event in history:
        changed = apply_presence(friend, event)
        if changed is not None and friend is not None:
            assert changed.version == friend.version + 1
        friend = changed or friend
        assert apply_presence(friend, event) is None


def test_a_module_that_ended_does_not_come_back_by_a_late_event() -> None:
    before, during, later = (made.line_event(MESSAGE, after(seconds=n), standby=n == 1) for n in range(3))
    for order in permutations([before, during, later]):
        assert not applied(list(order)).standby


def test_an_event_without_a_user_or_without_effect_says_nothing_of_reach() -> None:
    assert apply_presence(None, made.line_event(MESSAGE, user_id=None)) is None
    blocked = made.friend(reach=Reach.BLOCKED, reach_at=NOON)
    told = apply_presence(blocked, made.line_event(LineEventType.OTHER, after(seconds=1)))
    assert told is not None
    assert told.reach is Reach.BLOCKED


@pytest.mark.parametrize(
    ("known", "overtaken"),
    [
        (None, False),
        (made.friend(reach_at=after(seconds=-1)), False),
        (made.friend(reach=Reach.BLOCKED, reach_at=after(seconds=-1)), False),
        (made.friend(reach=Reach.BLOCKED, reach_at=after(seconds=1)), True),
        (made.friend(reach_at=after(seconds=1), followed_at=after(seconds=1)), True),
        # A message that was faster than the follow it came after takes nobody's greeting.
        (made.friend(reach_at=after(seconds=1)), False),
    ],
)
def test_a_follow_greets_unless_a_newer_follow_or_block_is_known(known: Friend | None, overtaken: bool) -> None:
    assert is_overtaken(known, made.line_event(FOLLOW)) is overtaken


@given(st.permutations([(Promo.REFUSED, 1), (Promo.ALLOWED, 2), (Promo.REFUSED, 3), (Promo.ALLOWED, 3)]))
def test_the_newest_wish_about_promotion_holds(wishes: list[tuple[Promo, int]]) -> None:
    friend = made.friend()
    for promo, second in wishes:
        friend = set_promo(friend, promo, after(seconds=second)) or friend
    newest = next(promo for promo, second in wishes if second == 3)
    assert (friend.promo, friend.promo_at) == (newest, after(seconds=3))


@given(st.permutations([after(seconds=n) for n in range(4)]))
def test_the_newest_wish_to_be_unlinked_holds(wishes: list[datetime]) -> None:
    friend = made.friend()
    for at in wishes:
        friend = wish_unlinked(friend, at)
    assert friend.unlinked_at == after(seconds=3)
