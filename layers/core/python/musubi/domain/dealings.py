"""What a member has going on with the shop: carts, bookings, subscriptions, each as the source last described it.

Each is stored under its own id, where an event finds it that names nobody, and once more among the member's rows, where one
query finds all that a member has. The commit that changes the first also writes the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from musubi.domain.activity import Happening, Share
from musubi.domain.changes import (
    CartChange,
    CartState,
    ReservationChange,
    ReservationState,
    SubscriptionChange,
    SubscriptionState,
)
from musubi.domain.orders import Line, LineKind
from musubi.domain.store_keys import (
    CartKey,
    CartOfMemberKey,
    ReservationKey,
    ReservationOfMemberKey,
    SubscriptionKey,
    SubscriptionOfMemberKey,
)
from musubi.domain.writes import Create, Drop, Put, Replace, Write

MAX_CART_LINES = 20
"""Lines kept of a cart: enough to show what was left behind."""


@dataclass(frozen=True, kw_only=True)
class Cart:
    """A checkout. `order_id`: what it became; then nothing opens it again. `closed_at`: when an order of the member, or of
    this checkout, was placed; an older version of the cart does not open it.
    """

    shop_id: str
    checkout_id: str
    state: CartState = CartState.OPEN
    member_id: str | None = None
    lines: tuple[Line, ...] = ()
    total_yen: int | None = None
    recovery_url: str | None = None
    started_at: datetime | None = None
    as_of: datetime | None = None
    closed_at: datetime | None = None
    order_id: str | None = None
    of_member: bool = False
    version: int = 1

    @property
    def key(self) -> CartKey | CartOfMemberKey:
        if self.of_member and self.member_id is not None:
            return CartOfMemberKey(self.shop_id, self.member_id, self.checkout_id)
        return CartKey(self.shop_id, self.checkout_id)

    @property
    def over(self) -> bool:
        return self.state is not CartState.OPEN


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A booking. `made_at` is the earliest instant at which we know of it."""

    shop_id: str
    reservation_id: str
    state: ReservationState = ReservationState.BOOKED
    member_id: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    service: str | None = None
    staff: str | None = None
    location: str | None = None
    party_size: int | None = None
    made_at: datetime | None = None
    cancelled_at: datetime | None = None
    as_of: datetime | None = None
    of_member: bool = False
    version: int = 1

    @property
    def key(self) -> ReservationKey | ReservationOfMemberKey:
        if self.of_member and self.member_id is not None:
            return ReservationOfMemberKey(self.shop_id, self.member_id, self.reservation_id)
        return ReservationKey(self.shop_id, self.reservation_id)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A regular delivery or contract."""

    shop_id: str
    subscription_id: str
    state: SubscriptionState = SubscriptionState.ACTIVE
    member_id: str | None = None
    next_on: date | None = None
    cycle: int | None = None
    amount_yen: int | None = None
    as_of: datetime | None = None
    of_member: bool = False
    version: int = 1

    @property
    def key(self) -> SubscriptionKey | SubscriptionOfMemberKey:
        if self.of_member and self.member_id is not None:
            return SubscriptionOfMemberKey(self.shop_id, self.member_id, self.subscription_id)
        return SubscriptionKey(self.shop_id, self.subscription_id)


Dealing = TypeVar("Dealing", Cart, Reservation, Subscription)


def apply_cart(
    cart: Cart | None, change: CartChange, shop_id: str, as_of: datetime, at: datetime, bought_at: datetime | None
) -> Cart | None:
    """The cart after `change`, or None if it says nothing new. `bought_at` is the member's last purchase: what was in a cart
    before it was bought or given up then.
    """
    before = cart or Cart(shop_id=shop_id, checkout_id=change.checkout_id, version=0)
    newer = before.as_of is None or as_of >= before.as_of
    after = replace(
        before,
        member_id=before.member_id or change.member_id,
        order_id=before.order_id or change.order_id,
        started_at=min(before.started_at or at, at),
        as_of=as_of if newer else before.as_of,
    )
    if newer:
        after = replace(
            after,
            lines=_shown(change.lines) if change.lines is not None else before.lines,
            total_yen=before.total_yen if change.total_yen is None else change.total_yen,
            recovery_url=change.recovery_url or before.recovery_url,
        )
    closed_at = max(filter(None, (before.closed_at, bought_at)), default=None)
    if closed_at is not None and after.as_of is not None and after.as_of <= closed_at:
        after = replace(after, closed_at=closed_at)
    after = replace(after, state=_cart_state(before, after, change, newer))
    return None if cart is not None and after == before else replace(after, version=before.version + 1)


def _cart_state(before: Cart, after: Cart, change: CartChange, newer: bool) -> CartState:
    if after.order_id is not None or change.state is CartState.COMPLETED:
        return CartState.COMPLETED
    if before.state is CartState.COMPLETED and before.closed_at is None:
        return before.state
    if after.closed_at is not None and after.as_of is not None and after.as_of <= after.closed_at:
        return CartState.COMPLETED
    if change.state is CartState.GONE:
        return CartState.GONE if newer else before.state
    # A version of the same instant as the deletion does not bring a cart back.
    reopened = newer and (before.state is not CartState.GONE or after.as_of != before.as_of)
    return CartState.OPEN if reopened else before.state


def close_cart(
    cart: Cart | None, shop_id: str, checkout_id: str, order_id: str | None, member_id: str | None, at: datetime
) -> Cart | None:
    """The cart after an order was placed `at`: of this checkout (`order_id`), or else of its member. None when that changes
    nothing. A cart that we have not heard of is stored as done, so that its late events do not open it.
    """
    before = cart or Cart(shop_id=shop_id, checkout_id=checkout_id, version=0)
    if order_id is None and (before.over or before.as_of is None or before.as_of > at):
        return None
    after = replace(
        before,
        state=CartState.COMPLETED,
        order_id=before.order_id or order_id,
        member_id=before.member_id or member_id,
        as_of=before.as_of or at,
        closed_at=max(before.closed_at or at, at),
    )
    return None if cart is not None and after == before else replace(after, version=before.version + 1)


def _shown(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.kind is LineKind.PRODUCT)[:MAX_CART_LINES]


def safe_url(url: str | None, hosts: frozenset[str]) -> str | None:
    """`url` if it is https and on one of `hosts`: it is the sender's text and ends up under a customer's thumb."""
    if url is None or any(not "!" <= c <= "~" or c == "\\" for c in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or parts.username or parts.password or port not in (None, 443):
        return None
    return url if (parts.hostname or "").rstrip(".") in hosts else None


def apply_reservation(
    booking: Reservation | None, change: ReservationChange, shop_id: str, as_of: datetime, at: datetime
) -> Reservation | None:
    """The booking after `change`, or None if it says nothing new. Of two versions of one instant the cancellation counts."""
    before = booking or Reservation(shop_id=shop_id, reservation_id=change.reservation_id, version=0)
    off = change.state is ReservationState.CANCELLED
    newer = before.as_of is None or as_of > before.as_of or (as_of == before.as_of and (off or not _off(before)))
    after = replace(
        before,
        member_id=before.member_id or change.member_id,
        made_at=before.made_at if off else min(before.made_at or at, at),
        cancelled_at=min(before.cancelled_at or at, at) if off else before.cancelled_at,
    )
    if newer:
        after = replace(
            after,
            state=change.state,
            start_at=change.start_at or before.start_at,
            end_at=change.end_at or before.end_at,
            service=change.service or before.service,
            staff=change.staff or before.staff,
            location=change.location or before.location,
            party_size=before.party_size if change.party_size is None else change.party_size,
            as_of=as_of,
        )
    elif before.start_at is None and not off:
        # The cancellation came first and did not say what it cancelled.
        after = replace(after, start_at=change.start_at, end_at=change.end_at, service=before.service or change.service)
    return None if booking is not None and after == before else replace(after, version=before.version + 1)


def _off(booking: Reservation) -> bool:
    return booking.state is ReservationState.CANCELLED


def apply_subscription(
    known: Subscription | None, change: SubscriptionChange, shop_id: str, as_of: datetime
) -> Subscription | None:
    """The subscription after `change`, or None if it says nothing new. Of one instant the cancellation counts."""
    before = known or Subscription(shop_id=shop_id, subscription_id=change.subscription_id, version=0)
    after = replace(before, member_id=before.member_id or change.member_id)
    ended = before.state is SubscriptionState.CANCELLED and as_of == before.as_of
    if before.as_of is None or as_of >= before.as_of:
        after = replace(
            after,
            state=before.state if ended else change.state or before.state,
            next_on=change.next_on or before.next_on,
            cycle=before.cycle if change.cycle is None else change.cycle,
            amount_yen=before.amount_yen if change.amount_yen is None else change.amount_yen,
            as_of=as_of,
        )
    return None if known is not None and after == before else replace(after, version=before.version + 1)


def cart_share(cart: Cart | None) -> Share | None:
    """A checkout was begun."""
    if cart is None or cart.member_id is None or cart.started_at is None:
        return None
    begun = Happening(at=cart.started_at, name="CheckoutStarted", ref=cart.checkout_id)
    return Share(member_id=cart.member_id, happenings=(begun,))


def reservation_share(booking: Reservation | None) -> Share | None:
    """A booking was made, and perhaps cancelled."""
    if booking is None or booking.member_id is None:
        return None
    dated = (("ReservationMade", booking.made_at), ("ReservationCancelled", booking.cancelled_at))
    happenings = tuple(Happening(at=at, name=name, ref=booking.reservation_id) for name, at in dated if at)
    return Share(member_id=booking.member_id, happenings=happenings)


def dealing_writes(before: Dealing | None, after: Dealing, *, listed: bool = True) -> list[Write]:
    """Store `after`, and its copy among the member's rows while it is `listed` there."""
    writes: list[Write] = [Create(after) if before is None else Replace(after)]
    if after.member_id is not None:
        copy = replace(after, of_member=True)
        was_listed = before is not None and before.member_id is not None
        writes += [Put(copy)] if listed else ([Drop(copy.key)] if was_listed else [])
    return writes
