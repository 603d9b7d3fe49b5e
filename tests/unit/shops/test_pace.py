"""Calls to a shop that takes one a second."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.rest import Pace


class Time:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_first_call_waits_for_nobody() -> None:
    time = Time()
    Pace(1.0, lambda: time.now, time.sleep).wait()
    assert time.slept == []


@given(st.lists(st.floats(0, 3), min_size=1, max_size=20))
def test_calls_are_never_closer_than_they_may(work: list[float]) -> None:
    time, calls = Time(), list[float]()
    pace = Pace(1.0, lambda: time.now, time.sleep)
    for seconds in work:
        pace.wait()
        calls.append(time.now)
        time.now += seconds
    assert all(later - earlier > 0.999 for earlier, later in pairwise(calls))
    assert sum(time.slept) <= len(work), "nor does anybody wait longer than that"
