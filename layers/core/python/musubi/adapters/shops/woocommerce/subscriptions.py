"""Subscriptions of the WooCommerce Subscriptions plugin (its REST API). The shop needs that plugin; there are no others."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.woocommerce.call import Call, required
from musubi.contracts import values
from musubi.contracts.woocommerce import Order, gmt
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import SubscriptionChange, SubscriptionState
from musubi.domain.events import ShopEvent, UnreadShopEvent

_STATES = {
    "active": SubscriptionState.ACTIVE,
    "on-hold": SubscriptionState.PAUSED,
    "pending-cancel": SubscriptionState.CANCELLED,
    "cancelled": SubscriptionState.CANCELLED,
    "expired": SubscriptionState.CANCELLED,
    "switched": SubscriptionState.CANCELLED,
}
_NAMES = {SubscriptionState.PAUSED: "SubscriptionPaused", SubscriptionState.CANCELLED: "SubscriptionCancelled"}
_WAITING = "pending"
"""Not paid yet: it has not begun."""


def subscription_events(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`subscription.created|updated|switched|restored`. `on-hold` is a pause of the customer's or a renewal that waits for its
    payment; the body does not tell which.
    """
    contract = Order.model_validate(call.object)
    contract_id = required(contract.id, "id")
    if contract.status not in {None, _WAITING, *_STATES}:
        return (call.unread(f"status {contract.status}"),)
    state = _STATES.get(contract.status or "")
    next_at = gmt(contract.next_payment_date_gmt or None, "next_payment_date_gmt")
    change = SubscriptionChange(
        subscription_id=contract_id,
        member_id=contract.customer_id,
        state=state,
        next_on=tokyo_date(next_at) if next_at else None,
        amount_yen=values.yen({"amount": contract.total, "currency": contract.currency}, "total"),
    )
    as_of = call.version(contract.date_modified_gmt, contract.date_created_gmt)
    begun = "SubscriptionStarted" if call.verb == "created" else "SubscriptionUpdated"
    return (call.event(_NAMES.get(state, begun) if state else begun, at=as_of, as_of=as_of, subscription=change),)


def deleted_event(call: Call) -> Sequence[ShopEvent]:
    """`subscription.deleted`: only the id is left."""
    contract_id = required(Order.model_validate(call.object).id, "id")
    change = SubscriptionChange(subscription_id=contract_id, state=SubscriptionState.CANCELLED)
    return (call.event("SubscriptionCancelled", at=call.received_at, subscription=change),)
