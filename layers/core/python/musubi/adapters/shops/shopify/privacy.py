"""The compliance trio and the end of an installation (shopify.dev, "Privacy law compliance"): done within 30 days."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.shopify.call import Call
from musubi.contracts.ec_dealings import PRIVACY_DEADLINE
from musubi.contracts.shopify import PrivacyRequest
from musubi.contracts.text import bounded_id
from musubi.domain.changes import PrivacyChange, PrivacyKind
from musubi.domain.events import ShopEvent

_KINDS = {
    "customers/data_request": (PrivacyKind.ACCESS, "PersonalDataRequested"),
    "customers/redact": (PrivacyKind.ERASURE, "PersonalDataErasureRequested"),
    "shop/redact": (PrivacyKind.SHOP_ERASURE, "ShopErasureRequested"),
    "app/uninstalled": (PrivacyKind.UNINSTALLED, "ShopUninstalled"),
}


def privacy_event(call: Call) -> Sequence[ShopEvent]:
    """A request with a deadline. A guest has no customer id: the orders name the person then."""
    request = PrivacyRequest.model_validate(call.object)
    kind, name = _KINDS[call.topic]
    change = PrivacyChange(
        request_id=bounded_id(f"{call.topic}/{_named(request, kind, call)}"),
        kind=kind,
        deadline_at=call.now + PRIVACY_DEADLINE,
        member_id=request.customer.id,
        order_ids=tuple(request.orders_requested or request.orders_to_redact),
    )
    return (call.event(name, at=call.now, privacy=change),)


def _named(request: PrivacyRequest, kind: PrivacyKind, call: Call) -> str:
    """What names the request over its repeats. A shop may leave, come back and leave again: its domain alone does not."""
    if kind is PrivacyKind.ACCESS and request.data_request.id:
        return request.data_request.id
    if kind is PrivacyKind.ERASURE and request.customer.id:
        return request.customer.id
    shop = request.shop_domain or request.shop_id or request.id
    return f"{shop}/{call.event_id}" if shop else call.event_id
