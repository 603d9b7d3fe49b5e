"""WooCommerce's webhooks: orders, customers and, with its plugin, subscriptions. Products and coupons are stored unread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from musubi.adapters.shops.woocommerce import customers, orders, subscriptions
from musubi.adapters.shops.woocommerce.call import Call
from musubi.domain.events import ShopEvent, UnreadShopEvent

_Reader = Callable[[Call], Sequence[ShopEvent | UnreadShopEvent]]


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events of one call (see `base.Normalise`)."""
    call = Call(headers, body, shop_id, received_at)
    readers = _READERS.get(call.entity)
    if readers is None or call.verb not in _VERBS:
        return (call.unread(),)
    now, gone = readers
    return gone(call) if call.verb == "deleted" else now(call)


_VERBS = frozenset({"created", "updated", "restored", "switched", "deleted"})

_READERS: Mapping[str, tuple[_Reader, _Reader]] = {
    "order": (orders.order_events, orders.deleted_event),
    "customer": (customers.customer_events, customers.deleted_event),
    "subscription": (subscriptions.subscription_events, subscriptions.deleted_event),
}
"""By entity: who reads what is there, and who reads what is gone. The verb decides nothing else."""
