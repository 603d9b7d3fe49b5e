"""The shop's own records. Money and points are integers, times are aware."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from local.shop.carriers import Carrier
from local.shop.catalogue import Product


@dataclass(frozen=True)
class Birthday:
    """A birthday with what is known of it; the year, or the day, may be missing."""

    year: int | None
    month: int
    day: int | None

    @staticmethod
    def parse(text: str) -> Birthday:
        """Read `YYYY-MM-DD` or `--MM-DD`; a day that no calendar has is refused with ValueError."""
        year_text, month_text, day_text = ("", *text[2:].split("-")) if text.startswith("--") else text.split("-")
        year, month, day = (int(year_text) if year_text else None), int(month_text), int(day_text)
        date(year or 2000, month, day)
        return Birthday(year, month, day)

    def as_data(self) -> dict[str, int]:
        """Only the known parts, as the canonical event carries them."""
        parts = {"year": self.year, "month": self.month, "day": self.day}
        return {name: value for name, value in parts.items() if value is not None}

    @property
    def label(self) -> str:
        """`1988年2月29日`, without the parts that are not known."""
        year = f"{self.year}年" if self.year else ""
        return f"{year}{self.month}月" + (f"{self.day}日" if self.day else "")


@dataclass(frozen=True)
class PointLot:
    """Points that expire together, at the end of `expires_on` in Japan."""

    lot_id: str
    points: int
    expires_on: date


@dataclass(frozen=True)
class Address:
    """A Japanese address; `province` is the two-digit prefecture code."""

    zip_code: str
    province: str
    prefecture: str
    city: str
    street: str


@dataclass
class Member:
    """A person in the shop's member database. `state` is active, withdrawn or deleted."""

    member_id: str
    family: str
    given: str
    family_kana: str
    given_kana: str
    email: str
    phone: str
    birthday: Birthday | None
    registered_at: datetime
    address: Address
    lots: list[PointLot] = field(default_factory=list)
    state: str = "active"
    version: int = 0
    changed_at: datetime | None = None

    @property
    def name(self) -> str:
        """Display name, family name first."""
        return f"{self.family} {self.given}"

    @property
    def balance(self) -> int:
        """All points the member holds, expired lots included until the shop clears them."""
        return sum(lot.points for lot in self.lots)


@dataclass(frozen=True)
class Line:
    """One line of an order."""

    line_id: int
    product: Product
    quantity: int

    @property
    def total(self) -> int:
        """Yen with tax."""
        return self.product.price * self.quantity


@dataclass(frozen=True)
class Parcel:
    """One dispatch of an order. `serial` counts the parcels of that order from 1."""

    shipment_id: int
    serial: int
    carrier: Carrier
    numbers: tuple[str, ...]
    lines: tuple[Line, ...]
    at: datetime


@dataclass
class Order:
    """A purchase; `member` is None for a guest, `recipient` for a counter sale. `source` is web or pos."""

    order_id: int
    number: int
    member: Member | None
    recipient: Member | None
    email: str
    lines: tuple[Line, ...]
    shipping_fee: int
    points_used: int
    placed_at: datetime
    updated_at: datetime
    source: str = "web"
    payment: str = "card"
    is_test: bool = False
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    parcels: list[Parcel] = field(default_factory=list)

    @property
    def subtotal(self) -> int:
        """Sum of the lines in yen."""
        return sum(line.total for line in self.lines)

    @property
    def total(self) -> int:
        """What the customer pays, in yen."""
        return self.subtotal + self.shipping_fee - self.points_used

    @property
    def state_label(self) -> str:
        """Japanese state for the pages."""
        if self.cancelled_at:
            return "キャンセル"
        if self.parcels:
            return "発送済み"
        return "発送準備中" if self.paid_at else "お支払い待ち"
