"""A LINE event: what is known of the friend changes, links are made and ended, and a `for: friend` scenario answers.

The answer is claimed in the same transaction as the change, so a repeat of the event finds its own row: the change is not
made twice and the reply token is used once (see `answer_friend`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from musubi.domain.engine import Moment, begin, begin_writes, push_ref
from musubi.domain.events import FriendEvent, LineEvent
from musubi.domain.friends import apply_presence, is_overtaken, set_promo, wish_unlinked
from musubi.domain.gate import Policy, Recipient
from musubi.domain.history import of_line_event, of_send
from musubi.domain.ids import FriendPerson, enrolment_id, send_id
from musubi.domain.intents import MAY_TELL, Intent, intent_of
from musubi.domain.ledger import Send
from musubi.domain.linking import LinkMove, consent_fact, end_link, make_link, nonce_digest
from musubi.domain.operations import Fact, Seen
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.people import Friend, Link, Member, MemberState, Nonce, Promo
from musubi.domain.rewards import link_reward, reward_key
from musubi.domain.scenario import Enrolment, EventEntry, KeyKind, Scenario
from musubi.domain.store_keys import (
    ControlKey,
    EnrolmentKey,
    FriendKey,
    Key,
    LinkOfFriendKey,
    LinkOfMemberKey,
    MemberKey,
    NonceKey,
    SendKey,
)
from musubi.domain.writes import Create, Drop, Put, Replace, Write
from musubi.ports import Bus, Catalog, Clock, LineGateway, Loaded, Log, PushQueue, Store, Tokens
from musubi.usecases.answer_friend import Answering, answer, first_claim
from musubi.usecases.commit import until_committed
from musubi.usecases.publish_facts import publish_facts


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    catalog: Catalog
    push_queue: PushQueue
    bus: Bus
    line: LineGateway
    tokens: Tokens
    policy: Policy
    deployment: str
    shop_name: str
    login_url: str
    log: Log
    link_points: Mapping[str, int] = field(default_factory=dict)
    """Points for a member's first link, by shop."""


def take_line_event(event: LineEvent, deps: Deps) -> Outcome:
    """Take one verified webhook event. The history hears of it last, together with the answer: the reply token ages."""
    intent = intent_of(event, deps.catalog.command(event.text) if event.text is not None else None)
    outcome, send = _take(event, intent, deps)
    deps.log.append([of_line_event(event, intent), *(of_send(send) if send else ())])
    return outcome


def _take(event: LineEvent, intent: Intent, deps: Deps) -> tuple[Outcome, Send | None]:
    """What came of the event, and the row of its answer as it is now."""
    if event.user_id is None and intent is not Intent.LINK:
        return _record(event, deps, "no_user"), None
    if event.user_id is None:
        return _link_failed_at_line(event, deps), None
    taken = until_committed(deps.store, lambda: _attempt(event, intent, deps))
    if taken.send is None:
        _publish(taken.facts, deps)
        return Outcome(taken.verdict, taken.reason, taken.counts), None
    answering = Answering(deps.store, deps.clock, deps.push_queue, deps.line, deps.tokens)
    answered = answer(taken.send, event, answering, fresh=taken.fresh, stopped=taken.stopped)
    # After the answer: the reply token ages. If the answer fails, the sweeper does both.
    if taken.more:
        deps.push_queue.send([push_ref(send) for send in taken.more])
    _publish(taken.facts, deps)
    return replace(answered.outcome, counts={**taken.counts, **answered.outcome.counts}), answered.send


