"""The minute tick: lease each shard that has something due, run it in order, stop cleanly when time is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from musubi.domain.calendar import is_kept_on
from musubi.domain.engine import (
    Moment,
    Progress,
    close,
    proceed,
    proceed_writes,
    push_ref,
)
from musubi.domain.errors import Retryable
from musubi.domain.facts import parcel_facts, points_facts
from musubi.domain.ids import SHARDS, MemberPerson, in_turn, parse_person
from musubi.domain.ledger import OPEN
from musubi.domain.operations import Due, DueKind, PushRef, ShardLease
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.people import Link, Member, MemberState
from musubi.domain.scenario import DateEntry, DateKind, Enrolment, EnrolmentState, Scenario
from musubi.domain.store_keys import EnrolmentKey, Key, LinkOfMemberKey, MemberKey, OrderKey, SendKey, ShardLeaseKey
from musubi.domain.writes import Committed, Conflict, Create, Drop, Remove, Replace, Write
from musubi.ports import Catalog, Clock, Loaded, PushQueue, Quarantine, Store, Tokens

PAGE = 25
LEASE = timedelta(seconds=70)
"""Longer than due_steps' timeout (55 s): two ticks never work on one shard."""
MAX_FAILURES = 5


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    catalog: Catalog
    push_queue: PushQueue
    quarantine: Quarantine
    tokens: Tokens
    deployment: str
    on_error: Callable[[str, Exception], None]
    """Told of each failed item (reference and error), for the log."""


