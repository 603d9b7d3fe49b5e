"""What a person has done, counted once: whatever arrives when, twice, late, cancelled, or as a test."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.activity import Activity, Tally
from musubi.domain.orders import Order
from musubi.domain.person import PersonView
from musubi.domain.store_keys import MemberKey, OrderKey
from tests.support.flows_acts import MEMBER
from tests.support.flows_world import START, World

LINES = [
    {"product_id": "P-1", "title": "どら焼き", "quantity": 2, "unit_price": 240, "categories": ["和菓子"]},
    {"product_id": "P-2", "title": "煎茶", "quantity": 1, "unit_price": 900, "categories": ["お茶", "和菓子"]},
]
EDITED = [{**LINES[0], "quantity": 1}, {"product_id": "P-3", "title": "羊羹", "categories": ["和菓子"]}]


def me(world: World, member: str = MEMBER) -> PersonView:
    return world.store.person(MemberKey("main", member))


def bought(view: PersonView) -> dict[str, tuple[int, int]]:
    return {row.ref: (row.tally.count, row.tally.quantity) for row in (*view.products, *view.categories)}


def minutes(n: int) -> str:
    return (START + timedelta(minutes=n)).isoformat()


def story(*, cancelled: bool, member_late: bool, same_second: bool) -> list[tuple[str, dict[str, Any], str]]:
    """All events of one order: type, data, time of the event."""
    step = 0 if same_second else 1
    known = {} if member_late else {"member_id": MEMBER}
    parcel = {"carrier": "ヤマト運輸", "tracking_numbers": ["1234-5678-9012"]}
    events: list[tuple[str, dict[str, Any]]] = [
        ("OrderPlaced", {**known, "order_number": "#A-1", "placed_at": minutes(0), "lines": LINES, "total": 1380}),
        ("OrderPaid", {"paid_at": minutes(1), "amount": 1380}),
        ("OrderEdited", {"member_id": MEMBER, "lines": EDITED, "total": 1140}),
        ("ShipmentDispatched", {"shipment": {"shipment_id": "P-1", "shipped_at": minutes(3), **parcel}}),
        ("ShipmentDispatched", {"shipment": {"shipment_id": "P-2", "shipped_at": minutes(4)}}),
        ("OrderDelivered", {"delivered_at": minutes(5)}),
        ("OrderRefunded", {"refund_id": "R-1", "amount": 240, "refunded_at": minutes(6), "total": 900}),
        *([("OrderCancelled", {"cancelled_at": minutes(7)})] if cancelled else []),
    ]
    return [(kind, {"order_id": "A-1", **data}, minutes(n * step)) for n, (kind, data) in enumerate(events)]


stories = st.builds(lambda c, m, s: story(cancelled=c, member_late=m, same_second=s), *[st.booleans()] * 3)
arrivals = stories.flatmap(
    lambda s: st.tuples(
        st.just(s),
        st.permutations(range(len(s))),
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, len(s) - 1)), max_size=5),
    )
)


def told(events: list[tuple[str, dict[str, Any], str]], order: list[int]) -> World:
    """A world to which the events came in `order`; a number that stands twice is a repeat."""
    world = World()
    world.given_linked()
    world.pass_time(minutes=10)
    for n in order:
        kind, data, time = events[n]
        event = {"specversion": "1.0", "id": f"e-{n}", "source": "cart", "type": kind, "time": time, "data": data}
        world.put_shop("cloudevents", {"content-type": "application/cloudevents+json"}, json.dumps(event))
    world.settle()
    world.pass_time(minutes=10)  # the second parcel has no number, which is waited for
    world.tick()
    world.settle()
    return world


def ending(world: World) -> tuple[Order, PersonView]:
    """State without the counters of writes, which count arrivals."""
    order = world.store.load([key := OrderKey("main", "A-1")]).get(key)
    assert order is not None
    view = me(world)
    assert view.activity is not None
    return replace(order, version=1), replace(
        view,
        activity=replace(view.activity, version=1),
        products=tuple(replace(row, version=1) for row in view.products),
        categories=tuple(replace(row, version=1) for row in view.categories),
    )


@given(arrivals)
def test_any_order_of_arrival_ends_in_the_same_facts_and_tells_each_milestone_once(
    case: tuple[list[tuple[str, dict[str, Any], str]], list[int], list[tuple[int, int]]],
) -> None:
    events, shuffled, repeats = case
    order = list(shuffled)
    for place, again in repeats:
        order.insert(place, again)
    expected, found = told(events, list(range(len(events)))), told(events, order)
    assert ending(found) == ending(expected)
    stored, view = ending(found)
    assert view.activity is not None
    cancelled = stored.has("OrderCancelled")
    assert (view.activity.purchases.count, view.activity.cancelled) == ((0, 1) if cancelled else (1, 0))
    assert bought(view) == ({} if cancelled else {"P-1": (1, 1), "P-3": (1, 1), "和菓子": (1, 2)})
    assert {name: tally.count for name, tally in view.activity.events.items()} == {
        "OrderPlaced": 1, "OrderPaid": 1, "ShipmentDispatched": 2, "OrderDelivered": 1, "OrderRefunded": 1,
        **({"OrderCancelled": 1} if cancelled else {}),
    }  # fmt: skip
    assert sorted(stored.told) == sorted({m.id for m in stored.milestones})
    notified = sorted((s.scenario, s.key_value) for s in found.sends())
    everything = [("order_thanks", "A-1"), ("shipping_notice", "A-1/P-1"), ("shipping_notice", "A-1/P-2")]
    if cancelled:
        # What a cancellation overtakes is not said any more; nothing is ever said twice.
        assert set(notified) <= set(everything)
        assert len(notified) == len(set(notified))
    else:
        assert notified == everything
    assert len(found.enrolments()) == len({e.enrolment_id for e in found.enrolments()}) == 4
    found.check()


def test_purchases_are_counted_with_their_yen_and_products() -> None:
    world = World()
    world.given_linked()
    world.placed("A-1", lines=LINES, total=1380)
    world.placed("A-2", lines=LINES[:1], total=480)
    world.settle()
    view = me(world)
    assert view.activity is not None
    purchases = view.activity.purchases
    assert (purchases.count, purchases.yen) == (2, 1860)
    assert purchases.first is not None
    assert purchases.last is not None
    assert (purchases.first.id, purchases.last.id) == ("A-1", "A-2")
    assert bought(view) == {"P-1": (2, 4), "P-2": (1, 1), "和菓子": (2, 5), "お茶": (1, 1)}
    assert [row.title for row in view.products] == ["どら焼き", "煎茶"]
    world.cancelled("A-1")
    world.settle()
    view = me(world)
    assert view.activity is not None
    assert (view.activity.purchases.count, view.activity.purchases.yen, view.activity.cancelled) == (1, 480, 1)
    assert view.activity.purchases.first == view.activity.purchases.last
    assert bought(view) == {"P-1": (1, 2), "和菓子": (1, 2)}


def test_a_message_may_say_which_purchase_it_is() -> None:
    world = World()
    world.given_linked()
    for n in range(1, 4):
        world.placed(f"A-{n}")
    world.cancelled("A-2")
    world.settle()
    world.placed("A-4")
    world.settle()
    nth = {e.key_value: e.facts.get("order.nth") for e in world.enrolments() if e.scenario == "order_thanks"}
    assert nth == {"A-1": "1", "A-2": "2", "A-3": "3", "A-4": "3"}


def test_a_guests_order_counts_when_it_is_known_whose_it_was() -> None:
    world = World()
    world.given_linked()
    world.placed("A-1", None, lines=LINES, total=1380)
    world.settle()
    assert me(world).activity is None
    world.shop("OrderEdited", {"order_id": "A-1", "member_id": MEMBER})
    world.settle()
    view = me(world)
    assert view.activity is not None
    assert (view.activity.purchases.count, view.activity.purchases.yen) == (1, 1380)
    assert bought(view)["P-1"] == (1, 2)


@pytest.mark.parametrize("first", [True, False])
def test_a_test_order_never_counts_whichever_event_says_so(first: bool) -> None:
    world = World()
    world.given_linked()
    world.placed("A-1", lines=LINES, total=1380, is_test=first)
    world.shop("OrderPaid", {"order_id": "A-1", "is_test": not first})
    world.settle()
    view = me(world)
    assert view.activity is None or view.activity == Activity(
        shop_id="main", member_id=MEMBER, version=view.activity.version
    )
    assert bought(view) == {}


def test_an_import_counts_and_says_nothing() -> None:
    world = World()
    world.given_linked()
    for n in range(30):
        placed = datetime.fromisoformat("2024-01-05T10:00+09:00") + timedelta(days=n)
        data = {
            "order_id": f"O-{n}",
            "member_id": MEMBER,
            "placed_at": placed.isoformat(),
            "lines": LINES,
            "total": 100,
        }
        world.shop("OrderPlaced", {**data, "is_backfill": True}, at=placed)
    world.settle()
    view = me(world)
    assert world.sends() == []
    assert view.activity is not None
    assert (view.activity.purchases.count, view.activity.purchases.yen) == (30, 3000)
    assert len(view.activity.recent) == len(view.activity.purchases.stamps) == 20
    assert view.products[0].tally.quantity == 60


def test_an_order_as_large_as_a_transaction_takes() -> None:
    """All lines are stored; 24 products and 8 categories of one order are counted."""
    world = World()
    world.given_linked()
    lines = [{"product_id": f"P-{n:02}", "title": f"商品{n}", "categories": [f"棚{n}"]} for n in range(48)]
    world.placed("A-1", lines=lines)
    world.settle()
    first = me(world)
    assert (len(first.products), len(first.categories)) == (24, 8)
    world.shop(
        "OrderEdited", {"order_id": "A-1", "lines": [{**one, "product_id": f"Q-{n}"} for n, one in enumerate(lines)]}
    )
    world.cancelled("A-1")
    world.settle()
    assert bought(me(world)) == {}
    world.check()


def test_points_and_other_events_count_by_themselves() -> None:
    world = World()
    world.given_linked()
    world.shop("PointsGranted", {"member_id": MEMBER, "points": 10}, event_id="p-1")
    world.shop("PointsGranted", {"member_id": MEMBER, "points": 10}, event_id="p-1")
    world.shop("PointsGranted", {"member_id": MEMBER, "points": 5}, event_id="p-2")
    world.shop("MemberUpdated", {"member_id": MEMBER, "name": "結城"})
    world.settle()
    activity = me(world).activity
    assert activity is not None
    assert {name: tally.count for name, tally in activity.events.items()} == {"PointsGranted": 2}
    assert activity.purchases == Tally()
