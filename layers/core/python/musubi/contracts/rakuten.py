"""Rakuten's orders (RMS WEB SERVICE 2.0, `getOrder` version 7, `OrderModel`), as far as we read them.

Nothing is required; a property of an unexpected type counts as absent. Amounts are whole yen, -9999 where the shop has not
settled them yet. Times are `YYYY-MM-DDThh:mm:ss+0900`, dates `YYYY-MM-DD`. The buyer and the recipients are not read.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _code(value: object) -> str | None:
    return clean(str(value) if type(value) is int else value)


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Code = Annotated[str | None, BeforeValidator(_code)]
"""Rakuten writes most codes as numbers, and some as text."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Sku(_Part):
    variantId: Id = None
    merchantDefinedSkuId: Id = None
    skuInfo: Text = None


class Item(_Part):
    """`units` is how many, `price` one piece's, `priceTaxIncl` the same with tax."""

    itemName: Text = None
    itemId: Id = None
    itemNumber: Id = None
    manageNumber: Id = None
    selectedChoice: Text = None
    price: Any = None
    priceTaxIncl: Any = None
    units: Any = None
    SkuModelList: Annotated[list[Sku], BeforeValidator(_objects)] = []


class Shipping(_Part):
    """One parcel."""

    shippingDetailId: Id = None
    shippingNumber: Text = None
    deliveryCompany: Code = None
    deliveryCompanyName: Text = None
    shippingDate: Any = None


class Package(_Part):
    """What goes to one recipient."""

    basketId: Id = None
    ItemModelList: Annotated[list[Item], BeforeValidator(_objects)] = []
    ShippingModelList: Annotated[list[Shipping], BeforeValidator(_objects)] = []


class Change(_Part):
    """A change or a cancellation. `changeType` 0 to 3 are a cancellation's: asked for, fixed, complete, taken back."""

    changeType: Code = None
    changeApplyDatetime: Any = None
    changeFixDatetime: Any = None
    changeCmplDatetime: Any = None


class Order(_Part):
    orderNumber: Id = None
    orderProgress: Code = None
    orderDatetime: Any = None
    shopOrderCfmDatetime: Any = None
    orderFixDatetime: Any = None
    shippingInstDatetime: Any = None
    shippingCmplRptDatetime: Any = None
    requestPrice: Any = None
    PackageModelList: Annotated[list[Package], BeforeValidator(_objects)] = []
    ChangeReasonModelList: Annotated[list[Change], BeforeValidator(_objects)] = []