@dataclass(frozen=True)
class _Taken:
    verdict: Verdict
    reason: str
    counts: dict[str, int]
    send: Send | None = None
    fresh: bool = False
    """The Send was claimed by this very commit: nobody has called LINE for it yet."""
    more: tuple[Send, ...] = ()
    """Sends of further steps that are due at once."""
    stopped: bool = False
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class _Change:
    """What an intent decided: the friend as it will be, what to tell them, and the writes beside."""

    friend: Friend
    tells: FriendEvent | None
    reason: str
    writes: tuple[Write, ...] = ()
    facts: tuple[Fact, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    link: Link | None = None


def _attempt(event: LineEvent, intent: Intent, deps: Deps) -> tuple[Sequence[Write], _Taken]:
    user_id = event.user_id or ""
    loaded = _load(event, user_id, intent, deps)
    before = loaded.get(FriendKey(user_id))
    present = apply_presence(before, event)
    friend = present or before
    assert friend is not None
    earlier = _earlier_answer(event, intent, user_id, loaded, deps)
    if earlier is not None:
        return (), _Taken(Verdict.STALE, "repeat", {"LineEventRepeats": 1}, send=earlier, stopped=_is_stopped(loaded))
    change = _decide(event, intent, friend, before, loaded, deps)
    writes = list(change.writes)
    if change.friend != before:
        writes.append(_store_friend(before, change.friend))
    if event.unread or event.standby:
        writes.append(Put(_mark(event, deps, "standby" if event.standby else "recorded")))
    begun, sends = _begin_answer(event, change, loaded, deps)
    counts = {"LineEventsTaken": 1, **({"LineEventsUnread": 1} if event.unread else {})}
    verdict = Verdict.DONE if writes or begun else Verdict.IGNORED
    send = sends[0] if sends else None
    taken = _Taken(verdict, change.reason, counts, send, fresh=bool(sends), more=sends[1:], facts=change.facts)
    return [*writes, *begun], taken


def _is_stopped(loaded: Loaded) -> bool:
    control = loaded.get(ControlKey())
    return control is not None and control.stopped


def _load(event: LineEvent, user_id: str, intent: Intent, deps: Deps) -> Loaded:
    keys: list[Key[Any]] = [FriendKey(user_id), LinkOfFriendKey(user_id), ControlKey()]
    if event.link_nonce:
        keys.append(NonceKey(nonce_digest(event.link_nonce)))
    for scenario in _may_answer(intent, deps):
        enrolment, send = _answer_ids(scenario, event, user_id, deps)
        keys += [EnrolmentKey(enrolment), SendKey(send)]
    loaded = deps.store.load(keys)
    nonce = loaded.get(NonceKey(nonce_digest(event.link_nonce))) if event.link_nonce else None
    link = loaded.get(LinkOfFriendKey(user_id))
    more: set[Key[Any]] = set()
    if nonce is not None:
        more |= {LinkOfMemberKey(nonce.shop_id, nonce.member_id), MemberKey(nonce.shop_id, nonce.member_id)}
        more.add(reward_key(nonce.shop_id, nonce.member_id))
    elif link is not None and intent is Intent.LINK:
        more |= {LinkOfMemberKey(link.shop_id, link.member_id), MemberKey(link.shop_id, link.member_id)}
    return loaded.plus(deps.store.load(more)) if more else loaded


def _may_answer(intent: Intent, deps: Deps) -> list[Scenario]:
    names = MAY_TELL[intent]
    return [s for s in deps.catalog.scenarios() if isinstance(s.entry, EventEntry) and s.entry.event in names]


def _answer_ids(scenario: Scenario, event: LineEvent, user_id: str, deps: Deps) -> tuple[str, str]:
    person, value = str(FriendPerson(user_id)), _key_value(scenario, event)
    return (
        enrolment_id(deps.deployment, scenario.id, person, value),
        send_id(deps.deployment, scenario.id, scenario.steps[0].id, person, value),
    )


def _key_value(scenario: Scenario, event: LineEvent) -> str:
    """A link is one occurrence however often its event arrives; everything else is one per webhook event."""
    assert isinstance(scenario.entry, EventEntry)
    if scenario.entry.key is KeyKind.LINK and event.link_nonce:
        return nonce_digest(event.link_nonce)
    return event.event_id


def _earlier_answer(event: LineEvent, intent: Intent, user_id: str, loaded: Loaded, deps: Deps) -> Send | None:
    """The Send that an earlier delivery of this event began."""
    for scenario in _may_answer(intent, deps):
        enrolment, send = _answer_ids(scenario, event, user_id, deps)
        found: Enrolment | None = loaded.get(EnrolmentKey(enrolment))
        if found is not None:
            return loaded.get(SendKey(send))
    return None


def _decide(
    event: LineEvent, intent: Intent, friend: Friend, before: Friend | None, loaded: Loaded, deps: Deps
) -> _Change:
    link = loaded.get(LinkOfFriendKey(friend.user_id))
    if event.standby:
        return _decide_in_standby(event, intent, friend, link, loaded, deps)
    match intent:
        case Intent.FOLLOW:
            if is_overtaken(before, event):
                return _Change(friend, None, "overtaken")
            return _Change(friend, FriendEvent.FOLLOWED, "followed")
        case Intent.LINK:
            return _decide_link(event, friend, link, loaded, deps)
        case Intent.START_LINK:
            return _offer_link(friend, link, deps)
        case Intent.UNLINK:
            return _decide_unlink(event, friend, link, deps)
        case Intent.REFUSE_PROMO | Intent.ALLOW_PROMO:
            return _decide_promo(event, intent, friend, link, deps)
    return _Change(friend, None, event.type.value)


def _decide_in_standby(
    event: LineEvent, intent: Intent, friend: Friend, link: Link | None, loaded: Loaded, deps: Deps
) -> _Change:
    """A module holds the chat: wishes and proofs count as always, nothing is said."""
    match intent:
        case Intent.LINK:
            change = _decide_link(event, friend, link, loaded, deps)
        case Intent.UNLINK:
            change = _decide_unlink(event, friend, link, deps)
        case Intent.REFUSE_PROMO | Intent.ALLOW_PROMO:
            change = _decide_promo(event, intent, friend, link, deps)
        case _:
            change = _Change(friend, None, "")
    return replace(change, tells=None, reason="standby")


def _decide_link(event: LineEvent, friend: Friend, link: Link | None, loaded: Loaded, deps: Deps) -> _Change:
    digest = nonce_digest(event.link_nonce or "")
    nonce = loaded.get(NonceKey(digest)) if event.link_nonce else None
    if not event.link_ok or _is_erased(nonce, loaded):
        # Whoever was erased after the login proves nothing any more.
        drop: tuple[Write, ...] = (Drop(NonceKey(digest)),) if nonce else ()
        return _Change(friend, FriendEvent.LINK_FAILED, "link_failed", drop)
    move: LinkMove = make_link(
        user_id=friend.user_id,
        entrance=friend.entrance,
        nonce=nonce,
        digest=digest,
        at=event.at,
        now=deps.clock.machine(),
        of_friend=link,
        of_member=_member_side(nonce, loaded),
        unlinked_at=friend.unlinked_at,
    )
    if move.reason == "overtaken":
        return _Change(friend, None, move.reason, move.writes)
    tells = FriendEvent.LINKED if move.link is not None else FriendEvent.LINK_FAILED
    change = _Change(friend, tells, move.reason, move.writes, move.facts, link=move.link)
    if move.link is None or not move.facts:
        return change
    change = _with_reward(change, move.link, loaded, deps)
    # Said when there was no member to say it for: the shop does not know it yet.
    return change if friend.promo_at is None else _with_consent(change, move.link, event, deps)


def _with_reward(change: _Change, link: Link, loaded: Loaded, deps: Deps) -> _Change:
    """Once per member, whoever links and unlinks how often; where only testers get messages, only for their links."""
    points = deps.link_points.get(link.shop_id, 0)
    paid = loaded.get(reward_key(link.shop_id, link.member_id)) is not None
    if points <= 0 or paid or not deps.policy.lets(link.user_id):
        return change
    writes, fact = link_reward(link, points, deps.catalog.words()["link_reward"], deps.clock.machine())
    return replace(change, writes=(*change.writes, *writes), facts=(*change.facts, fact))


def _is_erased(nonce: Nonce | None, loaded: Loaded) -> bool:
    member = loaded.get(MemberKey(nonce.shop_id, nonce.member_id)) if nonce else None
    return member is not None and member.state is MemberState.ERASED


def _member_side(nonce: Nonce | None, loaded: Loaded) -> Link | None:
    return loaded.get(LinkOfMemberKey(nonce.shop_id, nonce.member_id)) if nonce else None


def _offer_link(friend: Friend, link: Link | None, deps: Deps) -> _Change:
    if link is not None:
        return _Change(friend, FriendEvent.LINK_REFUSED, "linked_already", link=link)
    token = deps.line.link_token(friend.user_id)
    if token is None:
        return _Change(friend, FriendEvent.LINK_FAILED, "no_link_token")
    joint = "&" if "?" in deps.login_url else "?"
    url = f"{deps.login_url}{joint}{urlencode({'linkToken': token})}"
    return _Change(friend, FriendEvent.LINK_OFFERED, "link_offered", words=(("link.url", url),))


def _decide_unlink(event: LineEvent, friend: Friend, link: Link | None, deps: Deps) -> _Change:
    wished = wish_unlinked(friend, event.at)
    if link is None:
        return _Change(wished, FriendEvent.NOT_LINKED, "not_linked")
    move = end_link(link, at=event.at, now=deps.clock.machine(), reason="asked")
    tells = FriendEvent.UNLINKED if move.link is None else None
    return _Change(wished, tells, move.reason, move.writes, move.facts, link=link)


def _decide_promo(event: LineEvent, intent: Intent, friend: Friend, link: Link | None, deps: Deps) -> _Change:
    """The shop hears each wish, a repeated one too: it may have another one on file."""
    refused = intent is Intent.REFUSE_PROMO
    tells = FriendEvent.PROMO_REFUSED if refused else FriendEvent.PROMO_ALLOWED
    changed = set_promo(friend, Promo.REFUSED if refused else Promo.ALLOWED, event.at)
    if changed is None:
        return _Change(friend, None, "overtaken")
    change = _Change(changed, tells, tells.value)
    return change if link is None else _with_consent(change, link, event, deps)


def _with_consent(change: _Change, link: Link, event: LineEvent, deps: Deps) -> _Change:
    fact = consent_fact(link, change.friend, event.at, deps.clock.machine())
    return replace(change, writes=(*change.writes, Create(fact)), facts=(*change.facts, fact))


def _store_friend(before: Friend | None, after: Friend) -> Write:
    if before is None:
        return Create(replace(after, version=1))
    return Replace(replace(after, version=before.version + 1))


def _begin_answer(
    event: LineEvent, change: _Change, loaded: Loaded, deps: Deps
) -> tuple[list[Write], tuple[Send, ...]]:
    """Enrol into the scenario that answers and claim its first Send, in the same commit as the change itself."""
    scenario = next(
        (
            s
            for s in deps.catalog.scenarios()
            if isinstance(s.entry, EventEntry) and change.tells is not None and s.entry.event == change.tells
        ),
        None,
    )
    if scenario is None:
        return [], ()
    now = Moment(deps.clock.business(), deps.clock.machine())
    user_id = change.friend.user_id
    progress = begin(
        scenario,
        deployment=deps.deployment,
        person=str(FriendPerson(user_id)),
        key_value=_key_value(scenario, event),
        # Business now, not LINE's clock: LINE does not follow a moved business clock.
        anchor_at=now.business,
        facts=dict(change.words),
        now=now,
        hint_user=user_id,
    )
    member = _member_of(change.link, loaded)
    recipient = Recipient(change.friend, change.link, member, None, loaded.get(ControlKey()))
    if not progress.sends:
        return begin_writes(progress), ()
    planned, *more = progress.sends
    claimed = first_claim(planned, event, recipient, deps.policy, deps.catalog, deps.tokens, now, deps.shop_name)
    sends = (claimed, *more)
    return begin_writes(replace(progress, sends=sends)), sends


def _member_of(link: Link | None, loaded: Loaded) -> Member | None:
    if link is None:
        return None
    key = MemberKey(link.shop_id, link.member_id)
    return loaded.get(key) if loaded.holds(key) else None


def _link_failed_at_line(event: LineEvent, deps: Deps) -> Outcome:
    """LINE's `failed` names nobody: another LINE account than the token's pressed the button. The login is void."""
    if event.link_nonce:
        deps.store.commit([Drop(NonceKey(nonce_digest(event.link_nonce)))])
    return Outcome(Verdict.DONE, "link_failed", {"LinksFailed": 1})


def _record(event: LineEvent, deps: Deps, reason: str) -> Outcome:
    """Keep what we can not act on, as it came, and count it."""
    deps.store.commit([Put(_mark(event, deps, reason))])
    return Outcome(Verdict.STORED, reason, {"LineEventsUnread": 1})


def _mark(event: LineEvent, deps: Deps, verdict: str) -> Seen:
    return Seen(
        source="line",
        event_id=event.event_id,
        kind=event.raw_type,
        content="",
        at=deps.clock.machine(),
        verdict=verdict,
        raw=event.raw,
    )


def _publish(facts: Sequence[Fact], deps: Deps) -> None:
    """Tell the bus right after the commit; what it does not take, the sweeper publishes."""
    if facts:
        publish_facts(facts, deps.store, deps.bus)
