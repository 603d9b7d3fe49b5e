"""What a poll found: an order, or `{customer, groups}` with the names of its groups by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from musubi.adapters.shops.square.customers import member_change, named
from musubi.adapters.shops.square.frame import Frame, Told
from musubi.adapters.shops.square.orders import order_events
from musubi.contracts import values
from musubi.contracts.square import Customer
from musubi.contracts.text import content_hash
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent
from musubi.domain.people import MemberState

_WELCOME_WITHIN = timedelta(hours=24)
"""A registration older than this would message nobody anyway."""


def snapshot_events(entity: str, document: Mapping[str, Any], frame: Frame) -> Told:
    """The events of one thing. Raises Permanent naming the field."""
    match entity:
        case "order":
            return order_events(document, frame)
        case "customer":
            return list(_customer(document, frame))
        case _:
            raise Permanent("Square snapshot: not an order or a customer")


def _customer(document: Mapping[str, Any], frame: Frame) -> Iterator[ShopEvent]:
    """The profile, and for a day the registration: the one webhook that says so may be what was lost."""
    given, names = document.get("customer"), document.get("groups")
    customer = Customer.model_validate(given if isinstance(given, dict) else {})
    change = named(member_change(customer, None, frame.received_at), names if isinstance(names, dict) else {})
    if change.registered_at and frame.received_at - change.registered_at <= _WELCOME_WITHIN:
        new = MemberChange(member_id=change.member_id, state=MemberState.ACTIVE, registered_at=change.registered_at)
        content = content_hash({"registered": change.member_id})
        yield frame.event("registration", "MemberRegistered", content, change.registered_at, member=new)
    as_of = values.instant(customer.updated_at, "customer.updated_at") or frame.received_at
    content = content_hash([customer.model_dump(), change.tags])
    yield frame.event("customer", "MemberUpdated", content, as_of, member=change)
