"""Counting: what is put in can be taken out again, first and last stay exact, and nothing depends on arrival."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.activity import (
    KEPT,
    MAX_CATEGORIES,
    MAX_PRODUCTS,
    RECENT,
    Activity,
    Bought,
    Share,
    Stamp,
    Tally,
    count,
    count_goods,
    nth_purchase,
    order_share,
)
from musubi.domain.orders import Line, LineKind, Milestone, Order
from musubi.domain.store_keys import BoughtKey
from tests.support.made import NOON, after

NOBODY = Activity(shop_id="main", member_id="1001")


def stamp(n: int) -> Stamp:
    return Stamp(NOON + timedelta(minutes=n), f"o-{n}")


def order(n: int = 1, *lines: Line, cancelled: bool = False, total: int = 100, member: str | None = "1001") -> Order:
    placed = Milestone("OrderPlaced", after(minutes=n))
    off = (Milestone("OrderCancelled", after(minutes=n + 500)),) if cancelled else ()
    return Order(
        shop_id="main", order_id=f"o-{n}", member_id=member, total_yen=total, milestones=(placed, *off), lines=lines
    )


@given(st.permutations(range(60)))
def test_first_last_and_count_do_not_depend_on_arrival(arrivals: list[int]) -> None:
    tally = Tally()
    for n in arrivals:
        tally = tally.plus(stamp(n), quantity=2, yen=n)
    assert (tally.count, tally.quantity, tally.yen) == (60, 120, sum(range(60)))
    assert [s.id for s in tally.stamps] == [f"o-{n}" for n in (*range(KEPT), *range(60 - KEPT, 60))]
    assert (tally.first, tally.last) == (stamp(0), stamp(59))
    assert (tally.place_of(stamp(0)), tally.place_of(stamp(9)), tally.place_of(stamp(59))) == (1, 10, 60)
    assert (tally.place_of(stamp(50)), tally.place_of(stamp(30))) == (51, None)


@given(st.lists(st.integers(0, 15), unique=True), st.data())
def test_what_is_taken_back_leaves_no_trace(numbers: list[int], data: st.DataObject) -> None:
    gone = set(data.draw(st.lists(st.sampled_from(numbers), unique=True))) if numbers else set[int]()
    tally, expected = Tally(), Tally()
    for n in numbers:
        tally = tally.plus(stamp(n), n, n)
    for n in sorted(gone):
        tally = tally.minus(stamp(n), n, n)
    for n in sorted(set(numbers) - gone):
        expected = expected.plus(stamp(n), n, n)
    assert tally == expected


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_counted_facts_are_the_sum_of_what_orders_are_now(arrivals: list[int], cancelled: set[int]) -> None:
    """Each order comes as placed, some are cancelled later; some get their member only then."""
    activity = NOBODY
    for n in arrivals:
        activity = count(activity, None, order_share(order(n)))
    for n in sorted(cancelled):
        activity = count(activity, order_share(order(n)), order_share(order(n, cancelled=True)))
    expected = NOBODY
    for n in range(6):
        expected = count(expected, None, order_share(order(n, cancelled=n in cancelled)))
    assert activity == expected
    assert activity.purchases.count == 6 - len(cancelled)
    kept = [n for n in range(6) if n not in cancelled]
    assert [nth_purchase(activity, order(n)) for n in kept] == list(range(1, len(kept) + 1))
    assert all(nth_purchase(activity, order(n, cancelled=True)) is None for n in cancelled)


def test_recent_events_are_the_last_ones() -> None:
    activity = NOBODY
    for n in range(RECENT * 2):
        activity = count(activity, None, order_share(order(n)))
    assert [one.ref for one in activity.recent] == [f"o-{n}" for n in range(RECENT, RECENT * 2)]


def test_what_has_no_member_or_is_a_test_has_no_share() -> None:
    assert order_share(None) is None
    assert order_share(order(member=None)) is None
    assert order_share(Order(shop_id="main", order_id="1", member_id="1001", is_test=True)) is None


def line(n: int, quantity: int = 1, category: str = "棚") -> Line:
    return Line(title=f"商品{n}", quantity=quantity, product_id=f"p-{n}", categories=(category,), unit_yen=10)


def test_goods_are_what_was_bought_once_per_product_and_category() -> None:
    share = order_share(
        order(1, line(1, 2), line(1, 3), line(2, category="別"), Line(title="送料", kind=LineKind.SHIPPING, product_id="x"),
              Line(title="無名"), Line(title="品番のみ", sku="S-1"))
    )  # fmt: skip
    assert share is not None
    assert {(kind.value, ref): (g.quantity, g.yen) for (kind, ref), g in share.goods.items()} == {
        ("product", "p-1"): (5, 50),
        ("category", "棚"): (5, 50),
        ("product", "p-2"): (1, 10),
        ("category", "別"): (1, 10),
        ("product", "S-1"): (1, 0),
    }
    full = order_share(order(1, *(line(n, category=f"棚{n}") for n in range(60))))
    assert full is not None
    assert len(full.goods) == MAX_PRODUCTS + MAX_CATEGORIES


def counted(*steps: tuple[Share | None, Share | None]) -> dict[BoughtKey, Bought]:
    rows: dict[BoughtKey, Bought] = {}
    for old, new in steps:
        for key, row in count_goods(rows, "main", "1001", old, new).items():
            rows.pop(key, None)
            if row is not None:
                rows[key] = row
    return rows


def test_rows_change_only_where_an_edit_changed_something() -> None:
    first, edited = order_share(order(1, line(1), line(2))), order_share(order(1, line(1), line(3)))
    changed = count_goods(counted((None, first)), "main", "1001", first, edited)
    assert {key.ref: row is not None for key, row in changed.items()} == {"p-2": False, "p-3": True}
    rows = counted((None, first), (first, edited))
    assert {key.ref: row.tally.count for key, row in rows.items()} == {"p-1": 1, "p-3": 1, "棚": 1}
    assert counted((None, first), (first, edited), (edited, order_share(order(1, line(1), cancelled=True)))) == {}


def test_a_title_is_the_one_of_the_last_purchase() -> None:
    old, new = order_share(order(1, line(1))), order_share(order(9, Line(title="新しい名", product_id="p-1")))
    for steps in (((None, old), (None, new)), ((None, new), (None, old))):
        (row,) = [row for key, row in counted(*steps).items() if key.kind == "product"]
        assert (row.title, row.tally.count) == ("新しい名", 2)
