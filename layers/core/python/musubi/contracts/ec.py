"""Canonical shop events (their `type` and `data`) → `ShopEvent`. Every way in ends here: CloudEvents, the bus.

Strict about what identifies (member, order) and about amounts, tolerant about everything else. What each type says is
read in `ec_members`, `ec_orders` and `ec_dealings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musubi.contracts import ec_dealings, ec_members, ec_orders, values
from musubi.contracts.ec_fields import DataReader, Envelope, Told, flag, shipment
from musubi.contracts.text import bounded_id, canonical, clean, content_hash
from musubi.domain.errors import Permanent
from musubi.domain.events import SHOP_EVENTS, ShopEvent, UnreadShopEvent

__all__ = ["Envelope", "read_event", "said_with", "shipment"]

_READERS: dict[str, DataReader] = {**ec_members.READERS, **ec_orders.READERS, **ec_dealings.READERS}
"""Events with an effect on what we know. The other canonical ones are taken and recorded."""

_SUBJECTS = ("member_id", "order_id", "checkout_id", "reservation_id", "subscription_id")


def read_event(envelope: Envelope) -> ShopEvent | UnreadShopEvent:
    """The domain's event; raises Permanent naming the field that can not be read."""
    content = content_hash({"type": envelope.type, "data": envelope.data})
    source, event_id = bounded_id(envelope.source), bounded_id(envelope.event_id)
    if envelope.type not in SHOP_EVENTS:
        kind = clean(envelope.type) or "unknown"
        return UnreadShopEvent(
            source=source, event_id=event_id, kind=kind, content=content, raw=canonical(envelope.data)
        )
    data = envelope.data
    reader = _READERS.get(envelope.type)
    if not isinstance(data, dict):
        if reader is not None:
            raise Permanent("data: not an object")
        data = {}
    told = reader(data, envelope) if reader else Told()
    occurred_at = told.at or envelope.fallback
    return ShopEvent(
        source=source,
        event_id=event_id,
        type=envelope.type,
        shop_id=envelope.shop_id,
        platform=envelope.platform,
        occurred_at=occurred_at,
        as_of=values.instant(data.get("version"), "version") or told.as_of or envelope.time or occurred_at,
        received_at=envelope.received_at,
        content=content,
        is_test=flag(data, "is_test"),
        is_backfill=flag(data, "is_backfill"),
        member=told.member,
        points=told.points,
        order=told.order,
        merge=told.merge,
        cart=told.cart,
        reservation=told.reservation,
        subscription=told.subscription,
        privacy=told.privacy,
    )


def said_with(carrier: Mapping[str, Any], data: Any) -> Any:
    """`data` with what a canonical envelope (ec-platforms §9.1) says beside it: whom and what it is about, and the two
    flags.

    What the data says itself counts more.
    """
    if not isinstance(data, dict):
        return data
    subject = carrier.get("subject")
    named = subject if isinstance(subject, dict) else {}
    beside = {key: named[key] for key in _SUBJECTS if key in named}
    return {**beside, **{key: carrier[key] for key in ("is_test", "is_backfill") if key in carrier}, **data}
