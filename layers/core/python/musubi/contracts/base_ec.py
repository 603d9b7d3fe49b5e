"""BASE's orders (API 1, `orders` and `orders/detail`), as far as we read them.

Nothing is required; a property of an unexpected type counts as absent. Times are Unix seconds, amounts whole yen. Names are
not read: BASE's own samples disagree about which of the two is the family's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean
from musubi.domain.errors import Permanent

_LAST = 7_000_000_000
"""A day of the year 2191: what is later is no Unix time in seconds."""


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _listed(value: object) -> list[Any] | None:
    return _objects(value) if isinstance(value, list) else None


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]


def unix(value: Any, field: str) -> datetime | None:
    """The instant in Unix seconds, as a number or its digits; None when absent or 0, Permanent for anything else."""
    if value in (None, "", 0, "0"):
        return None
    digits = value.strip() if isinstance(value, str) and value.strip().isascii() else ""
    seconds = int(digits) if digits.isdecimal() and len(digits) <= 10 else value
    if type(seconds) is int and 0 < seconds < _LAST:
        return datetime.fromtimestamp(seconds, UTC)
    raise Permanent(f"{field}: not a time")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Item(_Part):
    """`amount` is how many, `price` one piece's."""

    item_id: Id = None
    title: Text = None
    variation: Text = None
    price: Any = None
    amount: Any = None
    status: Text = None


class Order(_Part):
    """The list leaves out `order_items`, `tracking_number` and `shipping_method`; the detail has all of them."""

    unique_key: Id = None
    ordered: Any = None
    cancelled: Any = None
    dispatched: Any = None
    modified: Any = None
    payment: Text = None
    total: Any = None
    dispatch_status: Text = None
    shipping_method: Any = None
    tracking_number: Any = None
    order_items: Annotated[list[Item] | None, BeforeValidator(_listed)] = None
