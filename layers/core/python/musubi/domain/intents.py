"""What a friend wants with an event: the commands behind buttons and words, and what each may lead to."""

from __future__ import annotations

from enum import StrEnum

from musubi.domain.events import FriendEvent, LineEvent, LineEventType


class Intent(StrEnum):
    FOLLOW = "follow"
    LINK = "link"
    """LINE's word that the account-link dialog was gone through."""
    START_LINK = "start_link"
    UNLINK = "unlink"
    REFUSE_PROMO = "refuse_promo"
    ALLOW_PROMO = "allow_promo"
    NONE = "none"
    """Nothing that we act on, beyond that the friend is there."""


COMMANDS = frozenset({Intent.START_LINK, Intent.UNLINK, Intent.REFUSE_PROMO, Intent.ALLOW_PROMO})
"""Intents that a button or a typed word can express."""

MAY_TELL: dict[Intent, tuple[FriendEvent, ...]] = {
    Intent.FOLLOW: (FriendEvent.FOLLOWED,),
    Intent.LINK: (FriendEvent.LINKED, FriendEvent.LINK_FAILED),
    Intent.START_LINK: (FriendEvent.LINK_OFFERED, FriendEvent.LINK_REFUSED, FriendEvent.LINK_FAILED),
    Intent.UNLINK: (FriendEvent.UNLINKED, FriendEvent.NOT_LINKED),
    Intent.REFUSE_PROMO: (FriendEvent.PROMO_REFUSED,),
    Intent.ALLOW_PROMO: (FriendEvent.PROMO_ALLOWED,),
    Intent.NONE: (),
}
"""What a friend may be told of each intent: the entries of scenarios whose answers an earlier delivery may have begun."""


def intent_of(event: LineEvent, typed: str | None) -> Intent:
    """What `event` is about; `typed` is the command that the catalog finds in its text."""
    match event.type:
        case LineEventType.FOLLOW:
            return Intent.FOLLOW
        case LineEventType.ACCOUNT_LINK:
            return Intent.LINK
        case LineEventType.MESSAGE if typed is not None:
            return Intent(typed)
        case LineEventType.POSTBACK:
            return _of_button(event.postback or "")
    return Intent.NONE


def _of_button(data: str) -> Intent:
    """The command in `v=1&do=…`; other versions and other data are another time's buttons and mean nothing here."""
    fields = dict(part.split("=", 1) for part in data.split("&") if "=" in part)
    command = fields.get("do") if fields.get("v") == "1" else None
    return next((intent for intent in COMMANDS if intent.value == command), Intent.NONE)
