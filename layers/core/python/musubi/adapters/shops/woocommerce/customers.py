"""Customers: whoever has an account. Guests have none and never come as customers.

Birthday and kana are not WooCommerce's: `assumed` are the keys of widespread plugins (kana: Japanized for WooCommerce) with and
without WordPress' underscore. A shop with other keys uses the `mapping` platform.

WooCommerce has no tags. Those that our `writer` leaves in the metadata are read as what they are; what a friend said about
promotion is not read back: it is the friend's word, and an older copy of it must not outlive a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from musubi.adapters.shops.woocommerce.call import PLATFORM, Call, required
from musubi.contracts import values
from musubi.contracts.text import clean
from musubi.contracts.woocommerce import Customer, gmt
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange
from musubi.domain.events import ShopEvent
from musubi.domain.people import Attribute, MemberState

_BIRTHDAYS = ("billing_birthday", "birthday", "billing_birth_date", "birth_date", "date_of_birth", "billing_dob")
TAG_META, TAG_ON = "musubi_tag_", "1"
"""A tag is a row of its own: two that are written at once do not undo each other. One that was taken off is left empty."""

_KANA = {"family_kana": "billing_yomigana_last_name", "given_kana": "billing_yomigana_first_name"}


def customer_events(call: Call) -> Sequence[ShopEvent]:
    """`customer.created|updated|restored`: the profile."""
    customer = Customer.model_validate(call.object)
    member_id = required(customer.id, "id")
    created_at = gmt(customer.date_created_gmt, "date_created_gmt")
    as_of = call.version(customer.date_modified_gmt, customer.date_created_gmt)
    meta = customer.meta_data
    birthdays = [value for name in _BIRTHDAYS if (value := _of(meta, name)) is not None]
    told = [found for value in birthdays if (found := values.birthday(value, tokyo_date(call.received_at)))]
    tags = {key.removeprefix(TAG_META): meta[key] == TAG_ON for key in sorted(meta) if key.startswith(TAG_META)}
    tags.pop("", None)
    change = MemberChange(
        member_id=member_id,
        state=MemberState.ACTIVE if call.verb == "created" else None,
        family_name=values.person_name(customer.last_name or customer.billing.last_name)[0],
        given_name=values.person_name(customer.first_name or customer.billing.first_name)[0],
        birthday=told[0] if told else None,
        # Forms save an emptied field as an empty text; a key that is not there says nothing.
        birthday_withdrawn=bool(birthdays) and all(value == "" for value in birthdays),
        registered_at=created_at,
        tags_added=tuple(name for name, is_on in tags.items() if is_on),
        tags_removed=tuple(name for name, is_on in tags.items() if not is_on),
        attributes=_attributes(call, customer, meta),
    )
    if call.verb == "created":
        return (call.event("MemberRegistered", at=created_at or as_of, as_of=as_of, member=change),)
    return (call.event("MemberUpdated", at=as_of, as_of=as_of, member=change),)


def deleted_event(call: Call) -> Sequence[ShopEvent]:
    """`customer.deleted`: only the id is left."""
    member_id = required(Customer.model_validate(call.object).id, "id")
    change = MemberChange(member_id=member_id, state=MemberState.ERASED)
    return (call.event("MemberDeleted", at=call.received_at, member=change),)


def _attributes(call: Call, customer: Customer, meta: Mapping[str, Any]) -> tuple[Attribute, ...]:
    as_of = call.version(customer.date_modified_gmt, customer.date_created_gmt)
    named = {"role": customer.role, **{name: clean(_of(meta, key)) for name, key in _KANA.items()}}
    return tuple(Attribute(name, value, PLATFORM, as_of) for name, value in named.items() if value)


def _of(meta: Mapping[str, Any], key: str) -> Any:
    return meta.get(key, meta.get(f"_{key}"))
