"""Shopify's classic webhooks, of API 2025-01 and later and of the versions before. The body decides, not the topic's verb.

Not read, and stored as they came: topics without an effect on members and orders, and, where the stage names no API to fetch
the whole from (`thin`), the developer preview that Shopify calls Events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from musubi.adapters.shops.base import no_apis
from musubi.adapters.shops.shopify import carts, customers, orders, parcels, privacy, subscriptions, thin
from musubi.adapters.shops.shopify.call import Call
from musubi.adapters.shops.source import Apis
from musubi.contracts.text import clean
from musubi.domain.events import ShopEvent, UnreadShopEvent

_Reader = Callable[[Call], Sequence[ShopEvent | UnreadShopEvent]]


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime, *, apis: Apis = no_apis
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events of one call (see `base.Normalise`). Raises Retryable when a shop that is asked does not answer; nobody is
    asked about a body that is whole.
    """
    call = Call(headers, body, shop_id, received_at)
    found = thin.hydrated(call, apis)
    if found is False:
        return (call.unread("gone"),)
    if thin.is_preview(call):
        named = (clean(call.document["topic"], 40), clean(call.document["action"], 40))
        return (call.unread(f"preview {'/'.join(one or '-' for one in named)}"),)
    reader = READERS.get(call.topic)
    return reader(call) if reader else (call.unread(),)


READERS: Mapping[str, _Reader] = {
    "orders/create": orders.order_event,
    "orders/updated": orders.order_event,
    "orders/paid": orders.order_event,
    "orders/cancelled": orders.order_event,
    "orders/fulfilled": orders.order_event,
    "orders/partially_fulfilled": orders.order_event,
    "orders/edited": orders.edited_event,
    "orders/delete": orders.deleted_event,
    "order_transactions/create": orders.transaction_event,
    "refunds/create": orders.refund_event,
    "fulfillments/create": parcels.parcel_event,
    "fulfillments/update": parcels.parcel_event,
    "fulfillment_events/create": parcels.carrier_event,
    "checkouts/create": carts.checkout_event,
    "checkouts/update": carts.checkout_event,
    "checkouts/delete": carts.checkout_event,
    "carts/create": carts.checkout_event,
    "carts/update": carts.checkout_event,
    "customers/create": customers.customer_event,
    "customers/update": customers.customer_event,
    "customers/enable": customers.customer_event,
    "customers/disable": customers.customer_event,
    "customers/delete": customers.deleted_event,
    "customers/merge": customers.merge_event,
    "customers/purchasing_summary": customers.news_event,
    "customer.tags_added": customers.news_event,
    "customer.tags_removed": customers.news_event,
    "customers_email_marketing_consent/update": customers.news_event,
    "customers_marketing_consent/update": customers.news_event,
    "subscription_contracts/create": subscriptions.contract_event,
    "subscription_contracts/update": subscriptions.contract_event,
    "subscription_contracts/activate": subscriptions.contract_event,
    "subscription_contracts/pause": subscriptions.contract_event,
    "subscription_contracts/cancel": subscriptions.contract_event,
    "subscription_contracts/expire": subscriptions.contract_event,
    "subscription_contracts/fail": subscriptions.contract_event,
    "subscription_billing_attempts/success": subscriptions.billing_event,
    "subscription_billing_attempts/failure": subscriptions.billing_event,
    "subscription_billing_attempts/challenged": subscriptions.billing_event,
    "customers/data_request": privacy.privacy_event,
    "customers/redact": privacy.privacy_event,
    "shop/redact": privacy.privacy_event,
    "app/uninstalled": privacy.privacy_event,
}
