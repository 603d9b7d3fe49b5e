"""Canonical events about ranks, tags, consents, merges, carts, bookings, subscriptions and requests under privacy law."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.cloudevents import normalise as cloudevents
from musubi.contracts import ec
from musubi.domain.changes import (
    CartChange,
    CartState,
    MergeChange,
    PrivacyChange,
    PrivacyKind,
    ReservationState,
    SubscriptionState,
)
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, LineKind, Milestone
from musubi.domain.people import Consent, Rank
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
TIME = "2026-11-22T11:30:00+09:00"


def any_of(kind: str, data: Any) -> ShopEvent | UnreadShopEvent:
    event = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": kind, "time": TIME, "data": data}
    (found,) = cloudevents.normalise({}, json.dumps(event).encode(), "main", NOW)
    return found


def read(kind: str, data: Any) -> ShopEvent:
    found = any_of(kind, data)
    assert isinstance(found, ShopEvent)
    return found


def test_a_snapshot_of_a_member_brings_rank_tags_fields_and_consents() -> None:
    profile = {
        "rank": {"code": "gold", "name": "ゴールド", "valid_until": "2027-03-31", "next_rank": "プラチナ",
                 "amount_to_next": 12000},
        "tags": ["ギフト", "ギフト", "", 7],
        "attributes": {"好きな色": "藍", "visits": 12, "newsletter": True, "anniversary": "2020-02-29", "size": 26.5,
                       "gone": None, "list": [1]},
    }  # fmt: skip
    consents = [
        {"channel": "line", "state": "refused", "at": "2026-11-20T00:00:00Z", "source": "マイページ"},
        {"channel": "email", "purpose": "transactional", "state": "granted"},
        {"channel": "sms", "state": "who knows"},
        {"channel": "fax", "state": "granted"},
    ]
    member = read("MemberUpdated", {"member_id": "1001", "profile": profile, "consents": consents}).member
    assert member is not None
    assert member.rank == Rank("gold", "ゴールド", date(2027, 3, 31), "プラチナ", 12000)
    assert member.tags == ("ギフト", "7")
    assert {a.name: a.value for a in member.attributes} == {
        "好きな色": "藍", "visits": 12, "newsletter": True, "anniversary": date(2020, 2, 29), "size": "26.5", "gone": "",
    }  # fmt: skip
    assert {(a.source, a.as_of) for a in member.attributes} == {("main/cloudevents//shop", AT)}
    assert member.consents == (
        Consent("line", "marketing", False, "マイページ", datetime(2026, 11, 20, tzinfo=UTC)),
        Consent("email", "transactional", True, "cloudevents", AT),
        Consent("sms", "marketing", False, "cloudevents", AT),
    )


def test_a_change_of_rank_says_which_way() -> None:
    event = read("MemberRankChanged", {"member_id": 1, "to": {"code": "S", "name": "シルバー"}, "direction": "down"})
    assert event.member is not None
    assert (event.member.rank, event.member.rank_direction) == (Rank("S", "シルバー"), "down")
    told = read("MemberRankChanged", {"member_id": 1, "to": "ゴールド", "direction": "sideways"}).member
    assert told is not None
    assert (told.rank, told.rank_direction) == (Rank("ゴールド", "ゴールド"), None)


def test_tags_come_and_go() -> None:
    member = read("MemberTagsChanged", {"member_id": "1", "added": ["vip"], "removed": ["new"]}).member
    assert member is not None
    assert (member.tags, member.tags_added, member.tags_removed) == (None, ("vip",), ("new",))


def test_only_a_merge_that_succeeded_is_one() -> None:
    data = {"kept_id": "1", "removed_id": 2}
    assert read("MemberMerged", data).merge == MergeChange(kept_id="1", removed_id="2")
    assert read("MemberMerged", {**data, "status": "completed"}).merge is not None
    assert read("MemberMerged", {**data, "status": "failed"}).merge is None


LINES = [
    {
        "product_id": 1,
        "sku": "A",
        "title": "どら焼き",
        "quantity": 2,
        "unit_price": "240",
        "categories": ["和菓子", "和菓子"],
    },
    {"title": "送料", "kind": "shipping", "unit_price": {"amount": 600, "currency": "JPY"}},
    {"title": "割れた値引き", "kind": "mystery", "unit_price": "33.3"},
    {"title": "返品", "quantity": -1},
    "no line",
]


def test_an_order_has_lines_and_the_checkouts_it_came_from() -> None:
    data = {"order_id": "1", "lines": LINES, "checkout_id": "c1", "cart_id": "k1", "checkout_ids": ["c1", "c2"]}
    order = read("OrderPlaced", data).order
    assert order is not None
    assert order.checkout_ids == ("c1", "c2", "k1")
    assert order.lines == (
        Line(title="どら焼き", quantity=2, product_id="1", sku="A", categories=("和菓子",), unit_yen=240),
        Line(title="送料", unit_yen=600, kind=LineKind.SHIPPING),
        Line(title="割れた値引き", kind=LineKind.FEE),
    )
    edited = read("OrderEdited", {"order_id": "1", "lines": [], "totals": {"grand": 500}}).order
    assert edited is not None
    assert (edited.lines, edited.total_yen, edited.milestones) == ((), 500, ())


@pytest.mark.parametrize(
    ("kind", "data", "milestone"),
    [
        ("OrderPaymentFailed", {"failed_at": TIME}, Milestone("OrderPaymentFailed", AT)),
        ("OrderPaymentOverdue", {"due_at": "2026-11-01"}, Milestone("OrderPaymentOverdue", AT)),
        ("OrderReadyForPickup", {"location": "本店"}, Milestone("OrderReadyForPickup", AT)),
        ("OrderDelivered", {"delivered_at": TIME}, Milestone("OrderDelivered", AT)),
        ("OrderReturned", {}, Milestone("OrderReturned", AT)),
        ("OrderRefunded", {"refund_id": 5, "amount": 100}, Milestone("OrderRefunded", AT, "5")),
    ],
)
def test_milestones_of_orders(kind: str, data: dict[str, Any], milestone: Milestone) -> None:
    order = read(kind, {"order_id": "1", **data}).order
    assert order is not None
    assert order.milestones == (milestone,)


def test_a_shipped_order_proves_its_parcels() -> None:
    parcels = [{"shipment_id": "p1", "carrier": "sagawa", "shipped_at": "2026-11-22T10:00:00+09:00"}, {"carrier": "x"}]
    order = read("OrderShipped", {"order_id": "1", "shipments": parcels}).order
    assert order is not None
    assert [(m.id, m.at) for m in order.milestones] == [
        ("OrderShipped", AT),
        ("ShipmentDispatched/p1", AT - timedelta(minutes=90)),
    ]
    assert [parcel.shipment_id for parcel in order.shipments] == ["p1"]


def test_a_parcel_that_was_called_back_proves_nothing() -> None:
    parcel = {"shipment_id": "p1", "tracking_number": "4000-1234-5672", "carrier": "yamato"}
    changed = read("ShipmentTrackingUpdated", {"order_id": "1", "shipment": parcel}).order
    stopped = read("ShipmentTrackingUpdated", {"order_id": "1", "shipment": {**parcel, "status": "cancelled"}}).order
    assert changed is not None
    assert stopped is not None
    assert [m.id for m in changed.milestones] == ["ShipmentDispatched/p1"]
    assert changed.shipments[0].tracking_numbers == ("400012345672",)
    assert (stopped.milestones, stopped.shipments) == ((), ())


def test_carts() -> None:
    data = {
        "checkout_id": "c1",
        "member_id": 1001,
        "lines": LINES[:1],
        "total": 480,
        "recovery_url": " https://x.jp/r ",
    }
    event = read("CheckoutStarted", data)
    assert event.cart == CartChange(
        checkout_id="c1", state=CartState.OPEN, member_id="1001", total_yen=480, recovery_url="https://x.jp/r",
        lines=(Line(title="どら焼き", quantity=2, product_id="1", sku="A", categories=("和菓子",), unit_yen=240),),
    )  # fmt: skip
    done = read("CheckoutCompleted", {"checkout_id": "c1", "order_id": "9"}).cart
    assert done is not None
    assert (done.state, done.order_id) == (CartState.COMPLETED, "9")
    left = read("CartAbandoned", {"checkout_id": "c1", "last_activity_at": "2026-11-22T10:30:00+09:00"})
    assert left.as_of == left.occurred_at == AT - timedelta(hours=1)


def test_bookings() -> None:
    data = {"reservation_id": "b1", "member_id": "1", "start_at": "2026-12-01T10:00:00+09:00", "service": "カット",
            "party_size": "2", "status": "ACCEPTED"}  # fmt: skip
    made = read("ReservationMade", data).reservation
    assert made is not None
    assert (made.state, made.start_at, made.service, made.party_size) == (
        ReservationState.BOOKED,
        datetime(2026, 12, 1, 1, tzinfo=UTC),
        "カット",
        2,
    )
    for kind, more in (("ReservationCancelled", {}), ("ReservationChanged", {"status": "DECLINED"})):
        off = read(kind, {"reservation_id": "b1", **more}).reservation
        assert off is not None
        assert off.state is ReservationState.CANCELLED


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("SubscriptionStarted", SubscriptionState.ACTIVE),
        ("SubscriptionRenewed", SubscriptionState.ACTIVE),
        ("SubscriptionPaymentFailed", SubscriptionState.FAILED),
        ("SubscriptionSkipped", None),
        ("SubscriptionRenewalDue", None),
        ("SubscriptionPaused", SubscriptionState.PAUSED),
        ("SubscriptionCancelled", SubscriptionState.CANCELLED),
    ],
)
def test_subscriptions(kind: str, state: SubscriptionState | None) -> None:
    data = {"subscription_id": 7, "member_id": "1", "next_date": "2026-12-24", "cycle_no": 3, "amount": "2980"}
    found = read(kind, data).subscription
    assert found is not None
    assert (found.state, found.next_on, found.cycle, found.amount_yen) == (state, date(2026, 12, 24), 3, 2980)
    night = read(kind, {"subscription_id": 7, "next_date": "2026-12-23T15:00:00Z"}).subscription
    assert night is not None
    assert night.next_on == date(2026, 12, 24)


def test_privacy_requests_have_a_name_and_a_deadline() -> None:
    asked = read("PersonalDataErasureRequested", {"member_id": "1", "order_ids": [5, "6"], "request_id": 77}).privacy
    assert asked == PrivacyChange(
        request_id="77", kind=PrivacyKind.ERASURE, deadline_at=AT + timedelta(days=30), member_id="1",
        order_ids=("5", "6"),
    )  # fmt: skip
    shop = read("ShopErasureRequested", {"deadline_at": "2026-12-01T00:00:00Z"}).privacy
    assert shop is not None
    assert (shop.request_id, shop.kind) == ("e1", PrivacyKind.SHOP_ERASURE)
    assert shop.deadline_at == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("MemberRankChanged", {"member_id": "1"}),
        ("MemberRankChanged", {"member_id": "1", "to": {"name": "S", "amount_to_next": "0.5"}}),
        ("MemberMerged", {"kept_id": "1"}),
        ("MemberMerged", {"kept_id": "1", "removed_id": 1}),
        ("OrderRefunded", {"order_id": "1"}),
        ("OrderRefunded", {"order_id": "1", "refund_id": "2", "amount": "1.5"}),
        ("CheckoutStarted", {"member_id": "1"}),
        ("CheckoutStarted", {"checkout_id": "1", "total": "0.5"}),
        ("ReservationMade", {"reservation_id": "1", "start_at": "soon"}),
        ("SubscriptionStarted", {"subscription_id": "1", "next_date": "2026-02-30"}),
        ("PersonalDataRequested", {}),
    ],
)
def test_what_identifies_or_counts_must_be_there(kind: str, data: Any) -> None:
    with pytest.raises(Permanent, match="data"):
        any_of(kind, data)


FIELDS = [
    "kept_id", "removed_id", "to", "rank", "direction", "tags", "added", "removed", "attributes", "consents", "consent",
    "channel", "state", "purpose", "lines", "product_id", "quantity", "unit_price", "categories", "kind", "checkout_id",
    "checkout_ids", "recovery_url", "last_activity_at", "reservation_id", "start_at", "status", "party_size",
    "subscription_id", "next_date", "cycle_no", "amount", "request_id", "order_ids", "deadline_at", "shipments", "profile",
    "member_id", "order_id", "refund_id", "shipment",
]  # fmt: skip


@given(st.sampled_from(sorted(ec._READERS)), objects_with(FIELDS) | JSON)
def test_no_data_breaks_a_reader(kind: str, data: Any) -> None:
    with suppress(Permanent):
        assert any_of(kind, data).event_id == "e1"
