"""One shard of a daily run: find whom the date concerns through the date indexes and enrol them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from musubi.domain.calendar import birthdays_kept_on, tokyo_instant
from musubi.domain.engine import Moment, Progress, begin, begin_writes
from musubi.domain.ids import MemberPerson
from musubi.domain.operations import RunShard, RunState
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.scenario import DateEntry, DateKind, Scenario
from musubi.domain.store_keys import EnrolmentKey, MemberKey, RunKey
from musubi.domain.writes import MAX_WRITES, Put, Write
from musubi.ports import Catalog, Clock, Page, ShardJob, Store
from musubi.usecases.commit import until_committed
from musubi.usecases.start_daily_run import SCHEDULE, finish_run, is_complete

BATCH = 50
"""People enrolled by one transaction: an enrolment and its due item each are exactly DynamoDB's 100 writes."""

_Query = Callable[[str | None], Page[MemberKey]]


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    catalog: Catalog
    deployment: str


def enrol_shard(job: ShardJob, deps: Deps) -> Outcome:
    """Enrol everybody of `job`'s shard whom its date concerns, mark the shard, finish the run with its last shard."""
    enrolled = 0
    for scenario in deps.catalog.scenarios():
        if isinstance(scenario.entry, DateEntry):
            enrolled += _enrol_scenario(scenario, scenario.entry, job, deps)
    deps.store.commit(
        [
            Put(
                RunShard(
                    schedule=SCHEDULE,
                    on=job.on,
                    shard=job.shard,
                    enrolled=enrolled,
                    done_at=deps.clock.machine(),
                )
            )
        ]
    )
    _finish_if_last(job, deps)
    return Outcome(Verdict.DONE, "shard_enrolled", {"EnrolmentsStarted": enrolled})


@dataclass(frozen=True)
class _Occurrence:
    """One person whom a date concerns: the key of the occurrence and what its templates need."""

    member: MemberKey
    key_value: str
    facts: dict[str, str]


def _enrol_scenario(scenario: Scenario, entry: DateEntry, job: ShardJob, deps: Deps) -> int:
    enrolled = 0
    for page in _occurrences(entry, job, deps):
        for start in range(0, len(page), BATCH):
            enrolled += _enrol(scenario, page[start : start + BATCH], job.on, deps)
    return enrolled


def _occurrences(entry: DateEntry, job: ShardJob, deps: Deps) -> Iterator[list[_Occurrence]]:
    if entry.kind is DateKind.BIRTHDAY:
        for before in entry.days_before:
            on = job.on + timedelta(days=before)
            key_value = f"{on.year}/{before}" if before else str(on.year)
            for month, day in birthdays_kept_on(on):
                query = partial(deps.store.birthdays, month, day, job.shard)
                yield from _pages(query, key_value, {"birthday.on": on.isoformat()})
        return
    for before in entry.days_before:
        on = job.on + timedelta(days=before)
        yield from _pages(
            partial(deps.store.points_expiring, on, job.shard),
            f"{on.isoformat()}/{before}",
            {"points.on": on.isoformat(), "points.days_left": str(before)},
        )


def _pages(query: _Query, key_value: str, facts: dict[str, str]) -> Iterator[list[_Occurrence]]:
    cursor: str | None = None
    while True:
        page = query(cursor)
        yield [_Occurrence(key, key_value, facts) for key in page.items]
        cursor = page.cursor
        if cursor is None:
            return


def _enrol(scenario: Scenario, people: Sequence[_Occurrence], on: date, deps: Deps) -> int:
    """Enrol those of `people` who are not enrolled for their occurrence yet. Repeats of the shard enrol nobody twice."""

    def attempt() -> tuple[list[Write], list[Progress]]:
        now = Moment(deps.clock.business(), deps.clock.machine())
        planned = [_begin(scenario, person, on, now, deps) for person in people]
        keys = [EnrolmentKey(p.enrolment.enrolment_id) for p in planned]
        known = deps.store.load(keys)
        fresh = [p for p in planned if known.get(EnrolmentKey(p.enrolment.enrolment_id)) is None]
        writes = [write for p in fresh for write in begin_writes(p)]
        assert len(writes) <= MAX_WRITES
        return writes, fresh

    return len(until_committed(deps.store, attempt))


def _begin(scenario: Scenario, who: _Occurrence, on: date, now: Moment, deps: Deps) -> Progress:
    """Enrolled to wait, also when its clock time is over: the tick asks whether birthday and points still are as indexed."""
    return begin(
        scenario,
        deployment=deps.deployment,
        person=str(MemberPerson(who.member.shop_id, who.member.member_id)),
        key_value=who.key_value,
        anchor_at=tokyo_instant(on),
        facts=who.facts,
        now=now,
        through_tick=True,
    )


def _finish_if_last(job: ShardJob, deps: Deps) -> None:
    if not is_complete(deps.store.run_shards(SCHEDULE, job.on)):
        return
    key = RunKey(SCHEDULE, job.on)
    run = deps.store.load([key]).get(key)
    if run is not None and run.state is not RunState.DONE:
        finish_run(run, deps.store, deps.clock)
