"""The neutral formats: canonical event data, CloudEvents 1.0 around it, and the entry for an event bus."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from local.shop.carriers import tracking_url
from local.shop.clock import rfc3339_fine
from local.shop.model import Line, Member, Order, Parcel
from local.shop.till import Signal

BUS_SOURCE = "shop.musubi-shoten"


def data_of(signal: Signal) -> dict[str, Any]:
    """Fields of the event, by its type. `version` lets a receiver order what arrives out of order."""
    data: dict[str, Any] = _fields(signal)
    data["version"] = rfc3339_fine(signal.at)
    if signal.order and signal.order.is_test:
        data["is_test"] = True
    if signal.data.get("is_backfill"):
        data["is_backfill"] = True
    return data


def cloud_event(signal: Signal, event_id: str, shop_id: str) -> dict[str, Any]:
    """One structured CloudEvent; `event_id` stays the same over every delivery of this event."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"urn:musubi-shoten:{shop_id}",
        "type": signal.type,
        "time": rfc3339_fine(signal.at),
        "subject": signal.subject,
        "datacontenttype": "application/json",
        "data": data_of(signal),
    }


def bus_entry(signal: Signal, event_id: str, shop_id: str, bus_name: str) -> dict[str, Any]:
    """One PutEvents entry with the same canonical event."""
    detail = {"id": event_id, "shop_id": shop_id, "time": rfc3339_fine(signal.at), "data": data_of(signal)}
    return {
        "EventBusName": bus_name,
        "Source": BUS_SOURCE,
        "DetailType": signal.type,
        "Time": signal.at,
        "Detail": json.dumps(detail, ensure_ascii=False),
    }


def to_body(value: dict[str, Any] | Sequence[dict[str, Any]]) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def new_event_id() -> str:
    """Random on purpose: a restarted shop must not repeat an id that a store still remembers."""
    return str(uuid.uuid4())


def _fields(signal: Signal) -> dict[str, Any]:
    if signal.order:
        return _order_fields(signal, signal.order)
    if signal.member is None:
        raise ValueError(f"a {signal.type} concerns a member or an order")
    return _member_fields(signal, signal.member)


def _member_fields(signal: Signal, member: Member) -> dict[str, Any]:
    base: dict[str, Any] = {"member_id": member.member_id}
    match signal.type:
        case "MemberRegistered":
            return base | {"registered_at": rfc3339_fine(member.registered_at), "profile": _profile(member)}
        case "MemberUpdated":
            return base | {"changed": signal.data.get("changed", []), "profile": _profile(member)}
        case "MemberWithdrawn" | "MemberDeleted":
            return base | {"at": rfc3339_fine(signal.at)}
        case "PointsGranted":
            lot = signal.data["lot"]
            return base | {
                "points": lot.points,
                "lot_id": lot.lot_id,
                "expires_at": lot.expires_on.isoformat(),
                "reason": signal.data["reason"],
                "balance_after": member.balance,
            }
        case "PointsBalanceChanged":
            lots = [
                {"lot_id": lot.lot_id, "points": lot.points, "expires_at": lot.expires_on.isoformat()}
                for lot in member.lots
            ]
            return base | {"balance": member.balance, "lots": lots}
    raise ValueError(f"no fields known for {signal.type}")


def _profile(member: Member) -> dict[str, Any]:
    return {
        "name": {
            "family": member.family,
            "given": member.given,
            "family_kana": member.family_kana,
            "given_kana": member.given_kana,
        },
        "birthday": member.birthday.as_data() if member.birthday else None,
        "prefecture": member.address.prefecture,
    }


def _order_fields(signal: Signal, order: Order) -> dict[str, Any]:
    base: dict[str, Any] = {"order_id": str(order.order_id), "order_number": f"#{order.number}"}
    if order.member:
        base["member_id"] = order.member.member_id
    match signal.type:
        case "OrderPlaced":
            return base | _placed_fields(order)
        case "OrderPaid":
            return base | {
                "amount": _yen(order.total),
                "paid_at": rfc3339_fine(signal.at),
                "method": order.payment,
            }
        case "OrderCancelled":
            return base | {"cancelled_at": rfc3339_fine(signal.at), "reason": order.cancel_reason}
        case "ShipmentDispatched" if signal.parcel:
            shipped = [line.line_id for line in signal.parcel.lines]
            return base | {
                "shipment": _shipment(signal.parcel),
                "shipment_index": signal.parcel.serial,
                "is_partial": shipped != [line.line_id for line in order.lines],
            }
    raise ValueError(f"no fields known for {signal.type}")


def _placed_fields(order: Order) -> dict[str, Any]:
    return {
        "placed_at": rfc3339_fine(order.placed_at),
        "lines": [_line(line) for line in order.lines],
        "totals": {
            "grand": _yen(order.total),
            "subtotal": _yen(order.subtotal),
            "shipping": _yen(order.shipping_fee),
            "points_used": order.points_used,
        },
        "payment_state": "paid" if order.paid_at else "pending",
        "payment_method": order.payment,
        "fulfillment_state": "unfulfilled",
        "channel": order.source,
    }


def _line(line: Line) -> dict[str, Any]:
    product = line.product
    return {
        "line_id": str(line.line_id),
        "product_id": str(product.product_id),
        "sku": product.sku,
        "title": product.title,
        "variant": product.variant,
        "quantity": line.quantity,
        "unit_price": _yen(product.price),
        "total": _yen(line.total),
        "kind": "product",
    }


def _shipment(parcel: Parcel) -> dict[str, Any]:
    numbers = list(parcel.numbers)
    shipment: dict[str, Any] = {
        "shipment_id": str(parcel.shipment_id),
        "carrier": parcel.carrier.code,
        "carrier_raw": parcel.carrier.label,
        "tracking_numbers": numbers,
        "status": "dispatched",
        "shipped_at": rfc3339_fine(parcel.at),
        "items": [{"line_id": str(line.line_id), "quantity": line.quantity} for line in parcel.lines],
    }
    link = tracking_url(parcel.carrier, numbers[0]) if numbers else None
    return shipment | ({"tracking_url": link} if link else {})


def _yen(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "JPY"}
