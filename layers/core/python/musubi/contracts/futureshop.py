"""futureshop's orders (API v2, the list `shipping`), as far as we read them.

Nothing is required; a property of an unexpected type counts as absent, and so does an empty text. Times are Tokyo's without an
offset, some of them only days. Amounts are whole yen with tax.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts import values
from musubi.contracts.text import as_id, clean
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent

_DAY = re.compile(r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}")
_DAY_ENDS = time(23, 59, 59)


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _parcels(value: object) -> list[Any]:
    """A parcel, with what it keeps under `shippingInfo`."""
    found = ((one, one.get("shippingInfo")) for one in _objects(value))
    return [{**one, **inner} if isinstance(inner, dict) else one for one, inner in found]


def _object(value: object) -> Any:
    return value if isinstance(value, dict) else {}


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def day(value: Any, field: str) -> date | None:
    """The Tokyo day of a day or of a time; None when absent, Permanent for anything else."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text.replace("/", "-"))
        except ValueError:
            raise Permanent(f"{field}: not a date") from None
    found = values.instant(text, field)
    return found.astimezone(TOKYO).date() if found else None


def instant(value: Any, field: str, seen_at: datetime) -> datetime | None:
    """The instant of a time; of a day its end, or `seen_at` if that is earlier: it has happened by then."""
    found = day(value, field)
    if found is None or not _DAY.fullmatch(str(value).strip()):
        return values.instant(value, field)
    return min(seen_at, datetime.combine(found, _DAY_ENDS, TOKYO) + timedelta(microseconds=999_999))


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Truth = Annotated[bool | None, BeforeValidator(_truth)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Product(_Part):
    """`count` is how many, `price` one piece's."""

    skuNo: Id = None
    name: Text = None
    verticalVariationName: Text = None
    horizontalVariationName: Text = None
    price: Any = None
    count: Any = None


class Parcel(_Part):
    """What goes to one recipient."""

    shipmentNo: Id = None
    shippingDate: Any = None
    invoiceNo: Text = None
    deliveryServiceName: Text = None
    productList: Annotated[list[Product], BeforeValidator(_objects)] = []


class Buyer(_Part):
    """Who bought, as of the order. `memberStageName` (会員ステージ) is said by a whole order (`orders/<orderNo>`) only."""

    memberId: Id = None
    lastName: Text = None
    firstName: Text = None
    birthday: Any = None
    memberStageName: Text = None


class Order(_Part):
    """`receiptDate` is 入金確認日."""

    orderNo: Id = None
    date: Any = None
    status: Text = None
    receiptDate: Any = None
    grandTotal: Any = None
    isMember: Truth = None
    buyerInfo: Annotated[Buyer, BeforeValidator(_object)] = Buyer()
    shipmentList: Annotated[list[Parcel], BeforeValidator(_parcels)] = []
