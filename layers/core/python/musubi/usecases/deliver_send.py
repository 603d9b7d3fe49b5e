"""One push job: ask the gate, fix and claim the row, call LINE, settle what it said (DESIGN §6), tell the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from musubi.domain import ledger
from musubi.domain.answers import Answer, AnswerKind
from musubi.domain.engine import push_ref
from musubi.domain.gate import Decision, GateVerdict, Policy, Recipient, ask
from musubi.domain.history import Record, of_send
from musubi.domain.ids import MemberPerson, parse_person, shard_of
from musubi.domain.ledger import Channel, Send, SendState
from musubi.domain.operations import Circuit, Due, DueKind, PushRef
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.rendering import RenderError, render
from musubi.domain.store_keys import (
    CircuitKey,
    ControlKey,
    EnrolmentKey,
    FriendKey,
    Key,
    LinkOfMemberKey,
    MemberKey,
    SendKey,
)
from musubi.domain.writes import Committed, Put, Replace, Write
from musubi.ports import Catalog, Clock, LineGateway, Loaded, Log, PushQueue, Store, Tokens
from musubi.usecases.answer_friend import send_facts, without_token

CIRCUIT_OPEN = timedelta(seconds=30)
"""How long nobody calls after LINE refused the channel (401, 403): somebody has to mend that."""

CIRCUIT_OPEN_RATE = timedelta(seconds=3)
"""How long nobody calls after a rate limit: LINE's bucket fills by the second, and it documents no Retry-After."""

_LONGEST_DEFER_S = 900


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    catalog: Catalog
    push_queue: PushQueue
    line: LineGateway
    tokens: Tokens
    policy: Policy
    shop_name: str
    log: Log


@dataclass(frozen=True)
class _Done:
    """What came of a job; `send` is the row as it is now, if this job knows it."""

    outcome: Outcome
    send: Send | None = None


def deliver_send(ref: PushRef, deps: Deps, riders: Sequence[Record] = ()) -> Outcome:
    """Bring one Send as far as it can go now. Waiting is a new, delayed job, never a failure: receives are for crashes.

    At the end `riders` (the lines that the job carries) and what there is to tell of the row go to the history, in one
    message. A repeat finds the row settled and tells the same again, so a crash before the end loses nothing.
    """
    done = _deliver(ref, deps)
    records = (*riders, *(of_send(done.send) if done.send else ()))
    if records:
        deps.log.append(records)
    return done.outcome


def _deliver(ref: PushRef, deps: Deps) -> _Done:
    loaded = _load(ref, deps)
    send = loaded.get(SendKey(ref.send_id))
    now = deps.clock.machine()
    owner = deps.tokens.owner()
    if send is None:
        return _Done(Outcome(Verdict.STALE, "no_row"))
    if send.state not in ledger.OPEN:
        return _Done(Outcome(Verdict.STALE, f"settled:{send.reason}"), send)
    if ledger.leased(send, owner, now):
        assert send.lease_until is not None
        return _defer(ref, send.lease_until - now, "leased", deps)
    if ledger.retry_waits(send, now):
        return _Done(Outcome(Verdict.STALE, "retry_waits"))
    if send.channel is Channel.REPLY:
        return _take_over_reply(send, now, deps)
    if ledger.key_expired(send, now):
        return _store(ledger.give_up(send, now), deps, "retry_key_expired")
    circuit = loaded.get(CircuitKey())
    if circuit is not None and circuit.open_until > now:
        return _defer(ref, circuit.open_until - now, "circuit_open", deps)
    recipient = _recipient(send, loaded, deps)
    if send.state is SendState.PARKED and (recipient.stopped or send.reason != "kill_switch"):
        return _Done(Outcome(Verdict.STALE, f"parked:{send.reason}"), send)
    decision = ask(send, recipient, deps.policy, deps.clock.business())
    send = ledger.decided(send, decision.verdict.value, decision.reason, now, decision.until)
    if decision.verdict is not GateVerdict.SEND:
        return _refuse(send, decision, now, deps)
    return _claim_and_call(ref, send, recipient, decision, owner, now, deps)


def _load(ref: PushRef, deps: Deps) -> Loaded:
    """Everything in one request when the hint is right, which it is unless a link changed on the way."""
    keys: set[Key[Any]] = {SendKey(ref.send_id), EnrolmentKey(ref.enrolment_id), ControlKey(), CircuitKey()}
    person = parse_person(ref.person)
    if isinstance(person, MemberPerson):
        keys |= {
            MemberKey(person.shop_id, person.member_id),
            LinkOfMemberKey(person.shop_id, person.member_id),
        }
        if ref.hint_user:
            keys.add(FriendKey(ref.hint_user))
    else:
        keys.add(FriendKey(person.user_id))
    return deps.store.load(keys)


