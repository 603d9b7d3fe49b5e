"""WooCommerce's REST v3 resources, which are its webhooks' bodies too, as far as we read them.

Nothing is required: bodies of deleted things are `{"id": …}` alone, and a property of an unexpected type counts as absent.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts import values
from musubi.contracts.text import as_id, clean

_ZONELESS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}")


def _id(value: object) -> str | None:
    """WordPress writes 0 where there is none: a guest's customer, the variation of a product without any."""
    text = as_id(value)
    return None if text in (None, "0") else text


def _word(value: object) -> str | None:
    text = clean(value)
    return text.lower().removeprefix("wc-") if text else None


def _title(value: object) -> str | None:
    """WordPress hands titles out as HTML text: `&ndash;` is a dash."""
    return clean(html.unescape(value[:1000])) if isinstance(value, str) else None


def _number(value: object) -> str | None:
    return clean(str(value) if type(value) is int else value)


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _listed(value: object) -> list[Any] | None:
    return _objects(value) if isinstance(value, list) else None


def _meta(value: object) -> dict[str, Any]:
    """`meta_data` by key. Plugins repeat keys; the last one is the newest row."""
    return {key: one.get("value") for one in _objects(value)[:500] if (key := clean(one.get("key")))}


Id = Annotated[str | None, BeforeValidator(_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Title = Annotated[str | None, BeforeValidator(_title)]
Number = Annotated[str | None, BeforeValidator(_number)]
Word = Annotated[str | None, BeforeValidator(_word)]
Meta = Annotated[dict[str, Any], BeforeValidator(_meta)]


def gmt(value: Any, field: str) -> datetime | None:
    """The instant in a `*_gmt` text, which says UTC by its name and not by an offset. Permanent when unreadable."""
    if isinstance(value, str) and value.startswith("0000-00-00"):
        return None  # MySQL's nothing
    bare = isinstance(value, str) and _ZONELESS.fullmatch(value.strip()) is not None
    return values.instant(f"{value.strip()}Z" if bare else value, field)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class LineItem(_Part):
    name: Title = None
    product_id: Id = None
    variation_id: Id = None
    quantity: Any = None
    sku: Text = None
    subtotal: Any = None
    subtotal_tax: Any = None
    price: Any = None


class Refund(_Part):
    """`total` is negative."""

    id: Id = None
    total: Any = None


class Order(_Part):
    """Also a subscription of the WooCommerce Subscriptions plugin, which is an order with dates."""

    id: Id = None
    number: Number = None
    status: Word = None
    currency: Text = None
    total: Any = None
    customer_id: Id = None
    payment_method: Word = None
    date_created_gmt: Any = None
    date_modified_gmt: Any = None
    date_paid_gmt: Any = None
    date_completed_gmt: Any = None
    next_payment_date_gmt: Any = None
    line_items: Annotated[list[LineItem] | None, BeforeValidator(_listed)] = None
    refunds: Annotated[list[Refund], BeforeValidator(_objects)] = []
    shipping_lines: Annotated[list[Any] | None, BeforeValidator(_listed)] = None
    meta_data: Meta = {}


class _Address(_Part):
    first_name: Text = None
    last_name: Text = None


class Customer(_Part):
    id: Id = None
    first_name: Text = None
    last_name: Text = None
    role: Word = None
    date_created_gmt: Any = None
    date_modified_gmt: Any = None
    billing: Annotated[_Address, BeforeValidator(_object)] = _Address()
    meta_data: Meta = {}


class TrackingItem(_Part):
    """One entry of `_wc_shipment_tracking_items`. `date_shipped` is a Unix time at the start of a day."""

    tracking_id: Id = None
    tracking_number: Number = None
    tracking_provider: Text = None
    custom_tracking_provider: Text = None
    custom_tracking_link: Any = None
    date_shipped: Any = None


def tracking_items(meta: Mapping[str, Any]) -> list[TrackingItem]:
    """The parcels that the Shipment Tracking plugin keeps with the order; PHP writes a list with gaps as an object."""
    given = meta.get("_wc_shipment_tracking_items")
    listed = list(given.values()) if isinstance(given, dict) else given
    return [TrackingItem.model_validate(one) for one in _objects(listed)[:50]]
