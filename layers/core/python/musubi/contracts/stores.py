"""STORES' orders (retail API 202211, `Order`), as far as we read them.

Nothing is required, although the vendor's schema requires nearly all: a property of an unexpected type counts as absent.
Amounts are integers of yen with tax, times have an offset.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> str | None:
    return clean(str(value) if type(value) is int else value)


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Number = Annotated[str | None, BeforeValidator(_number)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Item(_Part):
    """`regular_price` is one piece's, before discounts."""

    name: Text = None
    item_id: Id = None
    variation_id: Id = None
    variation_name: Text = None
    code: Text = None
    regular_price: Any = None
    quantity: Any = None


class Delivery(_Part):
    """One parcel, or what is handed over at a counter, as a ticket or as a download (`type`)."""

    id: Id = None
    type: Text = None
    items: Annotated[list[Item], BeforeValidator(_objects)] = []
    shipped_at: Any = None
    canceled_at: Any = None
    tracking_number: Any = None
    delivery_method_name: Any = None


class Transaction(_Part):
    """A payment, or with a negative `amount` a refund. 代金引換 has no `paid_at`: the shop's system does not know."""

    id: Id = None
    type: Text = None
    amount: Any = None
    paid_at: Any = None


class Order(_Part):
    """`payment_amount` is what the customer pays, after cancellations and refunds."""

    id: Id = None
    number: Number = None
    payment_amount: Any = None
    ordered_at: Any = None
    readied_at: Any = None
    transactions: Annotated[list[Transaction], BeforeValidator(_objects)] = []
    deliveries: Annotated[list[Delivery], BeforeValidator(_objects)] = []
