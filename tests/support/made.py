"""Entities for tests: each maker gives a plain, valid one; the test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from musubi.domain.events import LineEvent, LineEventType
from musubi.domain.ledger import Send
from musubi.domain.people import Friend, Link, Member, Nonce, Reach, Side
from musubi.domain.scenario import (
    Audience,
    Enrolment,
    EnrolmentState,
    EventEntry,
    KeyKind,
    Scenario,
    SendClass,
    Step,
)

NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
"""24 November 2026, 12:00 in Tokyo."""

USER = "U" + "1" * 32
OTHER_USER = "U" + "2" * 32
MEMBER = "m:main/1001"


def after(**span: float) -> datetime:
    """NOON and `span` (a timedelta's arguments)."""
    return NOON + timedelta(**span)


def friend(**given: Any) -> Friend:
    since = after(days=-9)
    known: dict[str, Any] = {"user_id": USER, "reach": Reach.REACHABLE, "reach_at": since, "first_seen_at": since}
    return Friend(**(known | given))


def member(**given: Any) -> Member:
    return Member(**({"shop_id": "main", "member_id": "1001", "family_name": "結城", "given_name": "さくら"} | given))


def link(**given: Any) -> Link:
    known: dict[str, Any] = {
        "side": Side.FRIEND,
        "user_id": USER,
        "shop_id": "main",
        "member_id": "1001",
        "linked_at": after(days=-8),
        "method": "account_link",
        "entrance": "direct",
        "evidence": "digest-0",
    }
    return Link(**(known | given))


def nonce(**given: Any) -> Nonce:
    known: dict[str, Any] = {"digest": "digest-1", "shop_id": "main", "member_id": "1001"}
    return Nonce(**(known | {"issued_at": NOON, "expires_at": after(minutes=10)} | given))


def send(**given: Any) -> Send:
    known: dict[str, Any] = {
        "send_id": "7c3d1c7e-9f1e-5a39-8f0c-6a4f64f5a001",
        "person": MEMBER,
        "scenario": "some_scenario",
        "scenario_version": 1,
        "step": "one",
        "key_value": "A-1",
        "enrolment_id": "enrolment-1",
        "send_class": SendClass.UTILITY,
        "template": "some_template",
        "due_at": NOON,
        "planned_at": NOON,
    }
    return Send(**(known | given))


def enrolment(**given: Any) -> Enrolment:
    known: dict[str, Any] = {
        "enrolment_id": "enrolment-1",
        "scenario": "some_scenario",
        "scenario_version": 1,
        "person": MEMBER,
        "key_value": "A-1",
        "state": EnrolmentState.WAITING,
        "anchor_at": NOON,
        "started_at": NOON,
    }
    return Enrolment(**(known | given))


def scenario(*steps: Step, **given: Any) -> Scenario:
    known: dict[str, Any] = {
        "id": "some_scenario",
        "version": 1,
        "title": "ある筋書き",
        "audience": Audience.MEMBER,
        "send_class": SendClass.UTILITY,
        "entry": EventEntry("OrderPlaced", KeyKind.ORDER),
        "steps": steps or (Step("one", "some_template"),),
    }
    return Scenario(**(known | given))


def line_event(kind: LineEventType, at: datetime = NOON, **given: Any) -> LineEvent:
    known: dict[str, Any] = {
        "event_id": f"{kind.value}-{at.timestamp():.0f}",
        "type": kind,
        "raw_type": kind.value,
        "at": at,
        "received_at": at,
        "user_id": USER,
    }
    return LineEvent(**(known | given))
