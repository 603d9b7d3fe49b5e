"""CSV: tables of members, orders and points become what is known of people, and message nobody by themselves."""

from __future__ import annotations

from datetime import date

import pytest

from musubi.domain.orders import Order
from musubi.domain.people import Birthday, Member, MemberState, PointLot
from musubi.domain.store_keys import MemberKey, OrderKey
from tests.support.flows_acts import USER
from tests.support.flows_world import World, at
from tests.support.imported import TABLES, import_table
from tests.support.platform_flows import day, member, row


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked(member="2101")
    return made


@pytest.mark.shows("csv", "member")
@pytest.mark.shows("csv", "rank")
@pytest.mark.parametrize("table", ["members.csv", "members_cp932.csv"])
def test_members_are_known_whatever_wrote_their_table(world: World, table: str) -> None:
    tally = import_table(world, "members", TABLES / table)
    assert (tally.taken, tally.skipped, tally.refused) == (4, 1, 0)
    known = member(world, "2101")
    assert (known.family_name, known.given_name, known.birthday) == ("髙梨", "ひなの", Birthday(12, 24, 1992))
    assert (known.registered_at, known.points) == (at("2024-04-02T01:30"), 1250)
    assert known.rank is not None
    assert (known.rank.name, known.rank.valid_until, known.tags) == ("ゴールド", date(2027, 3, 31), ("常連", "茶道"))
    assert member(world, "2102").birthday == Birthday(2, 29, 1988)
    assert member(world, "2103").state is MemberState.WITHDRAWN
    assert world.store.load([key := MemberKey("main", "2104")]).get(key) is None
    world.check()


@pytest.mark.shows("csv", "birthday")
def test_an_imported_birthday_is_congratulated_on_its_day(world: World) -> None:
    import_table(world, "members", TABLES / "members.csv")
    assert world.line.accepted == []
    day(world, "2026-12-24")
    assert "birthday" in {one.scenario for one in world.sends()}
    assert {one.to for one in world.line.accepted} == {USER}
    world.check()


@pytest.mark.shows("csv", "points")
def test_imported_lots_are_told_before_they_end(world: World) -> None:
    import_table(world, "points", TABLES / "points.tsv")
    known = member(world, "2101")
    assert known.points == 1250
    assert known.lots == (PointLot(date(2026, 12, 24), 1000), PointLot(date(2027, 3, 31), 250))
    day(world, "2026-12-17")
    (reminder,) = world.line.accepted
    assert "1,000" in reminder.text or "1000" in reminder.text
    assert world.send("point_expiry").key_value == "2026-12-24/7"
    world.check()


@pytest.mark.shows("csv", "order")
@pytest.mark.shows("csv", "shipping")
@pytest.mark.shows("csv", "cancel")
def test_orders_are_known_with_lines_and_milestones_and_nobody_is_told(world: World) -> None:
    tally = import_table(world, "orders", TABLES / "orders.csv")
    assert (tally.taken, tally.events, tally.left_out) == (6, 4, (("status", 1),))
    order = row(world, OrderKey("main", "C-7001"))
    assert (order.total_yen, order.member_id) == (4620, "2101")
    assert [line.title for line in order.lines] == ["有田焼の湯呑み", "玄米茶 100g", "送料"]
    assert [m.name for m in order.milestones] == ["OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped"]
    assert order.shipments[0].tracking_url == (
        "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id=123456789012"
    )
    assert row(world, OrderKey("main", "C-7003")).has("OrderCancelled")
    assert row(world, OrderKey("main", "C-7003")).member_id is None
    assert row(world, OrderKey("main", "C-7004")).milestones[0].at == at("2026-11-22T01:10")
    assert world.sends() == []
    world.check()


def test_an_import_of_a_thousand_members_sends_nothing(world: World) -> None:
    world.given_linked("U" + "b" * 32, "7")
    header = "会員ID,氏名,誕生日,会員登録日,ポイント残高,ポイント有効期限\n"
    table = header + "".join(f"{n},会員{n},11/24,2026/11/24 11:00,{n},2026/12/24\n" for n in range(1000))
    assert import_table(world, "members", table, at("2026-11-24T11:59")).taken == 1000
    assert len(world.peek(Member)) == 1001
    assert (world.line.accepted, world.sends(), world.enrolments()) == ([], [], [])
    world.check()


def test_the_same_table_again_changes_nothing(world: World) -> None:
    def stored() -> list[object]:
        return [*world.peek(Member), *world.peek(Order)]

    for kind, name in (("members", "members.csv"), ("orders", "orders.csv"), ("points", "points.tsv")):
        import_table(world, kind, TABLES / name)
        before = stored()
        world.pass_time(hours=1)
        import_table(world, kind, TABLES / name)
        assert stored() == before
    world.check()


def test_points_go_back_to_an_earlier_balance_when_a_later_table_says_so(world: World) -> None:
    for hour, balance in (("08:00", 100), ("09:00", 200), ("10:00", 100)):
        import_table(world, "points", f"会員ID,ポイント残高\n2101,{balance}\n", at(f"2026-11-24T{hour}"))
        assert member(world, "2101").points == balance


def test_what_came_later_by_webhook_is_not_undone_by_an_older_table(world: World) -> None:
    world.shop("PointsBalanceChanged", {"member_id": "2101", "balance": 7})
    world.settle()
    import_table(world, "members", TABLES / "members.csv")
    assert member(world, "2101").points == 7
    assert member(world, "2101").family_name == "髙梨"


def test_a_member_who_left_by_a_table_is_messaged_no_more(world: World) -> None:
    import_table(world, "members", "会員ID,ステータス,生年月日\n2101,退会,1992/11/25\n")
    day(world, "2026-11-25")
    assert world.line.accepted == []
    world.check()
