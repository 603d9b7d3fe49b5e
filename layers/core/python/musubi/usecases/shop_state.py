"""What a shop event needs to know before anything is decided: loaded in one request, or two when only what is stored
knows whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from musubi.domain.activity import Activity, goods_keys, order_share
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.events import ShopEvent
from musubi.domain.ids import MemberPerson, enrolment_id
from musubi.domain.operations import Seen
from musubi.domain.orders import Order
from musubi.domain.people import Link, Member
from musubi.domain.projection import apply_order
from musubi.domain.scenario import EventEntry, KeyKind, Scenario
from musubi.domain.store_keys import (
    ActivityKey,
    CartKey,
    EnrolmentKey,
    Key,
    LinkOfMemberKey,
    MemberKey,
    OrderKey,
    ReservationKey,
    SeenKey,
    SubscriptionKey,
)
from musubi.ports import Catalog, Loaded, Store

T = TypeVar("T")

_ROUNDS = 6
"""Loads at most: the event's own keys, then those of whom they lead to; each merge of a member is one step more."""


@dataclass(frozen=True)
class ShopState:
    """What one attempt has read. `deployment` and `catalog` say which enrolments an order can have."""

    event: ShopEvent
    loaded: Loaded
    catalog: Catalog
    deployment: str

    def find(self, key: Key[T] | None) -> T | None:
        """What is stored under `key`; None also while it is not loaded."""
        return self.loaded.get(key) if key is not None and self.loaded.holds(key) else None

    @property
    def seen(self) -> Seen | None:
        return self.find(self.seen_key)

    @property
    def seen_key(self) -> SeenKey:
        return SeenKey(self.event.source, self.event.event_id)

    @property
    def order(self) -> Order | None:
        return self.find(OrderKey(self.event.shop_id, self.event.order.order_id)) if self.event.order else None

    @property
    def cart(self) -> Cart | None:
        return self.find(CartKey(self.event.shop_id, self.event.cart.checkout_id)) if self.event.cart else None

    @property
    def reservation(self) -> Reservation | None:
        told = self.event.reservation
        return self.find(ReservationKey(self.event.shop_id, told.reservation_id)) if told else None

    @property
    def subscription(self) -> Subscription | None:
        told = self.event.subscription
        return self.find(SubscriptionKey(self.event.shop_id, told.subscription_id)) if told else None

    @property
    def member_id(self) -> str | None:
        """Whom the event is about. What is stored of an order, a cart or a booking knows better than a later event; a member
        that was merged into another is that other one.
        """
        stored = next((s.member_id for s in (self.order, self.cart, self.reservation, self.subscription) if s), None)
        return self.standing_for(stored or _named(self.event))

    def standing_for(self, member_id: str | None) -> str | None:
        """`member_id`, or the member that it was merged into, over as many merges as are loaded."""
        followed = set[str]()
        while member_id is not None and member_id not in followed:
            followed.add(member_id)
            member = self.find(MemberKey(self.event.shop_id, member_id))
            member_id = member.merged_into if member is not None and member.merged_into else member_id
        return member_id

    @property
    def member(self) -> Member | None:
        return self.find(MemberKey(self.event.shop_id, self.member_id)) if self.member_id else None

    @property
    def link(self) -> Link | None:
        return self.find(LinkOfMemberKey(self.event.shop_id, self.member_id)) if self.member_id else None

    @property
    def activity(self) -> Activity | None:
        return self.find(ActivityKey(self.event.shop_id, self.member_id)) if self.member_id else None


def load_state(store: Store, event: ShopEvent, catalog: Catalog, deployment: str) -> ShopState:
    """Load until nothing that is loaded leads to anything more."""
    state = ShopState(event, Loaded({}), catalog, deployment)
    for _ in range(_ROUNDS):
        missing = [key for key in dict.fromkeys(_needed(state)) if not state.loaded.holds(key)]
        if not missing or state.seen is not None:
            break
        state = ShopState(event, state.loaded.plus(store.load(missing)), catalog, deployment)
    return state


