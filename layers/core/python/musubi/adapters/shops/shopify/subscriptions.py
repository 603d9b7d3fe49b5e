"""Subscription contracts and the attempts to bill them. Neither says when the next delivery is, nor its own version."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.shopify.call import Call, required
from musubi.contracts.shopify import BillingAttempt, Contract
from musubi.domain.changes import SubscriptionChange, SubscriptionState
from musubi.domain.events import ShopEvent, UnreadShopEvent

_STATES = {
    "active": SubscriptionState.ACTIVE,
    "paused": SubscriptionState.PAUSED,
    "failed": SubscriptionState.FAILED,
    "cancelled": SubscriptionState.CANCELLED,
    "expired": SubscriptionState.CANCELLED,
}
_WITNESSES = {
    "create": "active",
    "activate": "active",
    "pause": "paused",
    "fail": "failed",
    "cancel": "cancelled",
    "expire": "expired",
}
_NAMES = {
    SubscriptionState.PAUSED: "SubscriptionPaused",
    SubscriptionState.FAILED: "SubscriptionPaymentFailed",
    SubscriptionState.CANCELLED: "SubscriptionCancelled",
}


def contract_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`subscription_contracts/*`: the contract's status decides; the topic where there is none."""
    contract = Contract.model_validate(call.object)
    contract_id = required(contract.id or contract.admin_graphql_api_id, "id")
    verb = call.topic.partition("/")[2]
    status = contract.status or _WITNESSES.get(verb)
    if status is not None and status not in _STATES:
        return (call.unread("status"),)
    state = _STATES[status] if status else None
    begun = "SubscriptionStarted" if verb == "create" else "SubscriptionUpdated"
    member_id = contract.customer_id or contract.admin_graphql_api_customer_id
    change = SubscriptionChange(subscription_id=contract_id, member_id=member_id, state=state)
    return (call.event(_NAMES.get(state, begun) if state else begun, at=call.now, subscription=change),)


def billing_event(call: Call) -> Sequence[ShopEvent]:
    """`subscription_billing_attempts/success|failure|challenged`: what is challenged (3-D Secure) is unpaid until the customer
    acts.
    """
    attempt = BillingAttempt.model_validate(call.object)
    named = attempt.subscription_contract_id or attempt.admin_graphql_api_subscription_contract_id
    contract_id = required(named, "subscription_contract_id")
    paid = call.topic.endswith("/success") and attempt.error_code is None
    state = SubscriptionState.ACTIVE if paid else SubscriptionState.FAILED
    change = SubscriptionChange(subscription_id=contract_id, state=state)
    name = "SubscriptionRenewed" if paid else "SubscriptionPaymentFailed"
    return (call.event(name, at=call.now, subscription=change),)
