"""Checkouts and carts. Shopify has no event for an abandoned one: these only say that somebody was there."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.shopify.call import Call, required
from musubi.adapters.shops.shopify.lines import read_lines
from musubi.contracts import values
from musubi.contracts.shopify import Checkout
from musubi.domain.changes import CartChange, CartState
from musubi.domain.events import ShopEvent, UnreadShopEvent

_MAX_URL = 1000
_NAMES = {CartState.COMPLETED: "CheckoutCompleted"}


def checkout_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`checkouts/*`, which begin when somebody types how to reach them, and `carts/*`, which know nobody.

    `token` is the key that the order repeats. A deleted checkout may name itself by another id only; then it can not be
    tied to what is known.
    """
    checkout = Checkout.model_validate(call.object)
    if checkout.token is None and call.topic == "checkouts/delete":
        return (call.unread("without token"),)
    state = _state(checkout, call)
    change = CartChange(
        checkout_id=required(checkout.token, "token"),
        state=state,
        member_id=checkout.customer.id,
        lines=read_lines(checkout.line_items, checkout.currency),
        total_yen=values.yen({"amount": checkout.total_price, "currency": checkout.currency}, "total_price"),
        recovery_url=_https(checkout.abandoned_checkout_url),
    )
    created_at = values.instant(checkout.created_at, "created_at")
    updated_at = values.instant(checkout.updated_at, "updated_at")
    as_of = updated_at or created_at or call.now
    begun = call.topic.endswith("/create") and state is CartState.OPEN
    name = _NAMES.get(state, "CheckoutStarted" if begun else "CheckoutUpdated")
    return (call.event(name, at=(created_at if begun else None) or as_of, as_of=as_of, cart=change),)


def _state(checkout: Checkout, call: Call) -> CartState:
    if values.instant(checkout.completed_at, "completed_at"):
        return CartState.COMPLETED
    emptied = checkout.line_items == []
    gone = call.topic == "checkouts/delete" or values.instant(checkout.closed_at, "closed_at") is not None
    return CartState.GONE if gone or emptied else CartState.OPEN


def _https(url: object) -> str | None:
    """The way back in. That it is on a host of the shop is asked where those are known."""
    return url if isinstance(url, str) and url.startswith("https://") and len(url) <= _MAX_URL else None
