"""What LINE's events say of a friend, applied by LINE's timestamps: webhooks arrive late, twice and out of order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from musubi.domain.events import LineEvent, LineEventType
from musubi.domain.people import Friend, Promo, Reach


def apply_presence(friend: Friend | None, event: LineEvent) -> Friend | None:
    """The friend after `event`, or None if it says nothing new.

    What someone does in the chat shows that they can be reached, unless a newer unfollow is known already. Standby follows
    the newest event's mode. The instants move with every event: else an event that arrives late could not be told from
    news, and a module's conversation of last week would silence a friend for good.
    """
    if event.user_id is None:
        return None
    if friend is None:
        return _first_seen(event, event.user_id)
    after = replace(friend, first_seen_at=min(friend.first_seen_at, event.at))
    if event.at > friend.reach_at and event.type is not LineEventType.OTHER:
        after = replace(after, reach=_reach(event), reach_at=event.at)
    if friend.standby_at is None or event.at > friend.standby_at:
        after = replace(after, standby=event.standby, standby_at=event.at)
    if event.type is LineEventType.FOLLOW and (friend.followed_at is None or event.at > friend.followed_at):
        after = replace(after, followed_at=event.at)
    return None if after == friend else replace(after, version=friend.version + 1)


def is_overtaken(friend: Friend | None, event: LineEvent) -> bool:
    """True for a follow that a newer follow or a newer unfollow has overtaken: it must not greet. A message that
    arrived before the follow it came after has not.
    """
    if friend is None:
        return False
    refollowed = friend.followed_at is not None and friend.followed_at > event.at
    return refollowed or (friend.reach is Reach.BLOCKED and friend.reach_at > event.at)


def set_promo(friend: Friend, promo: Promo, at: datetime) -> Friend | None:
    """The friend's wish about promotion at LINE's time `at`; None when a newer wish is known."""
    if friend.promo_at is not None and at <= friend.promo_at:
        return None
    return replace(friend, promo=promo, promo_at=at)


def wish_unlinked(friend: Friend, at: datetime) -> Friend:
    """The friend, who at LINE's time `at` asked to be unlinked."""
    newer = friend.unlinked_at is None or at > friend.unlinked_at
    return replace(friend, unlinked_at=at) if newer else friend


def _reach(event: LineEvent) -> Reach:
    return Reach.BLOCKED if event.type is LineEventType.UNFOLLOW else Reach.REACHABLE


def _first_seen(event: LineEvent, user_id: str) -> Friend:
    return Friend(
        user_id=user_id,
        reach=_reach(event),
        reach_at=event.at,
        first_seen_at=event.at,
        standby=event.standby,
        standby_at=event.at,
        followed_at=event.at if event.type is LineEventType.FOLLOW else None,
    )
