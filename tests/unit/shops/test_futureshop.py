"""futureshop's orders: what each proves of itself and of who placed it, and that nothing in them breaks the reader."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.futureshop.normalise import normalise
from musubi.contracts.futureshop import day, instant
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import Birthday, Rank
from tests.unit.contracts.strategies import JSON, objects_with

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "futureshop"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
PLACED = datetime(2026, 11, 24, 3, 10, 5, tzinfo=UTC)
FIELDS = (
    "orderNo", "date", "status", "grandTotal", "receiptDate", "isMember", "buyerInfo", "memberId", "birthday",
    "memberStageName", "shipmentList", "shippingInfo", "shippingDate", "invoiceNo", "productList", "price", "count",
)  # fmt: skip
TOLD: dict[str, tuple[str, list[str]]] = {
    "order_placed": ("OrderPlaced", ["OrderPlaced"]),
    "order_paid": ("OrderPaid", ["OrderPlaced", "OrderPaid"]),
    "order_partly_shipped": ("ShipmentDispatched", ["OrderPlaced", "OrderPaid", "ShipmentDispatched"]),
    "order_shipped": (
        "OrderShipped",
        ["OrderPlaced", "OrderPaid", "ShipmentDispatched", "ShipmentDispatched", "OrderShipped"],
    ),
    "order_cancelled": ("OrderCancelled", ["OrderPlaced", "OrderCancelled"]),
    "order_guest": ("OrderPlaced", ["OrderPlaced"]),
    "order_new_status": ("OrderPlaced", ["OrderPlaced"]),
}


def sample(name: str) -> dict[str, Any]:
    (found,) = json.loads((SAMPLES / f"{name}.json").read_bytes())["orderList"]
    assert isinstance(found, dict)
    return found


def told(document: Any, at: datetime = NOW) -> list[ShopEvent]:
    events = normalise({}, json.dumps(document).encode(), "main", at)
    return [one for one in events if isinstance(one, ShopEvent)]


def read(document: Any, at: datetime = NOW) -> ShopEvent:
    return told(document, at)[-1]


@pytest.mark.parametrize("name", TOLD)
def test_an_order_is_told_as_all_that_it_proves(name: str) -> None:
    event = read(sample(name))
    assert event.order is not None
    assert (event.type, [one.name for one in event.order.milestones]) == TOLD[name]
    assert (event.source, event.platform, event.as_of) == ("main/futureshop/order", "futureshop", NOW)
    assert event.order.milestones[0].at == PLACED, "a time without an offset is Tokyo's"
    assert event.order.member_id == (None if name == "order_guest" else "1001")
    assert event.order.lines


def test_every_sample_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*TOLD, "order_half_a_yen", "order_whole", "token"}


def test_parcels_leave_on_the_day_that_is_theirs() -> None:
    order = read(sample("order_partly_shipped")).order
    assert order is not None
    assert [(one.shipment_id, one.carrier, one.tracking_numbers) for one in order.shipments] == [
        ("1", "yamato", ("123456789012",)),
    ]
    later = read(sample("order_partly_shipped"), datetime(2026, 11, 27, 1, tzinfo=UTC)).order
    assert later is not None
    assert [(one.shipment_id, one.carrier) for one in later.shipments] == [("1", "yamato"), ("2", "sagawa")]
    assert later.milestones[-1].name == "OrderShipped"
    early, late = (read(sample("order_partly_shipped"), at) for at in (NOW, datetime(2026, 11, 27, 1, tzinfo=UTC)))
    assert early.event_id != late.event_id, "the day has come, which is news although the shop says the same"
    assert order.lines is not None
    assert [(one.title, one.quantity, one.unit_yen, one.product_id) for one in order.lines] == [
        ("煎茶ティーバッグ 30包", 2, 1800, "sencha30"),
        ("波佐見焼の湯のみ 藍", 1, 2400, "yunomiai"),
    ]


def test_the_member_is_told_first_and_as_of_the_order() -> None:
    document = sample("order_placed")
    document["buyerInfo"]["memberStageName"] = "ゴールド"
    who, order = told(document)
    assert who.member is not None
    assert order.order is not None
    assert (who.type, who.source, who.as_of, who.occurred_at) == (
        "MemberUpdated",
        "main/futureshop/member",
        PLACED,
        PLACED,
    )
    assert (who.member.family_name, who.member.given_name) == ("結城", "さくら")
    assert (who.member.birthday, who.member.rank) == (Birthday(12, 24, 1992), Rank("ゴールド", "ゴールド"))


def test_what_an_order_does_not_say_of_its_member_is_not_taken_back() -> None:
    document = sample("order_placed")
    document["buyerInfo"] |= {"birthday": "", "memberStageName": ""}
    member = told(document)[0].member
    assert member is not None
    assert (member.birthday, member.birthday_withdrawn, member.rank, member.state) == (None, False, None, None)


def test_a_guest_is_nobody() -> None:
    (event,) = told(sample("order_guest"))
    assert event.member is None


def test_a_stage_is_no_news_of_the_order() -> None:
    document = sample("order_placed")
    plain = told(document)
    document["buyerInfo"]["memberStageName"] = "ゴールド"
    staged = told(document)
    assert plain[1].content == staged[1].content
    assert plain[0].content != staged[0].content


@pytest.mark.parametrize("word", ["CANCEL", "CANCELED", "CANCELLED"])
def test_a_cancellation_is_as_old_as_our_knowledge(word: str) -> None:
    event = read({**sample("order_placed"), "status": word})
    assert (event.type, event.occurred_at) == ("OrderCancelled", NOW)


def test_an_unknown_status_is_counted_without_the_person() -> None:
    unread = normalise({}, json.dumps(sample("order_new_status")).encode(), "main", NOW)[-1]
    assert isinstance(unread, UnreadShopEvent)
    assert (unread.kind, "sakura" in unread.raw) == ("status AWAITING_ARRIVAL", False)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-24", NOW),
        ("2026/11/24", NOW),
        ("2026-11-23", datetime(2026, 11, 23, 14, 59, 59, 999_999, tzinfo=UTC)),
        ("2026-11-24T12:00:00", datetime(2026, 11, 24, 3, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_day_has_happened_by_its_end_or_by_now(value: Any, at: datetime | None) -> None:
    assert instant(value, "x", NOW) == at


def test_the_day_of_a_time_is_tokyos() -> None:
    assert day("2026-11-23T23:30:00Z", "x") == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grandTotal": 4200.5}, "order.grandTotal: a fraction of a yen"),
        ({"orderNo": ""}, "order.orderNo"),
        ({"date": "yesterday"}, "order.date: not a time"),
        ({"receiptDate": "2026-13-24"}, "order.receiptDate: not a date"),
        ({"shipmentList": [{"shippingInfo": {"shippingDate": "soon"}}]}, "order.shippingDate: not a time"),
    ],
)
def test_what_can_not_be_read_is_named_and_not_shown(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        told(sample("order_placed") | change)


def test_no_field_but_the_number_is_needed() -> None:
    event = read({"orderNo": "100000012240"})
    assert event.order is not None
    assert (event.type, event.order.milestones, event.order.shipments, event.order.lines) == (
        "OrderEdited",
        (),
        (),
        None,
    )


@given(objects_with(FIELDS) | JSON, st.sampled_from(["", "100000012240"]))
def test_any_json_is_read_or_refused_by_name(document: Any, number: str) -> None:
    if isinstance(document, dict) and number:
        document = document | {"orderNo": number}
    try:
        events = normalise({}, json.dumps(document).encode(), "main", NOW)
    except Permanent as error:
        named = error.reason
    else:
        assert {one.source.rpartition("/")[0] for one in events} == {"main/futureshop"}
        return
    assert ": " in named
