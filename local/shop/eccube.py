"""The shop as an EC-CUBE 4.3: what its webhooks name, and its orders and customers as the Web API plugin shows them.

Webhooks carry ids only; orders and customers are rendered when somebody asks, as they are then. Times carry an offset that
varies, decimals are floats, a birth is a midnight of Tokyo in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.shop.clock import JST, parse_moment, rfc3339
from local.shop.graphql import QueryError, Schema
from local.shop.model import Line, Member, Order, Parcel
from local.shop.till import ShopError, Signal, Till

_PLAIN = {
    "Customer": "id name01 name02 kana01 kana02 email phone_number birth point create_date update_date",
    "Order": "id order_no payment_total total currency_code order_date payment_date create_date update_date"
    " add_point use_point",
    "Shipping": "id shipping_delivery_name tracking_number shipping_date update_date",
    "OrderItem": "id product_name product_code class_category_name1 class_category_name2 price tax quantity",
    "Product": "id name",
    "ProductCategory": "category_id",
    "Master": "id name",
    "PageInfo": "hasNextPage hasPreviousPage",
    "OrderConnection": "totalCount",
    "CustomerConnection": "totalCount",
    "Query": "",
}
_OBJECTS = {
    "Customer": {"Status": "Master"},
    "Order": {"OrderStatus": "Master", "Customer": "Customer", "Shippings": "Shipping", "OrderItems": "OrderItem"},
    "OrderItem": {
        "OrderItemType": "Master",
        "TaxDisplayType": "Master",
        "ProductClass": "Master",
        "Product": "Product",
    },
    "Product": {"ProductCategories": "ProductCategory"},
    "OrderConnection": {"nodes": "Order", "pageInfo": "PageInfo"},
    "CustomerConnection": {"nodes": "Customer", "pageInfo": "PageInfo"},
    "Query": {
        "order": "Order",
        "customer": "Customer",
        "orders": "OrderConnection",
        "customers": "CustomerConnection",
    },
}
SCHEMA: Schema = {kind: {**dict.fromkeys(plain.split()), **_OBJECTS.get(kind, {})} for kind, plain in _PLAIN.items()}
"""The fields of the plugin's allow-list that this shop fills; any other is refused, as one outside the allow-list is."""

_STATUSES = {1: "新規受付", 3: "注文取消し", 4: "対応中", 5: "発送済み", 6: "入金済み"}
_STANDINGS = {"active": ("2", "本会員"), "withdrawn": ("3", "退会")}


def entries_of(signal: Signal) -> list[dict[str, Any]]:
    """What the webhook says of a signal: which entities changed, and nothing else."""
    entries: list[dict[str, Any]] = []
    if signal.order:
        action = "created" if signal.type == "OrderPlaced" else "updated"
        entries.append({"entity": "order", "id": signal.order.order_id, "action": action})
    elif signal.member:
        actions = {"MemberRegistered": "created", "MemberDeleted": "deleted"}
        entries.append(
            {"entity": "customer", "id": int(signal.member.member_id), "action": actions.get(signal.type, "updated")}
        )
    return entries


