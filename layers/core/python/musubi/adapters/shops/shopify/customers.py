"""Customers. Shopify makes one of every guest and every newsletter reader: a member is who has an enabled account.

Shops with Shopify's newer, passwordless accounts never say `enabled` (shopify.dev: the state is meaningful for classic accounts
only): their customers are known and can be linked, but nobody is greeted as newly registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from musubi.adapters.shops.shopify.call import PLATFORM, SAMPLE_CUSTOMERS, Call, required
from musubi.adapters.shops.shopify.metafields import attribute, attributes_of, birthday_of
from musubi.contracts import values
from musubi.contracts.shopify import ConsentState, Customer, CustomerNews, Merge
from musubi.contracts.text import clean
from musubi.domain.changes import MemberChange, MergeChange
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import Attribute, Consent, MemberState

_ENABLED = "enabled"
_ENABLE = "customers/enable"
_NAMES = {MemberState.ACTIVE: "MemberRegistered", MemberState.WITHDRAWN: "MemberWithdrawn"}
_MAX_TAGS = 100
_REFUSED = frozenset({"unsubscribed", "not_subscribed", "pending", "invalid", "redacted"})
"""`pending` waits for the second half of a double opt-in: not a consent yet."""


def customer_event(call: Call) -> Sequence[ShopEvent]:
    """`customers/create|update|enable|disable`: the profile, and what became of the account."""
    customer = Customer.model_validate(call.object)
    member_id = required(customer.id, "id")
    created_at = values.instant(customer.created_at, "created_at")
    as_of = call.at(customer.updated_at, "updated_at")
    state = _state(customer, call)
    # Who buys as a guest first becomes a member long after the record was made.
    joined_at = None if state is not MemberState.ACTIVE else as_of if call.topic == _ENABLE else created_at or as_of
    birthday, withdrawn = birthday_of(customer.metafields, call.received_at)
    change = MemberChange(
        member_id=member_id,
        state=state,
        family_name=values.person_name(customer.last_name)[0],
        given_name=values.person_name(customer.first_name)[0],
        birthday=birthday,
        birthday_withdrawn=withdrawn,
        registered_at=joined_at,
        tags=_tags(customer.tags),
        attributes=(*attributes_of(customer.metafields, as_of), *_sums(customer, as_of)),
        consents=_consents_of(customer, as_of),
    )
    name = _NAMES[state] if state else "MemberUpdated"
    is_test = member_id in SAMPLE_CUSTOMERS
    return (call.event(name, at=joined_at or as_of, as_of=as_of, is_test=is_test, member=change),)


def _state(customer: Customer, call: Call) -> MemberState | None:
    """`enabled` is news when the record or the account is new; an update says it of whoever has been a member for years.
    `disabled` is what guests are from the start: only `customers/disable` makes a withdrawal of it.
    """
    enabled = customer.state == _ENABLED or (customer.state is None and call.topic == _ENABLE)
    if enabled:
        return None if call.topic == "customers/update" else MemberState.ACTIVE
    return MemberState.WITHDRAWN if call.topic == "customers/disable" else None


def _tags(value: object) -> tuple[str, ...] | None:
    """The comma string of API versions before 2025-01; None in newer ones, which do not speak of tags here."""
    if not isinstance(value, str):
        return None
    return tuple(dict.fromkeys(tag for one in value.split(",")[:_MAX_TAGS] if (tag := clean(one))))


def _consents_of(customer: Customer, as_of: datetime) -> tuple[Consent, ...]:
    found = [
        _consent("email", customer.email_marketing_consent, as_of),
        _consent("sms", customer.sms_marketing_consent, as_of),
    ]
    if customer.email_marketing_consent.state is None and customer.accepts_marketing is not None:
        since = values.instant(customer.accepts_marketing_updated_at, "accepts_marketing_updated_at") or as_of
        found.append(Consent("email", "marketing", customer.accepts_marketing, PLATFORM, since))
    return tuple(one for one in found if one)


def _consent(channel: str, told: ConsentState, as_of: datetime) -> Consent | None:
    if told.state != "subscribed" and told.state not in _REFUSED:
        return None
    at = values.instant(told.consent_updated_at, "consent_updated_at") or as_of
    return Consent(channel, "marketing", told.state == "subscribed", PLATFORM, at)


def _sums(customer: Customer, as_of: datetime) -> tuple[Attribute, ...]:
    spent = {"amount": customer.total_spent, "currency": customer.currency}
    return _purchases(customer.orders_count, spent, as_of)


def _purchases(orders: Any, spent: dict[str, Any], as_of: datetime) -> tuple[Attribute, ...]:
    """The shop's own count of what somebody bought, which reaches back further than ours."""
    named = {"orders_count": attribute("number_integer", orders), "total_spent_yen": values.yen(spent, "amountSpent")}
    return tuple(Attribute(name, value, PLATFORM, as_of) for name, value in named.items() if value is not None)


def news_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`customer.tags_*`, `customers_*_consent/update`, `customers/purchasing_summary` (API 2025-01 and later)."""
    news = CustomerNews.model_validate(call.object)
    member_id = required(news.customer, "customerId")
    at = call.at(news.at, "occurredAt")
    added = tuple(news.tags[:_MAX_TAGS]) if call.topic == "customer.tags_added" else ()
    removed = tuple(news.tags[:_MAX_TAGS]) if call.topic == "customer.tags_removed" else ()
    told = (("email", news.email_marketing_consent), ("sms", news.sms_marketing_consent))
    consents = tuple(found for channel, state in told if (found := _consent(channel, state, at)))
    spent = {"amount": news.spent.get("amount"), "currency": news.spent.get("currencyCode")}
    change = MemberChange(
        member_id=member_id,
        tags_added=added,
        tags_removed=removed,
        consents=consents,
        attributes=_purchases(news.orders, spent, at),
    )
    is_test = member_id in SAMPLE_CUSTOMERS
    return (call.event(_NEWS.get(call.topic, "MemberUpdated"), at=at, is_test=is_test, member=change),)


_NEWS = {
    "customer.tags_added": "MemberTagsChanged",
    "customer.tags_removed": "MemberTagsChanged",
    "customers_email_marketing_consent/update": "MemberConsentChanged",
    "customers_marketing_consent/update": "MemberConsentChanged",
}


def deleted_event(call: Call) -> Sequence[ShopEvent]:
    """`customers/delete`: the shop erased the record."""
    member_id = required(Customer.model_validate(call.object).id, "id")
    change = MemberChange(member_id=member_id, state=MemberState.ERASED)
    return (call.event("MemberDeleted", at=call.now, is_test=member_id in SAMPLE_CUSTOMERS, member=change),)


def merge_event(call: Call) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`customers/merge` comes for merges that failed, too; those change nothing."""
    merge = Merge.model_validate(call.object)
    if merge.status not in ("completed", "success"):
        return (call.unread("unfinished"),)
    kept, removed = required(merge.kept, "customer_kept_id"), required(merge.removed, "customer_deleted_id")
    change = MergeChange(kept_id=kept, removed_id=removed)
    return (call.event("MemberMerged", at=call.now, merge=change),)
