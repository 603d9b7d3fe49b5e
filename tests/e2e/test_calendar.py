"""Dates: the daily run fired twice, late and not at all; leap days; quiet hours; going back to real time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from local import clock
from local.crowd import Crowd
from local.stack.aws import Aws
from local.stack.business import Firing, business_now, clock_lock, machine_now, set_offset
from local.story import Story
from tests.e2e.acting import Calendar, judge, linked, sends
from tests.support.oracle import TOKYO, tokyo

pytestmark = pytest.mark.e2e


def test_a_daily_run_that_is_fired_twice_reaches_everybody_once(
    story: Story, crowd: Crowd, calendar: Calendar, aws: Aws
) -> None:
    first = calendar.leap(days=3)
    party = first + timedelta(days=1)
    linked(story, crowd, 3, birthday=party, lots=[(party + timedelta(days=1), 700), (party + timedelta(days=1), 50)])
    story.clock(tokyo(party, time(6, 30)))
    firing = Firing(aws, story.home)
    for _ in range(2):
        firing.fire(firing.named("daily_alerts"), tokyo(party, time(6)))
    daily = [s for s in firing.schedules if s.function.endswith("daily_alerts")]
    assert len(daily) == 2  # the daily one and the catch-up
    for schedule in daily:
        firing.fire(schedule, tokyo(party, time(6, 45)))
    story.settle()
    story.clock(tokyo(party, time(11, 30)))
    judge(story)


def test_days_on_which_no_schedule_fired_are_caught_up(
    story: Story, crowd: Crowd, calendar: Calendar, aws: Aws
) -> None:
    first = calendar.leap(days=5)
    story.clock(tokyo(first, time(6, 5)))  # this day's run took place: from here on a missing one is missing
    missed = first + timedelta(days=2)
    people = linked(story, crowd, 2, birthday=missed)
    target = tokyo(missed, time(20))
    with clock_lock(story.home, wait=True):  # nobody's schedule fires while the days go by
        set_offset(aws, target - machine_now())
        clock.tell_the_others(story.endpoints, target - machine_now())
        firing = Firing(aws, story.home)
        firing.take_until(target)
        catch_up = next(s for s in firing.schedules if "catch" in s.name)
        firing.fire(catch_up, target)
    judge(story)
    for _, member_id in people:
        (send,) = sends(story, member_id, "birthday")
        assert send["state"] == "accepted"


def test_a_birthday_on_29_february_is_kept_on_the_28th_of_common_years(
    story: Story, crowd: Crowd, calendar: Calendar
) -> None:
    year = 2027
    calendar.leap(days=4, first=date(year, 2, 27))
    ((user, _),) = linked(story, crowd, birthday=date(2028, 2, 29))
    story.clock(tokyo(date(year, 3, 1), time(10, 30)))
    judge(story)
    shown = [row["business_at"] for row in story.accepted(user) if "お誕生日" in str(row["messages"])]
    assert [datetime.fromisoformat(at).astimezone(TOKYO).date() for at in shown] == [date(year, 2, 28)]


def test_a_promo_due_at_night_waits_for_the_morning(story: Story, crowd: Crowd, calendar: Calendar, aws: Aws) -> None:
    """An outage over the due time: the follow-up of 10:00 is found at 22:00 and held until 9:00."""
    first = calendar.leap(days=8)
    ((user, member_id),) = linked(story, crowd)
    story.order(member_id)
    story.settle()
    night = tokyo(first + timedelta(days=5), time(22))
    with clock_lock(story.home, wait=True):
        set_offset(aws, night - machine_now())
        clock.tell_the_others(story.endpoints, night - machine_now())
        Firing(aws, story.home).take_until(night)
    story.settle()
    (held,) = sends(story, member_id, "order_followup")
    assert (held["state"], held["reason"]) == ("held", "quiet_hours")
    story.clock(tokyo(first + timedelta(days=6), time(9, 5)))
    judge(story)
    shown = datetime.fromisoformat(story.accepted(user)[-1]["business_at"]).astimezone(TOKYO)
    assert (shown.date(), shown.hour) == (first + timedelta(days=6), 9)


def test_clock_at_now_takes_the_move_back(story: Story, calendar: Calendar, aws: Aws) -> None:
    calendar.leap(days=1)
    assert business_now(aws) - machine_now() > timedelta(days=30)
    clock.move("now", home=story.home)
    assert abs(business_now(aws) - machine_now()) < timedelta(seconds=5)
    assert abs(story.now() - machine_now()) < timedelta(seconds=5)
