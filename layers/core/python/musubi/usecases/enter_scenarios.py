"""Which scenarios the news of a shop event begin and end."""

from __future__ import annotations

from dataclasses import dataclass

from musubi.domain.calendar import is_fresh
from musubi.domain.engine import Moment, Progress, begin, close_writes
from musubi.domain.facts import order_facts
from musubi.domain.ids import MemberPerson, enrolment_id
from musubi.domain.orders import Milestone, Order
from musubi.domain.profiles import DERIVED
from musubi.domain.projection import Untold, is_silent
from musubi.domain.scenario import EventEntry, KeyKind, Scenario
from musubi.domain.store_keys import EnrolmentKey
from musubi.domain.writes import Write
from musubi.usecases.project_shop_event import Projection
from musubi.usecases.shop_state import ShopState, order_key_values


@dataclass(frozen=True)
class _Occurrence:
    """Something that scenarios may begin with, told of the event's member."""

    name: str
    key_value: str
    facts: dict[str, str]


def end_scenarios(state: ShopState, untold: Untold) -> list[Write]:
    """End what the news end, each enrolment by the first of them that does."""
    order, writes = untold.order, list[Write]()
    person = str(MemberPerson(order.shop_id, order.member_id or ""))
    parcels = {s.shipment_id for s in order.shipments}
    for scenario in state.catalog.scenarios():
        ended_by = next((m.name for m in untold.news if m.name in scenario.exits), None)
        if ended_by is None:
            continue
        for value in order_key_values(scenario, order.order_id, parcels):
            found = state.find(EnrolmentKey(enrolment_id(state.deployment, scenario.id, person, value)))
            if found is not None:
                writes.extend(close_writes(found, ended_by))
    return writes


def begin_scenarios(state: ShopState, projection: Projection, now: Moment) -> list[Progress]:
    """Begin what fresh milestones begin, what the event itself begins, and what it has proven of its member."""
    begun: dict[str, Progress] = {}
    if projection.untold is not None:
        for milestone in projection.untold.fresh:
            for progress in _of_milestone(state, projection.untold.order, milestone, projection.nth, now):
                begun.setdefault(progress.enrolment.enrolment_id, progress)
        return list(begun.values())
    says_nothing = projection.own_write or projection.unchanged
    return [*(() if says_nothing else _of_event(state, now)), *_of_news(state, projection, now)]


def _of_milestone(state: ShopState, order: Order, milestone: Milestone, nth: int | None, now: Moment) -> list[Progress]:
    person = str(MemberPerson(order.shop_id, order.member_id or ""))
    begun = []
    for scenario in _entered_by(milestone.name, state):
        value = _key_value(scenario, order, milestone)
        if state.find(EnrolmentKey(enrolment_id(state.deployment, scenario.id, person, value))) is not None:
            continue
        begun.append(
            begin(
                scenario,
                deployment=state.deployment,
                person=person,
                key_value=value,
                anchor_at=now.business_of(milestone.at),
                facts=order_facts(order, milestone, nth),
                now=now,
                hint_user=state.link.user_id if state.link else None,
                exited_by=next((e for e in scenario.exits if order.has(e)), None),
            )
        )
    return begun


def _key_value(scenario: Scenario, order: Order, milestone: Milestone) -> str:
    """Per order once, however many refunds it has; else per milestone."""
    assert isinstance(scenario.entry, EventEntry)
    if scenario.entry.key is KeyKind.ORDER or not milestone.ref:
        return order.order_id
    return f"{order.order_id}/{milestone.ref}"


def _of_event(state: ShopState, now: Moment) -> list[Progress]:
    """Scenarios that start on an event about a member, once per event."""
    event = state.event
    if event.order is not None or event.type in DERIVED or is_silent(event, now.ahead):
        return []
    return _begin(state, _Occurrence(event.type, f"{event.source}/{event.event_id}", {}), now)


def _of_news(state: ShopState, projection: Projection, now: Moment) -> list[Progress]:
    """Scenarios that start on what a snapshot has proven. Silent as for orders: tests, imports and what is a day old."""
    event = state.event
    if event.is_test or event.is_backfill:
        return []
    fresh = [news for news in projection.news if is_fresh(news.at, event.received_at, now.ahead)]
    return [one for news in fresh for one in _begin(state, _Occurrence(news.event, news.key, news.facts), now)]


def _begin(state: ShopState, what: _Occurrence, now: Moment) -> list[Progress]:
    if state.member_id is None:
        return []
    return [
        begin(
            scenario,
            deployment=state.deployment,
            person=str(MemberPerson(state.event.shop_id, state.member_id)),
            key_value=what.key_value,
            anchor_at=now.business_of(state.event.occurred_at),
            facts=what.facts,
            now=now,
            hint_user=state.link.user_id if state.link else None,
        )
        for scenario in _entered_by(what.name, state)
    ]


def _entered_by(name: str, state: ShopState) -> list[Scenario]:
    return [s for s in state.catalog.scenarios() if isinstance(s.entry, EventEntry) and s.entry.event == name]
