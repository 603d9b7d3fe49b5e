"""Windows, marks, and what a poll's finding means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.domain.events import Mode, ShopEvent
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.polling import EN_ROUTE, Poll, PollRules, Report, first_poll, judged, opened, turned
from musubi.domain.store_keys import PollKey

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULES = PollRules(overlap=timedelta(minutes=15), first=timedelta(hours=24), silence=timedelta(hours=24))
KEY = PollKey("main", "eccube", "orders")
DONE = Outcome(Verdict.DONE, "order_updated")


def test_the_mark_does_not_go_back_with_a_clock_that_is_slow() -> None:
    read = turned(opened(_known(NOW), NOW, timedelta(), RULES), None, 3, NOW)
    slow = NOW - timedelta(seconds=5)
    assert turned(opened(read, slow, timedelta(), RULES), None, 0, slow).mark == read.mark == NOW


def _known(until: datetime) -> Poll:
    """A shop that was polled before."""
    first = first_poll(KEY, until, RULES)
    return replace(first, mark=until, last=Report(began_at=until, ended_at=until, found=0, backfill=True))


def test_where_time_was_moved_a_window_holds_what_is_dated_by_either_clock() -> None:
    ahead, then = timedelta(days=30), NOW - timedelta(hours=1)
    window = opened(_known(then), NOW, ahead, RULES).window
    assert window is not None
    assert (window.after, window.until, window.mark) == (then - RULES.overlap, NOW + ahead, NOW)
    back = opened(_known(then), NOW, -ahead, RULES).window
    assert back is not None
    assert back.until == NOW


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=30)])
def test_the_first_window_leaves_out_what_webhooks_may_still_bring(ahead: timedelta) -> None:
    window = opened(first_poll(KEY, NOW, RULES), NOW, ahead, RULES).window
    assert window is not None
    settled = NOW - RULES.overlap
    assert (window.after, window.until, window.mark, window.backfill) == (NOW - RULES.first, settled, settled, True)
    none = PollRules(overlap=RULES.overlap, first=timedelta(), silence=RULES.silence)
    empty = opened(first_poll(KEY, NOW, none), NOW, ahead, none).window
    assert empty is not None
    assert empty.after == empty.until == settled


def test_a_window_that_was_begun_goes_on() -> None:
    begun = turned(opened(first_poll(KEY, NOW, RULES), NOW, timedelta(), RULES), "page 2", 100, NOW)
    later = opened(begun, NOW + timedelta(hours=1), timedelta(), RULES)
    assert later == begun
    assert begun.window is not None
    assert (begun.window.cursor, begun.window.found, begun.mark) == ("page 2", 100, NOW - RULES.first)


def _event(**fields: Any) -> ShopEvent:
    known: dict[str, Any] = {
        "source": "main/eccube/order",
        "event_id": "1",
        "type": "OrderPaid",
        "shop_id": "main",
        "platform": "eccube",
        "occurred_at": NOW,
        "as_of": NOW - timedelta(hours=1),
        "received_at": NOW,
        "content": "c",
        "mode": Mode.POLL,
    }
    return ShopEvent(**(known | fields))


@pytest.mark.parametrize(
    ("fields", "outcome", "metric"),
    [
        ({}, DONE, "PollMissed"),
        ({"as_of": NOW - EN_ROUTE}, DONE, "PollMissed"),
        ({"as_of": NOW - EN_ROUTE + timedelta(seconds=1)}, DONE, "PollAhead"),
        ({"as_of": NOW + timedelta(days=1)}, DONE, "PollAhead"),
        ({}, Outcome(Verdict.STALE, "repeat"), "PollKnown"),
        ({}, Outcome(Verdict.IGNORED, "no_change"), "PollKnown"),
        ({"is_backfill": True}, DONE, None),
        ({"mode": Mode.PUSH}, DONE, None),
        ({"mode": Mode.IMPORT}, DONE, None),
    ],
)
def test_what_a_poll_brought_was_missed_known_or_only_ahead(
    fields: dict[str, Any], outcome: Outcome, metric: str | None
) -> None:
    assert judged(_event(**fields), outcome, NOW) == metric
