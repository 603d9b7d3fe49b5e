"""Segment's track calls (Segment docs, "Spec: Track" and "V2 Ecommerce Events"), as far as we read them.

Browsers send them: nothing is required, and a property of an unexpected type counts as absent.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from musubi.contracts.text import as_id, clean

MAX_LINES = 100


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _products(value: object) -> list[Any] | None:
    return [one for one in value[:MAX_LINES] if isinstance(one, dict)] if isinstance(value, list) else None


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Product(_Part):
    product_id: Id = None
    sku: Text = None
    name: Text = None
    category: Text = None
    price: Any = None
    quantity: Any = None


class Properties(_Part):
    """Amounts are in major units of `currency`; without one they are taken for the shop's yen."""

    order_id: Id = None
    checkout_id: Id = None
    cart_id: Id = None
    total: Any = None
    value: Any = None
    currency: Text = None
    products: Annotated[list[Product] | None, BeforeValidator(_products)] = None


class Track(_Part):
    """One call. `timestamp` is when it happened, by the sender's clock as Segment has corrected it."""

    type: Text = None
    event: Text = None
    message_id: Id = Field(None, validation_alias=AliasChoices("messageId", "message_id"))
    user_id: Id = Field(None, validation_alias=AliasChoices("userId", "user_id"))
    timestamp: Any = None
    properties: Annotated[Properties, BeforeValidator(_object)] = Properties()
