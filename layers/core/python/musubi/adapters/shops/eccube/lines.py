"""受注明細 → lines. A line that can not be read is worth less than its order: it loses its price, not the event."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.contracts import values
from musubi.contracts.eccube import OrderItem
from musubi.domain.errors import Permanent
from musubi.domain.orders import Line, LineKind

_MOST_LINES = 100

_KINDS = {
    "1": LineKind.PRODUCT,
    "2": LineKind.SHIPPING,
    "3": LineKind.FEE,
    "4": LineKind.DISCOUNT,
    "5": LineKind.FEE,
    "6": LineKind.POINT,
}
"""商品, 送料, 手数料, 割引, 税, ポイント (mtb_order_item_type)."""

_TAX_INCLUDED = "2"


def lines_of(items: Sequence[OrderItem]) -> tuple[Line, ...]:
    """The order's lines, at most a hundred of them."""
    return tuple(_line(item) for item in items[:_MOST_LINES] if item.product_name)


def _line(item: OrderItem) -> Line:
    variant = " ".join(name for name in (item.class_category_name1, item.class_category_name2) if name)
    product = item.Product
    return Line(
        title=f"{item.product_name} {variant}".strip(),
        quantity=_whole(item.quantity) or 1,
        product_id=product.id,
        variant_id=item.ProductClass.id,
        sku=item.product_code,
        categories=tuple(one.category_id for one in product.ProductCategories if one.category_id),
        unit_yen=_unit(item),
        kind=_KINDS.get(item.OrderItemType.id or "", LineKind.PRODUCT),
    )


def _unit(item: OrderItem) -> int | None:
    """The price of one piece with tax."""
    price = _whole(item.price)
    if price is None or item.TaxDisplayType.id == _TAX_INCLUDED:
        return price
    return price + (_whole(item.tax) or 0)


def _whole(value: object) -> int | None:
    try:
        return values.yen(value, "OrderItem")
    except Permanent:
        return None
