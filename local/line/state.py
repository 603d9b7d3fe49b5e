"""Everything the simulator remembers. No rule lives here; rules are in the modules that read it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from local.line import ids
from local.line.clock import SimClock, iso
from local.line.config import Config
from local.line.values import Json

Relation = Literal["friend", "blocked", "none", "deleted"]


@dataclass
class ChatItem:
    """One bubble on a phone. `sender` is "user", "bot" or "note" (a grey line such as 「友だちになりました」)."""

    n: int
    sender: Literal["user", "bot", "note"]
    message: Json
    shown_at: float
    message_id: str = ""
    api: str = ""


@dataclass
class User:
    """A person on LINE as one provider knows her. `last_message_at` opens the 7-day window of non-friends (§2.3)."""

    user_id: str
    display_name: str
    person: str
    relation: Relation = "none"
    ever_followed: bool = False
    last_message_at: float | None = None
    standby: bool = False
    language: str = "ja"
    picture_url: str | None = None
    status_message: str | None = None
    loading_until: float = 0.0
    timeline: list[ChatItem] = field(default_factory=list)

    def public(self) -> Json:
        """The record that /_sim/friends shows."""
        return {
            "user_id": self.user_id,
            "display_name": self.display_name,
            "relation": self.relation,
            "standby": self.standby,
            "bubbles": len(self.timeline),
        }


@dataclass
class ChannelToken:
    """A channel access token. `moved_s` is the clock offset at issue: an expiry after the story moved LINE's clock
    is the story's doing, not the client's."""

    token: str
    kind: Literal["stateless", "v2.1", "short", "long"]
    channel_id: str
    expires_at: float | None
    moved_s: float
    key_id: str = ""
    revoked: bool = False


@dataclass
class ReplyToken:
    """A reply token and the chat it answers; `received_at` is the last delivery of its webhook."""

    token: str
    chat: str
    event_at: float
    received_at: float | None = None
    used: bool = False
    faulted: bool = False
    moved_s: float = 0.0


@dataclass
class LinkToken:
    """A link token: ten minutes, single use (§4a)."""

    token: str
    user_id: str
    issued_at: float
    used: bool = False


@dataclass
class Accepted:
    """One message request that LINE accepted for one recipient: the ground truth."""

    n: int
    api: str
    user_id: str
    messages: list[Json]
    message_ids: list[str]
    request_id: str
    retry_key: str | None
    at: float
    business_at: float
    delivered: bool
    reason: str
    counted: int
    reply_token: str | None = None
    notification_disabled: bool = False
    units: list[str] = field(default_factory=list)
    fault: str | None = None

    def public(self) -> Json:
        """JSON form; instants as RFC 3339."""
        row = asdict(self)
        row["at"], row["business_at"] = iso(self.at), iso(self.business_at)
        return row


@dataclass
class RetryKey:
    """What LINE remembers of a retry key for 24 h from its first request (§2.4)."""

    first_at: float
    digest: str = ""
    api: str = ""
    request_id: str | None = None
    sent_messages: list[Json] | None = None
    faulted: bool = False


@dataclass
class Content:
    """A user's image, video, audio or file on the data host."""

    data: bytes
    content_type: str
    kind: str
    ready_at: float
    expires_at: float
    unsent: bool = False


@dataclass
class Notifier:
    """A service-message session (§4e): its one live token, who it reaches, how often it may still be used."""

    token: str
    session_id: str
    user_id: str
    expires_at: float
    remaining: int = 5


@dataclass
class Browser:
    """Who holds the phone in front of LINE's dialogs when neither cookie nor query says so."""

    user_id: str | None = None
    auto_consent: bool = False


def no_probe(url: str) -> Json:
    """Stands in until a webhook sender is attached."""
    return {"status": None, "error": "could_not_connect"}


class World:
    """The whole state of one simulated LINE. Hold `lock` while reading or changing several parts together."""

    def __init__(self, config: Config, clock: SimClock | None = None) -> None:
        self.config = config
        self.clock = clock or SimClock()
        self.lock = threading.RLock()
        self.webhook_url = config.webhook_url
        self.webhook_active = True
        self.redelivery = config.redelivery
        self.message_base = self.clock.now_ms()
        self.counter = 0
        self.version = 0
        self.probe: Callable[[str], Json] = no_probe
        self.channel_tokens: dict[str, ChannelToken] = {}
        self.killed_tokens: set[str] = set()
        self.jwks: dict[str, Json] = {}
        self.clear()

    def clear(self) -> None:
        """Forget people, messages and records. Counters run on so that no id ever repeats, and channel tokens live
        on: a client's cached token is not part of a story."""
        self.users: dict[str, User] = {}
        self.groups: dict[str, list[str]] = {}
        self.reply_tokens: dict[str, ReplyToken] = {}
        self.link_tokens: dict[str, LinkToken] = {}
        self.accepted: list[Accepted] = []
        self.calls: list[Json] = []
        self.violations: list[Json] = []
        self.retry_keys: dict[str, RetryKey] = {}
        self.content: dict[str, Content] = {}
        self.read_tokens: dict[str, str] = {}
        self.units: dict[str, set[str]] = {}
        self.quota: int | None = None
        self.quota_lag_s = 0.0
        self.quota_reserved = 0
        self.usage: dict[str, int] = {}
        self.limits: dict[str, tuple[float, float]] = {}
        self.buckets: dict[str, tuple[float, float]] = {}
        self.liff_tokens: dict[str, str] = {}
        self.notifiers: dict[str, Notifier] = {}
        self.dead_notifier_tokens: set[str] = set()
        self.service_templates: set[str] = set()
        self.browser = Browser()
        self.version += 1

    def kill_tokens(self) -> None:
        """Forget all channel tokens; the 401 that follow are the story's doing."""
        self.killed_tokens |= set(self.channel_tokens)
        self.channel_tokens.clear()

    def number(self) -> int:
        """Next value of the one counter behind ids and record numbers."""
        self.counter += 1
        return self.counter

    def message_id(self) -> str:
        """A decimal message id; never repeats, also over restarts."""
        return str(self.message_base * 100_000 + self.number())

    def add_user(self, name: str, person: str | None = None, user_id: str | None = None) -> User:
        """A new person on LINE (no friend yet). Raises ValueError for a malformed or taken id."""
        who = person or ids.opaque("person-", 8)
        uid = user_id or ids.user_id_of(self.config.provider, who)
        if not ids.USER_ID.fullmatch(uid):
            raise ValueError(f"not a LINE user id: {uid}")
        if uid in self.users:
            raise ValueError(f"user exists: {uid}")
        self.users[uid] = User(uid, name, who)
        self.version += 1
        return self.users[uid]

    def show(self, user: User, sender: Literal["user", "bot", "note"], message: Json, **extra: Any) -> ChatItem:
        """Put a bubble on a phone."""
        item = ChatItem(self.number(), sender, message, self.clock.business_now(), **extra)
        user.timeline.append(item)
        self.version += 1
        return item

    def violation(self, kind: str, text: str, *, ordered: bool = False, **facts: Any) -> None:
        """Record something a correct client would not do, and whether the story asked for it."""
        row = {"kind": kind, "text": text, "ordered": ordered, "at": iso(self.clock.now()), **facts}
        self.violations.append(row)
