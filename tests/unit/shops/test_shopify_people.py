"""Shopify's customers: who is a member, what they allow, what their metafields know."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent
from musubi.domain.people import Attribute, Birthday, Consent, MemberState
from tests.unit.shops.shopify_bodies import AT, NOW, call, customer, read, unread

UPDATED = datetime(2026, 11, 22, 2, 40, tzinfo=UTC)
GID = "gid://shopify/Customer/7204155301001"
OCCURRED = "2026-11-22T02:50:00.123456789Z"
SAID = datetime(2026, 11, 22, 2, 50, 0, 123456, tzinfo=UTC)


def member(topic: str, body: dict[str, Any], **headers: str) -> MemberChange:
    change = call(topic, body, **headers).member
    assert change is not None
    return change


def test_who_signs_up_is_a_member() -> None:
    event = call("customers/create", customer())
    assert (event.type, event.occurred_at, event.as_of) == ("MemberRegistered", AT, UPDATED)
    assert event.member == MemberChange(
        member_id="7204155301001",
        state=MemberState.ACTIVE,
        family_name="結城",
        given_name="さくら",
        registered_at=AT,
    )


@pytest.mark.parametrize("state", ["disabled", "invited", "declined", None, 7])
def test_a_guest_or_a_reader_of_the_newsletter_is_not(state: Any) -> None:
    event = call("customers/create", customer(state=state))
    assert (event.type, event.occurred_at) == ("MemberUpdated", UPDATED)
    assert event.member is not None
    assert (event.member.state, event.member.registered_at) == (None, None)
    assert event.member.family_name == "結城"


def test_a_guest_who_gets_an_account_joins_then_and_not_before() -> None:
    event = call("customers/enable", customer())
    assert (event.type, event.occurred_at) == ("MemberRegistered", UPDATED)
    assert event.member is not None
    assert event.member.registered_at == UPDATED


def test_an_update_of_an_old_member_is_no_registration() -> None:
    event = call("customers/update", customer())
    assert (event.type, event.member and event.member.state) == ("MemberUpdated", None)


@pytest.mark.parametrize(
    ("topic", "body", "expected"),
    [
        ("customers/disable", customer(state="disabled"), ("MemberWithdrawn", MemberState.WITHDRAWN)),
        ("customers/disable", {"id": 7204155301001}, ("MemberWithdrawn", MemberState.WITHDRAWN)),
        ("customers/disable", customer(state="enabled"), ("MemberRegistered", MemberState.ACTIVE)),
        ("customers/enable", {"id": 7204155301001}, ("MemberRegistered", MemberState.ACTIVE)),
        ("customers/enable", customer(state="disabled"), ("MemberUpdated", None)),
        ("customers/update", customer(state="disabled"), ("MemberUpdated", None)),
        ("customers/delete", {"id": 7204155301001}, ("MemberDeleted", MemberState.ERASED)),
    ],
)
def test_the_body_decides_what_became_of_the_account(topic: str, body: Any, expected: tuple[str, Any]) -> None:
    event = call(topic, body)
    assert (event.type, event.member and event.member.state) == expected


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": {}}, [], {"id": ""}])
@pytest.mark.parametrize("topic", ["customers/create", "customers/delete", "customer.tags_added"])
def test_nobody_in_particular_can_never_be_read(topic: str, body: Any) -> None:
    with pytest.raises(Permanent):
        read(topic, body)


def test_the_older_shape_still_says_tags_consents_and_sums() -> None:
    old = customer(
        tags="VIP, line , ,VIP",
        orders_count=3,
        total_spent="29800",
        currency="JPY",
        email_marketing_consent={"state": "subscribed", "consent_updated_at": "2026-11-01T09:00:00+09:00"},
        sms_marketing_consent={"state": "not_subscribed", "consent_updated_at": None},
    )
    change = member("customers/update", old)
    assert change.tags == ("VIP", "line")
    assert change.attributes == (
        Attribute("orders_count", 3, "shopify", UPDATED),
        Attribute("total_spent_yen", 29800, "shopify", UPDATED),
    )
    assert change.consents == (
        Consent("email", "marketing", True, "shopify", datetime(2026, 11, 1, tzinfo=UTC)),
        Consent("sms", "marketing", False, "shopify", UPDATED),
    )


def test_the_newer_shape_takes_nothing_back() -> None:
    change = member("customers/update", customer())
    assert (change.tags, change.attributes, change.consents, change.birthday_withdrawn) == (None, (), (), False)


@pytest.mark.parametrize(
    ("consent", "accepts", "expected"),
    [
        (None, True, [True]),
        ({"state": None}, False, [False]),
        ({"state": "unsubscribed"}, True, [False]),
        ({"state": "SUBSCRIBED"}, None, [True]),
        ({"state": "pending"}, None, [False]),
        ({"state": "new_state"}, None, []),
        (None, None, []),
    ],
)
def test_who_reads_mail_and_who_does_not(consent: Any, accepts: Any, expected: list[bool]) -> None:
    body = customer(email_marketing_consent=consent, accepts_marketing=accepts)
    assert [one.allowed for one in member("customers/update", body).consents] == expected


@pytest.mark.parametrize(
    ("topic", "body", "channel"),
    [
        (
            "customers_email_marketing_consent/update",
            {"customer_id": 1001, "email_address": "s@example.com", "email_marketing_consent": {"state": "subscribed"}},
            "email",
        ),
        ("customers_marketing_consent/update", {"id": 1001, "sms_marketing_consent": {"state": "subscribed"}}, "sms"),
    ],
)
def test_a_consent_comes_in_a_webhook_of_its_own(topic: str, body: dict[str, Any], channel: str) -> None:
    event = call(topic, body, triggered_at=OCCURRED)
    assert (event.type, event.as_of) == ("MemberConsentChanged", SAID)
    assert event.member == MemberChange(
        member_id="1001", consents=(Consent(channel, "marketing", True, "shopify", SAID),)
    )


def test_tags_come_and_go_one_by_one() -> None:
    body = {"customerId": GID, "tags": ["VIP", "", 3, "line"], "occurredAt": OCCURRED}
    added, removed = call("customer.tags_added", body), call("customer.tags_removed", body)
    assert (added.type, added.as_of) == ("MemberTagsChanged", SAID)
    assert added.member == MemberChange(member_id="7204155301001", tags_added=("VIP", "line"))
    assert removed.member == MemberChange(member_id="7204155301001", tags_removed=("VIP", "line"))


def test_the_shops_own_sums() -> None:
    body = {"customerId": GID, "numberOfOrders": "12", "occurredAt": OCCURRED, "lastOrderId": None,
            "amountSpent": {"amount": "158000.0", "currencyCode": "JPY"}}  # fmt: skip
    assert {a.name: a.value for a in member("customers/purchasing_summary", body).attributes} == {
        "orders_count": 12,
        "total_spent_yen": 158000,
    }


def metafield(key: str, value: Any, kind: str = "single_line_text_field", namespace: str = "facts") -> dict[str, Any]:
    return {"namespace": namespace, "key": key, "value": value, "type": kind}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1990-05-05", (Birthday(5, 5, 1990), False)),
        ("1900-01-01", (None, False)),
        ("soon", (None, False)),
        ("", (None, True)),
        (None, (None, True)),
    ],
)
def test_the_birthday_is_the_standard_metafield(value: Any, expected: tuple[Any, bool]) -> None:
    change = member("customers/update", customer(metafields=[metafield("birth_date", value, "date")]))
    assert (change.birthday, change.birthday_withdrawn) == expected
    assert change.attributes == ()


def test_other_metafields_are_attributes_with_a_type() -> None:
    fields = [
        metafield("rank", "ゴールド", namespace="app--1--loyalty"),
        metafield("points", "1200", "number_integer", "app--1--loyalty"),
        metafield("since", "2025-04-01", "date", "app--1--loyalty"),
        metafield("vip", "true", "boolean"),
        metafield("nonsense", "12,5", "number_integer"),
        metafield("never", "2026-02-30", "date"),
        metafield("tree", "{}", "json"),
        {**metafield("late", 5, "integer"), "updated_at": "2026-11-22T02:50:00Z"},
        {**metafield("odd", 5, "integer"), "updated_at": "yesterday"},
        {"key": "no namespace"},
    ]
    found = {a.name: (a.value, a.as_of) for a in member("customers/update", customer(metafields=fields)).attributes}
    assert found == {
        "app--1--loyalty.rank": ("ゴールド", UPDATED),
        "app--1--loyalty.points": (1200, UPDATED),
        "app--1--loyalty.since": (date(2025, 4, 1), UPDATED),
        "facts.vip": (True, UPDATED),
        "facts.late": (5, datetime(2026, 11, 22, 2, 50, tzinfo=UTC)),
        "facts.odd": (5, UPDATED),
    }


def merge(status: str | None) -> dict[str, Any]:
    return {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1001",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/1002",
        "status": status,
    }


@pytest.mark.parametrize("status", ["success", "completed", "COMPLETED"])
def test_two_records_become_one(status: str) -> None:
    event = call("customers/merge", merge(status))
    assert event.merge is not None
    assert (event.type, event.merge.kept_id, event.merge.removed_id) == ("MemberMerged", "1001", "1002")
    assert event.occurred_at == NOW


@pytest.mark.parametrize("status", ["failed", "in_progress", None])
def test_a_merge_that_did_not_happen_merges_nobody(status: str | None) -> None:
    assert unread("customers/merge", merge(status)).kind == "customers/merge unfinished"


@pytest.mark.parametrize("number", [706405506930370084, 706405506930370000])
def test_the_customer_of_the_test_button_is_marked(number: int) -> None:
    assert call("customers/create", customer(id=number)).is_test
    assert call("customers_marketing_consent/update", {"id": number}).is_test
    assert not call("customers/create", customer()).is_test
