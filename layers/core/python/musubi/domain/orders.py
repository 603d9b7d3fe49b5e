"""Orders of the shop and what has happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from musubi.domain.store_keys import OrderKey


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """One parcel, as of `as_of`. `tracking_url` is https and of a known carrier, or None: it goes into a LINE button."""

    shipment_id: str
    carrier: str
    carrier_name: str
    tracking_numbers: tuple[str, ...] = ()
    tracking_url: str | None = None
    as_of: datetime | None = None


class LineKind(StrEnum):
    PRODUCT = "product"
    SHIPPING = "shipping"
    FEE = "fee"
    DISCOUNT = "discount"
    POINT = "point"
    GIFT = "gift"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an order or a cart. `unit_yen` includes tax as the shop shows it; None when it is not whole yen."""

    title: str
    quantity: int = 1
    product_id: str | None = None
    variant_id: str | None = None
    sku: str | None = None
    categories: tuple[str, ...] = ()
    unit_yen: int | None = None
    kind: LineKind = LineKind.PRODUCT


@dataclass(frozen=True)
class Milestone:
    """Something that happens to an order once. `name` is the canonical event, `ref` tells repeated ones (parcels) apart."""

    name: str
    at: datetime
    ref: str = ""

    @property
    def id(self) -> str:
        return f"{self.name}/{self.ref}" if self.ref else self.name


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as the shop last described it. `total_as_of` is the version of the newest event that named a total.

    `told` holds the ids of milestones that scenarios have seen. It trails `milestones` while nobody is known to tell: a
    parcel event that arrives before its order has no member yet, and must still be told when the order arrives.

    `lines` and `lines_as_of` work as the total does. `is_test` once one event of it said so: a parcel of a test order does
    not know it.
    """

    shop_id: str
    order_id: str
    number: str | None = None
    member_id: str | None = None
    total_yen: int | None = None
    total_as_of: datetime | None = None
    as_of: datetime | None = None
    shipments: tuple[Shipment, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    told: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    lines_as_of: datetime | None = None
    checkout_ids: tuple[str, ...] = ()
    is_test: bool = False
    version: int = 1

    @property
    def key(self) -> OrderKey:
        return OrderKey(self.shop_id, self.order_id)

    def has(self, milestone: str) -> bool:
        return any(m.name == milestone for m in self.milestones)

    @property
    def placed_at(self) -> datetime | None:
        return next((m.at for m in self.milestones if m.name == "OrderPlaced"), None)

    def shipment(self, shipment_id: str) -> Shipment | None:
        return next((s for s in self.shipments if s.shipment_id == shipment_id), None)
