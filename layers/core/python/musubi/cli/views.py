"""How stored things look on a terminal and as JSON: what support asks for, and no more of a person than that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from typing import Any
from unicodedata import east_asian_width

from musubi.domain.calendar import TOKYO
from musubi.domain.ledger import Send
from musubi.domain.people import Friend, Link, LinkEnded, Member
from musubi.domain.scenario import Enrolment
from musubi.usecases.explain_person import PersonStory

SEND_COLUMNS = ("planned_at", "scenario", "step", "key", "state", "reason", "text")
UNKNOWN_COLUMNS = ("first_unclear_at", "send_id", "person", "user_id", "scenario", "step", "key", "attempts")
ENROLMENT_COLUMNS = ("started_at", "scenario", "key", "state", "next_step", "due_at", "ended_reason")


def plain(value: Any) -> Any:
    """`value` as JSON types; instants in Tokyo time with their offset."""
    if isinstance(value, datetime):
        return value.astimezone(TOKYO).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def entity(thing: Any) -> Any:
    """A stored thing as JSON types; None stays None."""
    return plain(asdict(thing)) if thing is not None else None


def link_view(link: Link | LinkEnded | None) -> dict[str, Any] | None:
    """A link without the digest that proved it: nobody at a desk needs that."""
    shown: dict[str, Any] | None = entity(link)
    if shown is not None:
        shown.pop("evidence", None)
    return shown


def person_view(story: PersonStory) -> dict[str, Any]:
    """All that is known of one person: the answer of `member show` and `friend show`."""
    return {
        "member": entity(story.member),
        "friend": entity(story.friend),
        "link": link_view(story.link),
        "ended_links": [link_view(link) for link in story.ended_links],
    }


def story_view(story: PersonStory) -> dict[str, Any]:
    """The answer of `explain`: who by their ids, then what was sent or not. Names and birthdays are not asked for."""
    return {
        "member": _member_ids(story.member),
        "friend": _friend_ids(story.friend),
        "link": link_view(story.link),
        "ended_links": [link_view(link) for link in story.ended_links],
        "sends": [send_view(send) for send in story.sends],
        "enrolments": [enrolment_view(enrolment) for enrolment in story.enrolments],
    }


def _member_ids(member: Member | None) -> dict[str, Any] | None:
    if member is None:
        return None
    return {"shop_id": member.shop_id, "member_id": member.member_id, "state": member.state.value}


def _friend_ids(friend: Friend | None) -> dict[str, Any] | None:
    if friend is None:
        return None
    return {
        "user_id": friend.user_id,
        "reach": friend.reach.value,
        "promo": friend.promo.value,
        "standby": friend.standby,
        "erased": friend.erased,
    }


def send_view(send: Send) -> dict[str, Any]:
    """What support needs of a Send: when, what, what became of it, why, and the text that went out."""
    return {
        "send_id": send.send_id,
        "person": send.person,
        "scenario": send.scenario,
        "version": send.scenario_version,
        "step": send.step,
        "key": send.key_value,
        "channel": send.channel.value,
        "state": send.state.value,
        "reason": send.reason,
        "planned_at": plain(send.planned_at),
        "due_at": plain(send.due_at),
        "settled_at": plain(send.settled_at),
        "attempts": send.attempts,
        "line_request_id": send.line_request_id,
        "line_says": send.line_message,
        "text": texts(send.messages),
    }


def unknown_view(send: Send) -> dict[str, Any]:
    """What an operator needs to ask about a lost answer: ids and times, and none of the text, which may hold names."""
    return {
        "send_id": send.send_id,
        "person": send.person,
        "user_id": send.user_id,
        "scenario": send.scenario,
        "step": send.step,
        "key": send.key_value,
        "reason": send.reason,
        "attempts": send.attempts,
        "first_unclear_at": plain(send.first_unclear_at),
        "settled_at": plain(send.settled_at),
        "line_request_id": send.line_request_id,
    }


def enrolment_view(enrolment: Enrolment) -> dict[str, Any]:
    """How far a person is in a scenario, without the words that its templates may use."""
    return {
        "enrolment_id": enrolment.enrolment_id,
        "person": enrolment.person,
        "scenario": enrolment.scenario,
        "version": enrolment.scenario_version,
        "key": enrolment.key_value,
        "state": enrolment.state.value,
        "started_at": plain(enrolment.started_at),
        "next_step": enrolment.next_step,
        "due_at": plain(enrolment.due_at),
        "ended_reason": enrolment.ended_reason,
    }


def texts(messages: str | None) -> list[str]:
    """The readable text of each message, as fixed by the first claim."""
    if messages is None:
        return []
    return [str(m.get("text") or m.get("altText") or m.get("type")) for m in json.loads(messages)]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned text, one line each; a dash for what is empty."""
    lines = [[*columns], *([_cell(row.get(c)) for c in columns] for row in rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(_padded(text, w) for text, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(_cell(v) for v in value) or "-"
    return "-" if value is None or value == "" else str(value).replace("\n", " ")


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns that a terminal needs: kana and kanji take two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
