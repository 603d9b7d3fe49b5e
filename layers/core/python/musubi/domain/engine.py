"""The scenario engine: one passage of one person through one scenario, as values. It runs any scenario that is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from musubi.domain.calendar import STALE_AFTER, step_due
from musubi.domain.ids import enrolment_id, send_id, shard_of
from musubi.domain.ledger import SWEEP_AFTER, Channel, Send
from musubi.domain.operations import Due, DueKind, PushRef
from musubi.domain.rendering import NOT_KNOWN
from musubi.domain.scenario import Enrolment, EnrolmentState, Scenario, Step
from musubi.domain.writes import Create, Drop, Remove, Replace, Write


@dataclass(frozen=True)
class Moment:
    """Now, on both clocks (DESIGN §5): `business` decides what is due, `machine` stamps the ledger."""

    business: datetime
    machine: datetime

    @property
    def ahead(self) -> timedelta:
        """How far business time has been moved; nothing on a deployed stack."""
        return self.business - self.machine

    def business_of(self, at: datetime) -> datetime:
        """A fresh `at`, as its source dated it, in business time; never later than now.

        A shop whose clock runs ahead of ours must not make its customer wait for a thank-you, and one that does not follow
        a moved business clock must not let it expire.
        """
        moved = at + self.ahead if self.business - at > STALE_AFTER else at
        return min(moved, self.business)


@dataclass(frozen=True)
class Progress:
    """What one run of the engine decided: the enrolment as it is now, Sends to plan, the next due item."""

    enrolment: Enrolment
    sends: tuple[Send, ...] = ()
    due: Due | None = None


def begin(
    scenario: Scenario,
    *,
    deployment: str,
    person: str,
    key_value: str,
    anchor_at: datetime,
    facts: Mapping[str, str],
    now: Moment,
    hint_user: str | None = None,
    exited_by: str | None = None,
    through_tick: bool = False,
) -> Progress:
    """Enrol `person` for the occurrence `key_value`. With `exited_by` the enrolment is recorded as over before it began:
    its end overtook its start on the way here. `through_tick` lets the first step wait for the tick even if it is due.
    """
    enrolment = Enrolment(
        enrolment_id=enrolment_id(deployment, scenario.id, person, key_value),
        scenario=scenario.id,
        scenario_version=scenario.version,
        person=person,
        key_value=key_value,
        state=EnrolmentState.WAITING,
        anchor_at=anchor_at,
        started_at=now.machine,
        facts=dict(facts),
    )
    if exited_by is not None:
        return Progress(replace(enrolment, state=EnrolmentState.EXITED, ended_reason=exited_by))
    if through_tick:
        first = scenario.steps[0]
        waiting = replace(enrolment, next_step=first.id, due_at=step_due(first.wait, anchor_at))
        return Progress(waiting, due=due_of(waiting))
    return _run(scenario, enrolment, scenario.steps, deployment, facts, now, hint_user)


def proceed(
    scenario: Scenario,
    enrolment: Enrolment,
    *,
    deployment: str,
    facts: Mapping[str, str],
    now: Moment,
    hint_user: str | None = None,
) -> Progress:
    """Run the step that `enrolment` waits for, and those after it that are due as well.

    A scenario version that no longer has the step ends the enrolment with a reason instead of guessing another step.
    """
    ids = [s.id for s in scenario.steps]
    if enrolment.next_step not in ids:
        return Progress(close(enrolment, "step_gone"))
    rest = scenario.steps[ids.index(enrolment.next_step) :]
    advanced = replace(enrolment, version=enrolment.version + 1)
    return _run(scenario, advanced, rest, deployment, {**enrolment.facts, **facts}, now, hint_user)


def close(enrolment: Enrolment, reason: str, state: EnrolmentState = EnrolmentState.EXITED) -> Enrolment:
    """The enrolment, ended for `reason`. What it has planned and not sent is stopped by the gate."""
    return replace(
        enrolment,
        state=state,
        ended_reason=reason,
        next_step=None,
        due_at=None,
        version=enrolment.version + 1,
    )


def due_of(enrolment: Enrolment) -> Due | None:
    """The due item that a waiting enrolment has in store."""
    if enrolment.state is not EnrolmentState.WAITING or enrolment.due_at is None:
        return None
    return Due(
        shard=shard_of(enrolment.enrolment_id),
        at=enrolment.due_at,
        kind=DueKind.ENROLMENT,
        ref=enrolment.enrolment_id,
    )


def begin_writes(progress: Progress) -> list[Write]:
    """Store a new enrolment with all it has planned; refused whole if the person is enrolled for this key already."""
    return [Create(progress.enrolment), *_plan_writes(progress)]


def proceed_writes(due: Due, progress: Progress) -> list[Write]:
    """Move an enrolment on: the old due item goes in the transaction that plans what comes next."""
    return [Replace(progress.enrolment), Remove(due), *_plan_writes(progress)]


def close_writes(before: Enrolment, reason: str) -> list[Write]:
    """End an enrolment and take its due item away. Empty when it has ended for a reason already."""
    if before.state in (EnrolmentState.EXITED, EnrolmentState.QUARANTINED):
        return []
    waiting = due_of(before)
    return [Replace(close(before, reason)), *([Drop(waiting.key)] if waiting else [])]


def push_ref(send: Send) -> PushRef:
    """The push job of `send`."""
    return PushRef(send.send_id, send.person, send.enrolment_id, send.user_id or send.hint_user)


def _plan_writes(progress: Progress) -> list[Write]:
    due = [Create(progress.due)] if progress.due else []
    return [*(Create(send) for send in progress.sends), *due]


def _run(
    scenario: Scenario,
    enrolment: Enrolment,
    steps: tuple[Step, ...],
    deployment: str,
    facts: Mapping[str, str],
    now: Moment,
    hint_user: str | None,
) -> Progress:
    sends: list[Send] = []
    for step in steps:
        due_at = _due(step, enrolment.anchor_at, facts)
        if due_at > now.business:
            waiting = replace(enrolment, next_step=step.id, due_at=due_at)
            return Progress(waiting, tuple(sends), due_of(waiting))
        sends.append(_plan(scenario, enrolment, step, deployment, facts, due_at, now, hint_user))
    done = replace(enrolment, state=EnrolmentState.DONE, ended_reason="completed", next_step=None, due_at=None)
    return Progress(done, tuple(sends))


def _due(step: Step, anchor: datetime, facts: Mapping[str, str]) -> datetime:
    """When a step is due, by its wait; at once if what it awaits is known."""
    known = step.awaits is not None and facts.get(step.awaits, NOT_KNOWN) != NOT_KNOWN
    return anchor if known else step_due(step.wait, anchor)


def _plan(
    scenario: Scenario,
    enrolment: Enrolment,
    step: Step,
    deployment: str,
    facts: Mapping[str, str],
    due_at: datetime,
    now: Moment,
    hint_user: str | None,
) -> Send:
    return Send(
        send_id=send_id(deployment, scenario.id, step.id, enrolment.person, enrolment.key_value),
        person=enrolment.person,
        scenario=scenario.id,
        scenario_version=scenario.version,
        step=step.id,
        key_value=enrolment.key_value,
        enrolment_id=enrolment.enrolment_id,
        send_class=scenario.send_class,
        template=step.template,
        channel=Channel.REPLY if step.reply else Channel.PUSH,
        essential=step.essential,
        due_at=due_at,
        expires_at=due_at + timedelta(hours=step.expires_h) if step.expires_h else None,
        planned_at=now.machine,
        look_at=now.machine + SWEEP_AFTER,
        facts=dict(facts),
        hint_user=hint_user,
    )
