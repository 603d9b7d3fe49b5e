"""What a shop event says of one thing: a member, points, an order, a cart, a booking, a contract. Values, not yet applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from musubi.domain.orders import Line, Milestone, Shipment
from musubi.domain.people import Attribute, Birthday, Consent, MemberState, PointLot, Rank


@dataclass(frozen=True, kw_only=True)
class MemberChange:
    """What an event says of a member. None = the event does not speak of it. `state` None = unchanged.

    `birthday_withdrawn`: the shop says that it has no birthday (any more), which must end its messages. `tags` replaces all
    tags; `tags_added` and `tags_removed` change them. Each of `attributes` and `consents` is dated and settled by itself.
    `rank_direction` (up, down) only if the shop says it itself.
    """

    member_id: str
    state: MemberState | None = None
    family_name: str | None = None
    given_name: str | None = None
    birthday: Birthday | None = None
    birthday_withdrawn: bool = False
    registered_at: datetime | None = None
    rank: Rank | None = None
    rank_direction: str | None = None
    tags: tuple[str, ...] | None = None
    tags_added: tuple[str, ...] = ()
    tags_removed: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    consents: tuple[Consent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MergeChange:
    """Two member records became one: `removed_id` is gone, `kept_id` stands for both."""

    kept_id: str
    removed_id: str


@dataclass(frozen=True, kw_only=True)
class PointsChange:
    """A balance (it and `lots`, if told, replace what is stored), a grant that adds (`granted`), or points `taken` away:
    used, revoked, expired.
    """

    member_id: str
    balance: int | None = None
    lots: tuple[PointLot, ...] | None = None
    granted: int | None = None
    granted_lot: PointLot | None = None
    taken: int | None = None


@dataclass(frozen=True, kw_only=True)
class OrderChange:
    """What an event says of an order: all milestones it proves, not only the one it is named after.

    `lines` None = the event does not speak of them. `checkout_ids` are the checkout and cart tokens that became this order.
    """

    order_id: str
    number: str | None = None
    member_id: str | None = None
    total_yen: int | None = None
    milestones: tuple[Milestone, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    lines: tuple[Line, ...] | None = None
    checkout_ids: tuple[str, ...] = ()


class CartState(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    GONE = "gone"
    """Deleted by the shop or the customer without an order."""


@dataclass(frozen=True, kw_only=True)
class CartChange:
    """A checkout that was begun, changed or ended. `recovery_url` leads back into it (https, checked against the shop's
    hosts before it is stored).
    """

    checkout_id: str
    state: CartState
    member_id: str | None = None
    lines: tuple[Line, ...] | None = None
    total_yen: int | None = None
    recovery_url: str | None = None
    order_id: str | None = None


class ReservationState(StrEnum):
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class ReservationChange:
    """A booking as the source now describes it. `start_at` None = this event does not say (a cancellation may not)."""

    reservation_id: str
    state: ReservationState
    member_id: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    service: str | None = None
    staff: str | None = None
    location: str | None = None
    party_size: int | None = None


class SubscriptionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    FAILED = "failed"
    """The last payment did not go through; the contract goes on."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class SubscriptionChange:
    """A regular delivery or contract. `next_on` is the Tokyo day of the next charge or delivery."""

    subscription_id: str
    member_id: str | None = None
    state: SubscriptionState | None = None
    next_on: date | None = None
    cycle: int | None = None
    amount_yen: int | None = None


class PrivacyKind(StrEnum):
    ACCESS = "access"
    """A person asks what is stored about them."""
    ERASURE = "erasure"
    SHOP_ERASURE = "shop_erasure"
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, kw_only=True)
class PrivacyChange:
    """A request that the law puts a deadline on. `request_id` names it over all repeats of the event."""

    request_id: str
    kind: PrivacyKind
    deadline_at: datetime
    member_id: str | None = None
    order_ids: tuple[str, ...] = ()
