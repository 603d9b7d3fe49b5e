"""What a person has done, counted: purchases, products, categories, events. Each thing counts once, whatever arrives when.

An order, a cart or a booking has a *share* in its member's facts, a pure function of what is stored of it. When it changes,
its old share is taken out and the new one put in, in the same commit: repeats change nothing, a cancelled order takes back
what it brought, and an order that gets its member late brings everything at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from musubi.domain.orders import LineKind, Order
from musubi.domain.store_keys import ActivityKey, BoughtKey

KEPT = 10
"""Instants kept at each end of a tally. First and last stay exact until more than that many have been taken back."""

RECENT = 20
"""Events kept one by one."""

MAX_PRODUCTS = 24
MAX_CATEGORIES = 8
"""Of one order that are counted, in the order of its lines: each is one write, and an order's facts fit one transaction
together with the order itself, even when an edit replaces all of them.
"""

MAX_OPEN_CARTS = 5
"""Of one member; an older one makes room."""


@dataclass(frozen=True, order=True)
class Stamp:
    """That something counted happened, and when; `id` tells apart what happened at once."""

    at: datetime
    id: str


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How often, how much, first and last. `stamps` are the first and the last KEPT, oldest first."""

    count: int = 0
    quantity: int = 0
    yen: int = 0
    stamps: tuple[Stamp, ...] = ()

    @property
    def first(self) -> Stamp | None:
        return self.stamps[0] if self.stamps else None

    @property
    def last(self) -> Stamp | None:
        return self.stamps[-1] if self.stamps else None

    def plus(self, stamp: Stamp, quantity: int = 0, yen: int = 0) -> Tally:
        return Tally(
            count=self.count + 1,
            quantity=self.quantity + quantity,
            yen=self.yen + yen,
            stamps=_ends((*self.stamps, stamp)),
        )

    def minus(self, stamp: Stamp, quantity: int = 0, yen: int = 0) -> Tally:
        """Without what `plus` of the same has added."""
        stamps = tuple(one for one in self.stamps if one != stamp)
        return Tally(count=max(0, self.count - 1), quantity=self.quantity - quantity, yen=self.yen - yen, stamps=stamps)

    def place_of(self, stamp: Stamp) -> int | None:
        """1 for the first, 2 for the second…; None for one that is not counted."""
        if stamp not in self.stamps:
            return None
        behind = sum(1 for one in self.stamps if one > stamp)
        ahead = sum(1 for one in self.stamps if one < stamp)
        # Between the two ends stamps are left out; the latest ones are counted from the end.
        return self.count - behind if behind < KEPT else ahead + 1


def _ends(stamps: Iterable[Stamp]) -> tuple[Stamp, ...]:
    ordered = sorted(set(stamps))
    return tuple(ordered) if len(ordered) <= 2 * KEPT else (*ordered[:KEPT], *ordered[-KEPT:])


class BoughtKind(StrEnum):
    PRODUCT = "product"
    CATEGORY = "category"


@dataclass(frozen=True, kw_only=True)
class Bought:
    """How often and how many of one product, or of one category, a member has bought. `ref` is the product's id (its SKU
    where the shop gives no id) or the category's name.
    """

    shop_id: str
    member_id: str
    kind: BoughtKind
    ref: str
    title: str
    tally: Tally = Tally()
    version: int = 1

    @property
    def key(self) -> BoughtKey:
        return BoughtKey(self.shop_id, self.member_id, self.kind.value, self.ref)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One counted event of a person: `name` is the canonical event, `ref` the order, cart or booking it was about."""

    at: datetime
    name: str
    ref: str


@dataclass(frozen=True, kw_only=True)
class Activity:
    """The counted facts of one member. `purchases` are orders placed and not cancelled, with their yen.

    `events` counts by canonical event name; `recent` are the last RECENT of them. `carts` are the open ones. Its version
    guards all rows of what the member bought: whoever changes one of them replaces this item too.
    """

    shop_id: str
    member_id: str
    purchases: Tally = Tally()
    cancelled: int = 0
    events: dict[str, Tally] = field(default_factory=dict)
    recent: tuple[Happening, ...] = ()
    carts: tuple[Stamp, ...] = ()
    version: int = 1

    @property
    def key(self) -> ActivityKey:
        return ActivityKey(self.shop_id, self.member_id)


@dataclass(frozen=True)
class Goods:
    """What one order brought of one product or category."""

    title: str
    quantity: int
    yen: int


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one order, cart, booking or event adds to the facts of its member."""

    member_id: str
    happenings: tuple[Happening, ...] = ()
    purchase: Stamp | None = None
    spent_yen: int = 0
    cancelled: bool = False
    goods: Mapping[tuple[BoughtKind, str], Goods] = field(default_factory=dict)


