"""Orders, members and points: the state follows the source's versions, whatever arrives when and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.memory.store import MemoryStore
from musubi.domain.calendar import STALE_AFTER
from musubi.domain.changes import MemberChange, OrderChange, PointsChange
from musubi.domain.orders import Milestone, Order, Shipment
from musubi.domain.people import Birthday, ExpiringPoints, Member, MemberState, PointLot
from musubi.domain.profiles import apply_member
from musubi.domain.projection import (
    MAX_LOTS,
    apply_order,
    apply_points,
    member_writes,
    order_writes,
    tell,
)
from musubi.domain.writes import MAX_WRITES, Committed
from tests.support import made
from tests.support.made import NOON, after


@dataclass(frozen=True)
class Told:
    """One event of an order: what it says and as of when."""

    change: OrderChange
    as_of: datetime


def milestone(name: str, minute: int, ref: str = "") -> Milestone:
    return Milestone(name, after(minutes=minute), ref)


def parcel(number: int) -> Shipment:
    return Shipment(
        shipment_id=f"P{number}", carrier="yamato", carrier_name="ヤマト運輸", tracking_numbers=(f"{number}",)
    )


PLACED = milestone("OrderPlaced", 0)
PAID = milestone("OrderPaid", 1)
CANCELLED = milestone("OrderCancelled", 9)


def partial(*, cancelled: bool, parcels: int) -> list[Told]:
    """As CloudEvents tell it: only the first event knows the member and the total."""
    events = [
        Told(
            OrderChange(order_id="A-1", number="#1", member_id="1001", total_yen=500, milestones=(PLACED,)),
            after(minutes=0),
        ),
        Told(OrderChange(order_id="A-1", number="#1", milestones=(PAID,)), after(minutes=1)),
    ]
    for n in range(parcels):
        shipped = milestone("ShipmentDispatched", 2 + n, f"P{n}")
        events.append(
            Told(OrderChange(order_id="A-1", milestones=(shipped,), shipments=(parcel(n),)), after(minutes=2 + n))
        )
    if cancelled:
        events.append(Told(OrderChange(order_id="A-1", milestones=(CANCELLED,)), after(minutes=9)))
    return events


def whole(*, cancelled: bool, parcels: int) -> list[Told]:
    """As Shopify tells it: every order event is a whole picture with all that has happened by then."""
    stones: tuple[Milestone, ...] = (PLACED,)
    told = [Told(OrderChange(order_id="A-1", number="#1", member_id="1001", total_yen=500, milestones=stones), NOON)]
    for total, stone in [(480, PAID), *([(0, CANCELLED)] if cancelled else [])]:
        stones = (*stones, stone)
        change = OrderChange(order_id="A-1", number="#1", member_id="1001", total_yen=total, milestones=stones)
        told.append(Told(change, stone.at))
    return told + partial(cancelled=False, parcels=parcels)[2:]


histories = st.builds(
    lambda style, cancelled, parcels: style(cancelled=cancelled, parcels=parcels),
    st.sampled_from([partial, whole]),
    st.booleans(),
    st.integers(0, 2),
)
cases = histories.flatmap(
    lambda h: st.tuples(
        st.just(h), st.permutations(h), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(h)), max_size=4)
    )
)


def run(events: list[Told]) -> tuple[Order, list[Milestone]]:
    """The order after `events`, and every milestone in the order in which it was told."""
    order: Order | None = None
    told: list[Milestone] = []
    for event in events:
        changed = apply_order(order, event.change, "main", event.as_of) or order
        assert changed is not None
        untold = tell(changed, silent=False, received_at=after(hours=1))
        for write in order_writes(order, untold.order):
            assert write.entity.version == (order.version + 1 if order else 1)  # type: ignore[union-attr]
            order = write.entity  # type: ignore[union-attr, assignment]
        told += untold.fresh
    assert order is not None
    return order, told


@given(cases)
def test_any_order_of_arrival_ends_in_the_same_state_and_tells_each_milestone_once(
    case: tuple[list[Told], list[Told], list[tuple[int, Told]]],
) -> None:
    history, shuffled, repeats = case
    arrivals = list(shuffled)
    for place, again in repeats:
        arrivals.insert(place, again)
    expected, told = run(history)
    found, found_told = run(arrivals)
    assert replace(found, version=1, told=()) == replace(expected, version=1, told=())
    assert sorted(m.id for m in found_told) == sorted(m.id for m in told) == sorted(found.told)
    assert len(set(found.told)) == len(found.told)


def test_two_dates_of_one_milestone_settle_on_the_earlier_one() -> None:
    early, late = (OrderChange(order_id="A-1", milestones=(milestone("OrderPlaced", m),)) for m in (1, 2))
    for first, second in ((early, late), (late, early)):
        order = apply_order(None, first, "main", NOON)
        order = apply_order(order, second, "main", NOON) or order
        assert order is not None
        assert order.milestones == (milestone("OrderPlaced", 1),)


def test_a_parcel_before_its_order_is_told_when_the_member_is_known() -> None:
    history = partial(cancelled=False, parcels=1)
    shipped = apply_order(None, history[2].change, "main", history[2].as_of)
    assert shipped is not None
    assert tell(shipped, silent=False, received_at=NOON).news == ()
    placed = apply_order(shipped, history[0].change, "main", history[0].as_of)
    assert placed is not None
    assert [m.name for m in tell(placed, silent=False, received_at=NOON).fresh] == ["OrderPlaced", "ShipmentDispatched"]


def test_what_is_stale_or_silent_starts_nothing_but_still_ends() -> None:
    order = Order(shop_id="main", order_id="A-1", member_id="1001", milestones=(PLACED, CANCELLED), version=1)
    stale = tell(order, silent=False, received_at=CANCELLED.at + STALE_AFTER + timedelta(seconds=1))
    silent = tell(order, silent=True, received_at=CANCELLED.at)
    for untold in (stale, silent):
        assert untold.news == (PLACED, CANCELLED)
        assert untold.fresh == ()
        assert untold.order.told == ("OrderPlaced", "OrderCancelled")
    assert tell(silent.order, silent=False, received_at=CANCELLED.at).news == ()


def test_a_milestone_is_fresh_for_a_day() -> None:
    order = Order(shop_id="main", order_id="A-1", member_id="1001", milestones=(PLACED,))
    assert tell(order, silent=False, received_at=PLACED.at + STALE_AFTER).fresh == (PLACED,)
    assert tell(order, silent=False, received_at=PLACED.at + STALE_AFTER + timedelta(seconds=1)).fresh == ()


def test_nothing_new_is_no_write() -> None:
    event = partial(cancelled=False, parcels=0)[0]
    order = apply_order(None, event.change, "main", event.as_of)
    assert apply_order(order, event.change, "main", event.as_of) is None
    assert order is not None
    assert order_writes(order, order) == []


# members


@given(st.permutations([1, 2, 3]))
def test_the_newest_profile_wins(order: list[int]) -> None:
    member: Member | None = None
    for n in order:
        change = MemberChange(member_id="1001", family_name=f"name-{n}", birthday=Birthday(n, n))
        member = apply_member(member, change, "main", after(minutes=n)) or member
    assert member is not None
    assert (member.family_name, member.birthday, member.profile_as_of) == ("name-3", Birthday(3, 3), after(minutes=3))


def test_an_event_that_does_not_speak_of_a_field_leaves_it() -> None:
    known = made.member(birthday=Birthday(12, 24))
    changed = apply_member(known, MemberChange(member_id="1001", family_name="新姓"), "main", NOON)
    assert changed is not None
    assert (changed.given_name, changed.birthday, changed.version) == ("さくら", Birthday(12, 24), 2)


def test_a_withdrawn_member_comes_back_only_by_a_newer_event_an_erased_one_never() -> None:
    withdrawn = apply_member(made.member(), MemberChange(member_id="1001", state=MemberState.WITHDRAWN), "main", NOON)
    back = MemberChange(member_id="1001", state=MemberState.ACTIVE)
    late = apply_member(withdrawn, back, "main", after(seconds=-1))
    assert late is not None
    assert (late.state, late.joined) == (MemberState.WITHDRAWN, True)
    returned = apply_member(withdrawn, back, "main", after(seconds=1))
    assert returned is not None
    assert returned.state is MemberState.ACTIVE
    erased = apply_member(returned, MemberChange(member_id="1001", state=MemberState.ERASED), "main", after(seconds=2))
    assert apply_member(erased, back, "main", after(days=1)) is None
    assert apply_points(erased, PointsChange(member_id="1001", balance=5), "main", after(days=1)) is None


# points

DAYS = [date(2026, 11, 24) + timedelta(days=n) for n in range(6)]
lots = st.lists(st.builds(PointLot, st.sampled_from(DAYS), st.integers(0, 500)), max_size=6).map(tuple)
point_changes = st.one_of(
    st.builds(
        lambda b, lot: PointsChange(member_id="1001", balance=b, lots=lot), st.integers(0, 900), st.none() | lots
    ),
    st.builds(
        lambda p, on: PointsChange(member_id="1001", granted=p, granted_lot=PointLot(on, p)),
        st.integers(1, 500),
        st.sampled_from(DAYS),
    ),
)
member_states = st.sampled_from([MemberState.ACTIVE, MemberState.ACTIVE, MemberState.WITHDRAWN, MemberState.ERASED])


@given(st.lists(st.tuples(st.one_of(point_changes, member_states), st.integers(-3, 9)), max_size=8))
def test_the_date_index_is_always_what_the_member_says(story: list[tuple[PointsChange | MemberState, int]]) -> None:
    """Kept by the same commits, over grants, whole pictures, withdrawal and return, in any order of versions."""
    store = MemoryStore()
    member: Member | None = None
    for change, hour in story:
        before = member
        if isinstance(change, MemberState):
            changed = apply_member(before, MemberChange(member_id="1001", state=change), "main", after(hours=hour))
        else:
            changed = apply_points(before, change, "main", after(hours=hour))
        if changed is None:
            continue
        member = changed
        writes = member_writes(before, member)
        assert len(writes) < MAX_WRITES
        assert isinstance(store.commit(writes), Committed)
        expected = {lot.expires_on: lot.points for lot in member.lots} if member.state is MemberState.ACTIVE else {}
        assert {row.expires_on: row.points for row in store.all_of(ExpiringPoints)} == expected
        assert all(member.points_expiring(on) == points for on, points in expected.items())


def test_a_whole_picture_follows_versions_and_a_grant_adds() -> None:
    picture = PointsChange(member_id="1001", balance=100, lots=(PointLot(DAYS[1], 100),))
    member = apply_points(None, picture, "main", after(hours=1))
    assert apply_points(member, PointsChange(member_id="1001", balance=5, lots=()), "main", NOON) is None
    granted = PointsChange(member_id="1001", granted=20, granted_lot=PointLot(DAYS[1], 20))
    member = apply_points(member, granted, "main", NOON)
    assert member is not None
    assert (member.points, member.lots) == (120, (PointLot(DAYS[1], 120),))


@pytest.mark.parametrize(
    "change",
    [
        PointsChange(member_id="1001", balance=250),
        PointsChange(member_id="1001", taken=150),
    ],
)
def test_points_that_are_gone_no_longer_end(change: PointsChange) -> None:
    """Without this a member who has used everything is told that 100 points are about to end."""
    lots = (PointLot(DAYS[1], 100), PointLot(DAYS[2], 300))
    before = apply_points(None, PointsChange(member_id="1001", balance=400, lots=lots), "main", NOON)
    member = apply_points(before, change, "main", after(hours=1))
    assert member is not None
    assert (member.points, member.lots) == (250, (PointLot(DAYS[2], 250),))
    emptied = apply_points(member, PointsChange(member_id="1001", balance=0), "main", after(hours=2))
    assert emptied is not None
    assert (emptied.points, emptied.lots) == (0, ())


def test_lots_that_are_over_make_room() -> None:
    """A shop that only ever sends grants must not fill the index with the past."""
    member: Member | None = None
    for n in range(MAX_LOTS * 2):
        on = date(2026, 11, 24) + timedelta(days=n)
        change = PointsChange(member_id="1001", granted=1, granted_lot=PointLot(on, 1))
        member = apply_points(member, change, "main", after(days=n))
    assert member is not None
    assert [lot.expires_on for lot in member.lots] == [date(2026, 11, 24) + timedelta(days=MAX_LOTS * 2 - 1)]


def test_a_member_keeps_the_nearest_dates_and_fits_one_transaction() -> None:
    first = tuple(PointLot(date(2027, 1, 1) + timedelta(days=n), 1) for n in range(99))
    second = tuple(PointLot(lot.expires_on + timedelta(days=200), 1) for lot in first)
    before = apply_points(None, PointsChange(member_id="1001", balance=99, lots=first), "main", NOON)
    after_all = apply_points(before, PointsChange(member_id="1001", balance=99, lots=second), "main", NOON)
    assert before is not None
    assert after_all is not None
    assert before.lots == first[:MAX_LOTS]
    assert len(member_writes(before, after_all)) + 10 < MAX_WRITES


@pytest.mark.parametrize("points", [0, -5])
def test_an_empty_lot_is_no_lot(points: int) -> None:
    change = PointsChange(member_id="1001", balance=0, lots=(PointLot(DAYS[3], points),))
    member = apply_points(None, change, "main", NOON)
    assert member is not None
    assert member.lots == ()


def test_an_erased_member_leaves_only_a_tombstone() -> None:
    known = Member(
        shop_id="main", member_id="1", family_name="青葉", birthday=Birthday(2, 3), points=9, profile_as_of=NOON
    )
    gone = apply_member(known, MemberChange(member_id="1", state=MemberState.ERASED), "main", after(minutes=1))
    assert gone is not None
    left = Member(shop_id="main", member_id="1", state=MemberState.ERASED, profile_as_of=after(minutes=1), version=2)
    assert gone == left


def test_a_birthday_that_the_shop_takes_back_is_gone_and_one_it_does_not_mention_stays() -> None:
    known = Member(shop_id="main", member_id="1", birthday=Birthday(2, 3), profile_as_of=NOON)
    kept = apply_member(known, MemberChange(member_id="1", given_name="蓮"), "main", after(minutes=1))
    taken = apply_member(known, MemberChange(member_id="1", birthday_withdrawn=True), "main", after(minutes=1))
    assert kept is not None
    assert kept.birthday == Birthday(2, 3)
    assert taken is not None
    assert taken.birthday is None
