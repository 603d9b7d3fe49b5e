"""The mapping file: strict about itself, tolerant about bodies, and nothing but a way to the canonical reader."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.mapping.files import read_mappings
from musubi.domain.errors import ConfigError, Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import Birthday
from tests.support.markdown import ROOT, fences, page
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PLACED: dict[str, Any] = {"type": "OrderPlaced", "data": {"order_id": "no"}}


def mapping_of(tmp_path: Path, *rules: Any, name: str = "main.yaml", **top: Any) -> Any:
    (tmp_path / "mappings").mkdir(exist_ok=True)
    text = yaml.safe_dump({"shop": "main", "events": list(rules), **top}, allow_unicode=True)
    (tmp_path / "mappings" / name).write_text(text, encoding="utf-8")
    return read_mappings(str(tmp_path), ["main", "outlet"])


def events(tmp_path: Path, body: Any, *rules: Any) -> list[ShopEvent | UnreadShopEvent]:
    read = adapter_for("mapping", mapping_of(tmp_path, *rules))
    return list(read({}, json.dumps(body).encode(), "main", NOW))


def told(tmp_path: Path, body: Any, *rules: Any) -> list[ShopEvent]:
    found = events(tmp_path, body, *rules)
    assert all(isinstance(one, ShopEvent) for one in found), found
    return [one for one in found if isinstance(one, ShopEvent)]


def test_paths_constants_words_and_formats(tmp_path: Path) -> None:
    rule = {
        "match": {"kind": ["order", "受注"], "paid": True},
        "type": {"path": "state", "map": {"完了": "OrderPlaced"}},
        "time": {"path": "at", "format": "epoch_ms"},
        "data": {
            "order_id": "no",
            "order_number": {"path": "join('-', [prefix, no])"},
            "member_id": "customer[0].id",
            "placed_at": {"path": "ordered", "format": "time", "pattern": "%Y年%m月%d日 %H時%M分"},
            "totals.grand": {"path": "sum", "format": "number"},
            "is_test": {"path": "mode", "map": {"0": False}, "otherwise": True},
        },
    }
    body = {
        "kind": "受注", "paid": True, "state": "完了", "at": 1795489200000, "no": "77", "prefix": "EC", "mode": 0,
        "customer": [{"id": 9007199254740993}], "ordered": "2026年11月24日 09時05分", "sum": "￥１２，３００円",
    }  # fmt: skip
    (event,) = told(tmp_path, body, rule)
    placed = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    assert event.order is not None
    assert (event.type, event.is_test, event.occurred_at) == ("OrderPlaced", False, placed)
    assert (event.order.number, event.order.member_id, event.order.total_yen) == ("EC-77", "9007199254740993", 12300)
    assert event.order.milestones == (Milestone("OrderPlaced", placed),)
    assert event.as_of == datetime.fromtimestamp(1795489200, UTC)


def test_one_body_may_hold_several_events_and_lists(tmp_path: Path) -> None:
    parcel = {
        "each": "parcels",
        "type": "ShipmentDispatched",
        "id": {"path": "request", "of": "body"},
        "data": {
            "order_id": {"path": "no", "of": "body"},
            "shipment.shipment_id": "id",
            "shipment.carrier": {"path": "carrier", "map": {"1": "ヤマト運輸"}},
            "shipment.tracking_numbers": "numbers",
        },
    }
    placed = {"type": "OrderPlaced", "data": {"order_id": "no", "lines": {"each": "items", "data": {"title": "name"}}}}
    body = {
        "request": "r1", "no": "77", "items": [{"name": "茶"}, {"name": "菓子"}],
        "parcels": [{"id": "p1", "carrier": 1, "numbers": ["123456789012"]}, {"id": "p2"}],
    }  # fmt: skip
    first, *parcels = told(tmp_path, body, placed, parcel)
    assert first.type == "OrderPlaced"
    assert [one.event_id for one in parcels] == ["r1/0", "r1/1"]
    shipments = [one.order.shipments[0] for one in parcels if one.order]
    assert [(one.shipment_id, one.carrier_name) for one in shipments] == [("p1", "ヤマト運輸"), ("p2", "")]


def test_a_body_that_no_rule_fits_is_kept_unread(tmp_path: Path) -> None:
    typed = {**PLACED, "type": {"path": "state", "map": {"done": "OrderPlaced"}}}
    matched = {**PLACED, "match": {"kind": "order", "nested.deep[0]": "x"}}
    bodies: list[Any] = [{"state": "new word"}, {"kind": "other"}, [], "text", None, 5]
    for body in bodies:
        (found,) = events(tmp_path, body, typed, matched)
        assert isinstance(found, UnreadShopEvent)
        assert found.kind == "unmapped"


def test_a_shop_without_a_file_keeps_what_it_gets(tmp_path: Path) -> None:
    (found,) = adapter_for("mapping")({}, b'{"no":"1"}', "outlet", NOW)
    assert isinstance(found, UnreadShopEvent)
    assert read_mappings(str(tmp_path / "none"), ["main"]) == {}


def test_what_is_missing_or_empty_is_not_said(tmp_path: Path) -> None:
    data = {"member_id": "id", "profile.name.family": "name", "profile.birthday": "birth"}
    (event,) = told(tmp_path, {"id": "1001", "name": "", "birth": None}, {"type": "MemberUpdated", "data": data})
    assert event.member is not None
    assert (event.member.family_name, event.member.birthday_withdrawn) == (None, False)


def test_a_date_of_a_pattern(tmp_path: Path) -> None:
    birth = {"path": "birth", "format": "date", "pattern": "%Y/%m/%d"}
    rule = {"type": "MemberUpdated", "data": {"member_id": "id", "profile.birthday": birth}}
    (event,) = told(tmp_path, {"id": "1001", "birth": "1992/12/24"}, rule)
    assert event.member is not None
    assert event.member.birthday == Birthday(12, 24, 1992)
    with pytest.raises(Permanent, match=r"data\.profile\.birthday: not of its pattern"):
        events(tmp_path, {"id": "1001", "birth": "24.12.1992"}, rule)


@pytest.mark.parametrize(
    ("path", "value"), [("sum(x)", ["a"]), ("length(x)", 5), ("max_by(x, &y)", [{"y": []}]), ("to_number(x).y", "1")]
)
def test_a_path_that_does_not_fit_is_a_fault_of_the_body_and_no_crash(tmp_path: Path, path: str, value: Any) -> None:
    with pytest.raises(Permanent):
        events(tmp_path, {"x": value}, {"type": "OrderPlaced", "data": {"order_id": path}})


@pytest.mark.parametrize("value", ["soon", -1, "1e999999", 10**30, {}])
def test_an_epoch_is_a_time_or_the_body_is_refused(tmp_path: Path, value: Any) -> None:
    rule = {"type": "OrderPaid", "data": {"order_id": "no", "paid_at": {"path": "at", "format": "epoch"}}}
    with pytest.raises(Permanent, match=r"data\.paid_at: not a time"):
        events(tmp_path, {"no": "1", "at": value}, rule)


def test_points_that_are_added_need_an_id_of_their_own(tmp_path: Path) -> None:
    granted = {"type": "PointsGranted", "data": {"member_id": "id", "points": {"path": "pt", "format": "number"}}}
    with pytest.raises(ConfigError, match=r"mappings/main\.yaml: events\.0.*PointsGranted needs an id"):
        mapping_of(tmp_path, granted)
    (event,) = told(tmp_path, {"id": "1001", "pt": "300pt", "no": 5}, {**granted, "id": "no"})
    assert event.points is not None
    assert (event.event_id, event.points.granted) == ("5", 300)
    with pytest.raises(Permanent, match="id: missing or no id"):
        events(tmp_path, {"id": "1001", "pt": "300pt"}, {**granted, "id": "no"})


def test_the_same_content_is_the_same_event(tmp_path: Path) -> None:
    first, again = (told(tmp_path, {"no": "1", "noise": n}, PLACED)[0] for n in (1, 2))
    assert (first.source, first.event_id, first.content) == (again.source, again.event_id, again.content)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({**PLACED, "type": "OrderPlacd"}, "OrderPlacd is no canonical event"),
        ({**PLACED, "type": {"path": "x", "map": {"a": "Nope"}}}, "Nope is no canonical event"),
        ({**PLACED, "data": {"order_id": "a..b"}}, "not a JMESPath expression"),
        ({**PLACED, "data": {"Order ID": "a"}}, "is no field name"),
        ({**PLACED, "data": {"totals": "a", "totals.grand": "b"}}, "totals is a value and an object"),
        ({**PLACED, "data": {"order_id": {"path": "a", "const": 1}}}, "either path or const"),
        ({**PLACED, "data": {"order_id": {}}}, "either path or const"),
        ({**PLACED, "data": {"order_id": {"const": 1, "format": "number"}}}, "map and format need a path"),
        ({**PLACED, "data": {"at": {"path": "a", "format": "time"}}}, "need a pattern"),
        ({**PLACED, "data": {"at": {"path": "a", "format": "date", "pattern": "%H:%M"}}}, "no strptime pattern"),
        ({**PLACED, "data": {"lines": {"each": "a", "data": {}}}}, "at least 1"),
        ({**PLACED, "mtach": {"a": "b"}}, "Extra inputs"),
        ({**PLACED, "match": {"a[": "b"}}, "not a JMESPath expression"),
        ({**PLACED, "each": 5}, "a JMESPath expression in quotes"),
    ],
)
def test_a_mistake_in_a_file_is_found_when_it_is_read(tmp_path: Path, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=r"mappings/main\.yaml: ") as found:
        mapping_of(tmp_path, rule)
    assert words in str(found.value)


def test_a_file_is_named_after_one_of_the_shops(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shop: elsewhere is not one of main, outlet"):
        mapping_of(tmp_path, PLACED, shop="elsewhere")
    (tmp_path / "mappings" / "main.yaml").unlink()
    with pytest.raises(ConfigError, match=r"the file of shop main is main\.yaml"):
        mapping_of(tmp_path, PLACED, name="other.yaml")


@given(
    body=JSON | objects_with(["event", "order", "id", "number", "total", "customer", "birth", "shipment", "sent_at"])
)
def test_no_body_breaks_the_demo_shops_mapping(body: Any) -> None:
    read = adapter_for("mapping", read_mappings(str(ROOT / "layers" / "content"), ["main"]))
    with suppress(Permanent):
        assert read({}, json.dumps(body).encode(), "main", NOW)


def test_the_example_of_the_readme_is_a_mapping(tmp_path: Path) -> None:
    (example,) = (one for one in fences(page("README.md"), "yaml") if one.startswith("shop: "))
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "main.yaml").write_text(example, encoding="utf-8")
    read = adapter_for("mapping", read_mappings(str(tmp_path), ["main"]))
    body = {
        "kind": "受注", "state": "完了", "number": "A-9", "customer": {"code": "1001"}, "ordered": "2026年11月24日 09:05",
        "sum": "￥１，２００円", "mode": "本番", "items": [{"name": "茶", "count": 2, "code": "551"}],
        "parcels": [{"id": "p1", "by": "ヤマト運輸", "numbers": "123456789012"}],
    }  # fmt: skip
    placed, parcel = read({}, json.dumps(body).encode(), "main", NOW)
    assert isinstance(placed, ShopEvent)
    assert isinstance(parcel, ShopEvent)
    assert placed.order is not None
    assert (placed.type, placed.is_test, placed.order.total_yen) == ("OrderPlaced", False, 1200)
    assert placed.order.lines is not None
    assert [(line.title, line.quantity) for line in placed.order.lines] == [("茶", 2)]
    assert parcel.type == "ShipmentDispatched"
