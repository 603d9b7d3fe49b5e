"""Orders and customers as EC-CUBE's GraphQL API answers them; everybody in them is invented."""

from __future__ import annotations

from typing import Any


def customer(number: str = "1001", **changed: Any) -> dict[str, Any]:
    """結城 さくら, a regular customer since 2024."""
    return {
        "id": number,
        "name01": "結城",
        "name02": "さくら",
        "birth": "1992-12-24T00:00:00+09:00",
        "point": 120,
        "create_date": "2024-03-01T10:00:00+09:00",
        "update_date": "2026-11-24T11:00:00+09:00",
        "Status": {"id": "2"},
        **changed,
    }


def item(**changed: Any) -> dict[str, Any]:
    """A product line: 1,500 yen and 150 yen tax a piece."""
    return {
        "product_name": "結び煎茶",
        "product_code": "TEA-SEN-100",
        "class_category_name1": "100g",
        "class_category_name2": None,
        "price": 1500,
        "tax": 150,
        "quantity": 2,
        "OrderItemType": {"id": "1"},
        "TaxDisplayType": {"id": "1"},
        "ProductClass": {"id": "31"},
        "Product": {"id": "9", "ProductCategories": [{"category_id": "2"}, {"category_id": "5"}]},
        **changed,
    }


def parcel(number: str = "71", **changed: Any) -> dict[str, Any]:
    """A parcel that has not left."""
    return {
        "id": number,
        "shipping_delivery_name": "ヤマト運輸",
        "tracking_number": None,
        "shipping_date": None,
        "update_date": "2026-11-24T11:00:00+09:00",
        **changed,
    }


def order(number: str = "1203", status: str = "1", **changed: Any) -> dict[str, Any]:
    """An order of 3,300 yen and 550 yen postage, placed on 24 November 2026 at 12:00 in Tokyo."""
    return {
        "id": number,
        "order_no": number,
        "payment_total": 3850,
        "currency_code": "JPY",
        "order_date": "2026-11-24T12:00:00+09:00",
        "payment_date": None,
        "create_date": "2026-11-24T11:50:00+09:00",
        "update_date": "2026-11-24T12:00:00+09:00",
        "OrderStatus": {"id": status},
        "Customer": customer(),
        "Shippings": [parcel()],
        "OrderItems": [
            item(),
            item(
                product_name="送料",
                product_code=None,
                class_category_name1=None,
                price=550,
                tax=50,
                quantity=1,
                OrderItemType={"id": "2"},
                TaxDisplayType={"id": "2"},
                ProductClass=None,
                Product=None,
            ),
        ],
        **changed,
    }
