"""What becomes of rows that must stay as marks when a person is forgotten: id and state stay, whom and what about go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from musubi.domain import ledger
from musubi.domain.engine import close, due_of
from musubi.domain.ids import shard_of
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Due, DueKind
from musubi.domain.people import Friend, LinkEnded
from musubi.domain.scenario import Enrolment, EnrolmentState
from musubi.domain.writes import Drop, Replace, Write

ERASED = "erased"
"""The reason of whatever ends because a person is forgotten."""

SLACK = timedelta(hours=1)
"""LINE's clock, by which links are dated, is not ours, by which Sends are."""


def bury_friend(friend: Friend) -> Friend:
    """A friend of whom nothing but the wish to be forgotten is known, until the job takes the row itself away."""
    return Friend(
        user_id=friend.user_id,
        reach=friend.reach,
        reach_at=friend.reach_at,
        first_seen_at=friend.first_seen_at,
        erased=True,
        version=friend.version + 1,
    )


def forget_send(send: Send, now: datetime) -> list[Write]:
    """The ledger row without whom, what and about what: id and state stay until their time is over, so that nothing is
    planned again. One that has not left is stopped. Empty when there is nothing to forget any more. `now`: machine time.
    """
    ended = ledger.skip(send, ERASED, now) if send.state in ledger.OPEN else replace(send, version=send.version + 1)
    after = replace(
        ended,
        # An unknown Send has no person to ask any more: it leaves the operators' list.
        reason=ERASED if ended.state is SendState.UNKNOWN else ended.reason,
        key_value="",
        facts={},
        hint_user=None,
        user_id=None,
        messages=None,
        line_message=None,
    )
    if replace(after, version=send.version) == send:
        return []
    return [Replace(after), *_held(send)]


def forget_words(send: Send, now: datetime) -> list[Write]:
    """A friend's Send without its words, which may say a member's name; a fixed one that has not left is stopped, since
    its body may not change any more. Whose it is stays: the friend does.
    """
    if send.state in ledger.OPEN and not send.fixed:
        return []
    ended = ledger.skip(send, ERASED, now) if send.state in ledger.OPEN else replace(send, version=send.version + 1)
    after = replace(ended, facts={}, messages=None, line_message=None)
    return [] if replace(after, version=send.version) == send else [Replace(after), *_held(send)]


def forget_user(send: Send, user_id: str, now: datetime) -> list[Write]:
    """A member's Send that no longer says which friend got it, and no longer goes there."""
    if user_id not in (send.user_id, send.hint_user):
        return []
    ended = ledger.skip(send, ERASED, now) if send.state in ledger.OPEN else replace(send, version=send.version + 1)
    return [Replace(replace(ended, user_id=None, hint_user=None)), *_held(send)]


def due_of_held(send: Send) -> Due | None:
    """The due item that wakes a Send after quiet hours."""
    if send.held_until is None:
        return None
    return Due(shard=shard_of(send.send_id), at=send.held_until, kind=DueKind.SEND, ref=send.send_id)


def _held(send: Send) -> list[Write]:
    waiting = due_of_held(send)
    return [Drop(waiting.key)] if waiting else []


def forget_enrolment(enrolment: Enrolment) -> list[Write]:
    """The enrolment, ended and without its words; its due item goes in the same commit."""
    over = enrolment.state in (EnrolmentState.DONE, EnrolmentState.EXITED)
    ended = replace(enrolment, version=enrolment.version + 1) if over else close(enrolment, ERASED)
    after = replace(ended, facts={}, key_value="")
    if replace(after, version=enrolment.version) == enrolment:
        return []
    waiting = due_of(enrolment)
    return [Replace(after), *([Drop(waiting.key)] if waiting else [])]


def said_during(send: Send, ties: Sequence[LinkEnded]) -> bool:
    """True when `send` was planned while one of `ties` held, give or take SLACK."""
    return any(tie.linked_at - SLACK <= send.planned_at <= tie.ended_at + SLACK for tie in ties)
