"""Shopify's REST shapes, as far as we read them. Only `id` is required: large bodies arrive as `{"id": …}` alone.

A property of an unexpected type counts as absent; Shopify adds and changes properties with every quarterly version.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [text for one in value if (text := clean(one))] if isinstance(value, list) else []


def _true(value: object) -> bool:
    return value is True


def _raw_text(value: object) -> str | None:
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) and len(value) < 2000 else None


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Raw = Annotated[str | None, BeforeValidator(_raw_text)]
Texts = Annotated[list[str], BeforeValidator(_texts)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Customer(_Part):
    id: Id = None


class _PriceSet(_Part):
    shop_money: Annotated[dict[str, Any], BeforeValidator(_object)] = {}


class Fulfillment(_Part):
    """One parcel; in an order's `fulfillments` or as a webhook of its own."""

    id: Id = None
    order_id: Id = None
    name: Text = None
    status: Text = None
    created_at: Any = None
    updated_at: Any = None
    tracking_company: Text = None
    tracking_number: Any = None
    tracking_numbers: Any = None
    tracking_url: Raw = None
    tracking_urls: Any = None

    @property
    def numbers(self) -> Any:
        return self.tracking_numbers if isinstance(self.tracking_numbers, list) else self.tracking_number

    @property
    def url(self) -> Any:
        first = self.tracking_urls[0] if isinstance(self.tracking_urls, list) and self.tracking_urls else None
        return self.tracking_url or first


def _parcels(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class Order(_Part):
    """An order as Shopify's Admin REST API shows it."""

    id: Id = None
    name: Text = None
    created_at: Any = None
    updated_at: Any = None
    processed_at: Any = None
    cancelled_at: Any = None
    currency: Text = None
    financial_status: Text = None
    total_price: Any = None
    total_price_set: Annotated[_PriceSet, BeforeValidator(_object)] = _PriceSet()
    customer: Annotated[_Customer, BeforeValidator(_object)] = _Customer()
    test: Annotated[bool, BeforeValidator(_true)] = False
    gateway: Text = None
    payment_gateway_names: Texts = []
    fulfillments: Annotated[list[Fulfillment], BeforeValidator(_parcels)] = []
