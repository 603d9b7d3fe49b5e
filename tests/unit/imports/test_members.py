"""Rows of members and of points → what is known of a member."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from musubi.domain.errors import ConfigError, Permanent
from musubi.domain.events import Mode, ShopEvent
from musubi.domain.imports import RowProblem
from musubi.domain.people import Attribute, Birthday, Consent, MemberState, PointLot, Rank
from tests.unit.imports.reading import AS_OF, layouts_with, read

SOURCE = "main/csv/members"


def at(tokyo: str) -> datetime:
    return datetime.fromisoformat(f"{tokyo}+09:00")


def one(kind: str, text: str) -> ShopEvent:
    tally, (event,) = read(kind, text)
    assert (tally.refused, tally.left_out) == (0, ())
    return event


def test_a_member_with_everything() -> None:
    header = "会員ID,お名前(姓),お名前(名),生年月日,会員登録日,会員ランク,ランク有効期限,タグ,ステータス,メルマガ許可"
    row = '1001,結城,さくら,平成4年12月24日,2024/4/1 25:30,ゴールド,2027/3/31,"茶道,常連",本会員,希望する,×,"1,250",2027/3/31'
    tally, (member, points) = read("members", f"{header},LINE配信許可,ポイント残高,ポイント有効期限\r\n{row}\r\n")
    assert (tally.rows, tally.taken, tally.events, tally.left_out) == (1, 1, 2, ())
    change = member.member
    assert change is not None
    assert (member.type, member.occurred_at, member.as_of) == ("MemberRegistered", at("2024-04-02T01:30"), AS_OF)
    assert (member.is_backfill, member.mode, member.source) == (True, Mode.IMPORT, SOURCE)
    assert (change.member_id, change.family_name, change.given_name) == ("1001", "結城", "さくら")
    assert (change.birthday, change.state) == (Birthday(12, 24, 1992), MemberState.ACTIVE)
    assert (change.rank, change.tags) == (Rank("ゴールド", "ゴールド", date(2027, 3, 31)), ("茶道", "常連"))
    assert change.consents == (
        Consent("email", "marketing", True, SOURCE, AS_OF),
        Consent("line", "marketing", False, SOURCE, AS_OF),
    )
    assert points.points is not None
    assert (points.type, points.points.balance) == ("PointsBalanceChanged", 1250)
    assert points.points.lots == (PointLot(date(2027, 3, 31), 1250),)


def test_a_member_of_whom_only_the_id_is_known() -> None:
    event = one("members", "customer_id,name\n1001,\n")
    assert (event.type, event.occurred_at) == ("MemberUpdated", AS_OF)
    assert event.member is not None
    assert (event.member.state, event.member.birthday, event.member.consents) == (None, None, ())


def test_the_rows_own_version_counts_but_not_for_points() -> None:
    _, (member, points) = read("members", "会員番号,更新日時,ポイント\n1001,2026/11/20 10:00,300\n")
    assert (member.as_of, points.as_of) == (at("2026-11-20T10:00"), AS_OF)
    assert points.points is not None
    assert points.points.lots is None


def test_a_version_in_the_future_would_keep_out_what_comes_later() -> None:
    tally, events = read("members", "会員ID,更新日時\n1001,2027/1/1\n")
    assert (events, tally.problems) == ([], (RowProblem(2, "updated_at", "in the future"),))


def test_who_left_and_who_never_was_a_member() -> None:
    tally, events = read("members", "会員ID,ステータス,退会日\n1,退会,2026/11/1\n2,仮会員,\n3,謎,\n")
    assert [(e.type, e.member.state if e.member else None) for e in events] == [
        ("MemberWithdrawn", MemberState.WITHDRAWN),
        ("MemberUpdated", None),
    ]
    assert events[0].occurred_at == at("2026-11-01T00:00")
    assert (tally.taken, tally.skipped, tally.left_out) == (2, 1, (("status", 1),))


@pytest.mark.parametrize("born", ["1900-01-01", "0000-00-00", "不明", "13月"])
def test_a_birthday_that_is_none_is_left_out_and_the_member_taken(born: str) -> None:
    tally, (event,) = read("members", f"会員ID,誕生日\n1001,{born}\n")
    assert tally.taken == 1
    assert event.member is not None
    assert (event.member.birthday, event.member.birthday_withdrawn) == (None, False)


def test_a_birthday_in_columns_of_its_own() -> None:
    event = one("members", "会員ID,誕生月,生日\n1001,2,29\n")
    assert event.member is not None
    assert event.member.birthday == Birthday(2, 29)


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        (",x,1", "member_id", "empty"),
        ("10 01,x,1", "member_id", "no id"),
        ("1001,x,many", "points", "not a number"),
        ("1001,x,-1", "points", "below 0"),
        ("1001,x", "", "2 cells, the header has 3"),
        ("1001,x,1,2", "", "4 cells, the header has 3"),
    ],
)
def test_a_row_that_can_not_be_taken_names_line_and_field_and_stops_nothing(row: str, field: str, why: str) -> None:
    tally, events = read("members", f"会員ID,氏名,ポイント\n1000,a,1\n{row}\n1002,b,2\n")
    assert tally.problems == (RowProblem(3, field, why),)
    assert (tally.rows, tally.taken, tally.refused) == (3, 2, 1)
    assert {e.member.member_id for e in events if e.member} == {"1000", "1002"}


def test_empty_lines_and_empty_rows_are_nothing() -> None:
    tally, events = read("members", "\n会員ID,氏名\n\n,\n1001,x\n\n")
    assert (tally.rows, len(events)) == (1, 1)


def test_a_shop_adds_its_own_columns_and_words(tmp_path: Path) -> None:
    layouts = layouts_with(
        tmp_path,
        "kind: members\nshop: main\ncolumns: {member_id: [お客様コード]}\nflags: {'yes': [DM可]}\n"
        "attributes:\n  foot: {column: 足のサイズ, type: number}\n  since: {column: 常連になった日, type: date}\n"
        "  vip: {column: VIP, type: flag}\n  note: {column: 好み}\n",
    )
    header = "会員ID,お客様コード,メルマガ,足のサイズ,常連になった日,vip,好み,電話"
    tally, (event, other) = read("members", f"{header}\nx,1001,DM可,25,R5.4.1,○,濃茶,1\ny,1002,,大,,,,2\n", layouts)
    assert event.member is not None
    assert event.member.member_id == "1001"
    assert event.member.consents[0].allowed
    assert event.member.attributes == tuple(
        Attribute(name, value, SOURCE, AS_OF)
        for name, value in (("foot", 25), ("since", date(2023, 4, 1)), ("vip", True), ("note", "濃茶"))
    )
    assert other.member is not None
    assert (other.member.attributes, tally.left_out) == ((), (("foot", 1),))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("kind: members\ncolumns: {shoe: [x]}\n", "shoe"),
        ("kind: members\nstatuses: {gone: [x]}\n", "gone"),
        ("kind: points\nattributes: {x: {column: y}}\n", "attributes"),
        ("kind: people\n", "kind"),
    ],
)
def test_a_mistake_in_a_layout_is_told_at_once(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        layouts_with(tmp_path, text)


def test_a_table_without_ids_is_refused_as_a_whole() -> None:
    with pytest.raises(Permanent, match=r"file: no column for member_id \(as 会員ID, 会員番号, 会員No\)"):
        read("members", "氏名,電話\nx,1\n")
    with pytest.raises(Permanent, match="balance or lot_points"):
        read("points", "会員ID,氏名\n1,x\n")
    with pytest.raises(Permanent, match="the column 会員 ID is there twice"):
        read("members", "会員 ID,会員ID\n1,2\n")


def test_points_of_one_member_are_several_rows() -> None:
    tally, (first, second) = read(
        "points", "会員ID,ポイント数,有効期限\n1001,500,2027/3/31\n1001,300,2027/1/31\n1001,20,2026/11/1\n1002,10,\n"
    )
    assert (tally.rows, tally.taken, tally.events) == (4, 4, 2)
    assert first.points is not None
    assert second.points is not None
    # What was over when the table was made is not part of the balance.
    assert (first.points.member_id, first.points.balance) == ("1001", 800)
    assert {lot.expires_on for lot in first.points.lots or ()} >= {date(2027, 3, 31), date(2027, 1, 31)}
    assert (second.points.balance, second.points.lots) == (10, ())


def test_a_balance_with_a_date_is_one_lot_and_one_without_a_column_says_nothing_of_lots() -> None:
    dated = one("points", "会員ID,ポイント残高,有効期限\n1001,500,2027/3/31\n")
    assert dated.points is not None
    assert dated.points.lots == (PointLot(date(2027, 3, 31), 500),)
    bare = one("points", "会員ID,ポイント残高\n1001,500\n")
    assert bare.points is not None
    assert (bare.points.balance, bare.points.lots) == (500, None)


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ("1001,500,100,2027/3/31\n1001,600,100,2027/4/30\n", "balance"),
        ("1001,500,x,2027/3/31\n1001,500,100,2027/4/30\n", "lot_points"),
        ("1001,500,100,31.3.\n1001,500,100,2027/4/30\n", "expires_on"),
        ("1001,500,-5,2027/3/31\n1001,500,100,2027/4/30\n", "lot_points"),
        ('1001,500,100,2027/3/31\n1001,"5\n1001,500,100,2027/4/30\n', ""),
    ],
)
def test_one_bad_lot_spoils_all_of_its_member_and_nobody_elses(rows: str, field: str) -> None:
    tally, events = read("points", f"会員ID,残高,ポイント数,有効期限\n1000,5,,\n{rows}1002,7,,\n")
    assert [e.points.member_id for e in events if e.points] == ["1000", "1002"]
    assert field in {problem.field for problem in tally.problems}
    assert (tally.taken, tally.taken + tally.refused) == (2, tally.rows)
