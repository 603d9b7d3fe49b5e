"""What polls need to know of every event: webhooks that come, and changes that only a poll brought."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from musubi.adapters.memory.clock import MemoryClock
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.events import Mode, ShopEvent, UnreadShopEvent
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.polling import Heard, Missed
from musubi.usecases.note_source import NOT_AGAIN, SourceNotes

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
DONE = Outcome(Verdict.DONE, "order_updated", {"ShopEventsTaken": 1})
PUSHED = ShopEvent(
    source="main/woocommerce/order.updated",
    event_id="1",
    type="OrderPaid",
    shop_id="main",
    platform="woocommerce",
    occurred_at=NOW,
    as_of=NOW - timedelta(hours=1),
    received_at=NOW,
    content="c",
)
POLLED = replace(PUSHED, mode=Mode.POLL)


def _notes(clock: MemoryClock | None = None) -> tuple[SourceNotes, MemoryStore]:
    store = MemoryStore()
    return SourceNotes(store, clock or MemoryClock(NOW), {("main", "woocommerce")}), store


def test_a_webhook_is_heard_now_and_then() -> None:
    clock = MemoryClock(NOW)
    notes, store = _notes(clock)
    assert notes.note(PUSHED, DONE) is DONE
    clock.pass_time(NOT_AGAIN - timedelta(seconds=1))
    notes.note(PUSHED, DONE)
    assert store.all_of(Heard) == [Heard(shop_id="main", platform="woocommerce", at=NOW)]
    clock.pass_time(timedelta(seconds=1))
    notes.note(PUSHED, DONE)
    assert store.all_of(Heard) == [Heard(shop_id="main", platform="woocommerce", at=NOW + NOT_AGAIN)]


def test_a_change_that_only_a_poll_brought_is_kept_and_counted() -> None:
    notes, store = _notes()
    assert notes.note(POLLED, DONE).counts == {"ShopEventsTaken": 1, "PollMissed": 1}
    (row,) = store.all_of(Missed)
    assert (row.at, row.type, row.event_id) == (NOW, "OrderPaid", "1")
    assert store.all_of(Heard) == []


def test_what_was_known_is_counted_only() -> None:
    notes, store = _notes()
    known = notes.note(POLLED, Outcome(Verdict.STALE, "repeat"))
    assert (known.counts, known.reason, store.all_of(Missed)) == ({"PollKnown": 1}, "repeat", [])


def test_shops_that_nobody_polls_cost_nothing() -> None:
    notes, store = _notes()
    unread = UnreadShopEvent(source="main/woocommerce/x", event_id="1", kind="x", content="c", raw="{}")
    for event in (replace(PUSHED, platform="shopify"), replace(PUSHED, shop_id="outlet"), unread):
        assert notes.note(event, DONE) is DONE
    assert store.all_of(Heard) == []