def order_share(order: Order | None) -> Share | None:
    """The share of an order; None while it has no member, and for a test order always."""
    if order is None or order.member_id is None or order.is_test:
        return None
    happenings = tuple(Happening(at=m.at, name=m.name, ref=_ref(order, m.ref)) for m in order.milestones)
    cancelled = order.has("OrderCancelled")
    if order.placed_at is None or cancelled:
        return Share(member_id=order.member_id, happenings=happenings, cancelled=cancelled)
    return Share(
        member_id=order.member_id,
        happenings=happenings,
        purchase=Stamp(order.placed_at, order.order_id),
        spent_yen=order.total_yen or 0,
        goods=_goods(order),
    )


def _ref(order: Order, ref: str) -> str:
    return f"{order.order_id}/{ref}" if ref else order.order_id


def goods_keys(order: Order | None) -> list[BoughtKey]:
    """The rows in which what `order` brought its member is counted."""
    share = order_share(order)
    if share is None or order is None:
        return []
    return [BoughtKey(order.shop_id, share.member_id, kind.value, ref) for kind, ref in share.goods]


def _goods(order: Order) -> dict[tuple[BoughtKind, str], Goods]:
    found: dict[tuple[BoughtKind, str], Goods] = {}
    room = {BoughtKind.PRODUCT: MAX_PRODUCTS, BoughtKind.CATEGORY: MAX_CATEGORIES}
    for line in order.lines:
        if line.kind is not LineKind.PRODUCT:
            continue
        product = line.product_id or line.sku
        named = [(BoughtKind.PRODUCT, product, line.title)] if product else []
        named += [(BoughtKind.CATEGORY, name, name) for name in dict.fromkeys(line.categories)]
        for kind, ref, title in named:
            known = found.get((kind, ref))
            if known is None and not room[kind]:
                continue
            room[kind] -= known is None
            yen = (line.unit_yen or 0) * line.quantity
            found[kind, ref] = (
                Goods(known.title, known.quantity + line.quantity, known.yen + yen)
                if known
                else Goods(title, line.quantity, yen)
            )
    return found


def count(activity: Activity, old: Share | None, new: Share | None) -> Activity:
    """`activity` with `new` in the place of `old`; equal to it when nothing changed."""
    after = activity
    if old is not None:
        after = _without(after, old)
    if new is not None:
        after = _with(after, new)
    return after


def _with(activity: Activity, share: Share) -> Activity:
    events = dict(activity.events)
    for one in share.happenings:
        events[one.name] = events.get(one.name, Tally()).plus(Stamp(one.at, one.ref))
    purchases = activity.purchases
    if share.purchase is not None:
        purchases = purchases.plus(share.purchase, yen=share.spent_yen)
    recent = sorted((*activity.recent, *share.happenings), key=_when)
    return replace(
        activity,
        purchases=purchases,
        cancelled=activity.cancelled + share.cancelled,
        events=events,
        recent=tuple(recent[-RECENT:]),
    )


def _without(activity: Activity, share: Share) -> Activity:
    events = dict(activity.events)
    for one in share.happenings:
        left = events.get(one.name, Tally()).minus(Stamp(one.at, one.ref))
        events[one.name] = left
        if not left.count:
            del events[one.name]
    purchases = activity.purchases
    if share.purchase is not None:
        purchases = purchases.minus(share.purchase, yen=share.spent_yen)
    return replace(
        activity,
        purchases=purchases,
        cancelled=activity.cancelled - share.cancelled,
        events=events,
        recent=tuple(one for one in activity.recent if one not in share.happenings),
    )


def _when(one: Happening) -> tuple[datetime, str, str]:
    return one.at, one.name, one.ref


def count_goods(
    rows: Mapping[BoughtKey, Bought | None], shop_id: str, member_id: str, old: Share | None, new: Share | None
) -> dict[BoughtKey, Bought | None]:
    """The rows that change when `new` takes the place of `old`, as they are afterwards; None for one that is no more.

    `rows` holds what is stored of all rows that either of them speaks of.
    """
    changed: dict[BoughtKey, Bought | None] = {}
    before, after = (old.goods if old else {}), (new.goods if new else {})
    same_time = old is not None and new is not None and old.purchase == new.purchase
    for kind, ref in {**before, **after}:
        was, now = before.get((kind, ref)), after.get((kind, ref))
        if was == now and same_time:
            continue
        key = BoughtKey(shop_id, member_id, kind.value, ref)
        row = rows.get(key) or Bought(shop_id=shop_id, member_id=member_id, kind=kind, ref=ref, title=ref, version=0)
        tally = row.tally
        if was is not None and old is not None and old.purchase is not None:
            tally = tally.minus(old.purchase, was.quantity, was.yen)
        if now is not None and new is not None and new.purchase is not None:
            tally = tally.plus(new.purchase, now.quantity, now.yen)
        title = now.title if now is not None and new is not None and tally.last == new.purchase else row.title
        counted = replace(row, tally=tally, title=title, version=row.version + 1)
        changed[key] = counted if tally.count else None
    return changed


def nth_purchase(activity: Activity | None, order: Order) -> int | None:
    """Which purchase of its member `order` is, counted by when they were placed; None for one that does not count."""
    share = order_share(order)
    if activity is None or share is None or share.purchase is None:
        return None
    return activity.purchases.place_of(share.purchase)
