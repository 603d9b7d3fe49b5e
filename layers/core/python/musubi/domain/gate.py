"""The gate: the checks just before a Send, in one pure function with a reason code for every answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from musubi.domain.calendar import quiet_until
from musubi.domain.ids import MemberPerson, parse_person
from musubi.domain.ledger import Send
from musubi.domain.operations import Control
from musubi.domain.people import Friend, Link, Member, MemberState, Promo, Reach
from musubi.domain.scenario import Enrolment, EnrolmentState, SendClass


class GateVerdict(StrEnum):
    SEND = "send"
    SKIP = "skip"
    HOLD = "hold"
    PARK = "park"


@dataclass(frozen=True)
class Decision:
    """`until` is set for HOLD: the business instant at which to ask again."""

    verdict: GateVerdict
    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Policy:
    """What the deployment allows. Until `go_live`, only `testers` (LINE user ids) pass."""

    go_live: bool
    testers: frozenset[str] = frozenset()
    quiet_begin: time = time(21)
    quiet_end: time = time(9)

    def lets(self, user_id: str) -> bool:
        """Whether anything may be done for a LINE user at all."""
        return self.go_live or user_id in self.testers


@dataclass(frozen=True)
class Recipient:
    """All that is known about whom a Send is for, read together just before the attempt."""

    friend: Friend | None
    link: Link | None
    member: Member | None
    enrolment: Enrolment | None
    control: Control | None

    @property
    def stopped(self) -> bool:
        return self.control is not None and self.control.stopped


def decide(send: Send, to: Recipient, policy: Policy, now: datetime) -> Decision:
    """May `send` leave now? `now` is business time. The order of the checks is DESIGN §7's."""
    needs_member = isinstance(parse_person(send.person), MemberPerson)
    friend = to.friend
    if to.stopped:
        return Decision(GateVerdict.PARK, "kill_switch")
    if gone := _gone(to):
        return Decision(GateVerdict.SKIP, gone)
    if not policy.lets(friend.user_id if friend is not None else ""):
        return Decision(GateVerdict.SKIP, "not_a_tester")
    if friend is not None and friend.reach is Reach.BLOCKED:
        return Decision(GateVerdict.SKIP, "blocked")
    if friend is not None and friend.standby:
        return Decision(GateVerdict.SKIP, "standby")
    if needs_member and to.link is None:
        return Decision(GateVerdict.SKIP, "not_linked")
    if friend is None:
        return Decision(GateVerdict.SKIP, "not_a_friend")
    if refused := _refused(send, to):
        return Decision(GateVerdict.SKIP, refused)
    if to.enrolment is not None and to.enrolment.state is EnrolmentState.EXITED:
        return Decision(GateVerdict.SKIP, f"exited:{to.enrolment.ended_reason}")
    if send.expires_at is not None and now >= send.expires_at:
        return Decision(GateVerdict.SKIP, "expired")
    if send.send_class is SendClass.PROMO:
        until = quiet_until(now, policy.quiet_begin, policy.quiet_end)
        if until is not None:
            return Decision(GateVerdict.HOLD, "quiet_hours", until)
    return Decision(GateVerdict.SEND, "gate_passed")


def ask(send: Send, to: Recipient, policy: Policy, now: datetime) -> Decision:
    """The gate for a row at any age. While LINE has only ever said a clear no, all of it is asked again: a row that the
    monthly limit parked may leave weeks later. Once it may have arrived, only what must stop a repeat is asked.
    """
    if not send.fixed:
        return decide(send, to, policy, now)
    kept = still_allowed(send, to)
    if kept.verdict is not GateVerdict.SEND or send.unclear_since is not None:
        return kept
    return decide(send, to, policy, now)


def still_allowed(send: Send, to: Recipient) -> Decision:
    """Asked before every further attempt of a fixed row: these stop it, they never change its body (DESIGN §6.2).

    A refusal of promotion is among them, since it holds at once for everything in flight (DESIGN §7).
    """
    needs_member = isinstance(parse_person(send.person), MemberPerson)
    if to.stopped:
        return Decision(GateVerdict.PARK, "kill_switch")
    if gone := _gone(to):
        return Decision(GateVerdict.SKIP, gone)
    if needs_member and (to.link is None or to.link.user_id != send.user_id):
        return Decision(GateVerdict.SKIP, "unlinked")
    if refused := _refused(send, to):
        return Decision(GateVerdict.SKIP, refused)
    return Decision(GateVerdict.SEND, "gate_passed")


def _refused(send: Send, to: Recipient) -> str | None:
    """Who has refused this promotion: the friend on LINE, or the member at the shop. Either is enough."""
    if send.send_class is not SendClass.PROMO:
        return None
    if to.friend is not None and to.friend.promo is Promo.REFUSED:
        return "promo_refused"
    return "consent_member" if to.member is not None and to.member.refuses("line", "marketing") else None


def _gone(to: Recipient) -> str | None:
    member_state = to.member.state if to.member else MemberState.ACTIVE
    if to.member is not None and to.member.merged_into is not None:
        return "merged"
    if member_state is MemberState.ERASED or (to.friend is not None and to.friend.erased):
        return "erased"
    return "withdrawn" if member_state is MemberState.WITHDRAWN else None
