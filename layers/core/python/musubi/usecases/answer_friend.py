"""Answer a friend with the reply token of their event: free of quota, one use, no retry key (DESIGN §6.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from musubi.domain import ledger
from musubi.domain.answers import AnswerKind
from musubi.domain.engine import Moment, push_ref
from musubi.domain.errors import Retryable
from musubi.domain.events import LineEvent
from musubi.domain.gate import GateVerdict, Policy, Recipient, decide
from musubi.domain.ledger import Channel, Send, SendState
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.rendering import RenderError, member_facts, render
from musubi.domain.writes import Committed, Replace
from musubi.ports import Catalog, Clock, LineGateway, PushQueue, Store, Tokens

REPLY_LIFE = timedelta(seconds=50)
"""LINE takes a reply token for one minute after the webhook; ten seconds are kept for the way."""

REPLY_LEASE = timedelta(seconds=8)
"""Longer than line_events' timeout (6 s), shorter than its visibility: a repeat must still find the token alive."""


@dataclass(frozen=True)
class Answering:
    store: Store
    clock: Clock
    push_queue: PushQueue
    line: LineGateway
    tokens: Tokens


def token_alive(event: LineEvent, now: datetime) -> bool:
    """True while LINE should still take the event's reply token. A redelivery renews it, so arrival counts."""
    return event.reply_token is not None and now - event.received_at < REPLY_LIFE


def first_claim(
    send: Send,
    event: LineEvent,
    to: Recipient,
    policy: Policy,
    catalog: Catalog,
    tokens: Tokens,
    now: Moment,
    shop_name: str,
) -> Send:
    """The row as it is first stored: claimed for a reply, planned for a push, or refused by the gate with its reason.

    Version 1, because the event's own transaction creates it.
    """
    decision = decide(send, to, policy, now.business)
    # HOLD (quiet hours) holds no reply: the friend is awake and waits for it. What goes as a push meets the gate again.
    if decision.verdict is not GateVerdict.HOLD:
        send = ledger.decided(send, decision.verdict.value, decision.reason, now.machine)
    if decision.verdict is GateVerdict.SKIP:
        return replace(ledger.skip(send, decision.reason, now.machine), version=1)
    if decision.verdict is GateVerdict.PARK:
        return replace(_stopped(send, now.machine), version=1)
    if send.channel is Channel.PUSH:
        return send
    if not token_alive(event, now.machine):
        return replace(without_token(send, now.machine), version=1)
    facts = send_facts(send, to, catalog, shop_name)
    try:
        messages = render(catalog.template(send.template), facts)
    except (RenderError, KeyError) as error:
        return replace(ledger.reject(send, "render_error", now.machine, str(error)), version=1)
    claimed = ledger.claim(
        send,
        owner=tokens.owner(),
        user_id=event.user_id or "",
        messages=messages,
        now=now.machine,
        reason=decision.reason,
        lease=REPLY_LEASE,
    )
    return replace(claimed, version=1)


def send_facts(send: Send, to: Recipient, catalog: Catalog, shop_name: str) -> dict[str, str]:
    """Everything the Send's template may use."""
    words = catalog.words()
    names = member_facts(to.member, words["nameless"], words["honorific"])
    return {"shop.name": shop_name, **names, **send.facts}


@dataclass(frozen=True)
class Answered:
    """What came of an answer; `send` is the row as it is now, if we know it."""

    outcome: Outcome
    send: Send | None = None


def answer(send: Send, event: LineEvent, deps: Answering, *, fresh: bool, stopped: bool = False) -> Answered:
    """Bring `send` to LINE by the event's reply token, or hand it to the push sender. `fresh`: our own first claim.

    `stopped`: the kill switch is on; it is asked before every attempt (DESIGN §6.2).
    """
    if send.state is SendState.PLANNED and send.channel is Channel.PUSH:
        deps.push_queue.send([push_ref(send)])
        return Answered(Outcome(Verdict.DONE, "push_planned", {"PushesPlanned": 1}), send)
    if send.state not in (SendState.CLAIMED, SendState.PLANNED):
        counts = {f"Sends{send.state.value.title()}": 1}
        return Answered(Outcome(Verdict.STALE, f"{send.state.value}:{send.reason}", counts), send)
    claimed = send if fresh else _claim_again(send, event, deps, stopped)
    if claimed is None:
        return Answered(Outcome(Verdict.STALE, "moved_on"))
    if claimed.channel is Channel.PUSH or claimed.state is not SendState.CLAIMED:
        return answer(claimed, event, deps, fresh=False, stopped=stopped)
    return _call(claimed, event, deps)


def _claim_again(send: Send, event: LineEvent, deps: Answering, stopped: bool) -> Send | None:
    """Take over the row of an earlier delivery that did not finish."""
    now = deps.clock.machine()
    owner = deps.tokens.owner()
    if ledger.leased(send, owner, now):
        assert send.lease_until is not None
        raise Retryable("answer_in_flight", after_s=max(1, round((send.lease_until - now).total_seconds())))
    if stopped:
        moved = _stopped(send, now)
    elif not token_alive(event, now):
        moved = without_token(send, now)
    else:
        moved = ledger.claim(send, owner=owner, user_id="", messages="", now=now, reason=send.reason, lease=REPLY_LEASE)
    return moved if isinstance(deps.store.commit([Replace(moved)]), Committed) else None


def _stopped(send: Send, now: datetime) -> Send:
    """The kill switch is on: what matters waits to be pushed, what may have arrived is never sent again."""
    send = ledger.decided(send, GateVerdict.PARK.value, "kill_switch", now)
    if send.state is SendState.CLAIMED:
        return without_token(send, now)
    if not send.essential:
        # Its words are about now (a link token lives ten minutes): hours later they would be wrong.
        return ledger.skip(send, "kill_switch", now)
    return replace(ledger.park(send, "kill_switch", now), channel=Channel.PUSH)


def without_token(send: Send, now: datetime) -> Send:
    """A reply row without a token (any more): push what matters, drop what does not, never send what may have arrived.

    Also for the push sender, which finds such rows when their event is gone.
    """
    if send.state is SendState.CLAIMED:
        return replace(ledger.give_up(send, now), reason="reply_unclear")
    if not send.essential:
        return ledger.skip(send, "reply_token_aged", now)
    return replace(ledger.release(send, "reply_token_aged", now), channel=Channel.PUSH)


def _call(send: Send, event: LineEvent, deps: Answering) -> Answered:
    result = deps.line.reply(event.reply_token or "", send.messages or "")
    now = deps.clock.machine()
    settled = ledger.settle(send, result, now)
    if result.kind is AnswerKind.REFUSED and send.first_unclear_at is not None:
        if result.bad_reply_token:
            # Only an accepted reply uses a token up: the earlier, unclear attempt arrived.
            settled = replace(settled, state=SendState.ACCEPTED, reason="accepted_inferred")
    elif result.kind is AnswerKind.REFUSED and send.essential:
        # Whatever the words, which LINE may change: if the message itself is wrong, the push is refused as well.
        settled = ledger.refused_reply(send, result, now)
    if not isinstance(deps.store.commit([Replace(settled)]), Committed):
        return Answered(Outcome(Verdict.STALE, "overtaken"))
    if result.kind in (AnswerKind.UNCLEAR, AnswerKind.PASSING):
        raise Retryable(settled.reason, after_s=2)
    if settled.channel is Channel.PUSH and settled.state is SendState.PLANNED:
        deps.push_queue.send([push_ref(settled)])
    return Answered(Outcome(Verdict.DONE, settled.reason, {f"Replies{settled.state.value.title()}": 1}), settled)