def _recipient(send: Send, loaded: Loaded, deps: Deps) -> Recipient:
    person = parse_person(send.person)
    enrolment_key, control = EnrolmentKey(send.enrolment_id), loaded.get(ControlKey())
    enrolment = loaded.get(enrolment_key) if loaded.holds(enrolment_key) else None
    if isinstance(person, MemberPerson):
        member = loaded.get(MemberKey(person.shop_id, person.member_id))
        link = loaded.get(LinkOfMemberKey(person.shop_id, person.member_id))
        user_id = link.user_id if link else None
    else:
        member, link, user_id = None, None, person.user_id
    if user_id is None:
        return Recipient(None, None, member, enrolment, control)
    key = FriendKey(user_id)
    friend = (loaded if loaded.holds(key) else deps.store.load([key])).get(key)
    return Recipient(friend, link, member, enrolment, control)


def _refuse(send: Send, decision: Decision, now: datetime, deps: Deps) -> _Done:
    if decision.verdict is GateVerdict.SKIP:
        return _store(ledger.skip(send, decision.reason, now), deps, decision.reason)
    if decision.verdict is GateVerdict.PARK:
        if send.state is SendState.PARKED:
            return _Done(Outcome(Verdict.STALE, f"parked:{send.reason}"), send)
        return _store(ledger.park(send, decision.reason, now), deps, decision.reason)
    assert decision.until is not None
    due = Due(shard=shard_of(send.send_id), at=decision.until, kind=DueKind.SEND, ref=send.send_id)
    if send.state is SendState.HELD and send.held_until == decision.until:
        # Woken by a tick whose clock is a moment ahead of ours: its due item is gone, without another nobody wakes it.
        deps.store.commit([Put(due)])
        return _Done(Outcome(Verdict.STALE, "held_already"), send)
    held = ledger.hold(send, decision.until, decision.reason)
    return _store(held, deps, decision.reason, Put(due))


def _take_over_reply(send: Send, now: datetime, deps: Deps) -> _Done:
    moved = without_token(send, now)
    done = _store(moved, deps, moved.reason)
    if done.outcome.verdict is Verdict.DONE and moved.state is SendState.PLANNED:
        deps.push_queue.send([push_ref(moved)])
    return done


def _claim_and_call(
    ref: PushRef, send: Send, to: Recipient, decision: Decision, owner: str, now: datetime, deps: Deps
) -> _Done:
    messages, user_id = send.messages, send.user_id
    if messages is None or user_id is None:
        try:
            facts = send_facts(send, to, deps.catalog, deps.shop_name)
            messages = render(deps.catalog.template(send.template), facts)
        except (RenderError, KeyError) as error:
            rejected = ledger.reject(send, "render_error", now, str(error))
            return _store(rejected, deps, "render_error", counts={"RenderErrors": 1})
        user_id = to.friend.user_id if to.friend else ""
    claimed = ledger.claim(send, owner=owner, user_id=user_id, messages=messages, now=now, reason=decision.reason)
    if not isinstance(deps.store.commit([Replace(claimed)]), Committed):
        return _defer(ref, timedelta(seconds=1), "claimed_by_other", deps)
    answer = deps.line.push(user_id, messages, send.send_id)
    return _settle(ref, claimed, answer, deps)


def _settle(ref: PushRef, claimed: Send, answer: Answer, deps: Deps) -> _Done:
    now = deps.clock.machine()
    settled = ledger.settle(claimed, answer, now)
    counts: dict[str, int] = {}
    if answer.kind is AnswerKind.PASSING:
        deps.store.commit([Put(Circuit(open_until=now + _open_for(answer), reason=answer.reason))])
        counts = {"CircuitOpened": 1}
    if answer.kind is AnswerKind.MONTHLY:
        counts = {"MonthlyLimitHit": 1}
    done = _store(settled, deps, answer.reason, counts=counts)
    if answer.kind is AnswerKind.UNCLEAR:
        deps.push_queue.send([ref], ledger.backoff_s(claimed.attempts))
    if answer.kind is AnswerKind.PASSING:
        deps.push_queue.send([ref], round(_open_for(answer).total_seconds()))
    return done


def _open_for(answer: Answer) -> timedelta:
    return CIRCUIT_OPEN_RATE if answer.status == 429 else CIRCUIT_OPEN


def _store(send: Send, deps: Deps, reason: str, *beside: Write, counts: dict[str, int] | None = None) -> _Done:
    if not isinstance(deps.store.commit([Replace(send), *beside]), Committed):
        return _Done(Outcome(Verdict.STALE, "overtaken"))
    named = {f"Sends{send.state.value.title()}": 1}
    return _Done(Outcome(Verdict.DONE, reason, {**named, **(counts or {})}), send)


def _defer(ref: PushRef, by: timedelta, reason: str, deps: Deps) -> _Done:
    seconds = min(_LONGEST_DEFER_S, max(1, round(by.total_seconds()) + 1))
    deps.push_queue.send([ref], seconds)
    return _Done(Outcome(Verdict.STALE, reason, {"SendsDeferred": 1}))
