"""What happens outside, in the system's own words: canonical shop events and friend events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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

SHOP_EVENTS = frozenset(
    {
        "CheckoutStarted",
        "CheckoutUpdated",
        "CheckoutCompleted",
        "CartAbandoned",
        "OrderPlaced",
        "OrderPaid",
        "OrderPaymentFailed",
        "OrderPaymentOverdue",
        "OrderEdited",
        "ShipmentDispatched",
        "ShipmentTrackingUpdated",
        "OrderShipped",
        "OrderReadyForPickup",
        "OrderDelivered",
        "OrderCancelled",
        "OrderRefunded",
        "OrderReturned",
        "MemberRegistered",
        "MemberUpdated",
        "MemberRankChanged",
        "MemberTagsChanged",
        "MemberConsentChanged",
        "MemberMerged",
        "MemberWithdrawn",
        "MemberDeleted",
        "PersonalDataRequested",
        "PersonalDataErasureRequested",
        "ShopErasureRequested",
        "ShopUninstalled",
        "PointsGranted",
        "PointsUsed",
        "PointsRevoked",
        "PointsExpired",
        "PointsBalanceChanged",
        "PointsExpiryApproaching",
        "BirthdayReached",
        "BirthdayMonthStarted",
        "ReservationMade",
        "ReservationChanged",
        "ReservationCancelled",
        "ReservationReminderDue",
        "SubscriptionStarted",
        "SubscriptionUpdated",
        "SubscriptionRenewalDue",
        "SubscriptionRenewed",
        "SubscriptionPaymentFailed",
        "SubscriptionSkipped",
        "SubscriptionPaused",
        "SubscriptionCancelled",
        "ProductRestocked",
        "ReviewRequestDue",
    }
)
"""Names of the canonical events (ec-platforms §9.2). One that no projection reads yet is recorded and ignored."""


DELTAS = frozenset({"PointsGranted", "PointsUsed", "PointsRevoked", "PointsExpired"})
"""Events that add instead of replacing: taken twice, they count twice, so their marks stay long."""


class Mode(StrEnum):
    """How an event reached us."""

    PUSH = "push"
    POLL = "poll"
    """Found by asking the shop."""
    IMPORT = "import"


@dataclass(frozen=True, kw_only=True)
class ShopEvent:
    """One canonical event. `source` + `event_id` identify it; `content` is a hash of what it said.

    `occurred_at` is business time by the source, `as_of` the version of the described entity, `received_at` machine time.
    """

    source: str
    event_id: str
    type: str
    shop_id: str
    platform: str
    occurred_at: datetime
    as_of: datetime
    received_at: datetime
    content: str
    is_test: bool = False
    is_backfill: bool = False
    mode: Mode = Mode.PUSH
    member: MemberChange | None = None
    points: PointsChange | None = None
    order: OrderChange | None = None
    merge: MergeChange | None = None
    cart: CartChange | None = None
    reservation: ReservationChange | None = None
    subscription: SubscriptionChange | None = None
    privacy: PrivacyChange | None = None


@dataclass(frozen=True, kw_only=True)
class UnreadShopEvent:
    """A verified event that we can not read (unknown topic, type or version): stored as it came, counted, never refused."""

    source: str
    event_id: str
    kind: str
    content: str
    raw: str


class LineEventType(StrEnum):
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    MESSAGE = "message"
    POSTBACK = "postback"
    ACCOUNT_LINK = "accountLink"
    OTHER = "other"
    """Known to LINE's documentation but without effect here, or unknown: recorded and counted."""


@dataclass(frozen=True, kw_only=True)
class LineEvent:
    """One webhook event of LINE, reduced to what we act on.

    `at` is LINE's timestamp, `received_at` the ingress' machine time: a reply token ages from there. `text` is set for
    text messages, `postback` for postbacks, `link_*` for accountLink. `raw_type` is what LINE called it (`message/text`).
    `unread`: there is more in it than we understand (an event type without effect, a message type that LINE has added), so
    it is kept as it came.
    """

    event_id: str
    type: LineEventType
    raw_type: str
    at: datetime
    received_at: datetime
    user_id: str | None = None
    reply_token: str | None = None
    standby: bool = False
    redelivered: bool = False
    text: str | None = None
    postback: str | None = None
    link_ok: bool = False
    link_nonce: str | None = None
    unread: bool = False
    raw: str = ""


class FriendEvent(StrEnum):
    """Entries of `for: friend` scenarios: what an intake decided, not what LINE called it."""

    FOLLOWED = "Followed"
    LINK_OFFERED = "LinkOffered"
    LINK_REFUSED = "LinkRefused"
    """Asked to link, but is linked already or LINE gave no token."""
    LINKED = "Linked"
    LINK_FAILED = "LinkFailed"
    UNLINKED = "Unlinked"
    NOT_LINKED = "NotLinked"
    PROMO_REFUSED = "PromoRefused"
    PROMO_ALLOWED = "PromoAllowed"
