"""Canonical events about orders and their parcels. Each reports every milestone that its data proves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import (
    Data,
    DataReader,
    Envelope,
    Told,
    lines_of,
    optional,
    required,
    said,
    shipment,
    total_of,
    word,
)
from musubi.contracts.text import as_id
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.orders import Milestone, Shipment

_MAX_PARCELS = 50
_NEVER_LEFT = frozenset({"cancelled", "canceled", "error", "failure", "pending", "open"})


def _order(data: Data, *milestones: Milestone, parcels: tuple[Shipment, ...] = ()) -> OrderChange:
    return OrderChange(
        order_id=required(data, "order_id"),
        number=word(data.get("order_number")),
        member_id=optional(data, "member_id"),
        total_yen=total_of(data),
        milestones=milestones,
        shipments=parcels,
        lines=lines_of(data),
        checkout_ids=_checkouts(data),
    )


def _checkouts(data: Data) -> tuple[str, ...]:
    given = data.get("checkout_ids")
    listed = [*(given if isinstance(given, list) else []), data.get("checkout_id"), data.get("cart_id")]
    return tuple(dict.fromkeys(found for one in listed[:10] if (found := as_id(one))))


def _milestone(name: str, field: str | None = None) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        at = said(data, field) if field else None
        # Only checked: an amount that is no whole yen shows that the shop counts in another unit.
        values.yen(data.get("amount"), "data.amount")
        return Told(at=at, order=_order(data, Milestone(name, at or envelope.fallback)))

    return read


def _edited(data: Data, envelope: Envelope) -> Told:
    """A version of the order, and no milestone of it."""
    return Told(at=said(data, "at"), order=_order(data))


def _refunded(data: Data, envelope: Envelope) -> Told:
    refund, at = required(data, "refund_id"), said(data, "refunded_at")
    values.yen(data.get("amount"), "data.amount")
    return Told(at=at, order=_order(data, Milestone("OrderRefunded", at or envelope.fallback, refund)))


def _dispatched(data: Data, envelope: Envelope) -> Told:
    """A parcel, and a change of its tracking: both prove that it has left, unless its status says otherwise."""
    parcel = data.get("shipment")
    if not isinstance(parcel, dict):
        raise Permanent("data.shipment: missing or not an object")
    shipment_id = as_id(parcel.get("shipment_id"))
    if shipment_id is None:
        raise Permanent("data.shipment.shipment_id: missing or no id")
    at = values.instant(parcel.get("shipped_at"), "data.shipment.shipped_at")
    if str(parcel.get("status")).strip().lower() in _NEVER_LEFT:
        return Told(at=at, order=_order(data))
    left = Milestone("ShipmentDispatched", at or envelope.fallback, shipment_id)
    return Told(at=at, order=_order(data, left, parcels=(_parcel(shipment_id, parcel),)))


def _shipped(data: Data, envelope: Envelope) -> Told:
    """Everything has left; the parcels it lists have left one by one."""
    at = said(data, "shipped_at")
    listed = data.get("shipments")
    found = [(as_id(p.get("shipment_id")), p) for p in _objects(listed)]
    named = [(shipment_id, p) for shipment_id, p in found if shipment_id]
    return Told(
        at=at,
        order=_order(
            data,
            Milestone("OrderShipped", at or envelope.fallback),
            *(Milestone("ShipmentDispatched", _left(p, at or envelope.fallback), i) for i, p in named),
            parcels=tuple(_parcel(i, p) for i, p in named),
        ),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value[:_MAX_PARCELS] if isinstance(one, dict)] if isinstance(value, list) else []


def _left(parcel: Data, fallback: datetime) -> datetime:
    return values.instant(parcel.get("shipped_at"), "data.shipments.shipped_at") or fallback


def _parcel(shipment_id: str, parcel: Data) -> Shipment:
    numbers = parcel.get("tracking_numbers", parcel.get("tracking_number"))
    return shipment(
        shipment_id, parcel.get("carrier_raw") or parcel.get("carrier"), numbers, parcel.get("tracking_url")
    )


READERS: dict[str, DataReader] = {
    "OrderPlaced": _milestone("OrderPlaced", "placed_at"),
    "OrderPaid": _milestone("OrderPaid", "paid_at"),
    "OrderPaymentFailed": _milestone("OrderPaymentFailed", "failed_at"),
    # `due_at` is when it should have been paid; that it was not is known from the event's own time.
    "OrderPaymentOverdue": _milestone("OrderPaymentOverdue"),
    "OrderEdited": _edited,
    "ShipmentDispatched": _dispatched,
    "ShipmentTrackingUpdated": _dispatched,
    "OrderShipped": _shipped,
    "OrderReadyForPickup": _milestone("OrderReadyForPickup", "ready_at"),
    "OrderDelivered": _milestone("OrderDelivered", "delivered_at"),
    "OrderCancelled": _milestone("OrderCancelled", "cancelled_at"),
    "OrderRefunded": _refunded,
    "OrderReturned": _milestone("OrderReturned", "returned_at"),
}
