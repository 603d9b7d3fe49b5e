"""WooCommerce's customers and subscriptions."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from musubi.domain.changes import MemberChange, SubscriptionChange, SubscriptionState
from musubi.domain.events import UnreadShopEvent
from musubi.domain.people import Attribute, Birthday, MemberState
from tests.unit.shops.woocommerce_bodies import CREATED, CREATED_AT, MODIFIED, MODIFIED_AT, NOW, call, customer, read


def member(body: dict[str, Any], topic: str = "customer.updated") -> MemberChange:
    change = call(topic, body).member
    assert change is not None
    return change


def test_who_opens_an_account_is_a_member() -> None:
    event = call("customer.created", customer())
    assert (event.type, event.occurred_at, event.as_of) == ("MemberRegistered", CREATED_AT, MODIFIED_AT)
    assert event.member == MemberChange(
        member_id="25",
        state=MemberState.ACTIVE,
        family_name="結城",
        given_name="さくら",
        registered_at=CREATED_AT,
        attributes=(Attribute("role", "customer", "woocommerce", MODIFIED_AT),),
    )


def test_an_update_changes_the_profile_and_nothing_of_the_account() -> None:
    event = call("customer.updated", customer(first_name="", last_name="様"))
    assert (event.type, event.member and event.member.state) == ("MemberUpdated", None)
    assert event.member is not None
    assert (event.member.family_name, event.member.given_name) == (None, "櫻")


def test_never_modified_is_as_of_its_creation() -> None:
    assert call("customer.updated", customer(date_modified_gmt=None)).as_of == CREATED_AT
    assert call("customer.updated", {"id": 25}).as_of == NOW


def test_a_deleted_customer_is_erased() -> None:
    event = call("customer.deleted", {"id": 25})
    assert (event.type, event.member) == ("MemberDeleted", MemberChange(member_id="25", state=MemberState.ERASED))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ([("billing_birthday", "1990-05-05")], (Birthday(5, 5, 1990), False)),
        ([("_billing_birthday", "1990/05/05")], (Birthday(5, 5, 1990), False)),
        ([("birthday", "--12-24")], (Birthday(12, 24), False)),
        ([("billing_birthday", ""), ("birthday", "1990-05-05")], (Birthday(5, 5, 1990), False)),
        ([("billing_birthday", "")], (None, True)),
        ([("billing_birthday", "0000-00-00")], (None, False)),
        ([("billing_birthday", ["1990"])], (None, False)),
        ([("birthday_mail", "1990-05-05")], (None, False)),
        ([], (None, False)),
    ],
)
def test_birthdays_of_widespread_plugins(meta: list[tuple[str, Any]], expected: tuple[Any, bool]) -> None:
    change = member(customer(meta_data=[{"id": 1, "key": key, "value": value} for key, value in meta]))
    assert (change.birthday, change.birthday_withdrawn) == expected


def test_kana_are_attributes() -> None:
    meta = [
        {"key": "billing_yomigana_last_name", "value": "ユウキ"},
        {"key": "billing_yomigana_first_name", "value": "サクラ"},
    ]
    found = {one.name: one.value for one in member(customer(meta_data=meta)).attributes}
    assert found == {"role": "customer", "family_kana": "ユウキ", "given_kana": "サクラ"}


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": 2965, "status": "active", "customer_id": 25, "currency": "JPY", "total": "3980", "date_created_gmt": CREATED,
        "date_modified_gmt": MODIFIED, "next_payment_date_gmt": "2026-12-23T15:30:00", **changes,
    }  # fmt: skip


def test_a_regular_delivery() -> None:
    event = call("subscription.created", subscription())
    assert (event.type, event.as_of) == ("SubscriptionStarted", MODIFIED_AT)
    assert event.subscription == SubscriptionChange(
        subscription_id="2965",
        member_id="25",
        state=SubscriptionState.ACTIVE,
        next_on=date(2026, 12, 24),
        amount_yen=3980,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", ("SubscriptionUpdated", SubscriptionState.ACTIVE)),
        ("on-hold", ("SubscriptionPaused", SubscriptionState.PAUSED)),
        ("pending-cancel", ("SubscriptionCancelled", SubscriptionState.CANCELLED)),
        ("expired", ("SubscriptionCancelled", SubscriptionState.CANCELLED)),
        ("pending", ("SubscriptionUpdated", None)),
    ],
)
def test_its_status_decides(status: str, expected: tuple[str, Any]) -> None:
    event = call("subscription.updated", subscription(status=status, next_payment_date_gmt=""))
    assert event.subscription is not None
    assert (event.type, event.subscription.state) == expected
    assert event.subscription.next_on is None


def test_a_subscription_that_is_gone_or_in_an_unknown_state() -> None:
    gone = call("subscription.deleted", {"id": 2965})
    assert gone.subscription == SubscriptionChange(subscription_id="2965", state=SubscriptionState.CANCELLED)
    (kept,) = read("subscription.updated", subscription(status="wc-odd"))
    assert isinstance(kept, UnreadShopEvent)
    assert kept.kind == "subscription.updated status odd"
