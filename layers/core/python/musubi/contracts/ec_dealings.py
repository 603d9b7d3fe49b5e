"""Canonical events about carts, bookings, subscriptions and requests under privacy law."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import (
    Data,
    DataReader,
    Envelope,
    Told,
    lines_of,
    optional,
    required,
    said,
    total_of,
    word,
)
from musubi.contracts.text import as_id, bounded_id
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import (
    CartChange,
    CartState,
    PrivacyChange,
    PrivacyKind,
    ReservationChange,
    ReservationState,
    SubscriptionChange,
    SubscriptionState,
)
from musubi.domain.errors import Permanent

PRIVACY_DEADLINE = timedelta(days=30)
"""Until when a request must be done, when it does not say (ec-platforms §2.1: within 30 days)."""

_MAX_URL = 1000
_OFF = frozenset({"cancelled", "canceled", "declined", "cancelled_by_customer", "cancelled_by_seller", "no_show"})


def _cart(state: CartState) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        last = said(data, "last_activity_at")
        return Told(
            at=last or said(data, "at"),
            # Abandoned means: nothing since then. The later time at which somebody noticed is no version of the cart.
            as_of=last,
            cart=CartChange(
                checkout_id=required(data, "checkout_id"),
                state=state,
                member_id=optional(data, "member_id"),
                lines=lines_of(data),
                total_yen=total_of(data),
                recovery_url=_url(data.get("recovery_url")),
                order_id=optional(data, "order_id"),
            ),
        )

    return read


def _url(value: Any) -> str | None:
    """Whose host it is on is asked where the shop's hosts are known."""
    return value.strip() if isinstance(value, str) and len(value) <= _MAX_URL else None


def _reservation(state: ReservationState) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        off = str(data.get("status")).strip().lower() in _OFF
        return Told(
            at=said(data, "at"),
            reservation=ReservationChange(
                reservation_id=required(data, "reservation_id"),
                state=ReservationState.CANCELLED if off else state,
                member_id=optional(data, "member_id"),
                start_at=said(data, "start_at"),
                end_at=said(data, "end_at"),
                service=word(data.get("service")),
                staff=word(data.get("staff")),
                location=word(data.get("location")),
                party_size=_count(data.get("party_size")),
            ),
        )

    return read


def _subscription(state: SubscriptionState | None) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        return Told(
            at=said(data, "at"),
            subscription=SubscriptionChange(
                subscription_id=required(data, "subscription_id"),
                member_id=optional(data, "member_id"),
                state=state,
                next_on=_day(data.get("next_date")),
                cycle=_count(data.get("cycle_no")),
                amount_yen=values.yen(data.get("amount"), "data.amount"),
            ),
        )

    return read


def _privacy(kind: PrivacyKind) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        at = said(data, "at")
        member_id, given = optional(data, "member_id"), data.get("order_ids")
        orders = tuple(found for one in (given if isinstance(given, list) else [])[:1000] if (found := as_id(one)))
        if kind in (PrivacyKind.ACCESS, PrivacyKind.ERASURE) and member_id is None and not orders:
            raise Permanent("data.member_id: missing, and no order_ids")
        return Told(
            at=at,
            privacy=PrivacyChange(
                request_id=as_id(data.get("request_id")) or bounded_id(envelope.event_id),
                kind=kind,
                deadline_at=said(data, "deadline_at") or (at or envelope.fallback) + PRIVACY_DEADLINE,
                member_id=member_id,
                order_ids=orders,
            ),
        )

    return read


def _day(value: Any) -> date | None:
    """A Tokyo day: a date as it stands, an instant by the day it falls on."""
    if isinstance(value, str) and len(value.strip()) == 10:
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise Permanent("data.next_date: not a date") from None
    at = values.instant(value, "data.next_date")
    return tokyo_date(at) if at else None


def _count(value: Any) -> int | None:
    try:
        found = values.points(value, "count")
    except Permanent:
        return None
    return found if 0 <= found < 10**6 else None


READERS: dict[str, DataReader] = {
    "CheckoutStarted": _cart(CartState.OPEN),
    "CheckoutUpdated": _cart(CartState.OPEN),
    "CheckoutCompleted": _cart(CartState.COMPLETED),
    "CartAbandoned": _cart(CartState.OPEN),
    "ReservationMade": _reservation(ReservationState.BOOKED),
    "ReservationChanged": _reservation(ReservationState.BOOKED),
    "ReservationCancelled": _reservation(ReservationState.CANCELLED),
    "SubscriptionStarted": _subscription(SubscriptionState.ACTIVE),
    "SubscriptionRenewalDue": _subscription(None),
    "SubscriptionRenewed": _subscription(SubscriptionState.ACTIVE),
    "SubscriptionPaymentFailed": _subscription(SubscriptionState.FAILED),
    "SubscriptionSkipped": _subscription(None),
    "SubscriptionPaused": _subscription(SubscriptionState.PAUSED),
    "SubscriptionCancelled": _subscription(SubscriptionState.CANCELLED),
    "PersonalDataRequested": _privacy(PrivacyKind.ACCESS),
    "PersonalDataErasureRequested": _privacy(PrivacyKind.ERASURE),
    "ShopErasureRequested": _privacy(PrivacyKind.SHOP_ERASURE),
    "ShopUninstalled": _privacy(PrivacyKind.UNINSTALLED),
}
