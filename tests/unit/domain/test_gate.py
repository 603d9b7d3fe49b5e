"""The gate: every reason, the order of the checks (DESIGN §7), and what is asked before a further attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from musubi.domain.gate import Decision, GateVerdict, Policy, Recipient, ask, decide, still_allowed
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Control
from musubi.domain.people import Consent, MemberState, Promo, Reach
from musubi.domain.scenario import EnrolmentState, SendClass
from tests.support import made
from tests.support.made import NOON, OTHER_USER, USER, after

NIGHT = datetime.fromisoformat("2026-11-24T22:00+09:00")
MORNING = datetime.fromisoformat("2026-11-25T09:00+09:00")
LIVE = Policy(go_live=True)
CLOSED = Policy(go_live=False, testers=frozenset({OTHER_USER}))
STOPPED = Control(stopped=True, reason="incident", at=NOON)

PLAIN = Recipient(
    friend=made.friend(), link=made.link(), member=made.member(), enrolment=made.enrolment(), control=None
)
PROMO = made.send(send_class=SendClass.PROMO)
REFUSING = made.member(consents=(Consent("line", "marketing", False, "mypage", NOON),))


def to(**changed: Any) -> Recipient:
    return replace(PLAIN, **changed)


SKIP = GateVerdict.SKIP

CASES: Mapping[str, tuple[Send, Recipient, Policy, datetime, Decision]] = {
    "nothing against it": (made.send(), to(), LIVE, NOON, Decision(GateVerdict.SEND, "gate_passed")),
    "kill switch": (made.send(), to(control=STOPPED), LIVE, NOON, Decision(GateVerdict.PARK, "kill_switch")),
    "kill switch opened again": (
        made.send(),
        to(control=replace(STOPPED, stopped=False)),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "erased member": (
        made.send(),
        to(member=made.member(state=MemberState.ERASED)),
        LIVE,
        NOON,
        Decision(SKIP, "erased"),
    ),
    "erased friend": (made.send(), to(friend=made.friend(erased=True)), LIVE, NOON, Decision(SKIP, "erased")),
    "withdrawn member": (
        made.send(),
        to(member=made.member(state=MemberState.WITHDRAWN)),
        LIVE,
        NOON,
        Decision(SKIP, "withdrawn"),
    ),
    "not a tester": (made.send(), to(), CLOSED, NOON, Decision(SKIP, "not_a_tester")),
    "nobody, before going live": (
        made.send(),
        to(friend=None, link=None),
        CLOSED,
        NOON,
        Decision(SKIP, "not_a_tester"),
    ),
    "a tester": (
        made.send(),
        to(friend=made.friend(user_id=OTHER_USER)),
        CLOSED,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "blocked": (made.send(), to(friend=made.friend(reach=Reach.BLOCKED)), LIVE, NOON, Decision(SKIP, "blocked")),
    "standby": (made.send(), to(friend=made.friend(standby=True)), LIVE, NOON, Decision(SKIP, "standby")),
    "not linked": (made.send(), to(link=None), LIVE, NOON, Decision(SKIP, "not_linked")),
    "not linked, for a friend": (
        made.send(person=f"f:{USER}"),
        to(link=None, member=None),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "linked to somebody unknown": (made.send(), to(friend=None), LIVE, NOON, Decision(SKIP, "not_a_friend")),
    "promo refused at the shop": (PROMO, to(member=REFUSING), LIVE, NOON, Decision(SKIP, "consent_member")),
    "no promo, refused at the shop": (
        made.send(),
        to(member=REFUSING),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "merged into another member": (
        made.send(),
        to(member=made.member(state=MemberState.ERASED, merged_into="2002")),
        LIVE,
        NOON,
        Decision(SKIP, "merged"),
    ),
    "promo refused": (PROMO, to(friend=made.friend(promo=Promo.REFUSED)), LIVE, NOON, Decision(SKIP, "promo_refused")),
    "promo refused, a utility": (
        made.send(),
        to(friend=made.friend(promo=Promo.REFUSED)),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "exited": (
        made.send(),
        to(enrolment=made.enrolment(state=EnrolmentState.EXITED, ended_reason="OrderCancelled")),
        LIVE,
        NOON,
        Decision(SKIP, "exited:OrderCancelled"),
    ),
    "done is not exited": (
        made.send(),
        to(enrolment=made.enrolment(state=EnrolmentState.DONE, ended_reason="completed")),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "expired": (made.send(expires_at=NOON), to(), LIVE, NOON, Decision(SKIP, "expired")),
    "not expired yet": (
        made.send(expires_at=after(microseconds=1)),
        to(),
        LIVE,
        NOON,
        Decision(GateVerdict.SEND, "gate_passed"),
    ),
    "quiet hours": (PROMO, to(), LIVE, NIGHT, Decision(GateVerdict.HOLD, "quiet_hours", MORNING)),
    "quiet hours, a utility": (made.send(), to(), LIVE, NIGHT, Decision(GateVerdict.SEND, "gate_passed")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gate(case: str) -> None:
    send, recipient, policy, now, decision = CASES[case]
    assert decide(send, recipient, policy, now) == decision


ORDER: list[tuple[str, dict[str, Any]]] = [
    ("kill_switch", {"control": STOPPED}),
    ("erased", {"member": made.member(state=MemberState.ERASED)}),
    ("not_a_tester", {"policy": CLOSED}),
    ("blocked", {"reach": Reach.BLOCKED}),
    ("standby", {"standby": True}),
    ("not_linked", {"link": None}),
    ("promo_refused", {"promo": Promo.REFUSED}),
    (
        "exited:OrderCancelled",
        {"enrolment": made.enrolment(state=EnrolmentState.EXITED, ended_reason="OrderCancelled")},
    ),
    ("expired", {"expires_at": NOON}),
    ("quiet_hours", {}),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[reason for reason, _ in ORDER])
def test_of_several_reasons_the_first_of_the_order_is_given(first: int) -> None:
    """Everything from `first` on is against the Send, and the answer names `first`."""
    against = {name: value for _, fields in ORDER[first:] for name, value in fields.items()}
    send = replace(PROMO, expires_at=against.pop("expires_at", None))
    policy = against.pop("policy", LIVE)
    state = {name: against.pop(name) for name in ("reach", "standby", "promo") if name in against}
    recipient = to(friend=made.friend(**state), **against)
    assert decide(send, recipient, policy, NIGHT).reason == ORDER[first][0]


FIXED = made.send(messages="[]", user_id=USER, state=SendState.CLAIMED, claimed_at=NOON, attempts=1)
FIXED_PROMO = replace(FIXED, send_class=SendClass.PROMO)


@pytest.mark.parametrize(
    ("send", "recipient", "decision"),
    [
        (FIXED, to(), Decision(GateVerdict.SEND, "gate_passed")),
        (FIXED, to(control=STOPPED), Decision(GateVerdict.PARK, "kill_switch")),
        (FIXED, to(member=made.member(state=MemberState.ERASED)), Decision(SKIP, "erased")),
        (FIXED, to(friend=made.friend(erased=True)), Decision(SKIP, "erased")),
        (FIXED, to(member=made.member(state=MemberState.WITHDRAWN)), Decision(SKIP, "withdrawn")),
        (FIXED, to(link=None), Decision(SKIP, "unlinked")),
        # Linked anew with another account: the fixed body is the first one's and stays theirs.
        (FIXED, to(link=made.link(user_id=OTHER_USER)), Decision(SKIP, "unlinked")),
        (FIXED_PROMO, to(friend=made.friend(promo=Promo.REFUSED)), Decision(SKIP, "promo_refused")),
        (FIXED_PROMO, to(member=REFUSING), Decision(SKIP, "consent_member")),
        # What may have arrived is not judged by what has changed since.
        (FIXED, to(friend=made.friend(reach=Reach.BLOCKED)), Decision(GateVerdict.SEND, "gate_passed")),
        (replace(FIXED, person=f"f:{USER}"), to(link=None), Decision(GateVerdict.SEND, "gate_passed")),
    ],
)
def test_what_stops_a_row_that_may_have_arrived(send: Send, recipient: Recipient, decision: Decision) -> None:
    assert still_allowed(send, recipient) == decision
    assert ask(replace(send, expires_at=NOON), recipient, LIVE, NIGHT) == decision


@pytest.mark.parametrize(
    ("recipient", "policy", "now", "reason"),
    [
        (to(), LIVE, NIGHT, "quiet_hours"),
        (to(friend=made.friend(reach=Reach.BLOCKED)), LIVE, NOON, "blocked"),
        (to(), CLOSED, NOON, "not_a_tester"),
        (to(link=made.link(user_id=OTHER_USER)), LIVE, NOON, "unlinked"),
        (to(), LIVE, NOON, "gate_passed"),
    ],
)
def test_after_a_clear_no_the_whole_gate_is_asked_again(
    recipient: Recipient, policy: Policy, now: datetime, reason: str
) -> None:
    waiting = replace(FIXED_PROMO, state=SendState.PLANNED, claimed_at=None)
    assert ask(waiting, recipient, policy, now).reason == reason


def test_a_row_that_was_never_claimed_is_asked_everything() -> None:
    assert ask(PROMO, to(), LIVE, NIGHT).reason == "quiet_hours"
