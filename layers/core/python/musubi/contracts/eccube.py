"""EC-CUBE's shapes as its GraphQL API answers them (entities of 4.2/4.3, fields of the Web API plugin's allow-list), as
far as we read them. Ids are texts, decimals are floats, times carry an offset that varies. A property of an unexpected type
counts as absent.

No e-mail address is asked for: nothing here needs one, and a withdrawn customer's is a dummy.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Ref(_Part):
    """An association of which only the id matters."""

    id: Id = None


AnyRef = Annotated[Ref, BeforeValidator(_object)]


class Notice(_Part):
    """One entry of a webhook: which entity, and what was done to it."""

    entity: Text = None
    id: Id = None
    action: Text = None


class Customer(_Part):
    """会員. `Status`: 1 仮会員, 2 本会員, 3 退会."""

    id: Id = None
    name01: Text = None
    name02: Text = None
    birth: Any = None
    point: Any = None
    create_date: Any = None
    update_date: Any = None
    Status: AnyRef = Ref()


class Shipping(_Part):
    """出荷: one parcel."""

    id: Id = None
    shipping_delivery_name: Text = None
    tracking_number: Text = None
    shipping_date: Any = None
    update_date: Any = None


class ProductCategory(_Part):
    category_id: Id = None


class Product(_Part):
    id: Id = None
    ProductCategories: Annotated[list[ProductCategory], BeforeValidator(_objects)] = []


AnyProduct = Annotated[Product, BeforeValidator(_object)]
_NO_PRODUCT = Product()


class OrderItem(_Part):
    """受注明細. `price` is with or without tax as `TaxDisplayType` (1 税抜, 2 税込) says; `tax` is for one piece."""

    product_name: Text = None
    product_code: Text = None
    class_category_name1: Text = None
    class_category_name2: Text = None
    price: Any = None
    tax: Any = None
    quantity: Any = None
    OrderItemType: AnyRef = Ref()
    TaxDisplayType: AnyRef = Ref()
    Product: AnyProduct = _NO_PRODUCT
    ProductClass: AnyRef = Ref()


class Order(_Part):
    """受注. `OrderStatus`: 1 新規受付, 3 注文取消し, 4 対応中, 5 発送済み, 6 入金済み, 7 決済処理中, 8 購入処理中,
    9 返品, or the shop's own.
    """

    id: Id = None
    order_no: Text = None
    payment_total: Any = None
    currency_code: Text = None
    order_date: Any = None
    payment_date: Any = None
    create_date: Any = None
    update_date: Any = None
    OrderStatus: AnyRef = Ref()
    Customer: AnyRef = Ref()
    Shippings: Annotated[list[Shipping], BeforeValidator(_objects)] = []
    OrderItems: Annotated[list[OrderItem], BeforeValidator(_objects)] = []