class Eccube:
    """The shop's records as the API shows them."""

    def __init__(self, till: Till) -> None:
        self._till = till

    def resolve(self, field: str, arguments: dict[str, Any]) -> Any:
        """The answer to one field of a query; raises QueryError for arguments that it does not take."""
        match field:
            case "order":
                return self._one(arguments, self._order)
            case "customer":
                return self._one(arguments, self._customer_by_id)
            case "orders":
                return self._page(arguments, [self._shown(order) for order in self._till.orders.values()])
            case _:
                members = [member for member in self._till.members.values() if member.state != "deleted"]
                return self._page(arguments, [self._customer(member) for member in members])

    @staticmethod
    def _one(arguments: dict[str, Any], find: Any) -> Any:
        if set(arguments) != {"id"}:
            raise QueryError('Argument "id" of type "ID!" is required but not provided.')
        return find(str(arguments["id"]))

    @staticmethod
    def _page(arguments: dict[str, Any], documents: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            since, until = (parse_moment(arguments.pop(f"update_datetime_{end}")) for end in ("start", "end"))
        except (KeyError, TypeError, ValueError):
            raise QueryError("update_datetime_start, update_datetime_end: two times, please") from None
        page, limit = int(arguments.pop("page", 1)), int(arguments.pop("limit", 50))
        if arguments:
            raise QueryError(f'Unknown argument "{min(arguments)}".')
        fit = [one for one in documents if since <= parse_moment(one["update_date"]) < until]
        fit.sort(key=lambda one: (parse_moment(one["update_date"]), int(one["id"])), reverse=True)
        return {
            "nodes": fit[(page - 1) * limit : page * limit],
            "totalCount": len(fit),
            "pageInfo": {"hasNextPage": page * limit < len(fit), "hasPreviousPage": page > 1},
        }

    def _order(self, order_id: str) -> dict[str, Any] | None:
        try:
            return self._shown(self._till.order(order_id))
        except ShopError:
            return None

    def _shown(self, order: Order) -> dict[str, Any]:
        status = _status(order)
        return {
            "id": str(order.order_id),
            "order_no": f"#{order.number}",
            "payment_total": float(order.total),
            "total": float(order.total),
            "currency_code": "JPY",
            "order_date": rfc3339(order.placed_at),
            "payment_date": _utc(order.paid_at) if order.paid_at else None,
            "create_date": rfc3339(order.placed_at),
            "update_date": _utc(order.updated_at),
            "add_point": float(order.subtotal // 100),
            "use_point": float(order.points_used),
            "OrderStatus": {"id": str(status), "name": _STATUSES[status]},
            "Customer": self._customer(order.member) if order.member else None,
            "Shippings": _shippings(order),
            "OrderItems": [_item(line) for line in order.lines] + _extras(order),
        }

    def _customer_by_id(self, member_id: str) -> dict[str, Any] | None:
        member = self._till.members.get(member_id)
        return self._customer(member) if member and member.state != "deleted" else None

    def _customer(self, member: Member) -> dict[str, Any]:
        standing, name = _STANDINGS.get(member.state, ("2", "本会員"))
        return {
            "id": member.member_id,
            "name01": member.family,
            "name02": member.given,
            "kana01": member.family_kana,
            "kana02": member.given_kana,
            # Who withdraws gets an address that is none.
            "email": member.email if member.state == "active" else "x" * 60 + "@dummy.dummy",
            "phone_number": member.phone,
            "birth": _birth(member),
            "point": float(member.balance),
            "create_date": rfc3339(member.registered_at),
            "update_date": _utc(member.changed_at or member.registered_at),
            "Status": {"id": standing, "name": name},
        }


def _status(order: Order) -> int:
    if order.cancelled_at:
        return 3
    sent = {line.line_id for parcel in order.parcels for line in parcel.lines}
    if sent >= {line.line_id for line in order.lines}:
        return 5
    return 4 if sent else 6 if order.paid_at else 1


def _shippings(order: Order) -> list[dict[str, Any]]:
    """Each parcel, and what has not left yet as one more."""
    found = [_shipping(parcel) for parcel in order.parcels]
    if _status(order) != 5:
        waiting = {"tracking_number": None, "shipping_date": None, "update_date": rfc3339(order.placed_at)}
        found.append({"id": str(order.order_id * 10), "shipping_delivery_name": "サンプル業者", **waiting})
    return found


def _shipping(parcel: Parcel) -> dict[str, Any]:
    return {
        "id": str(parcel.shipment_id),
        "shipping_delivery_name": parcel.carrier.label,
        "tracking_number": parcel.numbers[0] if parcel.numbers else None,
        "shipping_date": rfc3339(parcel.at),
        "update_date": _utc(parcel.at),
    }


def _item(line: Line) -> dict[str, Any]:
    product = line.product
    net = -(-product.price * 10 // 11)
    return {
        "id": str(line.line_id),
        "product_name": product.title,
        "product_code": product.sku,
        "class_category_name1": product.variant,
        "class_category_name2": None,
        "price": float(net),
        "tax": float(product.price - net),
        "quantity": float(line.quantity),
        "OrderItemType": {"id": "1", "name": "商品"},
        "TaxDisplayType": {"id": "1", "name": "税抜"},
        "ProductClass": {"id": str(product.variant_id), "name": product.variant},
        "Product": {
            "id": str(product.product_id),
            "name": product.title,
            "ProductCategories": [{"category_id": str(len(product.category))}],
        },
    }


def _extras(order: Order) -> list[dict[str, Any]]:
    rows = (("2", "送料", order.shipping_fee), ("6", "ポイント", -order.points_used))
    return [
        {
            "id": str(order.order_id * 10 + int(kind)),
            "product_name": name,
            "product_code": None,
            "class_category_name1": None,
            "class_category_name2": None,
            "price": float(yen),
            "tax": 0.0,
            "quantity": 1.0,
            "OrderItemType": {"id": kind, "name": name},
            "TaxDisplayType": {"id": "2", "name": "税込"},
            "ProductClass": None,
            "Product": None,
        }
        for kind, name, yen in rows
        if yen
    ]


def _birth(member: Member) -> str | None:
    """EC-CUBE keeps whole dates only."""
    born = member.birthday
    if born is None or born.year is None or born.day is None:
        return None
    return _utc(datetime(born.year, born.month, born.day, tzinfo=JST))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
