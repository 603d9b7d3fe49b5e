"""The ledger row of one message to one friend, and its moves. DESIGN §6 in code: nothing here calls anybody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from musubi.domain.answers import Answer, AnswerKind
from musubi.domain.calendar import next_month
from musubi.domain.ids import shard_of
from musubi.domain.scenario import SendClass
from musubi.domain.store_keys import SendKey

LEASE = timedelta(seconds=30)
"""How long a claim keeps others off; longer than the sender's timeout (20 s), so a live call is never doubled."""

KEY_LIFE = timedelta(hours=23)
"""LINE remembers a retry key for 24 h from the first request; an hour is kept for clocks and queues."""

SWEEP_AFTER = timedelta(minutes=2)
"""A planned row older than this was probably never enqueued; the sweeper enqueues it again."""

_CLOCKS_DIFFER = timedelta(seconds=1)
_FIRST_BACKOFF_S = 5
_LONGEST_BACKOFF_S = 900


class SendState(StrEnum):
    PLANNED = "planned"
    HELD = "held"
    """Quiet hours: a due item of its own brings it back."""
    PARKED = "parked"
    """Kill switch or LINE's monthly limit: an operator or the next month brings it back."""
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    """LINE's answer stayed unclear until it forgot the retry key. Never resent by itself."""


OPEN = frozenset({SendState.PLANNED, SendState.HELD, SendState.PARKED, SendState.CLAIMED})
SETTLED = frozenset({SendState.ACCEPTED, SendState.REJECTED, SendState.SKIPPED})


class Channel(StrEnum):
    PUSH = "push"
    REPLY = "reply"


@dataclass(frozen=True)
class Decided:
    """What the gate said of a Send, and when it first said so (machine time)."""

    verdict: str
    reason: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Send:
    """One message request to one friend, from plan to settlement.

    `due_at`, `expires_at` are business time; `planned_at`, `look_at` (when the sweeper may look again), `lease_until`,
    `claimed_at`, `first_unclear_at`, `settled_at` are machine time. `user_id` and `messages` (JSON text) are fixed by the
    first claim and never change after.
    """

    send_id: str
    person: str
    scenario: str
    scenario_version: int
    step: str
    key_value: str
    enrolment_id: str
    send_class: SendClass
    template: str
    channel: Channel = Channel.PUSH
    essential: bool = True
    state: SendState = SendState.PLANNED
    reason: str = "planned"
    due_at: datetime
    expires_at: datetime | None = None
    planned_at: datetime
    look_at: datetime | None = None
    held_until: datetime | None = None
    facts: dict[str, str] = field(default_factory=dict)
    hint_user: str | None = None
    user_id: str | None = None
    messages: str | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    claimed_at: datetime | None = None
    attempts: int = 0
    first_unclear_at: datetime | None = None
    line_status: int | None = None
    line_request_id: str | None = None
    line_message: str | None = None
    settled_at: datetime | None = None
    decisions: tuple[Decided, ...] = ()
    """All that the gate has said of it, each answer once however often it was given (DESIGN §7: skips are stored too)."""
    version: int = 1

    @property
    def key(self) -> SendKey:
        return SendKey(self.send_id)

    @property
    def fixed(self) -> bool:
        """True once recipients and messages are stored: later attempts send exactly these."""
        return self.messages is not None

    @property
    def shard(self) -> int:
        return shard_of(self.send_id)

    @property
    def unclear_since(self) -> datetime | None:
        """Since when LINE may have accepted it without our knowing; None while every answer so far was a clear no.

        A claim that was never settled counts from its beginning: whoever held it may have died after LINE's yes.
        """
        if self.first_unclear_at is None and self.state is SendState.CLAIMED:
            return self.claimed_at
        return self.first_unclear_at


def decided(send: Send, verdict: str, reason: str, at: datetime, until: datetime | None = None) -> Send:
    """The row with one more answer of the gate. No move by itself: it is stored with the move that the answer leads to."""
    if any((one.verdict, one.reason, one.until) == (verdict, reason, until) for one in send.decisions):
        return send
    return replace(send, decisions=(*send.decisions, Decided(verdict, reason, at, until)))


def claim(
    send: Send, *, owner: str, user_id: str, messages: str, now: datetime, reason: str, lease: timedelta = LEASE
) -> Send:
    """The claim of `owner`. A row that somebody claimed and never settled may have reached LINE: that starts the key's
    clock, as if the answer had been unclear.
    """
    return replace(
        send,
        state=SendState.CLAIMED,
        reason=reason,
        user_id=send.user_id if send.fixed else user_id,
        messages=send.messages if send.fixed else messages,
        owner=owner,
        lease_until=now + lease,
        # Later than the record's own way back to its worker, which may still have the reply token.
        look_at=now + SWEEP_AFTER,
        claimed_at=now,
        attempts=send.attempts + 1,
        first_unclear_at=send.unclear_since,
        held_until=None,
        version=send.version + 1,
    )


