"""How stored things look on a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from typing import Any

from musubi.domain.calendar import TOKYO
from musubi.domain.ledger import Send
from musubi.usecases.explain_person import PersonStory


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


def texts(messages: str | None) -> list[str]:
    """The readable text of each message, as fixed by the first claim."""
    if messages is None:
        return []
    return [str(m.get("text") or m.get("altText") or m.get("type")) for m in json.loads(messages)]


def story_view(story: PersonStory) -> dict[str, Any]:
    """The whole answer of `explain`."""
    return {
        "member": entity(story.member),
        "friend": entity(story.friend),
        "link": entity(story.link),
        "ended_links": [entity(link) for link in story.ended_links],
        "sends": [send_view(send) for send in story.sends],
        "enrolments": [entity(enrolment) for enrolment in story.enrolments],
    }


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned text, one line each; a dash for what is empty."""
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(c), *(len(line[i]) for line in cells)) if cells else len(c) for i, c in enumerate(columns)]
    lines = [[*columns], *cells]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(_cell(v) for v in value) or "-"
    return "-" if value is None or value == "" else str(value).replace("\n", " ")
