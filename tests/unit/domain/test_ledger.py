"""The ledger row: its moves one by one, and a machine that makes any of them in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from musubi.domain import ledger
from musubi.domain.answers import Answer, AnswerKind
from musubi.domain.ledger import Channel, Send, SendState
from tests.support import made
from tests.support.made import NOON, USER, after

MESSAGES = '[{"type":"text","text":"a"}]'


def claimed(send: Send | None = None, now: datetime = NOON, owner: str = "me") -> Send:
    return ledger.claim(
        send or made.send(), owner=owner, user_id=USER, messages=MESSAGES, now=now, reason="gate_passed"
    )


def answer(kind: AnswerKind, status: int | None = 200) -> Answer:
    return Answer(kind, kind.value, status, "request-1", "LINE's words")


def test_the_first_claim_fixes_recipient_and_messages() -> None:
    again = ledger.claim(
        ledger.release(claimed(), "released", NOON), owner="b", user_id="U-x", messages="[]", now=NOON, reason="r"
    )
    assert (again.user_id, again.messages, again.attempts) == (USER, MESSAGES, 2)


def test_a_claim_keeps_others_off_for_its_lease_and_not_longer() -> None:
    row = claimed()
    assert ledger.leased(row, "other", NOON + ledger.LEASE - timedelta(seconds=1))
    assert not ledger.leased(row, "me", NOON)
    assert not ledger.leased(row, "other", NOON + ledger.LEASE)
    assert not ledger.leased(made.send(), "other", NOON)


@pytest.mark.parametrize(
    ("kind", "state", "attempts"),
    [
        (AnswerKind.ACCEPTED, SendState.ACCEPTED, 1),
        (AnswerKind.REFUSED, SendState.REJECTED, 1),
        (AnswerKind.UNCLEAR, SendState.CLAIMED, 1),
        (AnswerKind.PASSING, SendState.PLANNED, 0),
        (AnswerKind.MONTHLY, SendState.PARKED, 0),
    ],
)
def test_what_an_answer_makes_of_a_row(kind: AnswerKind, state: SendState, attempts: int) -> None:
    row = ledger.settle(claimed(), answer(kind), after(seconds=3))
    assert (row.state, row.attempts, row.owner, row.lease_until) == (state, attempts, None, None)
    assert (row.line_status, row.line_request_id, row.line_message) == (200, "request-1", "LINE's words")
    assert row.first_unclear_at == (after(seconds=3) if kind is AnswerKind.UNCLEAR else None)


def test_unclear_sets_the_keys_clock_once() -> None:
    first = ledger.settle(claimed(), answer(AnswerKind.UNCLEAR), after(seconds=3))
    second = ledger.settle(claimed(first, after(minutes=5)), answer(AnswerKind.UNCLEAR), after(minutes=6))
    assert second.first_unclear_at == after(seconds=3)
    assert second.attempts == 2


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 15), (3, 45), (4, 135), (5, 405), (6, 900), (40, 900)])
def test_backoff_grows_to_a_quarter_of_an_hour(attempts: int, seconds: int) -> None:
    assert ledger.backoff_s(attempts) == seconds


@pytest.mark.parametrize("kind", [AnswerKind.PASSING, AnswerKind.MONTHLY])
def test_a_clear_no_leaves_the_keys_clock_as_it_was(kind: AnswerKind) -> None:
    assert ledger.settle(claimed(), answer(kind), NOON).first_unclear_at is None
    unclear = ledger.settle(claimed(), answer(AnswerKind.UNCLEAR), NOON)
    assert ledger.settle(claimed(unclear, after(hours=1)), answer(kind), after(hours=1)).first_unclear_at == NOON


@pytest.mark.parametrize("move", ["park", "release", "hold"])
def test_a_claim_that_died_keeps_its_clock_through_every_pause(move: str) -> None:
    """Whoever died may have died after LINE's yes. Stopped for a day and resumed, the key is no longer known to LINE."""
    died = claimed()
    paused = {
        "park": ledger.park(died, "kill_switch", after(minutes=1)),
        "release": ledger.release(died, "released", after(minutes=1)),
        "hold": ledger.hold(died, after(hours=9), "quiet_hours"),
    }[move]
    assert paused.first_unclear_at == NOON
    assert ledger.key_expired(paused, NOON + ledger.KEY_LIFE)


def test_a_key_is_over_an_hour_before_line_forgets_it() -> None:
    row = ledger.settle(claimed(), answer(AnswerKind.UNCLEAR), NOON)
    assert not ledger.key_expired(row, after(hours=22, minutes=59))
    assert ledger.key_expired(row, after(hours=23))
    assert not ledger.key_expired(made.send(), after(days=99))


def test_a_key_is_over_for_a_claim_that_nobody_settled_too() -> None:
    assert ledger.key_expired(claimed(), after(hours=23))


def test_the_monthly_limit_waits_for_tokyos_next_month() -> None:
    row = ledger.settle(claimed(), answer(AnswerKind.MONTHLY, 429), NOON)
    assert row.look_at == datetime.fromisoformat("2026-12-01T00:00+09:00")


