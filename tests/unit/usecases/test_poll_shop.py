"""Polling a shop: whatever is late, cut off, refused or crashes, every change is seen and the mark never goes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musubi.adapters.memory.clock import MemoryClock
from musubi.adapters.memory.queues import MemoryShopQueue
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.polling import Heard, Missed, Poll, PollRules
from musubi.domain.store_keys import HeardKey, PollKey
from musubi.domain.writes import Put, Replace
from musubi.ports import Snapshot, SourcePage, What
from musubi.usecases.poll_shop import Deps, PolledShop, poll_shop

START = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULES = PollRules(overlap=timedelta(minutes=15), first=timedelta(hours=24), silence=timedelta(hours=24))
ORDERS = PollKey("main", "woocommerce", "orders")
SHOP = PolledShop("main", "woocommerce", ("orders",), pushes=True)


@dataclass
class Shop:
    """A shop whose orders change: (id, shop's time of the change, when a list shows it). Pages follow the time of change."""

    clock: MemoryClock
    page: int = 2
    changes: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    asked: list[tuple[What, datetime, datetime, str | None]] = field(default_factory=list)
    answers: list[Exception | None] = field(default_factory=list)
    between: Callable[[], None] = lambda: None

    def change(self, order: str, late: timedelta = timedelta(), skew: timedelta = timedelta()) -> None:
        now = self.clock.machine()
        self.changes = [one for one in self.changes if one[0] != order] + [(order, now + skew, now + late)]

    def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
        self.asked.append((what, since, until, cursor))
        self.between()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        after = (datetime.fromisoformat(cursor.partition("#")[0]), cursor.partition("#")[2]) if cursor else (since, "~")
        now = self.clock.machine()
        listed = sorted((at, name) for name, at, shown in self.changes if shown <= now and at <= until)
        rest = [one for one in listed if one > after]
        mine, more = rest[: self.page], len(rest) > self.page
        snapshots = [Snapshot({}, json.dumps([name, at.isoformat()]).encode()) for at, name in mine]
        return SourcePage(snapshots, f"{mine[-1][0].isoformat()}#{mine[-1][1]}" if more else None)


class House:
    """Store, queue and clock around a use case that may die at any of its steps."""

    def __init__(self, rules: PollRules = RULES) -> None:
        self.clock = MemoryClock(START)
        self.store = MemoryStore()
        self.queue = MemoryShopQueue()
        self.shop = Shop(self.clock)
        self.deps = Deps(self.store, self.clock, self.queue, rules)

    def poll(self, shop: PolledShop = SHOP, pages: int = 1000) -> Outcome:
        left = iter([False] * pages)
        return poll_shop(shop, self.shop, self.deps, lambda: next(left, True))

    @property
    def row(self) -> Poll:
        found = self.store.load([ORDERS]).get(ORDERS)
        assert found is not None
        return found

    def seen(self) -> list[tuple[str, str]]:
        return [tuple(json.loads(one[2].body)) for one in self.queue.sent]

    def names(self) -> list[str]:
        return [name for name, _ in self.seen()]

    def later(self, **span: float) -> None:
        self.clock.pass_time(timedelta(**span))


def test_the_first_run_reads_what_is_not_too_old_as_a_backfill() -> None:
    house = House()
    house.shop.change("old")
    house.later(hours=25)
    for name in ("a", "b", "c"):
        house.shop.change(name)
        house.later(minutes=1)
    house.later(minutes=30)
    house.shop.change("new")
    house.later(minutes=10)
    outcome = house.poll()
    assert [(json.loads(one.body)[0], backfill) for _, _, one, _, backfill in house.queue.sent] == [
        ("a", True),
        ("b", True),
        ("c", True),
        ("new", False),
    ]
    assert {at for *_, at, _ in house.queue.sent} == {house.clock.machine()}
    assert (outcome.verdict, outcome.counts) == (Verdict.DONE, {"PollFound": 4})
    assert [asked[3] is None for asked in house.shop.asked] == [True, False, True]
    assert (house.row.mark, house.row.window) == (house.clock.machine(), None)
    assert house.row.last is not None
    assert (house.row.last.found, house.row.last.backfill) == (1, False)


def test_a_later_run_goes_back_over_the_overlap_and_is_no_backfill() -> None:
    house = House()
    house.poll()
    first = house.clock.machine()
    house.later(hours=1)
    house.shop.change("a")
    house.poll()
    assert house.shop.asked[-1][:3] == ("orders", first - RULES.overlap, house.clock.machine())
    assert [(json.loads(one.body)[0], backfill) for _, _, one, _, backfill in house.queue.sent] == [("a", False)]


def test_what_does_not_fit_into_one_run_is_read_by_the_next_and_then_what_came_since() -> None:
    house = House()
    for name in "abcde":
        house.shop.change(name)
    house.later(hours=1)
    outcome = house.poll(pages=1)
    assert (house.names(), outcome.counts["PollsCut"], outcome.reason) == (["a", "b"], 1, "orders goes_on")
    mark, until = house.row.mark, house.shop.asked[0][2]
    house.later(hours=1)
    house.shop.change("f")
    house.poll()
    assert house.names() == list("abcdef")
    assert {asked[2] for asked in house.shop.asked[:-1]} == {until}
    assert mark < until < house.row.mark == house.clock.machine()


@pytest.mark.parametrize(
    ("error", "metric", "restarts"),
    [(Retryable("shop: 503"), "PollsFailed", False), (Permanent("shop: 401"), "PollsRefused", True)],
)
def test_a_page_that_fails_is_counted_noted_and_read_again(
    error: Retryable | Permanent, metric: str, restarts: bool
) -> None:
    house = House()
    for name in "abc":
        house.shop.change(name)
    house.later(hours=1)
    house.shop.answers = [None, error]
    outcome = house.poll()
    assert outcome.counts == {"PollFound": 2, metric: 1}
    assert outcome.reason == f"orders failed: {error.reason}"
    assert (house.row.failure, house.row.failed_at) == (error.reason, house.clock.machine())
    assert house.row.mark == house.clock.machine() - RULES.first
    house.later(hours=1)
    assert house.poll().counts == {"PollFound": 3 if restarts else 1}
    assert (house.row.failure, house.row.failed_at) == (None, None)
    assert set(house.names()) == {"a", "b", "c"}


def test_one_kind_that_fails_does_not_keep_the_other_from_being_read() -> None:
    house = House()
    house.shop.change("a")
    house.shop.answers = [Permanent("shop: 403")]
    outcome = house.poll(PolledShop("main", "woocommerce", ("orders", "members"), pushes=True))
    assert outcome.reason == "orders failed: shop: 403, members done"
    assert outcome.counts == {"PollFound": 1, "PollsRefused": 1}


def test_what_can_not_be_enqueued_is_not_marked() -> None:
    house = House()
    house.shop.change("a")
    house.later(hours=1)
    house.queue.fail_next = 1
    assert house.poll().counts == {"PollFound": 0, "PollsFailed": 1}
    assert house.row.mark == house.clock.machine() - RULES.first
    assert house.poll().counts == {"PollFound": 1}


def test_a_run_that_was_overtaken_stops_and_leaves_what_the_other_wrote() -> None:
    house = House()
    house.poll()
    house.later(hours=1)
    for name in "abc":
        house.shop.change(name)

    def other() -> None:
        house.shop.between = lambda: None
        house.poll()

    house.shop.between = other
    outcome = house.poll()
    assert outcome.reason == "orders overtaken"
    assert (house.row.mark, house.row.window) == (house.clock.machine(), None)


def test_a_shop_that_turns_in_circles_is_refused() -> None:
    house = House()

    class Circle:
        def changed(self, what: What, since: datetime, until: datetime, cursor: str | None) -> SourcePage:
            return SourcePage([], "again")

    assert poll_shop(SHOP, Circle(), house.deps, lambda: False).counts["PollsRefused"] == 1


# Silence


def _silent(house: House, heard: timedelta | None, missed: timedelta | None, shop: PolledShop = SHOP) -> bool:
    now = house.clock.machine()
    if heard is not None:
        house.store.commit([Put(Heard(shop_id="main", platform="woocommerce", at=now - heard))])
    if missed is not None:
        row = Missed(shop_id="main", platform="woocommerce", at=now - missed, type="OrderPaid", event_id="x")
        house.store.commit([Put(row)])
    return house.poll(shop).counts.get("SilentShops") == 1


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("heard", "missed", "silent"),
    [
        (None, None, False),  # nothing happens in that shop
        (None, HOUR, True),  # its webhooks were never set up
        (25 * HOUR, HOUR, True),
        (23 * HOUR, HOUR, False),
        (25 * HOUR, 26 * HOUR, False),  # that one was lost long ago; since then there was nothing to tell
        (25 * HOUR, None, False),
        (HOUR, HOUR / 2, False),  # some come, some do not: counted, but not silence
    ],
)
def test_silence_is_no_webhook_while_polls_find_changes(
    heard: timedelta | None, missed: timedelta | None, silent: bool
) -> None:
    house = House()
    house.poll()
    house.later(hours=30)
    assert _silent(house, heard, missed) is silent


