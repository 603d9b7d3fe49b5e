"""Birthday and point expiry: once per occurrence, whether the schedule fires once, twice, late or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from musubi.domain.ids import SHARDS
from musubi.domain.operations import Run, RunShard, RunState
from musubi.domain.people import Birthday
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World, at


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


def born(world: World, birthday: str, member: str = MEMBER) -> None:
    world.shop("MemberUpdated", {"member_id": member, "birthday": birthday})
    world.settle()


def points(world: World, *lots: tuple[str, int]) -> None:
    data = {
        "member_id": MEMBER,
        "balance": sum(n for _, n in lots),
        "lots": [{"points": n, "expires_at": on} for on, n in lots],
    }
    world.shop("PointsBalanceChanged", data)
    world.settle()


def day(world: World, on: str, until: str = "11:30") -> None:
    """The run of `on` at six, and the ticks at ten and eleven."""
    world.to(f"{on}T06:00")
    world.daily()
    world.settle()
    for hour in ("10:00", "11:00", until):
        if at(f"{on}T{hour}") > world.now:
            world.to(f"{on}T{hour}")
            world.tick()
            world.settle()


def test_a_birthday_at_ten(world: World) -> None:
    born(world, "1990-11-25")
    day(world, "2026-11-25")
    (sent,) = world.line.accepted
    assert sent.at == at("2026-11-25T10:00")
    assert sent.text.startswith("結城様、お誕生日おめでとうございます。")
    assert world.send("birthday").key_value == "2026"
    world.check()


def test_nobodys_birthday(world: World) -> None:
    born(world, "1990-11-26")
    day(world, "2026-11-25")
    assert world.sends() == []
    (run,) = world.peek(Run)
    assert (run.state, len(world.peek(RunShard))) == (RunState.DONE, SHARDS)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda w: w.daily(), id="the schedule fires twice"),
        pytest.param(lambda w: (w.daily(), w.daily(), w.settle(), w.daily()), id="and again"),
        pytest.param(lambda w: w.catch_up(), id="the catch-up runs beside it"),
    ],
)
def test_a_run_that_is_repeated_congratulates_once(world: World, again: Callable[[World], object]) -> None:
    born(world, "1990-11-25")
    world.to("2026-11-25T06:00")
    world.daily()
    again(world)
    world.settle()
    again(world)
    world.settle()
    world.to("2026-11-25T10:00")
    world.tick()
    again(world)
    world.settle()
    assert len(world.line.accepted) == 1
    world.check()


def test_a_run_without_done_is_finished_by_the_catch_up(world: World) -> None:
    born(world, "1990-11-25")
    world.to("2026-11-25T06:00")
    world.daily()
    world.queue.clear()
    world.to("2026-11-25T06:15")
    world.catch_up()
    world.settle()
    world.to("2026-11-25T10:00")
    world.tick()
    world.settle()
    assert len(world.line.accepted) == 1


def test_a_schedule_that_never_fired_is_caught_up(world: World) -> None:
    born(world, "1990-11-26")
    day(world, "2026-11-25")
    world.to("2026-11-26T14:00")
    world.catch_up()
    world.settle()
    world.tick()
    world.settle()
    assert [one.at > at("2026-11-26T14:00") for one in world.line.accepted] == [True]


def test_days_that_were_missed_are_caught_up_in_order_and_what_is_too_late_is_not_said(world: World) -> None:
    """Three days of outage: the day before yesterday's congratulation has lost its point, yesterday's has not."""
    born(world, "1990-11-26")
    world.given_linked("U" + "b" * 32, "1002")
    born(world, "1990-11-28", "1002")
    day(world, "2026-11-25")
    world.to("2026-11-29T09:30")
    world.catch_up()
    world.settle()
    world.tick()
    world.settle()
    assert sorted(run.on for run in world.peek(Run)) == [date(2026, 11, d) for d in range(25, 30)]
    assert world.verdict("birthday", person="m:main/1001") == ("skipped", "expired")
    assert world.verdict("birthday", person="m:main/1002") == ("accepted", "accepted")
    world.check()


def test_a_fresh_deployment_does_not_look_back(world: World) -> None:
    born(world, "1990-11-24")
    world.to("2026-11-25T03:00")
    world.catch_up()
    assert world.peek(Run) == []
    world.to("2026-11-25T06:15")
    world.catch_up()
    assert [run.on for run in world.peek(Run)] == [date(2026, 11, 25)]


@pytest.mark.parametrize(
    ("year_day", "kept"),
    [
        ("2027-02-27", False),
        ("2027-02-28", True),
        ("2027-03-01", False),
        ("2028-02-28", False),
        ("2028-02-29", True),
        ("2028-03-01", False),
    ],
)
def test_29_february(world: World, year_day: str, kept: bool) -> None:
    born(world, "1992-02-29")
    day(world, year_day)
    assert len(world.line.accepted) == kept


def test_the_28th_is_theirs_in_every_year(world: World) -> None:
    born(world, "1992-02-28")
    for year in ("2027", "2028"):
        day(world, f"{year}-02-28")
    assert [s.key_value for s in world.sends("birthday")] == ["2027", "2028"]


def test_every_year_anew(world: World) -> None:
    born(world, "1990-11-25")
    for year in (2026, 2027, 2028):
        day(world, f"{year}-11-25")
    assert [one.text[:10] for one in world.line.accepted] == ["結城様、お誕生日おめ"] * 3


def test_a_birthday_that_was_corrected_before_ten(world: World) -> None:
    born(world, "1990-11-25")
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    born(world, "1990-11-26")
    world.to("2026-11-25T10:00")
    world.tick()
    world.settle()
    assert world.sends() == []
    assert [e.ended_reason for e in world.enrolments()] == ["birthday_changed"]


def test_a_member_who_left_before_ten(world: World) -> None:
    born(world, "1990-11-25")
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    world.shop("MemberWithdrawn", {"member_id": MEMBER})
    world.settle()
    world.to("2026-11-25T10:00")
    world.tick()
    world.settle()
    assert world.sends() == []
    assert [e.ended_reason for e in world.enrolments()] == ["withdrawn"]


@pytest.mark.parametrize(
    ("expires_on", "told"),
    [
        ("2026-12-25", True),
        ("2026-12-02", True),
        ("2026-11-26", True),
        ("2026-12-24", False),
        ("2026-12-26", False),
        ("2026-11-25", False),
        ("2026-12-01", False),
    ],
)
def test_points_are_told_30_7_and_1_days_before(world: World, expires_on: str, told: bool) -> None:
    points(world, (expires_on, 1_200))
    day(world, "2026-11-25")
    assert len(world.line.accepted) == told
    if told:
        month, on = expires_on[5:].split("-")
        assert f"1,200ポイントの有効期限が{int(month)}月{int(on)}日まで" in world.line.accepted[0].text
        assert world.line.accepted[0].at == at("2026-11-25T11:00")


def test_one_lot_is_told_three_times_and_each_once(world: World) -> None:
    points(world, ("2026-12-25", 500))
    for on in ("2026-11-25", "2026-12-18", "2026-12-24"):
        day(world, on)
        world.daily(date.fromisoformat(on))
        world.settle()
    assert [s.key_value for s in world.sends("point_expiry")] == ["2026-12-25/30", "2026-12-25/7", "2026-12-25/1"]
    assert len(world.line.accepted) == 3
    world.check()


def test_lots_of_one_day_are_told_together_and_of_several_apart(world: World) -> None:
    points(world, ("2026-12-25", 500), ("2026-12-25", 300), ("2026-12-02", 50))
    day(world, "2026-11-25")
    assert sorted(one.text.split("、")[1][:3] for one in world.line.accepted) == ["50ポ", "800"]


def test_points_that_were_spent_since_the_morning(world: World) -> None:
    points(world, ("2026-12-25", 500))
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    points(world, ("2026-12-25", 100))
    world.to("2026-11-25T11:00")
    world.tick()
    world.settle()
    assert "100ポイント" in world.line.accepted[0].text


def test_points_that_are_gone(world: World) -> None:
    points(world, ("2026-12-25", 500))
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    points(world)
    world.to("2026-11-25T11:00")
    world.tick()
    world.settle()
    assert world.sends() == []
    assert [e.ended_reason for e in world.enrolments()] == ["points_gone"]


def test_promo_refused_is_neither_congratulated_nor_reminded(world: World) -> None:
    born(world, "1990-11-25")
    points(world, ("2026-11-26", 500))
    world.says("配信停止")
    day(world, "2026-11-25")
    assert {(s.scenario, s.reason) for s in world.sends(state="skipped")} == {
        ("birthday", "promo_refused"),
        ("point_expiry", "promo_refused"),
    }


def test_unlinked_members_are_enrolled_and_the_reason_is_recorded() -> None:
    world = World()
    world.shop("MemberRegistered", {"member_id": MEMBER, "birthday": "1990-11-25"})
    world.settle()
    day(world, "2026-11-25")
    assert world.verdict("birthday") == ("skipped", "not_linked")


def test_two_hundred_birthdays_over_all_shards() -> None:
    world = World()
    for n in range(200):
        world.given_linked(f"U{n:032x}", str(5000 + n), birthday=Birthday(11, 25))
    day(world, "2026-11-25")
    assert len(world.line.accepted) == len({one.to for one in world.line.accepted}) == 200
    assert sum(shard.enrolled for shard in world.peek(RunShard)) == 200
    world.check()


def test_a_late_tick_holds_the_congratulation_until_the_morning(world: World) -> None:
    born(world, "1990-11-25")
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    world.to("2026-11-25T21:05")
    world.tick()
    world.settle()
    assert world.verdict("birthday") == ("held", "quiet_hours")
    world.to("2026-11-26T09:00")
    world.tick()
    world.settle()
    assert [(one.to, one.at) for one in world.line.accepted] == [(USER, at("2026-11-26T09:00"))]
