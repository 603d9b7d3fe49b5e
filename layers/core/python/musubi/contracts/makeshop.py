"""makeshop's orders and members (GraphQL, `searchOrder` and `searchMember`), as far as we ask for them.

Nothing is required; a property of an unexpected type counts as absent. Times are digits, `YYYYMMDDhhmmss` of Tokyo's clock.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts import values
from musubi.contracts.text import as_id, clean

_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def stamp(value: Any, field: str) -> datetime | None:
    """The UTC instant in makeshop's digits, or in a text with separators; None when absent, Permanent for anything else."""
    found = _DIGITS.fullmatch(value.strip()) if isinstance(value, str) and value.isascii() else None
    return values.instant("{}-{}-{}T{}:{}:{}".format(*found.groups()) if found else value, field)


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Basket(_Part):
    """One line: `amount` is how many, `price` one piece's."""

    productCode: Id = None
    productName: Text = None
    variationName: Text = None
    variationCustomCode: Id = None
    price: Any = None
    amount: Any = None


class Delivery(_Part):
    """What goes to one recipient: `deliveryStatus` is N (未処理), Y (配送), C (キャンセル) or R (返送)."""

    deliveryStatus: Text = None
    slipNumber: Text = None
    basketInfos: Annotated[list[Basket], BeforeValidator(_objects)] = []


class Order(_Part):
    systemOrderNumber: Id = None
    displayOrderNumber: Text = None
    orderDate: Any = None
    memberId: Id = None
    sumPrice: Any = None
    deliveryInfos: Annotated[list[Delivery], BeforeValidator(_objects)] = []


class Member(_Part):
    """`groupId` is the 会員グループ, `shopPoint` the balance of the shop's own points."""

    memberId: Id = None
    name: Text = None
    groupId: Id = None
    groupName: Text = None
    shopPoint: Any = None
    registrationDate: Any = None
