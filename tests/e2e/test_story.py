"""The demo's story, judged by the oracle: the three threads from first follow to birthday."""

from __future__ import annotations

import pytest

from local.demo import play
from local.story import Story
from tests.e2e.acting import Calendar, judge

pytestmark = pytest.mark.e2e


def test_the_three_threads_reach_each_friend_once(story: Story, calendar: Calendar) -> None:
    calendar.leap(days=9)
    play(story)
    judge(story)
    reasons = {
        (send["scenario"], send["state"], send["reason"])
        for member_id in ("1001", "1002", "1003", "1004")
        for send in story.musubi("explain", member_id)["sends"]
        if send["state"] != "accepted"
    }
    assert ("order_thanks", "skipped", "blocked") in reasons
    assert ("order_thanks", "skipped", "not_linked") in reasons
    assert ("point_expiry", "skipped", "promo_refused") in reasons
    linked = story.shop("GET", "/_shop/facts")["linked"]
    assert "1001" not in linked  # さくら unlinked at the end
    assert {"1002", "1003"} <= set(linked)
