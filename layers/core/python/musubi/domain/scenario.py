"""Scenarios as data: what starts them, their steps, what ends them. Written as YAML in `recipes/` and `content/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from musubi.domain.store_keys import EnrolmentKey


class Audience(StrEnum):
    FRIEND = "friend"
    MEMBER = "member"


class SendClass(StrEnum):
    UTILITY = "utility"
    """Asked for or owed: shipping, booking, security, answers. Not held by quiet hours, not stopped by promo refusal."""
    PROMO = "promo"


class DateKind(StrEnum):
    BIRTHDAY = "birthday"
    POINT_EXPIRY = "point_expiry"


class KeyKind(StrEnum):
    """What makes an occurrence: the same key never enrols the same person twice."""

    EVENT = "event"
    ORDER = "order"
    SHIPMENT = "shipment"
    LINK = "link"
    YEAR = "year"
    EXPIRY = "expiry"


@dataclass(frozen=True)
class EventEntry:
    """Starts on an event: a canonical shop event or one of our own friend events (`Followed`, `Linked`…)."""

    event: str
    key: KeyKind


@dataclass(frozen=True)
class DateEntry:
    """Starts on a date of the member (an Alert). `days_before` counts Tokyo calendar days; () means on the day."""

    kind: DateKind
    key: KeyKind
    days_before: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Wait:
    """When a step is due, counted from the enrolment's anchor (the event's or the date's instant).

    `days` without `at`: that many times 24 h later. `at`: that Tokyo clock time on the calendar day `days` after the
    anchor's, so 「購入5日後の10:00」 is `days=5, at=10:00` whatever the hour of the purchase.
    """

    days: int = 0
    hours: int = 0
    minutes: int = 0
    at: time | None = None


@dataclass(frozen=True)
class Step:
    """One message of a scenario. `id` keeps its meaning over versions: it is part of the Send's id.

    `reply`: use the reply token of the event that started the scenario while it is fresh (free of quota);
    `essential`: push when the token can not be used. `expires_h`: hours after the due instant when it has lost its point.
    `awaits`: a word of the template for which alone it waits; with it known the step is due at once, and without it once the
    wait is over.
    """

    id: str
    template: str
    wait: Wait = Wait()
    reply: bool = False
    essential: bool = True
    expires_h: int | None = None
    awaits: str | None = None


@dataclass(frozen=True)
class Scenario:
    id: str
    version: int
    title: str
    audience: Audience
    send_class: SendClass
    entry: EventEntry | DateEntry
    steps: tuple[Step, ...]
    exits: tuple[str, ...] = ()
    """Names of events that end it for the same occurrence, whatever step it is at."""

    def step(self, step_id: str) -> Step | None:
        return next((s for s in self.steps if s.id == step_id), None)


class EnrolmentState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    EXITED = "exited"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """One person's passage through one scenario for one key, on the version it began with.

    `anchor_at` is business time; `next_step` and `due_at` are set while it waits. `facts` are the words its templates may
    use, as known when it began.
    """

    enrolment_id: str
    scenario: str
    scenario_version: int
    person: str
    key_value: str
    state: EnrolmentState
    anchor_at: datetime
    started_at: datetime
    next_step: str | None = None
    due_at: datetime | None = None
    ended_reason: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    version: int = 1

    @property
    def key(self) -> EnrolmentKey:
        return EnrolmentKey(self.enrolment_id)
