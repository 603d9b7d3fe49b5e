"""CloudEvents and the bus: canonical events by `type` and `data`, from whichever carrier."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops import base, bus
from musubi.adapters.shops.cloudevents import normalise as cloudevents
from musubi.adapters.shops.platforms import DOORS
from musubi.contracts import ec
from musubi.domain.changes import MemberChange, OrderChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import (
    SHOP_EVENTS,
    ShopEvent,
    UnreadShopEvent,
)
from musubi.domain.orders import Milestone
from musubi.domain.people import Birthday, MemberState, PointLot
from musubi.domain.projection import is_silent
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TIME = "2026-11-22T11:30:00+09:00"
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
NAMES = [
    "id", "source", "type", "time", "data", "data_base64", "member_id", "order_id", "order_number", "placed_at", "paid_at",
    "cancelled_at", "at", "registered_at", "profile", "name", "family", "given", "birthday", "year", "month", "day",
    "balance", "lots", "points", "expires_at", "totals", "grand", "total", "amount", "currency", "shipment",
    "shipment_id", "carrier", "tracking_numbers", "tracking_url", "shipped_at", "version", "is_test", "is_backfill",
]  # fmt: skip


def structured(kind: str, data: Any, **attributes: Any) -> list[ShopEvent | UnreadShopEvent]:
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/shop",
        "type": kind,
        "time": TIME,
        "data": data,
        **attributes,
    }
    return list(cloudevents.normalise({}, json.dumps(event).encode(), "main", NOW))


def read(kind: str, data: Any, **attributes: Any) -> ShopEvent:
    (event,) = structured(kind, data, **attributes)
    assert isinstance(event, ShopEvent)
    return event


def test_every_platform_of_the_door_has_its_reader() -> None:
    assert all(callable(base.adapter_for(name)) for name in DOORS)
    for unknown in ("faxes", "platform", "../shopify"):
        with pytest.raises(Permanent):
            base.adapter_for(unknown)


def test_a_registered_member() -> None:
    profile = {"name": {"family": "結城", "given": "さくら"}, "birthday": {"year": 1992, "month": 12, "day": 24}}
    event = read("MemberRegistered", {"member_id": 1001, "registered_at": TIME, "profile": profile})
    assert (event.source, event.event_id, event.shop_id) == ("main/cloudevents//shop", "e1", "main")
    assert (event.occurred_at, event.as_of, event.received_at) == (AT, AT, NOW)
    assert event.member == MemberChange(
        member_id="1001", state=MemberState.ACTIVE, family_name="結城", given_name="さくら",
        birthday=Birthday(12, 24, 1992), registered_at=AT,
    )  # fmt: skip


def test_a_member_may_be_described_flat() -> None:
    event = read("MemberUpdated", {"member_id": "1001", "name": "結城 さくら", "birthday": "--12-24"})
    assert event.member == MemberChange(member_id="1001", family_name="結城 さくら", birthday=Birthday(12, 24))


@pytest.mark.parametrize(
    ("kind", "state"), [("MemberWithdrawn", MemberState.WITHDRAWN), ("MemberDeleted", MemberState.ERASED)]
)
def test_members_leave(kind: str, state: MemberState) -> None:
    assert read(kind, {"member_id": "1001"}).member == MemberChange(member_id="1001", state=state)


def test_points() -> None:
    lots = [{"points": 300, "expires_at": "2026-12-24"}]
    event = read("PointsBalanceChanged", {"member_id": "1001", "balance": 1500, "lots": lots})
    assert event.points == PointsChange(member_id="1001", balance=1500, lots=(PointLot(date(2026, 12, 24), 300),))
    event = read("PointsGranted", {"member_id": "1001", "points": 50, "expires_at": "2026-12-31T23:59:59+09:00"})
    assert event.points == PointsChange(member_id="1001", granted=50, granted_lot=PointLot(date(2026, 12, 31), 50))


@pytest.mark.parametrize("kind", ["PointsUsed", "PointsRevoked", "PointsExpired"])
def test_points_are_taken(kind: str) -> None:
    assert read(kind, {"member_id": "1001", "points": 50}).points == PointsChange(member_id="1001", taken=50)
    told = read(kind, {"member_id": "1001", "points": 50, "balance_after": 0}).points
    assert told == PointsChange(member_id="1001", balance=0)
    with pytest.raises(Permanent, match=r"data\.points"):
        read(kind, {"member_id": "1001", "points": 0})


def test_orders() -> None:
    placed = {"order_id": "o1", "order_number": "#1", "placed_at": TIME, "member_id": "1001",
              "totals": {"grand": {"amount": 12800, "currency": "JPY"}}}  # fmt: skip
    assert read("OrderPlaced", placed).order == OrderChange(
        order_id="o1", number="#1", member_id="1001", total_yen=12800, milestones=(Milestone("OrderPlaced", AT),)
    )
    guest = read("OrderPlaced", {"order_id": 6211220000003000001, "member_id": None, "total": "500"}).order
    assert guest is not None
    assert (guest.order_id, guest.member_id, guest.total_yen) == ("6211220000003000001", None, 500)
    assert read("OrderPaid", {"order_id": "o1", "paid_at": TIME}).order == OrderChange(
        order_id="o1", milestones=(Milestone("OrderPaid", AT),)
    )
    assert read("OrderCancelled", {"order_id": "o1"}).order == OrderChange(
        order_id="o1", milestones=(Milestone("OrderCancelled", AT),)
    )


def test_a_shipment() -> None:
    shipment = {"shipment_id": "s1", "carrier": "yamato", "tracking_numbers": ["4000-1234-5672", "４０００１２３４５６７２"],
                "tracking_url": "https://evil.example/"}  # fmt: skip
    order = read("ShipmentDispatched", {"order_id": "o1", "shipment": shipment}).order
    assert order is not None
    assert order.milestones == (Milestone("ShipmentDispatched", AT, "s1"),)
    (parcel,) = order.shipments
    assert (parcel.carrier_name, parcel.tracking_numbers) == ("ヤマト運輸", ("400012345672",))
    assert parcel.tracking_url == "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id=400012345672"


def test_the_version_orders_and_flags_are_taken() -> None:
    event = read("MemberUpdated", {"member_id": "1", "version": "2026-11-20T00:00:00Z", "is_test": True})
    assert (event.as_of, event.is_test, event.is_backfill) == (datetime(2026, 11, 20, tzinfo=UTC), True, False)
    assert read("MemberUpdated", {"member_id": "1", "is_backfill": True}).is_backfill
    assert read("OrderPlaced", {"order_id": "1", "is_test": "true"}).is_test
    assert not read("OrderPlaced", {"order_id": "1", "is_test": "false"}).is_test
    assert is_silent(read("OrderPlaced", {"order_id": "1", "placed_at": "2026-11-21T02:59:59Z"}))
    assert not is_silent(read("OrderPlaced", {"order_id": "1", "placed_at": "2026-11-21T03:00:00Z"}))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("MemberRegistered", {}),
        ("MemberRegistered", None),
        ("MemberDeleted", {"member_id": ""}),
        ("OrderPlaced", {"order_id": 1.5}),
        ("OrderPlaced", {"order_id": "1", "total": "0.5"}),
        ("OrderPaid", {"order_id": "1", "amount": {"amount": "1.5", "currency": "JPY"}}),
        ("OrderPlaced", {"order_id": "1", "placed_at": "yesterday"}),
        ("ShipmentDispatched", {"order_id": "1"}),
        ("ShipmentDispatched", {"order_id": "1", "shipment": {}}),
        ("PointsBalanceChanged", {"member_id": "1"}),
        ("PointsGranted", {"member_id": "1", "points": 0}),
        ("PointsGranted", {"member_id": "1", "points": 5, "expires_at": "never"}),
    ],
)
def test_what_identifies_or_counts_must_be_there(kind: str, data: Any) -> None:
    with pytest.raises(Permanent, match="data"):
        structured(kind, data)


@pytest.mark.parametrize("kind", sorted(SHOP_EVENTS - set(ec._READERS)))
def test_canonical_events_without_effect_are_taken(kind: str) -> None:
    event = read(kind, {"anything": 1})
    assert (event.member, event.points, event.order) == (None, None, None)


def test_unknown_types_are_kept_whole() -> None:
    (event,) = structured("WishlistShared", {"a": 1}, time="not even a time")
    assert isinstance(event, UnreadShopEvent)
    assert (event.kind, json.loads(event.raw)["data"]) == ("WishlistShared", {"a": 1})
    (nameless,) = cloudevents.normalise({}, b'{"id":"1"}', "main", NOW)
    assert isinstance(nameless, UnreadShopEvent)


def test_the_three_modes_say_the_same() -> None:
    event = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "MemberDeleted", "time": TIME,
             "data": {"member_id": "1"}}  # fmt: skip
    headers = {f"ce-{k}": str(v) for k, v in event.items() if k != "data"}
    one = cloudevents.normalise({}, json.dumps(event).encode(), "main", NOW)
    batch = cloudevents.normalise({}, json.dumps([event]).encode(), "main", NOW)
    binary = cloudevents.normalise(headers, b'{"member_id": "1"}', "main", NOW)
    encoded = cloudevents.normalise(
        {}, json.dumps({**event, "data": None, "data_base64": "eyJtZW1iZXJfaWQiOiAiMSJ9"}).encode(), "main", NOW
    )
    assert one == batch == binary == encoded


def test_a_binary_event_of_unknown_type_may_hold_any_bytes() -> None:
    (event,) = cloudevents.normalise({"ce-type": "x", "ce-id": "1"}, b"\xff\x00", "main", NOW)
    assert isinstance(event, UnreadShopEvent)


def test_repeats_have_one_identity_and_one_content() -> None:
    first, again = read("MemberDeleted", {"member_id": "1"}), read("MemberDeleted", {"member_id": "1"})
    other = read("MemberDeleted", {"member_id": "2"})
    assert (first.source, first.event_id, first.content) == (again.source, again.event_id, again.content)
    assert first.content != other.content
    long = read("MemberDeleted", {"member_id": "1"}, id="x" * 5000, source="s" * 5000)
    assert len(long.event_id) <= 128
    assert len(long.source) <= 128


def envelope(kind: str, detail: Any, **changes: Any) -> str:
    return json.dumps(
        {"id": "bus-1", "detail-type": kind, "source": "shop.x", "time": TIME, "detail": detail, **changes}
    )


def test_the_bus_brings_the_same_events() -> None:
    detail = {"id": "e1", "shop_id": "outlet", "time": "2026-11-22T02:00:00Z", "data": {"member_id": "1"}}
    (event,) = bus.read_envelope(envelope("MemberDeleted", detail), ["main", "outlet"], NOW)
    assert isinstance(event, ShopEvent)
    assert (event.shop_id, event.source, event.event_id) == ("outlet", "outlet/bus/shop.x", "e1")
    assert event.occurred_at == AT - timedelta(minutes=30)


def test_a_bus_event_may_leave_out_what_the_envelope_says() -> None:
    (event,) = bus.read_envelope(envelope("MemberDeleted", {"data": {"member_id": "1"}}), ["main"], NOW)
    assert isinstance(event, ShopEvent)
    assert (event.shop_id, event.event_id, event.occurred_at) == ("main", "bus-1", AT)


def test_the_bus_takes_the_canonical_envelope_and_bare_data() -> None:
    data = {"order_id": "o1", "order_number": "#1"}
    canonical = {
        "event_id": "e9",
        "event_type": "OrderPlaced",
        "shop_id": "main",
        "occurred_at": "2026-11-22T02:00:00Z",
        "is_test": True,
        "subject": {"member_id": "1001", "order_id": "o1"},
        "data": data,
    }
    (event,) = bus.read_envelope(envelope("OrderPlaced", canonical), ["main"], NOW)
    assert isinstance(event, ShopEvent)
    assert (event.event_id, event.occurred_at, event.is_test) == ("e9", AT - timedelta(minutes=30), True)
    assert event.order is not None
    assert (event.order.order_id, event.order.member_id) == ("o1", "1001")
    (event,) = bus.read_envelope(envelope("OrderPlaced", {**data, "member_id": "1002"}), ["main"], NOW)
    assert isinstance(event, ShopEvent)
    assert event.order is not None
    assert (event.event_id, event.order.member_id) == ("bus-1", "1002")


def test_what_a_canonical_envelope_says_beside_the_data_counts() -> None:
    event = read("OrderPlaced", {"order_id": "o1"}, subject={"member_id": "1001"}, is_backfill=True)
    assert event.order is not None
    assert (event.order.member_id, event.is_backfill) == ("1001", True)
    own = read("OrderPlaced", {"order_id": "o1", "member_id": "1002"}, subject={"member_id": "1001"})
    assert own.order is not None
    assert own.order.member_id == "1002"
    assert read("MemberDeleted", {"member_id": "1"}, subject="member/2").member is not None


@pytest.mark.parametrize("detail", [None, 5, {"shop_id": "nobody", "data": {}}, {"data": {}}, {"shop_id": ["main"]}])
def test_a_bus_event_for_nobody_can_never_be_read(detail: Any) -> None:
    with pytest.raises(Permanent):
        bus.read_envelope(envelope("MemberDeleted", detail), ["main"], NOW)


@given(kind=st.sampled_from(sorted(SHOP_EVENTS)), value=JSON | objects_with(NAMES))
def test_no_json_value_raises_anything_but_permanent(kind: str, value: Any) -> None:
    whole = json.dumps({"id": "1", "type": kind, "data": value, "time": TIME})
    for raw in (json.dumps(value), whole):
        readings: list[Callable[[], Sequence[ShopEvent | UnreadShopEvent]]] = [
            partial(cloudevents.normalise, {}, raw.encode(), "main", NOW),
            partial(cloudevents.normalise, {"ce-type": kind}, raw.encode(), "main", NOW),
            partial(bus.read_envelope, raw, ["main"], NOW),
            partial(bus.read_envelope, envelope(kind, {"data": value}), ["main"], NOW),
        ]
        for read_one in readings:
            try:
                events = read_one()
            except Permanent:
                continue
            for event in events:
                repr(event).encode()


@pytest.mark.parametrize(
    ("said", "taken_back"), [({"birthday": None}, True), ({"birthday": "soon"}, False), ({}, False)]
)
def test_only_a_null_takes_a_birthday_back(said: dict[str, Any], taken_back: bool) -> None:
    event = read("MemberUpdated", {"member_id": "1", "profile": said})
    assert event.member is not None
    assert event.member.birthday_withdrawn is taken_back