def test_a_refused_reply_becomes_a_push_that_never_reached_line() -> None:
    reply = replace(claimed(replace(made.send(), channel=Channel.REPLY)))
    refused = Answer(AnswerKind.REFUSED, "invalid_reply_token", 400, "request-1", "Invalid reply token", True)
    row = ledger.refused_reply(reply, refused, NOON)
    assert (row.state, row.channel, row.attempts, row.first_unclear_at) == (SendState.PLANNED, Channel.PUSH, 0, None)
    assert (row.messages, row.line_message) == (MESSAGES, "Invalid reply token")


def test_moves_count_versions_one_by_one() -> None:
    row = made.send()
    moves = [
        ledger.claim(row, owner="a", user_id=USER, messages="[]", now=NOON, reason="r"),
        ledger.hold(row, NOON, "r"),
        ledger.park(row, "r", NOON),
        ledger.release(row, "r", NOON),
        ledger.skip(row, "r", NOON),
        ledger.reject(row, "r", NOON),
        ledger.give_up(row, NOON),
        *(ledger.settle(row, answer(kind), NOON) for kind in AnswerKind),
    ]
    assert {move.version for move in moves} == {2}


class LedgerMachine(RuleBasedStateMachine):
    """A row under a sender that claims, calls, dies, is stopped, held and resumed in any order over days.

    LINE here knows what it did: it accepts a key once and forgets it after 24 hours. The sender obeys the ledger alone.
    """

    @initialize()
    def plan(self) -> None:
        self.now = NOON
        self.row = made.send()
        self.fixed: tuple[str | None, str | None] | None = None
        self.accepted_at: datetime | None = None
        self.accepted = 0
        self.unclear_at: datetime | None = None
        self.settled: Send | None = None

    @rule(hours=st.sampled_from([0, 1, 5, 12, 23, 30]), minutes=st.integers(0, 59))
    def wait(self, hours: int, minutes: int) -> None:
        self.now += timedelta(hours=hours, minutes=minutes)

    @precondition(lambda self: self.row.state in ledger.OPEN)
    @rule(
        kind=st.sampled_from([*AnswerKind, None]),
        arrived=st.booleans(),
        body=st.sampled_from(["[1]", "[2]"]),
        took_s=st.integers(0, 20),
    )
    def attempt(self, kind: AnswerKind | None, arrived: bool, body: str, took_s: int) -> None:
        """`kind` None: the sender dies; `arrived` says whether LINE had accepted by then."""
        if ledger.leased(self.row, "new", self.now):
            return
        if ledger.key_expired(self.row, self.now):
            self._move(ledger.give_up(self.row, self.now))
            return
        held = ledger.claim(self.row, owner="new", user_id=USER, messages=body, now=self.now, reason="r")
        self._move(held)
        may_arrive = kind is AnswerKind.ACCEPTED or (kind in (AnswerKind.UNCLEAR, None) and arrived)
        if may_arrive:
            self._line_accepts()
        self.now += timedelta(seconds=took_s)
        if kind is not None:
            settled = ledger.settle(held, answer(kind), self.now)
            if kind is AnswerKind.PASSING:
                assert settled.attempts == held.attempts - 1
            self._move(settled)

    def _line_accepts(self) -> None:
        forgotten = self.accepted_at is None or self.now - self.accepted_at >= timedelta(hours=24)
        if forgotten:
            self.accepted += 1
            self.accepted_at = self.now

    @precondition(lambda self: self.row.state in ledger.OPEN and not ledger.leased(self.row, "x", self.now))
    @rule(move=st.sampled_from(["park", "hold", "release", "sweep"]))
    def pause(self, move: str) -> None:
        if ledger.key_expired(self.row, self.now):
            self._move(ledger.give_up(self.row, self.now))
        elif move == "park":
            self._move(ledger.park(self.row, "kill_switch", self.now))
        elif move == "hold":
            self._move(ledger.hold(self.row, self.now + timedelta(hours=9), "quiet_hours"))
        elif move == "release":
            self._move(ledger.release(self.row, "released", self.now))
        else:
            self._move(replace(self.row, look_at=self.now + ledger.SWEEP_AFTER, version=self.row.version + 1))

    @precondition(lambda self: self.row.state in ledger.OPEN and not ledger.leased(self.row, "x", self.now))
    @rule()
    def refuse(self) -> None:
        self._move(ledger.skip(self.row, "unlinked", self.now))

    def _move(self, after_move: Send) -> None:
        assert after_move.version == self.row.version + 1
        if self.row.first_unclear_at is not None:
            assert after_move.first_unclear_at == self.row.first_unclear_at
        if self.fixed is not None:
            assert (after_move.user_id, after_move.messages) == self.fixed
        if after_move.fixed:
            self.fixed = (after_move.user_id, after_move.messages)
        self.row = after_move

    @invariant()
    def accepted_once(self) -> None:
        assert self.accepted <= 1

    @invariant()
    def settled_rows_never_move(self) -> None:
        if self.settled is not None:
            assert self.row == self.settled
        elif self.row.state in ledger.SETTLED or self.row.state is SendState.UNKNOWN:
            self.settled = self.row
            assert self.row.settled_at is not None
            assert self.row.look_at is None

    @invariant()
    def only_a_claim_has_an_owner(self) -> None:
        assert self.row.owner is None or self.row.state is SendState.CLAIMED


TestLedgerMachine = LedgerMachine.TestCase
