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
    """A checkout. `as_of` is the newest version of it, `told_as_of` that of what is in it, `open_as_of` and `gone_as_of` the
    newest that say so. `order_id`: what it became; then nothing opens it again, nor once it is told to be `completed`.
    `closed_at`: when an order of its member was placed; an older version of the cart does not open it.
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
    told_as_of: datetime | None = None
    open_as_of: datetime | None = None
    gone_as_of: datetime | None = None
    closed_at: datetime | None = None
    completed: bool = False
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
    """A booking. `made_at` is the earliest instant at which we know of it, `told_as_of` the version of when and what it is:
    a cancellation may not say what it cancels.
    """

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
    told_as_of: datetime | None = None
    of_member: bool = False
    version: int = 1

    @property
    def key(self) -> ReservationKey | ReservationOfMemberKey:
        if self.of_member and self.member_id is not None:
            return ReservationOfMemberKey(self.shop_id, self.member_id, self.reservation_id)
        return ReservationKey(self.shop_id, self.reservation_id)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A regular delivery or contract. `told_as_of` is the version of the next date and what comes with it."""

    shop_id: str
    subscription_id: str
    state: SubscriptionState = SubscriptionState.ACTIVE
    member_id: str | None = None
    next_on: date | None = None
    cycle: int | None = None
    amount_yen: int | None = None
    as_of: datetime | None = None
    told_as_of: datetime | None = None
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
    after = replace(
        before,
        member_id=before.member_id or change.member_id,
        order_id=before.order_id or change.order_id,
        started_at=min(before.started_at or at, at),
        as_of=max(before.as_of or as_of, as_of),
        completed=before.completed or change.state is CartState.COMPLETED,
    )
    if change.state is CartState.OPEN:
        after = replace(after, open_as_of=max(before.open_as_of or as_of, as_of))
    if change.state is CartState.GONE:
        after = replace(after, gone_as_of=max(before.gone_as_of or as_of, as_of))
    if change.lines is not None and (before.told_as_of is None or as_of >= before.told_as_of):
        after = replace(
            after,
            lines=_shown(change.lines),
            total_yen=change.total_yen,
            recovery_url=change.recovery_url or before.recovery_url,
            told_as_of=as_of,
        )
    elif after.recovery_url is None:
        after = replace(after, recovery_url=change.recovery_url)
    closed_at = max(filter(None, (before.closed_at, bought_at)), default=None)
    if closed_at is not None and (after.open_as_of or as_of) <= closed_at:
        after = replace(after, closed_at=closed_at)
    after = replace(after, state=_cart_state(after))
    return None if cart is not None and after == before else replace(after, version=before.version + 1)


def _cart_state(cart: Cart) -> CartState:
    """Follows from what is known, so that arrival decides nothing. Of one instant the deletion counts."""
    if cart.order_id is not None or cart.completed:
        return CartState.COMPLETED
    if cart.gone_as_of is not None and (cart.open_as_of is None or cart.gone_as_of >= cart.open_as_of):
        return CartState.GONE
    if cart.closed_at is not None and (cart.open_as_of is None or cart.open_as_of <= cart.closed_at):
        return CartState.COMPLETED
    return CartState.OPEN


def close_cart(
    cart: Cart | None, shop_id: str, checkout_id: str, order_id: str | None, member_id: str | None, at: datetime
) -> Cart | None:
    """The cart after an order was placed `at`: of this checkout (`order_id`), or else of its member. None when that changes
    nothing. A cart that we have not heard of is stored as done, so that its late events do not open it.
    """
    before = cart or Cart(shop_id=shop_id, checkout_id=checkout_id, version=0)
    if order_id is None and (before.over or before.open_as_of is None or before.open_as_of > at):
        return None
    after = replace(
        before,
        order_id=before.order_id or order_id,
        member_id=before.member_id or member_id,
        as_of=before.as_of or at,
        closed_at=max(before.closed_at or at, at),
    )
    after = replace(after, state=_cart_state(after))
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
        after = replace(after, state=change.state, as_of=as_of)
    if change.start_at is not None and (before.told_as_of is None or as_of >= before.told_as_of):
        after = replace(
            after,
            start_at=change.start_at,
            end_at=change.end_at or before.end_at,
            service=change.service or before.service,
            staff=change.staff or before.staff,
            location=change.location or before.location,
            party_size=before.party_size if change.party_size is None else change.party_size,
            told_as_of=as_of,
        )
    return None if booking is not None and after == before else replace(after, version=before.version + 1)


def _off(booking: Reservation) -> bool:
    return booking.state is ReservationState.CANCELLED


def apply_subscription(
    known: Subscription | None, change: SubscriptionChange, shop_id: str, as_of: datetime
) -> Subscription | None:
    """The subscription after `change`, or None if it says nothing new. Of one instant the cancellation counts."""
    before = known or Subscription(shop_id=shop_id, subscription_id=change.subscription_id, version=0)
    after = replace(before, member_id=before.member_id or change.member_id)
    told = change.state
    if told is not None and (before.as_of is None or (as_of, _ENDING[told]) >= (before.as_of, _ENDING[before.state])):
        after = replace(after, state=told, as_of=as_of)
    if change.next_on is not None and (before.told_as_of is None or as_of >= before.told_as_of):
        after = replace(
            after,
            next_on=change.next_on,
            cycle=before.cycle if change.cycle is None else change.cycle,
            amount_yen=before.amount_yen if change.amount_yen is None else change.amount_yen,
            told_as_of=as_of,
        )
    return None if known is not None and after == before else replace(after, version=before.version + 1)


_ENDING = {state: n for n, state in enumerate(SubscriptionState)}
"""Of two states of one instant the later one here counts: active, paused, failed, cancelled."""


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
