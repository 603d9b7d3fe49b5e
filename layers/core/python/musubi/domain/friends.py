"""What LINE's events say of a friend, applied by LINE's timestamps: webhooks arrive late, twice and out of order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from musubi.domain.events import LineEvent, LineEventType
from musubi.domain.people import Friend, Promo, Reach


def apply_presence(friend: Friend | None, event: LineEvent) -> Friend | None:
    """The friend after `event`, or None if the event changes nothing.

    Any message from someone shows that they can be reached, unless a newer unfollow is known already. Standby follows the
    newest event's mode.
    """
    if event.user_id is None:
        return None
    reach = Reach.BLOCKED if event.type is LineEventType.UNFOLLOW else Reach.REACHABLE
    if friend is None:
        return Friend(
            user_id=event.user_id,
            reach=reach,
            reach_at=event.at,
            first_seen_at=event.at,
            standby=event.standby,
            standby_at=event.at,
        )
    after = friend
    # The instant only matters when it can decide something: else every message would cost a write.
    decides = reach is not friend.reach or event.type in (LineEventType.FOLLOW, LineEventType.UNFOLLOW)
    if event.at > friend.reach_at and decides:
        after = replace(after, reach=reach, reach_at=event.at)
    newest = friend.standby_at is None or event.at > friend.standby_at
    if newest and event.standby is not friend.standby:
        after = replace(after, standby=event.standby, standby_at=event.at)
    return None if after == friend else replace(after, version=friend.version + 1)


def is_overtaken(friend: Friend | None, event: LineEvent) -> bool:
    """True for a follow or unfollow that is older than what is known: it must not greet or block."""
    return friend is not None and event.at < friend.reach_at


def set_promo(friend: Friend, promo: Promo, at: datetime) -> Friend | None:
    """The friend's wish about promotion at LINE's time `at`; None when a newer wish is known or nothing changes."""
    if friend.promo_at is not None and at <= friend.promo_at:
        return None
    return replace(friend, promo=promo, promo_at=at)
