"""A shop event: update what is known of member and order, enrol and end scenarios, plan what is due at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from musubi.domain.engine import Moment, Progress, begin, begin_writes, close_writes, push_ref
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.facts import order_facts
from musubi.domain.ids import MemberPerson, enrolment_id
from musubi.domain.linking import end_link
from musubi.domain.operations import PushRef, Seen
from musubi.domain.orders import Milestone, Order
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.people import Link, Member, MemberState
from musubi.domain.projection import (
    Untold,
    apply_member,
    apply_order,
    apply_points,
    is_silent,
    member_writes,
    order_writes,
    tell,
)
from musubi.domain.scenario import EventEntry, KeyKind, Scenario
from musubi.domain.store_keys import EnrolmentKey, Key, LinkOfMemberKey, MemberKey, OrderKey, SeenKey
from musubi.domain.writes import Create, Write
from musubi.ports import Catalog, Clock, Loaded, PushQueue, Store
from musubi.usecases.commit import until_committed

MAX_RAW = 100_000
"""Characters. DynamoDB takes 400 KB an item, and one Japanese character is three bytes; a larger unread body is kept whole
by the claim check (30 days), its beginning here."""


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    catalog: Catalog
    push_queue: PushQueue
    deployment: str


def take_shop_event(event: ShopEvent | UnreadShopEvent, deps: Deps) -> Outcome:
    """Take one verified event. Repeats are recognised by (source, id); what they may not have enqueued is enqueued again."""
    if isinstance(event, UnreadShopEvent):
        return _store_unread(event, deps)
    result = until_committed(deps.store, lambda: _attempt(event, deps))
    if result.refs:
        deps.push_queue.send(result.refs)
    return result.outcome


@dataclass(frozen=True)
class _Result:
    outcome: Outcome
    refs: tuple[PushRef, ...] = ()


@dataclass(frozen=True)
class _State:
    """What one attempt has read."""

    event: ShopEvent
    order: Order | None
    member_id: str | None
    loaded: Loaded

    @property
    def member(self) -> Member | None:
        return self.loaded.get(MemberKey(self.event.shop_id, self.member_id)) if self.member_id else None

    @property
    def link(self) -> Link | None:
        return self.loaded.get(LinkOfMemberKey(self.event.shop_id, self.member_id)) if self.member_id else None


def _attempt(event: ShopEvent, deps: Deps) -> tuple[Sequence[Write], _Result]:
    seen_key = SeenKey(event.source, event.event_id)
    state, seen = _load(event, seen_key, deps)
    if seen is not None:
        return (), _repeat(event, seen)
    now = Moment(deps.clock.business(), deps.clock.machine())
    writes: list[Write] = []
    progresses: list[Progress] = []
    reasons: list[str] = []
    _decide_member(state, now, writes, reasons)
    _decide_order(state, now, deps, writes, progresses, reasons)
    _enter_member_scenarios(state, now, deps, progresses)
    for progress in progresses:
        writes.extend(begin_writes(progress))
    refs = tuple(push_ref(send) for progress in progresses for send in progress.sends)
    reason = ",".join(reasons) or "no_change"
    writes.append(Create(_seen(event, now, reason, refs)))
    counts = {"EnrolmentsStarted": len(progresses), "ShopEventsTaken": 1}
    verdict = Verdict.DONE if reasons else Verdict.IGNORED
    return writes, _Result(Outcome(verdict, reason, counts), refs)


def _load(event: ShopEvent, seen_key: SeenKey, deps: Deps) -> tuple[_State, Seen | None]:
    """One load, or two when only the stored order knows whose it is."""
    member_id = _member_of(event)
    order_key = OrderKey(event.shop_id, event.order.order_id) if event.order else None
    first = deps.store.load(
        [seen_key, *([order_key] if order_key else []), *_person_keys(event, member_id, None, deps)]
    )
    order = first.get(order_key) if order_key else None
    # The stored order's member wins, as it does in the projection.
    known = (order.member_id if order else None) or member_id
    seen = first.get(seen_key)
    more = [] if seen else _person_keys(event, known, order, deps)
    missing = [key for key in more if not first.holds(key)]
    loaded = first.plus(deps.store.load(missing)) if missing else first
    return _State(event, order, known, loaded), seen


def _member_of(event: ShopEvent) -> str | None:
    if event.member:
        return event.member.member_id
    if event.points:
        return event.points.member_id
    return event.order.member_id if event.order else None


def _person_keys(event: ShopEvent, member_id: str | None, order: Order | None, deps: Deps) -> list[Key[Any]]:
    if member_id is None:
        return []
    keys: list[Key[Any]] = [MemberKey(event.shop_id, member_id), LinkOfMemberKey(event.shop_id, member_id)]
    if event.order:
        person = str(MemberPerson(event.shop_id, member_id))
        parcels = {s.shipment_id for s in (*event.order.shipments, *(order.shipments if order else ()))}
        for scenario in deps.catalog.scenarios():
            for value in _order_key_values(scenario, event.order.order_id, parcels):
                keys.append(EnrolmentKey(enrolment_id(deps.deployment, scenario.id, person, value)))
    return keys


def _order_key_values(scenario: Scenario, order_id: str, parcels: set[str]) -> list[str]:
    """All occurrences of one order that a scenario can have; none if orders are not what it is about."""
    if not isinstance(scenario.entry, EventEntry):
        return []
    if scenario.entry.key is KeyKind.ORDER:
        return [order_id]
    if scenario.entry.key is KeyKind.SHIPMENT:
        return [f"{order_id}/{parcel}" for parcel in sorted(parcels)]
    return []


def _decide_member(state: _State, now: Moment, writes: list[Write], reasons: list[str]) -> None:
    event, before = state.event, state.member
    after: Member | None = None
    if event.member:
        after = apply_member(before, event.member, event.shop_id, event.as_of)
    if event.points:
        after = apply_points(before, event.points, event.shop_id, event.as_of)
    if after is None:
        return
    reasons.append("member_updated")
    writes.extend(member_writes(before, after))
    if after.state is not MemberState.ACTIVE and state.link is not None:
        move = end_link(state.link, at=event.occurred_at, now=now.machine, reason=after.state.value)
        writes.extend(move.writes)
        reasons.append(move.reason)


def _decide_order(
    state: _State,
    now: Moment,
    deps: Deps,
    writes: list[Write],
    progresses: list[Progress],
    reasons: list[str],
) -> None:
    event, before = state.event, state.order
    if event.order is None:
        return
    after = apply_order(before, event.order, event.shop_id, event.as_of) or before
    if after is None:
        return
    untold = tell(after, silent=is_silent(event, now.ahead), received_at=event.received_at, ahead=now.ahead)
    stored = order_writes(before, untold.order)
    if stored:
        writes.extend(stored)
        reasons.append("order_updated")
    if untold.order.member_id is None:
        return
    reasons.extend(milestone.name for milestone in untold.news)
    writes.extend(_end_scenarios(state, untold, deps))
    for milestone in untold.fresh:
        progresses.extend(_begin_scenarios(state, untold.order, milestone, now, deps))


def _end_scenarios(state: _State, untold: Untold, deps: Deps) -> list[Write]:
    """End what the news end, each enrolment by the first of them that does."""
    order, writes = untold.order, list[Write]()
    person = str(MemberPerson(order.shop_id, order.member_id or ""))
    parcels = {s.shipment_id for s in order.shipments}
    for scenario in deps.catalog.scenarios():
        ended_by = next((m.name for m in untold.news if m.name in scenario.exits), None)
        if ended_by is None:
            continue
        for value in _order_key_values(scenario, order.order_id, parcels):
            found = state.loaded.get(EnrolmentKey(enrolment_id(deps.deployment, scenario.id, person, value)))
            if found is not None:
                writes.extend(close_writes(found, ended_by))
    return writes


def _begin_scenarios(state: _State, order: Order, milestone: Milestone, now: Moment, deps: Deps) -> list[Progress]:
    person = str(MemberPerson(order.shop_id, order.member_id or ""))
    begun = []
    for scenario in _entered_by(milestone.name, deps):
        assert isinstance(scenario.entry, EventEntry)
        value = f"{order.order_id}/{milestone.ref}" if milestone.ref else order.order_id
        key = EnrolmentKey(enrolment_id(deps.deployment, scenario.id, person, value))
        if state.loaded.holds(key) and state.loaded.get(key) is not None:
            continue
        begun.append(
            begin(
                scenario,
                deployment=deps.deployment,
                person=person,
                key_value=value,
                anchor_at=now.business_of(milestone.at),
                facts=order_facts(order, milestone),
                now=now,
                hint_user=state.link.user_id if state.link else None,
                exited_by=next((e for e in scenario.exits if order.has(e)), None),
            )
        )
    return begun


def _enter_member_scenarios(state: _State, now: Moment, deps: Deps, progresses: list[Progress]) -> None:
    """Scenarios that start on an event about a member, once per event."""
    event = state.event
    if event.order is not None or state.member_id is None or is_silent(event, now.ahead):
        return
    person = str(MemberPerson(event.shop_id, state.member_id))
    for scenario in _entered_by(event.type, deps):
        progresses.append(
            begin(
                scenario,
                deployment=deps.deployment,
                person=person,
                key_value=f"{event.source}/{event.event_id}",
                anchor_at=now.business_of(event.occurred_at),
                facts={},
                now=now,
                hint_user=state.link.user_id if state.link else None,
            )
        )


def _entered_by(name: str, deps: Deps) -> list[Scenario]:
    return [s for s in deps.catalog.scenarios() if isinstance(s.entry, EventEntry) and s.entry.event == name]


def _seen(event: ShopEvent, now: Moment, reason: str, refs: tuple[PushRef, ...]) -> Seen:
    return Seen(
        source=event.source,
        event_id=event.event_id,
        kind=event.type,
        content=event.content,
        at=now.machine,
        verdict=reason,
        emitted=refs,
    )


def _repeat(event: ShopEvent, seen: Seen) -> _Result:
    """Known already. Other content under the same id is the source's fault and is counted; the first one stays."""
    if seen.content != event.content:
        return _Result(Outcome(Verdict.STALE, "conflicting_repeat", {"ShopEventConflicts": 1}))
    return _Result(Outcome(Verdict.STALE, "repeat", {"ShopEventRepeats": 1}), seen.emitted)


def _store_unread(event: UnreadShopEvent, deps: Deps) -> Outcome:
    seen = Seen(
        source=event.source,
        event_id=event.event_id,
        kind=event.kind,
        content=event.content,
        at=deps.clock.machine(),
        verdict="unread",
        raw=event.raw[:MAX_RAW],
    )
    deps.store.commit([Create(seen)])
    return Outcome(Verdict.STORED, "unread", {"ShopEventsUnread": 1})
