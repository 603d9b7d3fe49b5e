"""Rows of orders → an order with all the milestones that they prove."""

from __future__ import annotations

from datetime import datetime

import pytest

from musubi.adapters.csv.reading import GROUP_ROWS
from musubi.domain.orders import Line, LineKind, Milestone
from tests.unit.imports.reading import AS_OF, read

HEADER = (
    "注文番号,注文日時,会員ID,合計金額,対応状況,商品名,商品コード,数量,単価,明細区分,発送日,配送業者,お問い合わせ番号"
)


def at(tokyo: str) -> datetime:
    return datetime.fromisoformat(f"{tokyo}+09:00")


def test_rows_of_one_order_are_its_lines() -> None:
    tally, (event,) = read(
        "orders",
        f"{HEADER}\n"
        'A-1,2026/11/20 10:00,1001,"¥3,800",発送済み,湯呑み,YU-1,2,"1,200円",商品,2026/11/22,ヤマト運輸,1234-5678-9012\n'
        'A-1,2026/11/20 10:00,1001,"¥3,800",発送済み,送料,,1,800,送料,2026/11/22,ヤマト運輸,1234-5678-9012\n'
        'A-1,2026/11/20 10:00,1001,"¥3,800",発送済み,,,,,,2026/11/23,佐川急便,403-1234-5678\n',
    )
    assert (tally.rows, tally.taken, tally.events) == (3, 3, 1)
    order = event.order
    assert order is not None
    assert (order.order_id, order.number, order.member_id, order.total_yen) == ("A-1", "A-1", "1001", 3800)
    shipped = at("2026-11-22T00:00")
    assert order.milestones == (
        Milestone("OrderPlaced", at("2026-11-20T10:00")),
        Milestone("OrderShipped", shipped),
        Milestone("ShipmentDispatched", shipped, "123456789012"),
        Milestone("ShipmentDispatched", shipped, "40312345678"),
    )
    assert order.lines == (
        Line(title="湯呑み", quantity=2, sku="YU-1", unit_yen=1200),
        Line(title="送料", quantity=1, unit_yen=800, kind=LineKind.SHIPPING),
    )
    assert [(s.carrier, s.tracking_numbers) for s in order.shipments] == [
        ("yamato", ("123456789012",)),
        ("sagawa", ("40312345678",)),
    ]
    assert (event.type, event.occurred_at, event.as_of) == ("OrderShipped", shipped, AS_OF)
    assert (event.is_backfill, event.is_test) == (True, False)


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("新規受付", ["OrderPlaced"]),
        ("入金済み", ["OrderPlaced", "OrderPaid"]),
        ("注文取消し", ["OrderPlaced", "OrderCancelled"]),
        ("返品", ["OrderPlaced", "OrderReturned"]),
        ("completed", ["OrderPlaced", "OrderShipped"]),
        ("on-hold", ["OrderPlaced"]),
    ],
)
def test_a_status_is_the_milestone_that_it_proves(status: str, names: list[str]) -> None:
    tally, (event,) = read("orders", f"受注番号,受注日,ステータス\n1,2026/11/20,{status}\n")
    assert event.order is not None
    assert [m.name for m in event.order.milestones] == names
    assert (event.type, tally.left_out) == (names[-1], ())


def test_an_unknown_status_is_counted_and_an_unfinished_order_is_none() -> None:
    tally, events = read("orders", "注文番号,注文日,対応状況\n1,2026/11/20,検品中\n2,2026/11/20,購入処理中\n")
    assert [e.order.order_id for e in events if e.order] == ["1"]
    assert (tally.taken, tally.skipped, tally.left_out) == (1, 1, (("status", 1),))


def test_a_list_of_parcels_alone_places_no_order() -> None:
    _, (event,) = read("orders", "注文番号,配送業者,伝票番号,出荷日\nA-1,佐川,403-1234-5678,2026/11/22\n")
    assert event.order is not None
    assert [m.name for m in event.order.milestones] == ["OrderShipped", "ShipmentDispatched"]
    assert (event.order.lines, event.order.total_yen) == (None, None)


def test_what_is_planned_has_not_happened() -> None:
    tally, (event,) = read("orders", "注文番号,注文日,発送日\nA-1,2026/11/20,2026/12/24\n")
    assert event.order is not None
    assert [m.name for m in event.order.milestones] == ["OrderPlaced"]
    assert tally.left_out == (("shipped_at", 1),)


def test_the_id_that_webhooks_carry_comes_before_the_number() -> None:
    _, (event,) = read("orders", "注文番号,注文ID,テスト注文\nA-1,5501,1\n")
    assert event.order is not None
    assert (event.order.order_id, event.order.number, event.is_test, event.type) == ("5501", "A-1", True, "OrderEdited")


@pytest.mark.parametrize(("cell", "why"), [("1200.5", "a fraction"), ("無料", "not a number")])
def test_an_amount_that_is_no_whole_yen_refuses_the_order(cell: str, why: str) -> None:
    tally, events = read("orders", f"注文番号,合計金額\nA-1,{cell}\nA-2,¥100\n")
    (problem,) = tally.problems
    assert (problem.line, problem.field, problem.why) == (2, "total", why)
    assert [e.order.order_id for e in events if e.order] == ["A-2"]


def test_an_order_of_endless_rows_is_refused_and_the_next_one_taken() -> None:
    rows = "A-1,x\n" * (GROUP_ROWS + 3)
    tally, events = read("orders", f"注文番号,商品名\n{rows}A-2,y\n")
    assert [e.order.order_id for e in events if e.order] == ["A-2"]
    assert (tally.refused, tally.taken) == (GROUP_ROWS + 3, 1)


def test_futureshops_own_names_of_columns_are_known() -> None:
    """受注データ取得項目 as its users are told to tick them; the member and the parcel are not among them."""
    _, (event,) = read(
        "orders",
        "受注コード,注文日時,請求合計金額,入金確認日,商品番号,商品名,販売単価,購入数量\n"
        "100000012240,2026/11/20 10:00,3600,2026/11/21,sencha,煎茶,1800,2\n",
    )
    assert event.order is not None
    assert (event.order.number, event.order.total_yen) == ("100000012240", 3600)
    assert [one.name for one in event.order.milestones] == ["OrderPlaced", "OrderPaid"]
    assert event.order.lines == (Line(title="煎茶", quantity=2, sku="sencha", unit_yen=1800),)
