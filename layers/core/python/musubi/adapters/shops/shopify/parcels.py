"""Fulfilments: parcels as they are packed, sent, tracked and delivered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from musubi.adapters.shops.shopify.call import SAMPLE_ORDERS, Call, required
from musubi.contracts import values
from musubi.contracts.ec_fields import shipment
from musubi.contracts.shopify import Fulfillment, FulfillmentEvent
from musubi.domain.changes import OrderChange
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone, Shipment

_LEFT = "success"
_WAITING = frozenset({"pending", "open"})
_NEVER_LEFT = frozenset({"cancelled", "error", "failure"})

_ARRIVALS = {"delivered": "OrderDelivered", "ready_for_pickup": "OrderReadyForPickup"}
_ON_THE_WAY = frozenset(
    {
        "label_purchased",
        "label_printed",
        "confirmed",
        "carrier_picked_up",
        "in_transit",
        "out_for_delivery",
        "attempted_delivery",
        "delayed",
        "failure",
    }
)


def parcel_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`fulfillments/create` and `fulfillments/update`."""
    parcel = Fulfillment.model_validate(call.object)
    order_id = required(parcel.order_id if parcel.id else None, "id, order_id")
    if parcel.status not in {None, _LEFT, *_WAITING, *_NEVER_LEFT}:
        return (call.unread("status"),)
    left = dispatched(parcel)
    change = OrderChange(
        order_id=order_id,
        # Shopify names parcels after their order: `#1001.1`.
        number=parcel.name.rpartition(".")[0] or None if parcel.name else None,
        milestones=(dispatch(parcel, call), *arrivals(parcel, call)) if left else (),
        shipments=(parcel_of(parcel),) if left else (),
    )
    return (
        call.event(
            "ShipmentDispatched" if left and call.topic == "fulfillments/create" else "ShipmentTrackingUpdated",
            at=dispatch(parcel, call).at if left else call.at(parcel.updated_at, "updated_at"),
            as_of=call.at(parcel.updated_at, "updated_at"),
            is_test=order_id in SAMPLE_ORDERS,
            order=change,
        ),
    )


def carrier_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`fulfillment_events/create`: a carrier's report on one parcel.

    It does not say how many parcels the order has, so the first one that is delivered delivers the order.
    """
    report = FulfillmentEvent.model_validate(call.object)
    order_id = required(report.order_id, "order_id")
    name = _ARRIVALS.get(report.status or "")
    if name is None and report.status not in _ON_THE_WAY:
        return (call.unread("status"),)
    at = call.at(report.happened_at or report.created_at, "happened_at")
    change = OrderChange(order_id=order_id, milestones=(Milestone(name, at),) if name else ())
    return (call.event(name or "ShipmentTrackingUpdated", at=at, is_test=order_id in SAMPLE_ORDERS, order=change),)


def dispatched(parcel: Fulfillment) -> bool:
    """`pending` and `open` wait for a warehouse; `cancelled`, `error` and `failure` never left."""
    return parcel.status in (None, _LEFT)


def dispatch(parcel: Fulfillment, call: Call) -> Milestone:
    """When the parcel left. One that waited for a warehouse says so only by its last update; once the carrier has reported
    on it, that is no longer the update we see.
    """
    created_at = values.instant(parcel.created_at, "created_at")
    updated_at = values.instant(parcel.updated_at, "updated_at")
    at = (created_at or updated_at) if parcel.shipment_status else (updated_at or created_at)
    return Milestone("ShipmentDispatched", at or call.now, parcel.id or "")


def arrivals(parcel: Fulfillment, call: Call) -> list[Milestone]:
    """That it was delivered or waits to be picked up. Few Japanese carriers tell Shopify."""
    name = _ARRIVALS.get(parcel.shipment_status or "")
    return [Milestone(name, call.at(parcel.updated_at, "updated_at"))] if name else []


def shipped(parcels: Sequence[Fulfillment], call: Call, otherwise: datetime) -> Milestone:
    """That all has left: with the last of `parcels`."""
    return Milestone("OrderShipped", max((dispatch(parcel, call).at for parcel in parcels), default=otherwise))


def parcel_of(parcel: Fulfillment) -> Shipment:
    return shipment(parcel.id or "", parcel.tracking_company, parcel.numbers, parcel.url)
