"""A customer of Square: what its webhooks and its API both give whole.

A group stands for a tag. The customer has its groups by id; with an API they are told by the names that the shop gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from musubi.adapters.shops.square.api import PLATFORM
from musubi.contracts import values
from musubi.contracts.square import Customer
from musubi.contracts.text import clean
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent
from musubi.domain.people import Consent, MemberState


def member_change(customer: Customer, state: MemberState | None, told_at: datetime) -> MemberChange:
    """The profile as it was at `told_at`. Raises Permanent naming the field."""
    if customer.id is None:
        raise Permanent("customer.id: missing or no id")
    return MemberChange(
        member_id=customer.id,
        state=state,
        family_name=customer.family_name,
        given_name=customer.given_name,
        birthday=values.birthday(customer.birthday, tokyo_date(told_at)),
        birthday_withdrawn="birthday" in customer.model_fields_set and customer.birthday is None,
        registered_at=values.instant(customer.created_at, "customer.created_at"),
        tags=tuple(customer.group_ids) if customer.group_ids is not None else None,
        consents=_consents(customer, told_at),
    )


def named(change: MemberChange, names: Mapping[str, str]) -> MemberChange:
    """`change` with groups by their names; one that has none (any more) keeps its id."""
    if change.tags is None:
        return change
    return replace(change, tags=tuple(dict.fromkeys(clean(names.get(one)) or one for one in change.tags)))


def _consents(customer: Customer, told_at: datetime) -> tuple[Consent, ...]:
    if customer.preferences.email_unsubscribed is not True:
        # False only says that nobody has unsubscribed; in Japan that is no opt-in.
        return ()
    at = values.instant(customer.updated_at, "customer.updated_at") or told_at
    return (Consent(channel="email", purpose="marketing", allowed=False, source=PLATFORM, at=at),)