def _needed(state: ShopState) -> Iterator[Key[Any]]:
    event, shop = state.event, state.event.shop_id
    yield state.seen_key
    if event.order:
        yield OrderKey(shop, event.order.order_id)
        yield from (CartKey(shop, checkout) for checkout in event.order.checkout_ids)
    if event.cart:
        yield CartKey(shop, event.cart.checkout_id)
    if event.reservation:
        yield ReservationKey(shop, event.reservation.reservation_id)
    if event.subscription:
        yield SubscriptionKey(shop, event.subscription.subscription_id)
    member_id = state.member_id
    if member_id is None:
        return
    yield MemberKey(shop, member_id)
    yield LinkOfMemberKey(shop, member_id)
    if _counts(event):
        yield ActivityKey(shop, member_id)
    if event.order:
        yield from _of_order(state, member_id)


def _of_order(state: ShopState, member_id: str) -> Iterator[Key[Any]]:
    event, stored = state.event, state.order
    assert event.order is not None
    after = apply_order(stored, event.order, event.shop_id, event.as_of, is_test=event.is_test) or stored
    for order in (stored, after):
        yield from goods_keys(of_member(order, member_id))
    person = str(MemberPerson(event.shop_id, member_id))
    parcels = {s.shipment_id for s in (after.shipments if after else ())}
    for scenario in state.catalog.scenarios():
        for value in order_key_values(scenario, event.order.order_id, parcels):
            yield EnrolmentKey(enrolment_id(state.deployment, scenario.id, person, value))
    yield from (CartKey(event.shop_id, checkout) for checkout in (after.checkout_ids if after else ()))
    if _is_new_purchase(stored, after) and state.activity is not None:
        yield from (CartKey(event.shop_id, open_one.id) for open_one in state.activity.carts)


def _is_new_purchase(stored: Order | None, after: Order | None) -> bool:
    """True when a purchase of this member becomes known, or its time: then it has ended what was in other carts before."""
    old, new = order_share(stored), order_share(after)
    return new is not None and new.purchase is not None and (old is None or old.purchase != new.purchase)


def of_member(order: Order | None, member_id: str) -> Order | None:
    """`order` as that of `member_id`, whom its own member was merged into."""
    return replace(order, member_id=member_id) if order is not None and order.member_id is not None else order


def order_key_values(scenario: Scenario, order_id: str, parcels: set[str]) -> list[str]:
    """All occurrences of one order that a scenario can have; none if orders are not what it is about."""
    if not isinstance(scenario.entry, EventEntry):
        return []
    if scenario.entry.key is KeyKind.ORDER:
        return [order_id]
    if scenario.entry.key is KeyKind.SHIPMENT:
        return [f"{order_id}/{parcel}" for parcel in sorted(parcels)]
    return []


HAPPENINGS = frozenset(
    {
        "CartAbandoned",
        "PointsGranted",
        "PointsUsed",
        "PointsRevoked",
        "PointsExpired",
        "SubscriptionStarted",
        "SubscriptionRenewed",
        "SubscriptionPaymentFailed",
        "SubscriptionSkipped",
        "SubscriptionPaused",
        "SubscriptionCancelled",
    }
)
"""Events that count by themselves, once each. Snapshots are none, and orders, carts and bookings count by what they are."""


SNAPSHOTS = frozenset({"MemberUpdated", "MemberTagsChanged", "MemberConsentChanged", "PointsBalanceChanged"})
"""Events that say how a member is: one that changes nothing has told nothing."""


def _counts(event: ShopEvent) -> bool:
    """True when the event can change the counted facts of its member."""
    return bool(event.order or event.cart or event.reservation) or event.type in HAPPENINGS


def _named(event: ShopEvent) -> str | None:
    """The member that the event itself names."""
    said = (event.member, event.points, event.order, event.cart, event.reservation, event.subscription)
    return next((one.member_id for one in said if one is not None), None)