def run_due_steps(
    deps: Deps,
    shards: Sequence[int] = tuple(range(SHARDS)),
    out_of_time: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run what is due in `shards`. `OldestDueAgeSeconds` is the age of the oldest item found, in business time."""
    owner = deps.tokens.owner()
    counts = {"StepsRun": 0, "StepsFailed": 0, "StepsQuarantined": 0, "OldestDueAgeSeconds": 0}
    for shard in in_turn(shards, deps.clock.machine()):
        if out_of_time():
            return Outcome(Verdict.DONE, "out_of_time", counts)
        oldest = deps.store.due_before(shard, deps.clock.business(), 1)
        if not oldest:
            continue
        age = round((deps.clock.business() - oldest[0].at).total_seconds())
        counts["OldestDueAgeSeconds"] = max(counts["OldestDueAgeSeconds"], age)
        lease = _lease(shard, owner, deps)
        if lease is None:
            continue
        _run_shard(shard, deps, counts, out_of_time)
        deps.store.commit([Remove(lease)])
    return Outcome(Verdict.DONE, "ticked", counts)


def _lease(shard: int, owner: str, deps: Deps) -> ShardLease | None:
    key = ShardLeaseKey(shard)
    held = deps.store.load([key]).get(key)
    now = deps.clock.machine()
    if held is not None and held.until > now and held.owner != owner:
        return None
    version = held.version + 1 if held else 1
    lease = ShardLease(shard=shard, owner=owner, until=now + LEASE, version=version)
    write: Write = Replace(lease) if held else Create(lease)
    return lease if isinstance(deps.store.commit([write]), Committed) else None


def _run_shard(shard: int, deps: Deps, counts: dict[str, int], out_of_time: Callable[[], bool]) -> None:
    """Page by page until nothing is due. A page of which an item failed or none could be run ends it: the next tick tries
    again, instead of this one spinning on what does not move.
    """
    while not out_of_time():
        page = deps.store.due_before(shard, deps.clock.business(), PAGE)
        before = dict(counts)
        _run_page(page, deps, counts, out_of_time)
        stuck = counts["StepsFailed"] > before["StepsFailed"] or counts["StepsRun"] == before["StepsRun"]
        if stuck or len(page) < PAGE:
            return


def _run_page(page: Sequence[Due], deps: Deps, counts: dict[str, int], out_of_time: Callable[[], bool]) -> None:
    loaded = _load(page, deps)
    refs: list[PushRef] = []
    for due in page:
        if out_of_time():
            break
        try:
            begun = _run_item(due, loaded, deps)
            refs.extend(begun or ())
            counts["StepsRun"] += begun is not None
        except Exception as error:  # one broken item must not stop the head of the queue (DESIGN §4)
            deps.on_error(due.ref, error)
            counts["StepsFailed"] += 1
            counts["StepsQuarantined"] += _count_failure(due, loaded, error, deps)
    if refs:
        deps.push_queue.send(refs)


def _load(page: Sequence[Due], deps: Deps) -> Loaded:
    """Two requests for a whole page: what is due, then whom it concerns."""
    keys: list[Key[Any]] = [
        EnrolmentKey(due.ref) if due.kind is DueKind.ENROLMENT else SendKey(due.ref) for due in page
    ]
    loaded = deps.store.load(keys)
    people: set[Key[Any]] = set()
    for due in page:
        if due.kind is not DueKind.ENROLMENT:
            continue
        enrolment = loaded.get(EnrolmentKey(due.ref))
        person = parse_person(enrolment.person) if enrolment else None
        if isinstance(person, MemberPerson):
            people.add(MemberKey(person.shop_id, person.member_id))
            people.add(LinkOfMemberKey(person.shop_id, person.member_id))
            people.update(_awaited(enrolment, deps.catalog))
    return loaded.plus(deps.store.load(people)) if people else loaded


def _awaited(enrolment: Enrolment | None, catalog: Catalog) -> list[OrderKey]:
    """The order whose parcel the step waits to know more of."""
    scenario = catalog.scenario(enrolment.scenario, enrolment.scenario_version) if enrolment else None
    step = scenario.step(enrolment.next_step or "") if enrolment and scenario else None
    if enrolment is None or step is None or step.awaits is None:
        return []
    person = parse_person(enrolment.person)
    return [OrderKey(person.shop_id, enrolment.facts["order.id"])] if isinstance(person, MemberPerson) else []


def _run_item(due: Due, loaded: Loaded, deps: Deps) -> list[PushRef] | None:
    """The Sends to enqueue; None when somebody changed the enrolment since the load (a cancelled order, say)."""
    if due.kind is DueKind.SEND:
        return _wake_send(due, loaded, deps)
    enrolment = loaded.get(EnrolmentKey(due.ref))
    if enrolment is None or enrolment.state is not EnrolmentState.WAITING or enrolment.due_at != due.at:
        # The enrolment has moved on or ended; a due item that outlived it means nothing any more.
        deps.store.commit([Drop(due.key)])
        return []
    progress = _progress(enrolment, loaded, deps)
    refs = [push_ref(send) for send in progress.sends]
    result = deps.store.commit(proceed_writes(due, progress))
    if isinstance(result, Conflict) and (known := {send.key for send in progress.sends} & set(result.keys)):
        # A step that content moved behind this one was planned before: its Send is there, and is enqueued again.
        fresh = tuple(send for send in progress.sends if send.key not in known)
        result = deps.store.commit(proceed_writes(due, replace(progress, sends=fresh)))
    return refs if isinstance(result, Committed) else None


def _wake_send(due: Due, loaded: Loaded, deps: Deps) -> list[PushRef]:
    """Quiet hours are over. The cursor moves after the emit: enqueuing twice is harmless, once too few is not."""
    send = loaded.get(SendKey(due.ref))
    if send is not None and send.state in OPEN:
        deps.push_queue.send([push_ref(send)])
    deps.store.commit([Drop(due.key)])
    return []


def _progress(enrolment: Enrolment, loaded: Loaded, deps: Deps) -> Progress:
    now = Moment(deps.clock.business(), deps.clock.machine())
    scenario = deps.catalog.scenario(enrolment.scenario, enrolment.scenario_version)
    if scenario is None:
        return Progress(close(enrolment, "scenario_gone"))
    member, link = _person(enrolment, loaded)
    reason, facts = _still_meant(scenario, enrolment, member)
    if reason is not None:
        return Progress(close(enrolment, reason))
    for key in _awaited(enrolment, deps.catalog):
        order = loaded.get(key)
        facts |= parcel_facts(order, enrolment) if order is not None else {}
    return proceed(
        scenario,
        enrolment,
        deployment=deps.deployment,
        facts=facts,
        now=now,
        hint_user=link.user_id if link else None,
    )


def _person(enrolment: Enrolment, loaded: Loaded) -> tuple[Member | None, Link | None]:
    person = parse_person(enrolment.person)
    if not isinstance(person, MemberPerson):
        return None, None
    return (
        loaded.get(MemberKey(person.shop_id, person.member_id)),
        loaded.get(LinkOfMemberKey(person.shop_id, person.member_id)),
    )


def _still_meant(scenario: Scenario, enrolment: Enrolment, member: Member | None) -> tuple[str | None, dict[str, str]]:
    """Is the reason for an alert still true now? A changed birthday or spent points end it; facts are as of now."""
    if member is not None and member.state is not MemberState.ACTIVE:
        return member.state.value, {}
    if not isinstance(scenario.entry, DateEntry):
        return None, {}
    if member is None:
        return "member_gone", {}
    if scenario.entry.kind is DateKind.BIRTHDAY:
        kept = is_kept_on(member.birthday, date.fromisoformat(enrolment.facts["birthday.on"]))
        return (None if kept else "birthday_changed"), {}
    expires_on = date.fromisoformat(enrolment.facts["points.on"])
    if member.points_expiring(expires_on) <= 0:
        return "points_gone", {}
    return None, points_facts(member, expires_on)


def _count_failure(due: Due, loaded: Loaded, error: Exception, deps: Deps) -> int:
    """Remember the failure; after MAX_FAILURES the item goes to quarantine and its enrolment ends. Returns 1 then.

    What passes by itself is no fault of the item: a store or queue that is away for five ticks must lose nothing.
    """
    if isinstance(error, Retryable):
        return 0
    failed = replace(due, failures=due.failures + 1, version=due.version + 1)
    try:
        if failed.failures < MAX_FAILURES:
            deps.store.commit([Replace(failed)])
            return 0
        deps.quarantine.put("due_steps", type(error).__name__, f"{due.kind.value}:{due.ref}")
        writes: list[Write] = [Remove(due)]
        enrolment = loaded.get(EnrolmentKey(due.ref)) if due.kind is DueKind.ENROLMENT else None
        if enrolment is not None:
            writes.append(Replace(close(enrolment, "failed", EnrolmentState.QUARANTINED)))
        return int(isinstance(deps.store.commit(writes), Committed))
    except Retryable as retry:
        deps.on_error(due.ref, retry)
        return 0
