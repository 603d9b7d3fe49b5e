"""makeshop's orders and members: what each proves, and that nothing in them breaks the reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.makeshop.normalise import SNAPSHOT, normalise
from musubi.contracts.makeshop import stamp
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import Rank
from tests.unit.contracts.strategies import JSON, objects_with

SAMPLES = Path(__file__).parents[3] / "events" / "shop_api" / "makeshop"
NOW = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
FIELDS = (
    "systemOrderNumber", "displayOrderNumber", "orderDate", "memberId", "sumPrice", "deliveryInfos", "deliveryStatus",
    "slipNumber", "basketInfos", "productCode", "price", "amount", "name", "groupId", "shopPoint", "registrationDate",
)  # fmt: skip
TOLD: dict[str, tuple[str, list[str]]] = {
    "order_placed": ("OrderPlaced", ["OrderPlaced"]),
    "order_partly_shipped": ("ShipmentDispatched", ["OrderPlaced", "ShipmentDispatched"]),
    "order_shipped": ("OrderShipped", ["OrderPlaced", "ShipmentDispatched", "ShipmentDispatched", "OrderShipped"]),
    "order_cancelled": ("OrderCancelled", ["OrderPlaced", "OrderCancelled"]),
    "order_guest": ("OrderPlaced", ["OrderPlaced"]),
    "order_new_status": ("OrderPlaced", ["OrderPlaced"]),
}
MEMBERS = {"member_gold", "member_without_group", "member_withdrawn"}


def sample(name: str) -> dict[str, Any]:
    data = json.loads((SAMPLES / f"{name}.json").read_bytes())["data"]
    (found,) = (data.get("searchOrder") or data["searchMember"]).popitem()[1]
    assert isinstance(found, dict)
    return found


def told(document: Any, entity: str = "order", at: datetime = NOW) -> Sequence[ShopEvent | UnreadShopEvent]:
    return normalise({SNAPSHOT: entity}, json.dumps(document).encode(), "main", at)


def read(document: Any, entity: str = "order") -> ShopEvent:
    event = told(document, entity)[0]
    assert isinstance(event, ShopEvent)
    return event


@pytest.mark.parametrize("name", TOLD)
def test_an_order_is_told_as_all_that_it_proves(name: str) -> None:
    event = read(sample(name))
    assert event.order is not None
    assert (event.type, [one.name for one in event.order.milestones]) == TOLD[name]
    assert event.order.member_id == (None if name == "order_guest" else "1001")
    assert event.order.milestones[0].at == datetime(2026, 11, 24, 3, 10, tzinfo=UTC), "its digits are Tokyo's"
    assert {one.at for one in event.order.milestones[1:]} <= {NOW}, (
        "what makeshop does not date is as old as our knowledge"
    )
    assert (event.source, event.platform, event.as_of) == ("main/makeshop/order", "makeshop", NOW)
    assert event.order.lines, "what was bought stays known, cancelled or not"


def test_every_sample_is_read() -> None:
    rest = {"order_half_a_yen", "member_half_a_point", "error_forbidden"}
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*TOLD, *MEMBERS, *rest}


def test_parcels_have_their_numbers_and_no_carrier() -> None:
    order = read(sample("order_shipped")).order
    assert order is not None
    assert [(one.shipment_id, one.carrier, one.tracking_numbers, one.tracking_url) for one in order.shipments] == [
        ("1", "none", ("123456789012",), None),
        ("2", "none", ("400011112222",), None),
    ]
    assert order.lines is not None
    assert [(one.title, one.quantity, one.unit_yen, one.product_id, one.sku) for one in order.lines] == [
        ("煎茶ティーバッグ 30包", 2, 1800, "000000000123", "sencha-30"),
        ("波佐見焼の湯のみ 藍", 1, 2400, "000000000456", "yunomi-ai"),
    ]


@pytest.mark.parametrize(
    ("statuses", "names"),
    [
        ("YC", ["ShipmentDispatched", "OrderShipped"]),
        ("NC", []),
        ("YR", ["ShipmentDispatched"]),
        ("CC", ["OrderCancelled"]),
        ("", []),
    ],
)
def test_the_whole_order_is_what_its_parts_are(statuses: str, names: list[str]) -> None:
    part = sample("order_placed")["deliveryInfos"][0]
    order = read(
        {**sample("order_placed"), "deliveryInfos": [{**part, "deliveryStatus": one} for one in statuses]}
    ).order
    assert order is not None
    assert [one.name for one in order.milestones[1:]] == names


def test_an_unknown_status_is_counted_without_the_person() -> None:
    _, unread = told(sample("order_new_status"))
    assert isinstance(unread, UnreadShopEvent)
    assert (unread.kind, "1001" in unread.raw) == ("delivery status Z", False)


def test_a_member_has_a_group_and_a_balance_and_is_news_to_nobody() -> None:
    profile, points = told(sample("member_gold"), "member")
    assert isinstance(profile, ShopEvent)
    assert isinstance(points, ShopEvent)
    assert profile.member is not None
    assert points.points is not None
    assert (profile.member.member_id, profile.member.family_name) == ("1001", "結城 さくら")
    assert profile.member.rank == Rank("2", "ゴールド会員")
    assert profile.member.registered_at == datetime(2024, 4, 1, 1, 30, tzinfo=UTC)
    assert (points.points.member_id, points.points.balance) == ("1001", 1250)
    assert profile.is_backfill
    assert points.is_backfill


def test_the_same_state_is_one_event_a_day_whatever_lay_between() -> None:
    document = sample("member_gold")
    first, later = told(document, "member"), told(document, "member", NOW + timedelta(hours=2))
    tomorrow = told(document, "member", NOW + timedelta(days=1))
    assert [one.event_id for one in first] == [one.event_id for one in later]
    assert not {one.event_id for one in first} & {one.event_id for one in tomorrow}


@pytest.mark.parametrize("name", ["member_without_group", "member_withdrawn"])
def test_without_a_group_there_is_no_rank_and_an_id_is_no_name(name: str) -> None:
    member = read(sample(name), "member").member
    assert member is not None
    assert member.rank is None
    assert member.family_name == ("早瀬 なお" if name == "member_without_group" else None)


@pytest.mark.parametrize(
    ("entity", "change", "field"),
    [
        ("order", {"sumPrice": 4200.5}, "order.sumPrice: a fraction of a yen"),
        ("order", {"systemOrderNumber": ""}, "order.systemOrderNumber"),
        ("order", {"orderDate": "20261399121000"}, "order.orderDate: not a time"),
        ("member", {"shopPoint": 12.5}, "member.shopPoint: not whole points"),
        ("member", {"memberId": None}, "member.memberId"),
        ("product", {}, "makeshop snapshot"),
    ],
)
def test_what_can_not_be_read_is_named_and_not_shown(entity: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Permanent, match=field):
        told(sample("member_gold" if entity == "member" else "order_placed") | change, entity)


@pytest.mark.parametrize(
    "value", ["20261124121000", "2026-11-24 12:10:00", "2026-11-24T12:10:00", "2026-11-24T12:10:00+09:00"]
)
def test_times_are_digits_or_have_separators(value: str) -> None:
    assert stamp(value, "x") == datetime(2026, 11, 24, 3, 10, tzinfo=UTC)


def test_no_field_but_the_number_is_needed() -> None:
    event = read({"systemOrderNumber": "P1"})
    assert event.order is not None
    assert (event.type, event.order.milestones, event.order.shipments, event.order.lines) == (
        "OrderEdited",
        (),
        (),
        None,
    )


@given(objects_with(FIELDS) | JSON, st.sampled_from(["order", "member"]))
def test_any_json_is_read_or_refused_by_name(document: Any, entity: str) -> None:
    if isinstance(document, dict):
        document = {"systemOrderNumber": "P1", "memberId": "1001"} | document
    try:
        events = told(document, entity)
    except Permanent as error:
        named = error.reason
    else:
        assert {one.source.rpartition("/")[0] for one in events} == {"main/makeshop"}
        return
    assert ": " in named