def test_a_shop_that_is_new_or_never_calls_us_is_not_silent() -> None:
    house = House()
    house.poll()
    house.later(hours=23)
    assert not _silent(house, None, HOUR)
    house.later(hours=30)
    assert not _silent(house, None, HOUR, PolledShop("main", "woocommerce", ("orders",), pushes=False))
    assert house.store.load([HeardKey("main", "woocommerce")]).get(HeardKey("main", "woocommerce")) is None


# Whatever happens

SPANS = st.integers(1, 4000)
ACTS: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("pass"), SPANS),
    st.tuples(st.just("change"), st.sampled_from("abcdefgh"), st.integers(0, 800), st.integers(-90, 90)),
    st.tuples(st.just("poll"), st.integers(0, 5), st.sampled_from(["", "", "retry", "refuse", "die", "queue", "race"])),
    st.tuples(st.just("move"), st.sampled_from("abcdefgh")),
)


class _Died(Exception):
    pass


def _run(house: House, pages: int, trouble: str) -> None:
    """One run with one trouble at its second page."""
    if trouble in ("retry", "refuse"):
        house.shop.answers = [None, Retryable("shop: 503") if trouble == "retry" else Permanent("shop: 401")]
    if trouble == "die":
        house.shop.answers = [None, _Died()]
    if trouble == "queue":
        house.queue.fail_next = 1
    if trouble == "race":
        house.shop.between = lambda: _race(house)
    with suppress(_Died):
        house.poll(pages=pages)
    house.shop.between, house.shop.answers, house.queue.fail_next = lambda: None, [], 0


