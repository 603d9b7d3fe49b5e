"""The seldom events of §1.5, each with or without source and reply token as documented (§9.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from local.line import ids
from local.line.events import envelope
from local.line.state import User, World
from local.line.values import Json


@dataclass(frozen=True)
class Shape:
    """How one type looks: where it comes from, whether it may be replied to, and its own object."""

    kind: str
    source: Literal["user", "group", "none"]
    reply: bool
    key: str | None = None
    sample: Json | None = None


TYPES: dict[str, Shape] = {
    "video_play_complete": Shape("videoPlayComplete", "user", True, "videoPlayComplete", {"trackingId": "spring"}),
    "beacon": Shape("beacon", "user", True, "beacon", {"hwid": "d41d8cd98f", "type": "enter"}),
    "membership": Shape("membership", "user", True, "membership", {"type": "joined", "membershipId": 3189}),
    "delivery": Shape("delivery", "none", False, "delivery", {"data": "order-1001-shipped"}),
    "message_edited": Shape("messageEdited", "group", True, "message", {"type": "text", "id": "1", "text": "訂正"}),
    "join": Shape("join", "group", True),
    "leave": Shape("leave", "group", False),
    "member_joined": Shape("memberJoined", "group", True, "joined"),
    "member_left": Shape("memberLeft", "group", False, "left"),
    "module": Shape(
        "module", "none", False, "module", {"type": "detached", "botId": "U" + "0" * 32, "reason": "bot_deleted"}
    ),
    "activated": Shape("activated", "user", False, "chatControl", {"expireAt": 1_900_000_000_000}),
    "deactivated": Shape("deactivated", "user", False),
    "bot_suspended": Shape("botSuspended", "none", False),
    "bot_resumed": Shape("botResumed", "none", False),
}


def happen(world: World, user: User, action: str, want: Json) -> list[Json]:
    """One seldom event. `body` replaces the type's own object; `group` names the chat of group types."""
    shape = TYPES[action]
    group = str(want.get("group") or next(iter(world.groups), ids.group_id()))
    body: dict[str, Any] = {}
    if shape.key is not None:
        body[shape.key] = want.get("body") or _own(shape, user)
    if shape.source == "none":
        return [envelope(world, shape.kind, None, **body)]
    source: Json = {"type": "user", "userId": user.user_id}
    if shape.source == "group":
        source = {"type": "group", "groupId": group}
        if shape.kind == "messageEdited":
            source["userId"] = user.user_id
    chat = (group if shape.source == "group" else user.user_id) if shape.reply else None
    return [envelope(world, shape.kind, source, chat=chat, **body)]


def _own(shape: Shape, user: User) -> Json:
    if shape.key in ("joined", "left"):
        return {"members": [{"type": "user", "userId": user.user_id}]}
    own = dict(shape.sample or {})
    if shape.kind == "messageEdited":
        own["quoteToken"] = ids.opaque("q", 24)
    return own
