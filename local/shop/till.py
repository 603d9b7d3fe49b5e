"""The shop's business: members, orders, parcels and points, all in memory.

Each operation changes the state and returns Signals: what happened, ready to be told in whatever format.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from local.shop.carriers import carrier_named, parcel_number
from local.shop.catalogue import BY_SKU, FREE_SHIPPING_FROM, SHIPPING_FEE
from local.shop.clock import ShopClock
from local.shop.config import ShopConfig
from local.shop.model import Birthday, Line, Member, Order, Parcel, PointLot
from local.shop.people import first_lots, make_guest, make_member


class ShopError(Exception):
    """A request the shop refuses: unknown member, order or product, or a step its state does not allow."""


@dataclass(frozen=True)
class Signal:
    """Something that happened in the shop, named as the canonical events are (`OrderPlaced` …)."""

    type: str
    at: datetime
    member: Member | None = None
    order: Order | None = None
    parcel: Parcel | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """`orders/1001` or `members/1001`: what a person looks for in the outbox."""
        if self.order:
            return f"orders/{self.order.number}"
        return f"members/{self.member.member_id}" if self.member else ""


class Till:
    """State and operations of one shop; every id follows from the seed, so a story repeats exactly."""

    def __init__(self, config: ShopConfig, clock: ShopClock) -> None:
        self.clock = clock
        self.members: dict[str, Member] = {}
        self.orders: dict[int, Order] = {}
        self._rng = random.Random(config.seed)  # noqa: S311 - repeatable stories, no secret
        self._next_member = config.first_member_id
        self._next_order = 1001
        # Thirteen digits like a real store's; the seed moves the range, so another seed repeats no order.
        self._id_base = 5_600_000_000_000 + (config.seed % 100_000) * 10_000_000
        self._next_id = self._id_base
        for _ in range(config.member_count):
            self.invent_member(with_points=True)

    # -- members ---

    def invent_member(
        self, *, with_points: bool = False, birthday: Birthday | None = None, long_ago: bool = True
    ) -> Member:
        """Add one invented member who registered long ago or just now; a given birthday replaces the invented."""
        serial, now = len(self.members), self.clock.now()
        member = make_member(serial, str(self._next_member), self._rng, now)
        self._next_member += 1
        lots = first_lots(serial, self._rng, now)
        member.lots = lots if with_points else []
        member.birthday = birthday or member.birthday
        member.registered_at = member.registered_at if long_ago else now
        self.members[member.member_id] = member
        return member

    def member(self, member_id: str) -> Member:
        """Find a member or raise ShopError."""
        if member_id not in self.members:
            raise ShopError(f"unknown member {member_id}")
        return self.members[member_id]

    def announce_member(self, member: Member, *, backfill: bool = False) -> list[Signal]:
        """Tell the outside that a member exists, and her points if she holds any (also the first import)."""
        extra: dict[str, Any] = {"is_backfill": True} if backfill else {}
        signals = [Signal("MemberRegistered", self.clock.now(), member=member, data=dict(extra))]
        if member.lots:
            signals.append(Signal("PointsBalanceChanged", self.clock.now(), member=member, data=dict(extra)))
        return signals

    def set_birthday(self, member_id: str, birthday: Birthday | None) -> list[Signal]:
        """Change or clear a birthday."""
        member = self.member(member_id)
        member.birthday, member.changed_at = birthday, self.clock.now()
        return [Signal("MemberUpdated", self.clock.now(), member=member, data={"changed": ["birthday"]})]

    def leave(self, member_id: str, *, erase: bool = False) -> list[Signal]:
        """The member withdraws, or her record is deleted."""
        member = self.member(member_id)
        member.state, member.changed_at = ("deleted" if erase else "withdrawn"), self.clock.now()
        return [Signal("MemberDeleted" if erase else "MemberWithdrawn", self.clock.now(), member=member)]

    # -- points ---

    def set_lots(self, member_id: str, lots: Sequence[tuple[int, date]]) -> list[Signal]:
        """Replace all point lots: (points, last day of validity in Japan)."""
        member = self.member(member_id)
        member.lots = [PointLot(f"lot-{n}", points, expires) for n, (points, expires) in enumerate(lots, 1)]
        member.changed_at = self.clock.now()
        return [Signal("PointsBalanceChanged", self.clock.now(), member=member)]

    def grant_points(self, member_id: str, points: int, expires_on: date, reason: str = "manual") -> list[Signal]:
        """Add one lot of points."""
        member = self.member(member_id)
        lot = PointLot(f"lot-{self._take_id() - self._id_base}", points, expires_on)
        member.lots.append(lot)
        member.changed_at = self.clock.now()
        return [Signal("PointsGranted", self.clock.now(), member=member, data={"lot": lot, "reason": reason})]

    # -- orders ---

    def place_order(
        self,
        member_id: str | None,
        items: Sequence[tuple[str, int]],
        *,
        source: str = "web",
        payment: str = "card",
        points_used: int = 0,
        is_test: bool = False,
        placed_at: datetime | None = None,
    ) -> Order:
        """Take an order for (sku, quantity) items; without a member it is a guest's. Raises ShopError."""
        member = self.member(member_id) if member_id else None
        lines = tuple(self._line(sku, quantity) for sku, quantity in items)
        if not lines:
            raise ShopError("an order needs at least one item")
        subtotal = sum(line.total for line in lines)
        if points_used < 0 or points_used > min(subtotal, member.balance if member else 0):
            raise ShopError(f"cannot use {points_used} points")
        self._spend(member, points_used)
        if member and points_used:
            member.changed_at = self.clock.now()
        moment = placed_at or self.clock.now()
        fee = 0 if source == "pos" or subtotal >= FREE_SHIPPING_FROM else SHIPPING_FEE
        recipient = member or (None if source == "pos" else make_guest(self._next_order, moment))
        order = Order(
            order_id=self._take_id(),
            number=self._next_order,
            member=member,
            recipient=recipient,
            email=recipient.email if recipient else "",
            lines=lines,
            shipping_fee=fee,
            points_used=points_used,
            placed_at=moment,
            updated_at=moment,
            source=source,
            payment=payment,
            is_test=is_test,
        )
        self._next_order += 1
        self.orders[order.number] = order
        return order

    def order(self, ref: str | int) -> Order:
        """Find an order by its number (1001, `#1001`) or its long id."""
        text = str(ref).lstrip("#")
        wanted = int(text) if text.isdigit() else -1
        found = self.orders.get(wanted) or next((o for o in self.orders.values() if o.order_id == wanted), None)
        if found is None:
            raise ShopError(f"unknown order {ref}")
        return found

    def placed(self, order: Order) -> list[Signal]:
        """The order was placed."""
        return [Signal("OrderPlaced", order.placed_at, member=order.member, order=order)]

    def pay(self, ref: str | int) -> list[Signal]:
        """The order is paid; a second payment is refused."""
        order = self._open_order(ref)
        if order.paid_at:
            raise ShopError(f"order {order.number} is paid already")
        order.paid_at = order.updated_at = max(self.clock.now(), order.placed_at)
        return [Signal("OrderPaid", order.paid_at, member=order.member, order=order)]

    def ship(
        self,
        ref: str | int,
        carrier: str = "yamato",
        number: str | None = None,
        items: Sequence[tuple[str, int]] = (),
    ) -> list[Signal]:
        """Hand a parcel to a carrier: all of it, or (sku, quantity) items. An empty number means none yet."""
        order = self._open_order(ref)
        shipment_id = self._take_id()
        lines = tuple(self._part(order, sku, quantity) for sku, quantity in items) or order.lines
        numbers = (parcel_number(shipment_id % 1_000_000),) if number is None else tuple(filter(None, [number]))
        at = max(self.clock.now(), order.placed_at)
        parcel = Parcel(shipment_id, len(order.parcels) + 1, carrier_named(carrier), numbers, lines, at)
        order.parcels.append(parcel)
        order.updated_at = at
        return [Signal("ShipmentDispatched", at, member=order.member, order=order, parcel=parcel)]

    def cancel(self, ref: str | int, reason: str = "customer") -> list[Signal]:
        """Cancel the order; what was paid with points is not given back here."""
        order = self._open_order(ref)
        order.cancelled_at = order.updated_at = max(self.clock.now(), order.placed_at)
        order.cancel_reason = reason
        return [Signal("OrderCancelled", order.cancelled_at, member=order.member, order=order)]

    # -- parts ---

    def _open_order(self, ref: str | int) -> Order:
        order = self.order(ref)
        if order.cancelled_at:
            raise ShopError(f"order {order.number} is cancelled")
        return order

    def _line(self, sku: str, quantity: int) -> Line:
        if sku not in BY_SKU:
            raise ShopError(f"unknown product {sku}")
        if not 1 <= quantity <= 99:
            raise ShopError(f"quantity out of range: {quantity}")
        return Line(self._take_id() * 10 + 7, BY_SKU[sku], quantity)

    @staticmethod
    def _part(order: Order, sku: str, quantity: int) -> Line:
        for line in order.lines:
            if line.product.sku == sku and 1 <= quantity <= line.quantity:
                return Line(line.line_id, line.product, quantity)
        raise ShopError(f"order {order.number} holds no {quantity} of {sku}")

    @staticmethod
    def _spend(member: Member | None, points: int) -> None:
        if member is None or not points:
            return
        left: list[PointLot] = []
        for lot in sorted(member.lots, key=lambda lot: lot.expires_on):
            taken = min(points, lot.points)
            points -= taken
            if lot.points > taken:
                left.append(PointLot(lot.lot_id, lot.points - taken, lot.expires_on))
        member.lots = left

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id
