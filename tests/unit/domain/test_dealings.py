"""Carts, bookings and subscriptions: as their sources last described them, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.changes import (
    CartChange,
    CartState,
    ReservationChange,
    ReservationState,
    SubscriptionChange,
    SubscriptionState,
)
from musubi.domain.dealings import (
    MAX_CART_LINES,
    Cart,
    Reservation,
    Subscription,
    apply_cart,
    apply_reservation,
    apply_subscription,
    cart_share,
    close_cart,
    dealing_writes,
    reservation_share,
    safe_url,
)
from musubi.domain.orders import Line, LineKind
from musubi.domain.writes import Create, Drop, Put, Replace
from tests.support.made import after


def lines(n: int) -> tuple[Line, ...]:
    return (Line(title=f"商品{n}", product_id=f"p-{n}"),)


def cart_change(state: CartState = CartState.OPEN, **said: Any) -> CartChange:
    return CartChange(checkout_id="c-1", state=state, **said)


def carts(story: list[tuple[CartChange | str, int]]) -> Cart:
    """After all of `story`; a text is the order that the checkout became, or "" for another order of the member."""
    cart: Cart | None = None
    bought = None
    for said, minute in story:
        at = after(minutes=minute)
        if isinstance(said, str):
            cart = close_cart(cart, "main", "c-1", said or None, "1001", at) or cart
            bought = max(bought or at, at)
        else:
            cart = apply_cart(cart, said, "main", at, at, bought) or cart
    assert cart is not None
    return replace(cart, version=1)


@st.composite
def cart_stories(draw: st.DrawFn) -> tuple[list[tuple[CartChange | str, int]], list[tuple[CartChange | str, int]]]:
    events: list[tuple[CartChange | str, int]] = [(cart_change(lines=lines(1), total_yen=100, member_id="1001"), 1)]
    events.append((cart_change(lines=lines(2), member_id="1001"), 3))
    if draw(st.booleans()):
        events.append((cart_change(CartState.GONE), 5))
    if draw(st.booleans()):
        events.append((cart_change(recovery_url="https://shop.example.jp/r", lines=lines(3)), 7))
    if draw(st.booleans()):
        events.append((draw(st.sampled_from(["A-1", ""])), draw(st.sampled_from([2, 4, 8]))))
    return events, draw(st.permutations(events + events[:2]))


@given(cart_stories())
def test_a_cart_ends_the_same_in_any_order_of_arrival(case: tuple[list[Any], list[Any]]) -> None:
    history, arrivals = case
    expected, found = carts(sorted(history, key=lambda one: one[1])), carts(arrivals)
    assert (found.state, found.lines, found.total_yen) == (expected.state, expected.lines, expected.total_yen)
    assert (found.member_id, found.order_id) == (expected.member_id, expected.order_id)
    assert cart_share(found) == cart_share(expected)


def test_a_cart_keeps_products_alone_and_no_more_than_can_be_shown() -> None:
    many = (*(Line(title=f"{n}") for n in range(50)), Line(title="送料", kind=LineKind.SHIPPING))
    cart = carts([(cart_change(lines=(many[-1], *many[:50])), 1)])
    assert [line.title for line in cart.lines] == [str(n) for n in range(MAX_CART_LINES)]


def test_a_completed_checkout_is_never_opened_again() -> None:
    done = (cart_change(CartState.COMPLETED), 3)
    assert carts([done, (cart_change(lines=lines(1)), 9)]).state is CartState.COMPLETED
    assert carts([("A-1", 3), (cart_change(lines=lines(1)), 9)]).state is CartState.COMPLETED
    gone: list[tuple[CartChange | str, int]] = [(cart_change(CartState.GONE), 3), (cart_change(lines=lines(1)), 3)]
    assert carts(gone).state is CartState.GONE


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://shop.example.jp/cart?x=1", True),
        ("https://SHOP.example.jp:443/", True),
        ("https://shop.example.jp./", True),
        ("https://www.shop.example.jp/", False),
        ("http://shop.example.jp/", False),
        ("https://user@shop.example.jp/", False),
        ("https://shop.example.jp\n/", False),
        ("https://shop.example.jp:99999/", False),
        ("//shop.example.jp/", False),
        (None, False),
    ],
)
def test_a_way_back_leads_to_the_shop(url: str | None, kept: bool) -> None:
    assert safe_url(url, frozenset({"shop.example.jp"})) == (url if kept else None)


# bookings

BOOKED, OFF = ReservationState.BOOKED, ReservationState.CANCELLED


def bookings(story: list[tuple[ReservationChange, int]]) -> Reservation:
    booking: Reservation | None = None
    for said, minute in story:
        booking = apply_reservation(booking, said, "main", after(minutes=minute), after(minutes=minute)) or booking
    assert booking is not None
    return replace(booking, version=1)


def booked(hour: int, state: ReservationState = BOOKED, **more: Any) -> ReservationChange:
    return ReservationChange(reservation_id="b-1", state=state, member_id="1001", start_at=after(hours=hour), **more)


@given(st.booleans(), st.booleans(), st.data())
def test_a_booking_ends_the_same_in_any_order_of_arrival(cancelled: bool, tied: bool, data: st.DataObject) -> None:
    story = [(booked(24, service="カット"), 1), (booked(48), 2)]
    if cancelled:
        story.append((ReservationChange(reservation_id="b-1", state=OFF), 2 if tied else 3))
    found = bookings(data.draw(st.permutations(story + story[:1])))
    assert replace(found, service=None) == replace(bookings(story), service=None)
    assert (found.state, found.start_at) == (OFF if cancelled else BOOKED, after(hours=48))
    share = reservation_share(found)
    assert share is not None
    names = [one.name for one in share.happenings]
    assert names == ["ReservationMade", *(["ReservationCancelled"] if cancelled else [])]


# subscriptions


def contracts(story: list[tuple[SubscriptionChange, int]]) -> Subscription:
    known: Subscription | None = None
    for said, minute in story:
        known = apply_subscription(known, said, "main", after(minutes=minute)) or known
    assert known is not None
    return replace(known, version=1)


def told(state: SubscriptionState | None = None, **more: Any) -> SubscriptionChange:
    return SubscriptionChange(subscription_id="s-1", state=state, **more)


@given(st.data())
def test_a_subscription_ends_the_same_in_any_order_of_arrival(data: st.DataObject) -> None:
    story = [
        (told(SubscriptionState.ACTIVE, member_id="1001", next_on=date(2026, 12, 1), cycle=1, amount_yen=2980), 1),
        (told(SubscriptionState.FAILED), 2),
        (told(next_on=date(2027, 1, 1)), 3),
        (told(SubscriptionState.PAUSED), 4),
        (told(SubscriptionState.CANCELLED), 4),
    ]
    found = contracts(data.draw(st.permutations(story + story[:2])))
    assert (found.state, found.next_on) == (SubscriptionState.CANCELLED, date(2027, 1, 1))
    assert (found.member_id, found.as_of, found.told_as_of) == ("1001", after(minutes=4), after(minutes=3))


# where they are stored


def test_a_copy_lies_with_the_member_while_it_is_listed() -> None:
    open_cart = carts([(cart_change(member_id="1001", lines=lines(1)), 1)])
    copy = replace(open_cart, of_member=True)
    assert dealing_writes(None, open_cart) == [Create(open_cart), Put(copy)]
    done = replace(open_cart, state=CartState.COMPLETED, version=2)
    assert dealing_writes(open_cart, done, listed=False) == [Replace(done), Drop(copy.key)]
    guest = replace(open_cart, member_id=None)
    assert dealing_writes(None, guest) == [Create(guest)]
