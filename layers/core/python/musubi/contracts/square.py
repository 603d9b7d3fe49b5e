"""Square's webhook shapes (connect-api-specification, `*Event` schemas) and its API's orders, as far as we read them.

Nothing is required: Square marks every field of them nullable. A property of an unexpected type counts as absent.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _listed(value: object) -> list[Any] | None:
    return _objects(value) if isinstance(value, list) else None


def _ids(value: object) -> list[str] | None:
    return [one for one in map(as_id, value) if one] if isinstance(value, list) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 10**6 else None


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Ids = Annotated[list[str] | None, BeforeValidator(_ids)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Segment(_Part):
    duration_minutes: Annotated[int | None, BeforeValidator(_whole)] = None


class Booking(_Part):
    id: Id = None
    customer_id: Id = None
    status: Text = None
    start_at: Any = None
    created_at: Any = None
    updated_at: Any = None
    appointment_segments: Annotated[list[_Segment], BeforeValidator(_objects)] = []


class LoyaltyAccount(_Part):
    """`expiring_point_deadlines` lists the points that are scheduled to expire; absent, none are."""

    customer_id: Id = None
    balance: Any = None
    updated_at: Any = None
    expiring_point_deadlines: Any = None


class _Preferences(_Part):
    email_unsubscribed: Annotated[bool | None, BeforeValidator(_flag)] = None


class Customer(_Part):
    """`birthday` is `YYYY-MM-DD`; the year 0000 says that only month and day are known."""

    id: Id = None
    given_name: Text = None
    family_name: Text = None
    birthday: Any = None
    created_at: Any = None
    updated_at: Any = None
    group_ids: Ids = None
    preferences: Annotated[_Preferences, BeforeValidator(_object)] = _Preferences()


class _Merge(_Part):
    from_customer_ids: Ids = None
    to_customer_id: Id = None


class _EventContext(_Part):
    merge: Annotated[_Merge, BeforeValidator(_object)] = _Merge()


class Payment(_Part):
    id: Id = None
    order_id: Id = None
    customer_id: Id = None
    status: Text = None
    created_at: Any = None
    updated_at: Any = None
    amount_money: Any = None


class ThinOrder(_Part):
    """What the order events carry: no lines, no total, no customer. `version` counts an order's changes; orders that were not
    made through the API have none.
    """

    order_id: Id = None
    state: Text = None
    version: Annotated[int | None, BeforeValidator(_whole)] = None
    created_at: Any = None
    updated_at: Any = None


class _Object(_Part):
    booking: Annotated[Booking, BeforeValidator(_object)] = Booking()
    loyalty_account: Annotated[LoyaltyAccount, BeforeValidator(_object)] = LoyaltyAccount()
    customer: Annotated[Customer, BeforeValidator(_object)] = Customer()
    event_context: Annotated[_EventContext, BeforeValidator(_object)] = _EventContext()
    payment: Annotated[Payment, BeforeValidator(_object)] = Payment()
    refund: Annotated[Payment, BeforeValidator(_object)] = Payment()
    order_created: Annotated[ThinOrder, BeforeValidator(_object)] = ThinOrder()
    order_updated: Annotated[ThinOrder, BeforeValidator(_object)] = ThinOrder()
    order_fulfillment_updated: Annotated[ThinOrder, BeforeValidator(_object)] = ThinOrder()


class _Data(_Part):
    id: Id = None
    object: Annotated[_Object, BeforeValidator(_object)] = _Object()


class Event(_Part):
    """The envelope of every Square event."""

    type: Text = None
    event_id: Id = None
    created_at: Any = None
    data: Annotated[_Data, BeforeValidator(_object)] = _Data()


class _Shipment(_Part):
    """`shipped_at` is when the parcel was given to the carrier."""

    carrier: Text = None
    tracking_number: Text = None
    tracking_url: Any = None
    shipped_at: Any = None


class _Pickup(_Part):
    ready_at: Any = None
    picked_up_at: Any = None


class _Delivery(_Part):
    completed_at: Any = None
    delivered_at: Any = None


class Fulfillment(_Part):
    """How a part of an order reaches its customer: `SHIPMENT`, `PICKUP` or `DELIVERY` (by the shop or a courier)."""

    uid: Id = None
    type: Text = None
    state: Text = None
    shipment_details: Annotated[_Shipment, BeforeValidator(_object)] = _Shipment()
    pickup_details: Annotated[_Pickup, BeforeValidator(_object)] = _Pickup()
    delivery_details: Annotated[_Delivery, BeforeValidator(_object)] = _Delivery()


class _Card(_Part):
    status: Text = None


class Tender(_Part):
    """One way in which an order was paid; only a card has a status of its own."""

    customer_id: Id = None
    created_at: Any = None
    card_details: Annotated[_Card, BeforeValidator(_object)] = _Card()


class OrderRefund(_Part):
    """`status` is `APPROVED` once the money went back."""

    id: Id = None
    status: Text = None
    created_at: Any = None


class _Return(_Part):
    source_order_id: Id = None


class LineItem(_Part):
    """`quantity` is a decimal text; `catalog_object_id` names a variation, whose item the order does not tell."""

    name: Text = None
    variation_name: Text = None
    quantity: Any = None
    catalog_object_id: Id = None
    base_price_money: Any = None
    total_money: Any = None
    total_discount_money: Any = None


class ServiceCharge(_Part):
    name: Text = None
    total_money: Any = None


class _Amounts(_Part):
    total_money: Any = None


class Order(_Part):
    """An order as the API gives it. Square makes one for every refund, too, whose `returns` name the orders it is about."""

    id: Id = None
    reference_id: Text = None
    customer_id: Id = None
    state: Text = None
    version: Annotated[int | None, BeforeValidator(_whole)] = None
    created_at: Any = None
    updated_at: Any = None
    closed_at: Any = None
    total_money: Any = None
    net_amounts: Annotated[_Amounts, BeforeValidator(_object)] = _Amounts()
    net_amount_due_money: Any = None
    line_items: Annotated[list[LineItem] | None, BeforeValidator(_listed)] = None
    service_charges: Annotated[list[ServiceCharge], BeforeValidator(_objects)] = []
    fulfillments: Annotated[list[Fulfillment], BeforeValidator(_objects)] = []
    tenders: Annotated[list[Tender], BeforeValidator(_objects)] = []
    refunds: Annotated[list[OrderRefund], BeforeValidator(_objects)] = []
    returns: Annotated[list[_Return], BeforeValidator(_objects)] = []
