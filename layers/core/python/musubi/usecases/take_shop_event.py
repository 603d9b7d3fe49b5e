"""A shop event: update what is known of member, order, cart and booking, enrol and end scenarios, plan what is due at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from musubi.domain.changes import PrivacyChange
from musubi.domain.engine import Moment, Progress, begin_writes, push_ref
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.forgetting import ERASED
from musubi.domain.history import of_own_write, of_shop_event
from musubi.domain.operations import PushRef, Seen
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.own_writes import OWN_WRITE
from musubi.domain.people import MemberState
from musubi.domain.writes import Create, Write
from musubi.ports import Catalog, Clock, Log, PushQueue, Store
from musubi.usecases.commit import until_committed
from musubi.usecases.enter_scenarios import begin_scenarios, end_scenarios
from musubi.usecases.file_privacy import file_privacy
from musubi.usecases.merge_members import load_merge, merge_members
from musubi.usecases.project_shop_event import project
from musubi.usecases.shop_state import load_state

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
    log: Log
    shop_hosts: frozenset[str] = frozenset()
    """Hosts of the shop's own pages: links back into a cart lead nowhere else."""


TOLD_AGAIN = timedelta(days=20)
"""How long a repeat tells the history its event again, in case the first try died before it could. Longer than a record can
wait in queues and dead letters (two weeks), shorter than the history's own marks last (thirty days).
"""


def take_shop_event(event: ShopEvent | UnreadShopEvent, deps: Deps) -> Outcome:
    """Take one verified event. Repeats are recognised by (source, id); what they may not have enqueued is enqueued again.

    The event's line for the history rides with its first push job, or goes by itself: never both, it is one request.
    """
    if isinstance(event, UnreadShopEvent):
        return _store_unread(event, deps)
    result = until_committed(deps.store, lambda: _attempt(event, deps))
    records = [of_shop_event(event), *([of_own_write(event)] if result.own_write else ())] if result.tell else []
    if result.refs:
        deps.push_queue.send(result.refs, riders=records)
    elif records:
        deps.log.append(records)
    return result.outcome


@dataclass(frozen=True)
class _Result:
    outcome: Outcome
    refs: tuple[PushRef, ...] = ()
    tell: bool = True
    """Whether the history has to hear of the event."""
    own_write: bool = False


def _attempt(event: ShopEvent, deps: Deps) -> tuple[Sequence[Write], _Result]:
    if event.merge is not None:
        state, now = load_merge(deps.store, event, event.merge), _now(deps)
        if state.seen is not None:
            return (), _repeat(event, state.seen, deps)
        writes, reasons = merge_members(state, now.machine)
        return _decided(event, now, writes, reasons, [])
    if event.privacy is not None:
        return _file_privacy(event, event.privacy, deps)
    loaded = load_state(deps.store, event, deps.catalog, deps.deployment)
    if loaded.seen is not None:
        return (), _repeat(event, loaded.seen, deps)
    now = _now(deps)
    if loaded.member is not None and loaded.member.state is MemberState.ERASED:
        # Nothing of an erased member comes back, whatever tells of it and whenever.
        return _decided(event, now, [], [], [], ERASED)
    found = project(loaded, now, deps.shop_hosts)
    if found.untold is not None:
        found.reasons += [milestone.name for milestone in found.untold.news]
        found.writes += end_scenarios(loaded, found.untold)
    begun = begin_scenarios(loaded, found, now)
    if not found.own_write:
        return _decided(event, now, found.writes, found.reasons, begun)
    decided, result = _decided(event, now, found.writes, found.reasons, begun, OWN_WRITE)
    counts = {**result.outcome.counts, "OwnWrites": 1}
    return decided, replace(result, own_write=True, outcome=replace(result.outcome, counts=counts))


def _file_privacy(event: ShopEvent, change: PrivacyChange, deps: Deps) -> tuple[Sequence[Write], _Result]:
    """What the law puts a deadline on is filed with what it does at once; a job does the rest."""
    now = _now(deps)
    seen, move = file_privacy(deps.store, event, change, now)
    if seen is not None:
        return (), _repeat(event, seen, deps)
    writes, result = _decided(event, now, list(move.writes), [move.reason], [])
    return writes, replace(result, outcome=replace(result.outcome, counts={**result.outcome.counts, **move.counts}))


def _now(deps: Deps) -> Moment:
    return Moment(deps.clock.business(), deps.clock.machine())


def _decided(
    event: ShopEvent,
    now: Moment,
    writes: list[Write],
    reasons: list[str],
    begun: Sequence[Progress],
    nothing: str = "no_change",
) -> tuple[Sequence[Write], _Result]:
    """Everything of one event in one commit: its mark, what it changes, what it begins; `nothing` says why it does none."""
    refs = tuple(push_ref(send) for progress in begun for send in progress.sends)
    reason = ",".join(reasons) or nothing
    stored = [*writes, *(write for progress in begun for write in begin_writes(progress))]
    counts = {"EnrolmentsStarted": len(begun), "ShopEventsTaken": 1}
    verdict = Verdict.DONE if reasons else Verdict.IGNORED
    return [*stored, Create(_seen(event, now, reason, refs))], _Result(Outcome(verdict, reason, counts), refs)


def _seen(event: ShopEvent, now: Moment, reason: str, refs: tuple[PushRef, ...]) -> Seen:
    return Seen(
        source=event.source,
        event_id=event.event_id,
        kind=event.type,
        content=event.content,
        at=now.machine,
        verdict=reason,
        # Without the friend: a mark outlives the link, and for a repeat the sender can look it up.
        emitted=tuple(replace(ref, hint_user=None) for ref in refs),
    )


def _repeat(event: ShopEvent, seen: Seen, deps: Deps) -> _Result:
    """Known already. Other content under the same id is the source's fault and is counted; the first one stays."""
    if seen.content != event.content:
        return _Result(Outcome(Verdict.STALE, "conflicting_repeat", {"ShopEventConflicts": 1}), tell=False)
    tell, own = deps.clock.machine() - seen.at < TOLD_AGAIN, OWN_WRITE in seen.verdict.split(",")
    return _Result(Outcome(Verdict.STALE, "repeat", {"ShopEventRepeats": 1}), seen.emitted, tell, own)


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