def leased(send: Send, owner: str, now: datetime) -> bool:
    """True while somebody else's claim is alive."""
    return (
        send.state is SendState.CLAIMED
        and send.owner not in (None, owner)
        and send.lease_until is not None
        and send.lease_until > now
    )


def retry_waits(send: Send, now: datetime) -> bool:
    """True while the job that will repeat an unclear call is still delayed. One that comes before it is a duplicate; would
    each repeat the call and leave a delayed job behind, they would multiply as long as LINE does not answer.
    """
    if send.state is not SendState.CLAIMED or send.lease_until is not None or send.look_at is None:
        return False
    return now < send.look_at - SWEEP_AFTER - _CLOCKS_DIFFER


def key_expired(send: Send, now: datetime) -> bool:
    """True when LINE may have forgotten the retry key: another attempt could be a second message."""
    return send.unclear_since is not None and now - send.unclear_since >= KEY_LIFE


def give_up(send: Send, now: datetime) -> Send:
    """Unclear for too long: to the operator's list."""
    return _settled(send, SendState.UNKNOWN, "retry_key_expired", now)


def skip(send: Send, reason: str, now: datetime) -> Send:
    return _settled(send, SendState.SKIPPED, reason, now)


def reject(send: Send, reason: str, now: datetime, message: str | None = None) -> Send:
    return replace(_settled(send, SendState.REJECTED, reason, now), line_message=message)


def hold(send: Send, until: datetime, reason: str) -> Send:
    return replace(
        send,
        state=SendState.HELD,
        reason=reason,
        held_until=until,
        look_at=None,
        owner=None,
        lease_until=None,
        first_unclear_at=send.unclear_since,
        version=send.version + 1,
    )


def park(send: Send, reason: str, now: datetime) -> Send:
    return replace(
        send,
        state=SendState.PARKED,
        reason=reason,
        look_at=now,
        owner=None,
        lease_until=None,
        first_unclear_at=send.unclear_since,
        version=send.version + 1,
    )


def release(send: Send, reason: str, now: datetime) -> Send:
    """Back to planned: the gate is asked again, what is fixed stays fixed."""
    return replace(
        send,
        state=SendState.PLANNED,
        reason=reason,
        look_at=now + SWEEP_AFTER,
        owner=None,
        lease_until=None,
        first_unclear_at=send.unclear_since,
        version=send.version + 1,
    )


def bring_forward(send: Send, now: datetime) -> Send:
    """A parked row that the next sweep releases, whatever it waited for: an operator says that it may go on."""
    return replace(send, look_at=now, version=send.version + 1)


def backoff_s(attempts: int) -> int:
    """Seconds until the next attempt after `attempts` unclear ones."""
    return int(min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 3 ** max(0, attempts - 1)))


def settle(send: Send, answer: Answer, now: datetime) -> Send:
    """The row after LINE's answer to a call made under the claim that `send` holds."""
    told = replace(send, line_status=answer.status, line_request_id=answer.request_id, line_message=answer.message)
    match answer.kind:
        case AnswerKind.ACCEPTED:
            return _settled(told, SendState.ACCEPTED, answer.reason, now)
        case AnswerKind.REFUSED:
            return _settled(told, SendState.REJECTED, answer.reason, now)
        case AnswerKind.MONTHLY:
            # LINE counts by the Tokyo calendar month: before the next one every further call is in vain.
            return replace(_clear_no(send, park(told, answer.reason, now)), look_at=next_month(now))
        case AnswerKind.PASSING:
            return _clear_no(send, release(told, answer.reason, now))
        case AnswerKind.UNCLEAR:
            return replace(
                told,
                reason=answer.reason,
                owner=None,
                lease_until=None,
                look_at=now + timedelta(seconds=backoff_s(send.attempts)) + SWEEP_AFTER,
                first_unclear_at=send.first_unclear_at or now,
                version=send.version + 1,
            )


def _clear_no(before: Send, after: Send) -> Send:
    """LINE did nothing: the attempt does not count, and the key's clock stands as it stood before the call."""
    return replace(after, attempts=before.attempts - 1, first_unclear_at=before.first_unclear_at)


def refused_reply(send: Send, answer: Answer, now: datetime) -> Send:
    """A reply that LINE clearly refused, handed to the push sender under the same id (DESIGN §6.5)."""
    told = replace(send, line_status=answer.status, line_request_id=answer.request_id, line_message=answer.message)
    return replace(_clear_no(send, release(told, "reply_token_refused", now)), channel=Channel.PUSH)


def _settled(send: Send, state: SendState, reason: str, now: datetime) -> Send:
    return replace(
        send,
        state=state,
        reason=reason,
        look_at=None,
        held_until=None,
        owner=None,
        lease_until=None,
        settled_at=now,
        version=send.version + 1,
    )
