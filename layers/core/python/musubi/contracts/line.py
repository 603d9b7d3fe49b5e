"""One webhook event of LINE, read tolerantly.

LINE adds event types, enum values and properties without notice (Messaging API, "Webhooks"), so a reader that insists
on shapes loses events: here only the few properties that we act on are looked at, each on its own, and one that is not
as expected counts as absent. What is left over is recorded and counted, never refused.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import canonical, storable
from musubi.domain.errors import Permanent
from musubi.domain.events import LineEvent, LineEventType
from musubi.domain.ids import derived_id

MAX_RAW = 64_000
"""Characters of an unread event that are kept: DynamoDB takes 400 KB an item, S3 holds larger ones for 30 days."""

_MAX_TEXT = 5_000
_MAX_DATA = 300
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_MESSAGES = frozenset({"text", "image", "video", "audio", "file", "location", "sticker"})
_ACTED_ON = {t.value: t for t in LineEventType if t is not LineEventType.OTHER}
_LAST_MS = 4_102_444_800_000  # the year 2100: beyond it a number is no timestamp of LINE


def _text(value: object) -> str | None:
    return storable(value, _MAX_TEXT) if isinstance(value, str) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _milliseconds(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _LAST_MS else None


def _true(value: object) -> bool:
    return value is True


_Text = Annotated[str | None, BeforeValidator(_text)]
_Name = Annotated[str | None, BeforeValidator(_name)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Source(_Part):
    type: _Text = None
    userId: _Name = None


class _Delivery(_Part):
    isRedelivery: Annotated[bool, BeforeValidator(_true)] = False


class _Message(_Part):
    type: _Text = None
    text: _Text = None


class _Postback(_Part):
    data: _Text = None


class _Link(_Part):
    result: _Text = None
    nonce: _Text = None


class RawLineEvent(_Part):
    """The properties of a webhook event that we look at."""

    type: _Text = None
    mode: _Text = None
    timestamp: Annotated[int | None, BeforeValidator(_milliseconds)] = None
    webhookEventId: _Name = None
    replyToken: _Text = None
    source: Annotated[_Source, BeforeValidator(_object)] = _Source()
    deliveryContext: Annotated[_Delivery, BeforeValidator(_object)] = _Delivery()
    message: Annotated[_Message, BeforeValidator(_object)] = _Message()
    postback: Annotated[_Postback, BeforeValidator(_object)] = _Postback()
    link: Annotated[_Link, BeforeValidator(_object)] = _Link()


def read_line_event(value: Any, received_at: datetime) -> LineEvent:
    """The event in `value`, one element of a webhook's `events`; `received_at` is the ingress' machine time.

    Raises Permanent only for what is no JSON object.
    """
    if not isinstance(value, dict):
        raise Permanent("LINE event: not an object")
    raw = RawLineEvent.model_validate(value)
    # A type we do not know and a mode we do not know are both reasons to record and not to answer.
    standby = raw.mode not in (None, "active")
    personal = raw.source.type in (None, "user")
    kind = _ACTED_ON.get(raw.type or "", LineEventType.OTHER) if personal else LineEventType.OTHER
    raw_type = _raw_type(raw, personal)
    return LineEvent(
        event_id=raw.webhookEventId or _derived(value),
        type=kind,
        raw_type=raw_type,
        at=_instant(raw.timestamp, received_at),
        received_at=received_at,
        # In a group anybody may speak: nothing said there may link, unlink or answer for one person.
        user_id=raw.source.userId if personal else None,
        reply_token=None if standby or not personal else raw.replyToken,
        standby=standby,
        redelivered=raw.deliveryContext.isRedelivery,
        text=raw.message.text if raw.message.type == "text" else None,
        postback=raw.postback.data[:_MAX_DATA] if raw.postback.data is not None else None,
        link_ok=raw.link.result == "ok",
        link_nonce=raw.link.nonce or None,
        unread=kind is LineEventType.OTHER or (kind is LineEventType.MESSAGE and raw.message.type not in _MESSAGES),
        raw=canonical(value)[:MAX_RAW],
    )


def read_claimed(text: str) -> Any:
    """The event that a claim check stored as JSON; raises Permanent."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Permanent("LINE event: claimed text is not JSON") from None


def _raw_type(raw: RawLineEvent, personal: bool) -> str:
    words = [raw.type or "unknown"]
    if raw.message.type:
        words.append(raw.message.type)
    if not personal:
        words.insert(0, raw.source.type or "unknown")
    return "/".join(word[:40] for word in words)


def _instant(milliseconds: int | None, fallback: datetime) -> datetime:
    return fallback if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _derived(value: dict[str, Any]) -> str:
    """An id for an event without one: LINE redelivers events unchanged but for `deliveryContext`."""
    return derived_id("line-event", canonical({k: v for k, v in value.items() if k != "deliveryContext"}))
