"""Line items of orders, checkouts and carts. Their `properties` are whatever a theme lets people type: left behind."""

from __future__ import annotations

from typing import Any

from musubi.contracts.ec_fields import lines_of
from musubi.contracts.shopify import Lines
from musubi.domain.orders import Line


def read_lines(items: Lines, currency: str | None) -> tuple[Line, ...] | None:
    """What is still bought of each line; None when the body does not speak of lines.

    `currency` is the body's, for lines that do not carry `price_set`.
    """
    return None if items is None else lines_of({"lines": [_said(item, currency) for item in items]})


def _said(item: dict[str, Any], currency: str | None) -> dict[str, Any]:
    return {
        "title": item.get("title"),
        "name": item.get("name"),
        "product_id": item.get("product_id"),
        "variant_id": item.get("variant_id"),
        "sku": item.get("sku"),
        # After an edit or a refund `quantity` still says what was ordered; a line that is gone counts zero and is left out.
        "quantity": item.get("current_quantity", item.get("quantity", 1)),
        "unit_price": _price(item, currency),
    }


def _price(item: dict[str, Any], currency: str | None) -> Any:
    """The shop's own money: the customer may have paid in another one."""
    prices = item.get("price_set")
    money = prices.get("shop_money") if isinstance(prices, dict) else None
    if isinstance(money, dict):
        return money
    return {"amount": item.get("price"), "currency": currency} if currency else None
