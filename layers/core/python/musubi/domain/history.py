"""The history: one line for every canonical event, gate decision and settled Send, appended once and kept for years.

It outlives the tables, so it must not hold what a person may ask us to erase. A line says what happened to which ids:
member, order and booking ids as the shop counts them, LINE user ids, amounts, versions, reason codes, scenario and step.
It never holds a name, an address, a birthday, a message, a URL, a tracking number, an attribute or a tag (the shop's free
text), and never a member id and a LINE user id together: who an id stands for is written in `people` alone, and is gone
once the person is erased there. Ids are meant to be numbers and codes; one that could be more (an e-mail address as member
id, a URL as source) is replaced by a digest, the same for the same id.

A record's id is derived from what it tells, so that whoever tells it again tells the same line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Any

from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import (
    CartChange,
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    PrivacyChange,
    ReservationChange,
    SubscriptionChange,
)
from musubi.domain.events import LineEvent, ShopEvent
from musubi.domain.ids import FriendPerson, MemberPerson, derived_id, parse_person, shard_of
from musubi.domain.intents import Intent
from musubi.domain.ledger import SETTLED, Decided, Send, SendState
from musubi.domain.orders import Line
from musubi.domain.own_writes import OWN_WRITE
from musubi.domain.store_keys import LogMarkKey

SHARDS = 4
"""Parts of a day's lines, by whom they are about: who asks about one person reads a quarter. More would shred what arrives
together into objects of single lines, and each object is a paid request.
"""

MAX_LINES = 100
"""Of an order or a cart; the rest is only counted."""

_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")
_TELLING = re.compile(r"@|%40|://|^www\.", re.IGNORECASE)


class RecordKind(StrEnum):
    EVENT = "event"
    DECISION = "decision"
    SEND = "send"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line. `at` (machine time) decides the day under which it is kept, `shard` the part of that day."""

    record_id: str
    kind: RecordKind
    at: datetime
    shard: int
    body: dict[str, Any]

    @property
    def mark(self) -> LogMarkKey:
        return LogMarkKey(self.record_id)

    @property
    def folder(self) -> str:
        """`history/send/2026/12/24/03`: by kind, Tokyo day and shard."""
        return f"history/{self.kind.value}/{tokyo_date(self.at):%Y/%m/%d}/{self.shard:02d}"

    def line(self) -> str:
        """The JSON of this record, without a line break; keys in order, so that equal records are equal text."""
        told = {"id": self.record_id, "kind": self.kind.value, "at": self.at.isoformat(), **self.body}
        return json.dumps(told, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class LogMark:
    """Which object the line `record_id` was claimed for. Whether it is in it, the object itself says: it is written whole,
    once, or never (`usecases/write_log.py`). `claimed_at` is machine time.
    """

    record_id: str
    object_key: str
    claimed_at: datetime
    version: int = 1

    @property
    def key(self) -> LogMarkKey:
        return LogMarkKey(self.record_id)


def of_shop_event(event: ShopEvent) -> Record:
    """What a shop event said. Unread events are none of ours: they are stored whole in `work`, for a month."""
    parts: dict[str, dict[str, Any]] = {}
    for name, tell in _PARTS.items():
        change = getattr(event, name)
        if change is not None:
            parts[name] = tell(change)
    member_id = next((part["member"] for part in parts.values() if part.get("member")), None)
    order_id = parts.get("order", {}).get("order")
    subject = f"m:{event.shop_id}/{member_id}" if member_id else f"o:{event.shop_id}/{order_id or event.event_id}"
    head = {
        "source": safe_id(event.source),
        "event": safe_id(event.event_id),
        "type": event.type,
        "shop": event.shop_id,
        "platform": event.platform,
        "occurred_at": event.occurred_at,
        "as_of": event.as_of,
        "content": safe_id(event.content),
        "test": event.is_test or None,
        "backfill": event.is_backfill or None,
    }
    return Record(
        record_id=derived_id("event", event.source, event.event_id),
        kind=RecordKind.EVENT,
        at=event.received_at,
        shard=shard_of(subject, SHARDS),
        body=_plain({**head, **parts}),
    )


def of_own_write(event: ShopEvent) -> Record:
    """That an event was nothing but our own write coming back, and that nobody was told of it."""
    line = of_shop_event(event)
    said = ("source", "event", "type", "shop", "platform")
    return Record(
        record_id=derived_id("decision", event.source, event.event_id, OWN_WRITE),
        kind=RecordKind.DECISION,
        at=line.at,
        shard=line.shard,
        body={**{name: line.body[name] for name in said}, "verdict": "ignore", "reason": OWN_WRITE},
    )


def of_line_event(event: LineEvent, intent: Intent) -> Record:
    """What a friend did on LINE: the kind of event and the wish that we saw in it, never their words."""
    person = str(FriendPerson(event.user_id)) if event.user_id else None
    told = {
        "source": "line",
        "event": safe_id(event.event_id),
        "type": safe_id(event.raw_type),
        "person": safe_id(person),
        "intent": intent.value,
        "standby": event.standby or None,
    }
    return Record(
        record_id=derived_id("event", "line", event.event_id),
        kind=RecordKind.EVENT,
        at=event.at,
        shard=shard_of(person or event.event_id, SHARDS),
        body=_plain(told),
    )


def of_send(send: Send) -> tuple[Record, ...]:
    """What there is to tell of a Send: nothing while it is on its way, its decisions once it waits or is settled, and how
    it was settled.
    """
    if send.state in (SendState.PLANNED, SendState.CLAIMED):
        return ()
    decisions = tuple(_of_decision(send, decided) for decided in send.decisions)
    if send.settled_at is None or send.state not in (*SETTLED, SendState.UNKNOWN):
        return decisions
    return (*decisions, _settled(send, send.settled_at))


def _of_decision(send: Send, decided: Decided) -> Record:
    until = decided.until.isoformat() if decided.until else ""
    told = {"verdict": decided.verdict, "reason": decided.reason, "until": decided.until}
    return Record(
        record_id=derived_id("decision", send.send_id, decided.verdict, decided.reason, until),
        kind=RecordKind.DECISION,
        at=decided.at,
        shard=shard_of(_person(send.person), SHARDS),
        body=_plain({**_of_which(send), **told}),
    )


def _settled(send: Send, at: datetime) -> Record:
    told = {
        "state": send.state,
        "reason": send.reason,
        "channel": send.channel,
        "planned_at": send.planned_at,
        "due_at": send.due_at,
        "attempts": send.attempts,
        "line_status": send.line_status,
        "line_request": safe_id(send.line_request_id),
    }
    return Record(
        record_id=derived_id("settled", send.send_id, send.state.value),
        kind=RecordKind.SEND,
        at=at,
        shard=shard_of(_person(send.person), SHARDS),
        body=_plain({**_of_which(send), **told}),
    )


def _of_which(send: Send) -> dict[str, Any]:
    """The Send as both of its kinds of lines name it. To which LINE account it went is left out on purpose."""
    return {
        "send": send.send_id,
        "person": _person(send.person),
        "scenario": send.scenario,
        "scenario_version": send.scenario_version,
        "step": send.step,
        "occurrence": safe_id(send.key_value),
        "class": send.send_class,
        "template": send.template,
    }


def _person(text: str) -> str:
    person = parse_person(text)
    if isinstance(person, MemberPerson):
        return f"m:{person.shop_id}/{safe_id(person.member_id)}"
    return safe_id(text) or ""


def safe_id(text: str | None) -> str | None:
    """`text` if it is nothing but an id, else `~` and a digest of it: the same for the same text, never to be turned back
    by reading.
    """
    if text is None or (_PLAIN.fullmatch(text) and not _TELLING.search(text)):
        return text
    return digest(text)


def digest(text: str) -> str:
    """`~` and 32 hexadecimal digits that stand for `text`."""
    return "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _of_member(change: MemberChange) -> dict[str, Any]:
    consents = [
        {"channel": safe_id(c.channel), "purpose": safe_id(c.purpose), "allowed": c.allowed, "at": c.at}
        for c in change.consents
    ]
    return {
        "member": safe_id(change.member_id),
        "state": change.state,
        "registered_at": change.registered_at,
        "rank": safe_id(change.rank.code) if change.rank else None,
        "consents": consents or None,
    }


def _of_merge(change: MergeChange) -> dict[str, Any]:
    return {"member": safe_id(change.kept_id), "removed": safe_id(change.removed_id)}


def _of_points(change: PointsChange) -> dict[str, Any]:
    lots = [{"expires_on": lot.expires_on, "points": lot.points} for lot in (change.lots or ())]
    return {
        "member": safe_id(change.member_id),
        "balance": change.balance,
        "granted": change.granted,
        "taken": change.taken,
        "lots": lots if change.lots is not None else None,
    }


def _of_order(change: OrderChange) -> dict[str, Any]:
    return {
        "order": safe_id(change.order_id),
        "member": safe_id(change.member_id),
        "total_yen": change.total_yen,
        "milestones": [
            {"name": m.name, "at": m.at, "ref": safe_id(m.ref) if m.ref else None} for m in change.milestones
        ],
        "shipments": [{"id": safe_id(s.shipment_id), "carrier": safe_id(s.carrier)} for s in change.shipments] or None,
        **_of_lines(change.lines),
    }


def _of_cart(change: CartChange) -> dict[str, Any]:
    # A checkout's token opens the checkout: it is a key, not a name.
    return {
        "cart": digest(change.checkout_id),
        "member": safe_id(change.member_id),
        "state": change.state,
        "total_yen": change.total_yen,
        "order": safe_id(change.order_id),
        **_of_lines(change.lines),
    }


def _of_lines(lines: Iterable[Line] | None) -> dict[str, Any]:
    if lines is None:
        return {}
    every = list(lines)
    told = [
        {
            "kind": line.kind,
            "product": safe_id(line.product_id),
            "variant": safe_id(line.variant_id),
            "sku": safe_id(line.sku),
            "quantity": line.quantity,
            "unit_yen": line.unit_yen,
        }
        for line in every[:MAX_LINES]
    ]
    return {"lines": told, "lines_left_out": max(0, len(every) - MAX_LINES) or None}


def _of_reservation(change: ReservationChange) -> dict[str, Any]:
    return {
        "reservation": safe_id(change.reservation_id),
        "member": safe_id(change.member_id),
        "state": change.state,
        "start_at": change.start_at,
        "party_size": change.party_size,
    }


def _of_subscription(change: SubscriptionChange) -> dict[str, Any]:
    return {
        "subscription": safe_id(change.subscription_id),
        "member": safe_id(change.member_id),
        "state": change.state,
        "next_on": change.next_on,
        "cycle": change.cycle,
        "amount_yen": change.amount_yen,
    }


def _of_privacy(change: PrivacyChange) -> dict[str, Any]:
    return {
        "request": safe_id(change.request_id),
        "kind": change.kind,
        "deadline_at": change.deadline_at,
        "member": safe_id(change.member_id),
        "orders": [safe_id(order_id) for order_id in change.order_ids[:MAX_LINES]] or None,
    }


_PARTS: dict[str, Any] = {
    "member": _of_member,
    "merge": _of_merge,
    "points": _of_points,
    "order": _of_order,
    "cart": _of_cart,
    "reservation": _of_reservation,
    "subscription": _of_subscription,
    "privacy": _of_privacy,
}
"""Field of a ShopEvent → what of it is kept."""


def _plain(value: Any) -> Any:
    """`value` as JSON takes it, without what nobody told (None)."""
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items() if one is not None}
        case list() | tuple():
            return [_plain(one) for one in value]
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case _:
            return value