def _race(house: House) -> None:
    """Another run of the same poll commits while this one waits for the shop."""
    house.shop.between = lambda: None
    found = house.store.load([ORDERS]).get(ORDERS)
    if found is not None:
        house.store.commit([Replace(Poll(**{**vars(found), "version": found.version + 1}))])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, max_size=40))
def test_every_change_is_seen_and_the_mark_never_goes_back(acts: Sequence[tuple[Any, ...]]) -> None:
    """Changes become visible up to 13 minutes late, by a clock that is up to 90 s off; orders change again while their list is
    being read; runs are cut off, refused, raced and die.
    """
    house = House()
    house.poll()
    marks = [START]
    wanted: dict[str, str] = {}

    def change(order: str, late: int = 0, skew: int = 0) -> None:
        house.shop.change(order, timedelta(seconds=late), timedelta(seconds=skew))
        wanted[order] = next(at.isoformat() for name, at, _ in house.shop.changes if name == order)

    for act in acts:
        match act:
            case ("pass", seconds):
                house.later(seconds=seconds)
            case ("change", order, late, skew):
                change(order, late, skew)
            case ("move", order):
                house.shop.between = lambda order=order: change(order)  # type: ignore[misc]
            case ("poll", pages, trouble):
                _run(house, pages, trouble)
        marks += [row.mark for row in house.store.all_of(Poll)]
    house.shop.between = lambda: None
    house.later(minutes=16)
    house.poll()
    marks.append(house.row.mark)
    assert marks == sorted(marks)
    assert house.row.mark == house.clock.machine()
    assert set(wanted.items()) <= set(house.seen())
