"""What one shop event changes of member, order, cart, booking and subscription, and what of it is news to scenarios."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from musubi.domain.activity import Happening, Share, nth_purchase, order_share
from musubi.domain.dealings import (
    apply_cart,
    apply_reservation,
    apply_subscription,
    cart_share,
    close_cart,
    dealing_writes,
    reservation_share,
    safe_url,
)
from musubi.domain.engine import Moment
from musubi.domain.linking import end_link
from musubi.domain.orders import Order
from musubi.domain.own_writes import OWN_WRITE, differs, echo_of, with_seen
from musubi.domain.people import Member, MemberState
from musubi.domain.privacy import leaving_writes
from musubi.domain.profiles import MemberNews, apply_member, member_news
from musubi.domain.projection import Untold, apply_order, apply_points, is_silent, member_writes, order_writes, tell
from musubi.domain.store_keys import CartKey
from musubi.domain.writes import Write
from musubi.usecases.person_facts import PersonFacts
from musubi.usecases.shop_state import HAPPENINGS, SNAPSHOTS, ShopState, of_member


@dataclass
class Projection:
    """What is to be stored, why (`reasons`), and what scenarios may begin and end with."""

    writes: list[Write] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    untold: Untold | None = None
    news: list[MemberNews] = field(default_factory=list)
    own_write: bool = False
    """The event is nothing but our own write that comes back."""
    unchanged: bool = False
    """The event is a snapshot of a member that says nothing new: shops send those for whatever they save."""
    nth: int | None = None
    """Which purchase of its member the order is."""


def project(state: ShopState, now: Moment, hosts: frozenset[str]) -> Projection:
    """All parts of the event, in one commit's worth of writes. `hosts` are the shop's own, for links back into a cart."""
    found = Projection()
    facts = PersonFacts(state)
    _member(state, now, found)
    _order(state, now, facts, found)
    _cart(state, facts, hosts, found)
    _reservation(state, facts, found)
    _subscription(state, found)
    _happening(state, facts)
    found.writes += facts.writes()
    return found


def _member(state: ShopState, now: Moment, found: Projection) -> None:
    event, before = state.event, state.member
    after: Member | None = None
    if event.member:
        after = apply_member(before, event.member, event.shop_id, event.as_of)
    if event.points:
        after = apply_points(before, event.points, event.shop_id, event.as_of)
    echo = echo_of(before, after, event, now.ahead)
    found.own_write = echo.whole
    found.unchanged = event.type in SNAPSHOTS and not differs(before, after)
    if after is None:
        return
    after = with_seen(after, echo.seen)
    found.reasons.append(OWN_WRITE if echo.whole else "member_updated")
    found.writes += member_writes(before, after)
    found.writes += leaving_writes(before, after, at=event.occurred_at, now=now.business)
    if event.member:
        found.news += member_news(before, after, event.member, event.type, event.occurred_at)
    if after.state is not MemberState.ACTIVE and state.link is not None:
        move = end_link(state.link, at=event.occurred_at, now=now.machine, reason=after.state.value)
        found.writes += move.writes
        found.reasons.append(move.reason)


def _order(state: ShopState, now: Moment, facts: PersonFacts, found: Projection) -> None:
    event, stored = state.event, state.order
    if event.order is None:
        return
    after = apply_order(stored, event.order, event.shop_id, event.as_of, is_test=event.is_test) or stored
    if after is None:
        return
    if after.member_id is not None and state.member_id is not None:
        after = replace(after, member_id=state.member_id)
    silent = is_silent(event, now.ahead) or after.is_test
    untold = tell(after, silent=silent, received_at=event.received_at, ahead=now.ahead)
    writes = order_writes(stored, untold.order)
    if writes:
        found.writes += writes
        found.reasons.append("order_updated")
    before = of_member(stored, state.member_id) if state.member_id else None
    facts.count(order_share(before), order_share(untold.order))
    found.nth = nth_purchase(facts.after, untold.order)
    _close_carts(state, untold.order, facts)
    found.untold = untold if untold.order.member_id is not None else None


def _close_carts(state: ShopState, order: Order, facts: PersonFacts) -> None:
    """What became this order, and what its member had left in other carts before it."""
    if order.placed_at is None or order.is_test:
        return
    others = {one.id for one in state.activity.carts} if state.activity else set[str]()
    for checkout_id in sorted({*order.checkout_ids, *others}):
        key = CartKey(order.shop_id, checkout_id)
        if not state.loaded.holds(key):
            continue
        before = state.find(key)
        own = order.order_id if checkout_id in order.checkout_ids else None
        after = close_cart(before, order.shop_id, checkout_id, own, order.member_id, order.placed_at)
        if after is not None:
            facts.keep_cart(before, after)


def _cart(state: ShopState, facts: PersonFacts, hosts: frozenset[str], found: Projection) -> None:
    event, before = state.event, state.cart
    if event.cart is None:
        return
    told = replace(event.cart, recovery_url=safe_url(event.cart.recovery_url, hosts), member_id=state.member_id)
    last = state.activity.purchases.last if state.activity else None
    after = apply_cart(before, told, event.shop_id, event.as_of, event.occurred_at, last.at if last else None)
    if after is None:
        return
    after = replace(after, member_id=state.member_id)
    found.reasons.append("cart_updated")
    facts.keep_cart(before, after)
    facts.count(cart_share(before), cart_share(after))


def _reservation(state: ShopState, facts: PersonFacts, found: Projection) -> None:
    event, before = state.event, state.reservation
    if event.reservation is None:
        return
    told = replace(event.reservation, member_id=state.member_id)
    after = apply_reservation(before, told, event.shop_id, event.as_of, event.occurred_at)
    if after is None:
        return
    found.reasons.append("reservation_updated")
    found.writes += dealing_writes(before, after, listed=facts.after is not None)
    facts.count(reservation_share(before), reservation_share(after))


def _subscription(state: ShopState, found: Projection) -> None:
    event, before = state.event, state.subscription
    if event.subscription is None:
        return
    told = replace(event.subscription, member_id=state.member_id)
    after = apply_subscription(before, told, event.shop_id, event.as_of)
    if after is None:
        return
    gone = state.member is not None and state.member.state is MemberState.ERASED
    found.reasons.append("subscription_updated")
    found.writes += dealing_writes(before, after, listed=not gone)


def _happening(state: ShopState, facts: PersonFacts) -> None:
    """Events that count by themselves; their mark keeps a repeat from counting twice."""
    event, member_id = state.event, state.member_id
    if member_id is None or event.type not in HAPPENINGS or event.is_test:
        return
    one = Happening(at=event.occurred_at, name=event.type, ref=event.event_id)
    facts.count(None, Share(member_id=member_id, happenings=(one,)))
