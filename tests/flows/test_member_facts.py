"""Rank, consent, merges, carts, bookings and subscriptions of a member, from events to what is stored and sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from musubi.adapters.content import FileCatalog
from musubi.domain.changes import CartState, ReservationState, SubscriptionState
from musubi.domain.people import Member, MemberState
from musubi.domain.person import PersonView
from musubi.domain.scenario import EventEntry, KeyKind, Scenario
from musubi.domain.store_keys import CartKey, LinkOfMemberKey, MemberKey
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World

OTHER_USER = "U" + "b" * 32


class Told(FileCatalog):
    """The demo's catalogue, and one scenario more that begins with `event`."""

    def __init__(self, event: str) -> None:
        super().__init__()
        base = next(s for s in super().scenarios() if s.id == "order_thanks")
        first = replace(base.steps[0], template="point_expiry") if event == "MemberRankChanged" else base.steps[0]
        self._more = replace(base, id="news", entry=EventEntry(event, KeyKind.EVENT), exits=(), steps=(first,))

    def scenarios(self) -> list[Scenario]:
        return [*super().scenarios(), self._more]


def world_of(event: str) -> World:
    world = World(catalog=Told(event))
    world.given_linked()
    return world


@pytest.fixture
def world() -> World:
    made = World(shop_hosts=frozenset({"shop.example.jp"}))
    made.given_linked()
    return made


def me(world: World, member: str = MEMBER) -> PersonView:
    return world.store.person(MemberKey("main", member))


def known(world: World, member: str = MEMBER) -> Member:
    found = me(world, member).member
    assert found is not None
    return found


def ranks(world: World, *names: str, **more: Any) -> None:
    for name in names:
        profile = {"rank": {"code": name, "name": name.upper()}}
        world.shop("MemberUpdated", {"member_id": MEMBER, "profile": profile, **more})
    world.settle()


# rank


def test_a_snapshot_with_another_rank_begins_the_scenario_once() -> None:
    world = world_of("MemberRankChanged")
    ranks(world, "regular")
    assert [e.scenario for e in world.enrolments()] == []
    ranks(world, "silver", "silver")
    world.shop("MemberRankChanged", {"member_id": MEMBER, "to": {"code": "silver", "name": "SILVER"}})
    world.settle()
    (begun,) = world.enrolments()
    assert begun.facts == {"rank.name": "SILVER", "rank.direction": "unknown"}
    world.shop("MemberRankChanged", {"member_id": MEMBER, "to": {"code": "gold", "name": "GOLD"}, "direction": "up"})
    ranks(world, "gold")
    assert [e.facts["rank.direction"] for e in world.enrolments()] == ["unknown", "up"]
    assert known(world).rank is not None


def test_a_rank_that_arrives_late_or_from_an_import_says_nothing() -> None:
    world = world_of("MemberRankChanged")
    ranks(world, "regular")
    ranks(world, "silver", is_backfill=True)
    ranks(world, "gold", is_test=True)
    world.shop("MemberRankChanged", {"member_id": MEMBER, "to": "bronze", "version": "2026-11-01T00:00:00Z"})
    world.settle()
    assert world.enrolments() == []


# registered


def test_a_member_is_welcomed_once_however_the_news_come() -> None:
    world = world_of("MemberRegistered")
    registered = {"member_id": MEMBER, "registered_at": world.now.isoformat()}
    world.shop("MemberUpdated", {"member_id": MEMBER, "name": "結城"})
    world.shop("MemberRegistered", {**registered, "version": "2026-11-24T00:00:00Z"})
    world.shop("MemberRegistered", registered)
    world.settle()
    assert len(world.enrolments()) == 1
    assert known(world).joined


def test_who_registered_long_ago_is_not_welcomed() -> None:
    world = world_of("MemberRegistered")
    world.shop("MemberRegistered", {"member_id": MEMBER, "registered_at": "2020-01-01T00:00:00Z"})
    world.shop("MemberRegistered", {"member_id": MEMBER, "registered_at": world.now.isoformat(), "is_backfill": True})
    world.settle()
    assert world.enrolments() == []


# consent


def consent(world: World, state: str) -> None:
    said = {"channel": "line", "purpose": "marketing", "state": state, "at": world.now.isoformat()}
    world.shop("MemberConsentChanged", {"member_id": MEMBER, "consent": said})
    world.settle()


def test_a_refusal_at_the_shop_stops_promotion_and_nothing_else(world: World) -> None:
    world.placed()
    world.settle()
    consent(world, "refused")
    world.shipped()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert world.verdict("shipping_notice") == ("accepted", "accepted")
    assert world.verdict("order_followup") == ("skipped", "consent_member")
    world.check()


def test_who_allows_it_again_gets_it_again(world: World) -> None:
    consent(world, "refused")
    consent(world, "granted")
    world.placed()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert world.verdict("order_followup") == ("accepted", "accepted")


# merges


def merged(world: World, kept: str = "2002", removed: str = MEMBER, **more: Any) -> None:
    world.shop("MemberMerged", {"kept_id": kept, "removed_id": removed, **more})
    world.settle()


LINES = [{"product_id": "P-1", "title": "どら焼き", "quantity": 2, "categories": ["和菓子"]}]


def test_link_purchases_and_refusals_go_to_the_member_kept(world: World) -> None:
    consent(world, "refused")
    world.placed("A-1", lines=LINES, total=480)
    world.placed("B-1", "2002", lines=LINES, total=960)
    world.settle()
    merged(world)
    view = me(world, "2002")
    assert view.member is not None
    assert view.member.refuses("line", "marketing")
    assert view.link is not None
    assert view.link.user_id == USER
    assert (world.link(), view.activity and view.activity.purchases.yen) == (
        replace(view.link.mirrored(), version=2),
        1440,
    )
    assert [(row.ref, row.tally.count, row.tally.quantity) for row in view.products] == [("P-1", 2, 4)]
    gone = me(world)
    assert gone == PersonView(member=gone.member)
    assert (known(world).state, known(world).merged_into) == (MemberState.ERASED, "2002")
    world.sweep()
    facts = [(f.type, f.data["member_id"], f.data.get("reason")) for f in world.bus.published]
    assert ("LinkEnded", MEMBER, "merged") in facts
    assert ("LinkMade", "2002", None) in facts
    merged(world)
    assert me(world, "2002") == view


def test_what_still_speaks_of_the_removed_member_is_the_kept_ones(world: World) -> None:
    world.placed("A-1", lines=LINES, total=480)
    world.settle()
    merged(world)
    world.placed("A-2", lines=LINES, total=480)
    world.cancelled("A-1")
    world.shop("MemberUpdated", {"member_id": MEMBER, "name": "結城"})
    world.settle()
    view = me(world, "2002")
    assert view.activity is not None
    assert (view.activity.purchases.count, view.activity.cancelled) == (1, 1)
    assert world.verdict("order_thanks", key_value="A-2") == ("accepted", "accepted")
    assert world.send("order_thanks", key_value="A-2").person == "m:main/2002"
    assert me(world).activity is None
    world.check()


def test_a_member_who_was_merged_twice_is_still_found(world: World) -> None:
    world.placed("A-1", total=480)
    world.settle()
    merged(world)
    merged(world, kept="3003", removed="2002")
    world.placed("A-2", total=480)
    world.settle()
    view = me(world, "3003")
    assert view.activity is not None
    assert (view.activity.purchases.count, view.activity.purchases.yen) == (2, 960)
    assert world.send("order_thanks", key_value="A-2").person == "m:main/3003"
    world.check()


@pytest.mark.parametrize("newer", [MEMBER, "2002"])
def test_of_two_links_the_newest_stays(newer: str) -> None:
    world = World()
    world.given_linked()
    world.given_friend(OTHER_USER)
    users = {MEMBER: USER, "2002": OTHER_USER}
    world.account_linked(world.logs_in("2002"), OTHER_USER)
    world.settle()
    if newer == MEMBER:
        world.account_linked(world.logs_in(MEMBER), USER)
        world.says("連携解除", USER)
        world.account_linked(world.logs_in(MEMBER), USER)
        world.settle()
    merged(world)
    link = world.store.load([key := LinkOfMemberKey("main", "2002")]).get(key)
    assert link is not None
    assert link.user_id == users[newer]
    other = next(user for user in users.values() if user != users[newer])
    assert world.link(other) is None
    assert world.store.ended_links(other)[-1].reason == "merged"
    world.check()


def test_an_erased_member_does_not_come_back_by_another_record(world: World) -> None:
    world.shop("MemberDeleted", {"member_id": "2002"})
    merged(world)
    assert known(world, "2002").state is MemberState.ERASED
    assert known(world).merged_into == "2002"
    assert world.link() is None


# carts


def cart(world: World, kind: str = "CheckoutUpdated", checkout: str = "c-1", **more: Any) -> None:
    data = {"checkout_id": checkout, "member_id": MEMBER, "lines": LINES, "total": 480, **more}
    world.shop(kind, data)
    world.settle()


def test_an_open_cart_with_the_way_back_into_it(world: World) -> None:
    cart(world, "CheckoutStarted", recovery_url="https://shop.example.jp/cart/c-1")
    (found,) = me(world).carts
    assert (found.total_yen, found.recovery_url) == (480, "https://shop.example.jp/cart/c-1")
    assert [line.title for line in found.lines] == ["どら焼き"]
    activity = me(world).activity
    assert activity is not None
    assert activity.events["CheckoutStarted"].count == 1


@pytest.mark.parametrize(
    "url",
    ["http://shop.example.jp/c", "https://evil.example/c", "https://shop.example.jp@evil.example/",
     "https://shop.example.jp:8443/", "https://evil.example\\.shop.example.jp/", "javascript:alert(1)",
     "https://shop.example.jp.evil.example/", "https://[", ""],
)  # fmt: skip
def test_a_link_that_leads_elsewhere_is_left_out(world: World, url: str) -> None:
    cart(world, recovery_url=url)
    assert me(world).carts[0].recovery_url is None


@pytest.mark.parametrize("by_checkout", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_an_order_completes_the_cart_whichever_comes_first(world: World, by_checkout: bool, late: bool) -> None:
    begun = world.now
    data = {"checkout_id": "c-1", "lines": LINES, **({} if by_checkout else {"member_id": MEMBER})}
    started = ("CheckoutStarted", data)
    if not late:
        world.shop(*started, at=begun)
        world.settle()
    world.pass_time(minutes=5)
    world.placed("A-1", **({"checkout_id": "c-1"} if by_checkout else {}))
    world.settle()
    if late:
        world.shop(*started, at=begun)
        world.settle()
    stored = world.store.load([key := CartKey("main", "c-1")]).get(key)
    assert stored is not None
    assert stored.state is CartState.COMPLETED
    assert stored.order_id == ("A-1" if by_checkout else None)
    view = me(world)
    assert view.carts == ()
    assert view.activity is not None
    assert view.activity.carts == ()
    cart(world)
    # One that goes on after another order of its member is open again; one that became an order never is.
    assert len(me(world).carts) == (0 if by_checkout else 1)


def test_a_cart_that_gets_its_member_late_is_listed(world: World) -> None:
    world.shop("CheckoutStarted", {"checkout_id": "c-1", "lines": LINES})
    world.settle()
    assert me(world).carts == ()
    cart(world)
    assert [c.checkout_id for c in me(world).carts] == ["c-1"]


def test_the_five_newest_carts_are_kept(world: World) -> None:
    for n in range(8):
        cart(world, checkout=f"c-{n}")
    assert [c.checkout_id for c in me(world).carts] == ["c-3", "c-4", "c-5", "c-6", "c-7"]


# bookings, subscriptions


def test_a_booking_made_moved_and_cancelled_in_any_order(world: World) -> None:
    booking = {"reservation_id": "b-1", "start_at": "2026-12-01T10:00:00+09:00", "service": "カット"}
    world.shop("ReservationCancelled", {"reservation_id": "b-1", "version": "2026-11-24T03:02:00Z"})
    world.shop("ReservationMade", {**booking, "member_id": MEMBER, "version": "2026-11-24T03:00:00Z"})
    world.shop("ReservationChanged", {**booking, "version": "2026-11-24T03:01:00Z"})
    world.settle()
    (found,) = me(world).reservations
    assert (found.state, found.service) == (ReservationState.CANCELLED, "カット")
    assert found.start_at is not None
    activity = me(world).activity
    assert activity is not None
    assert {name: tally.count for name, tally in activity.events.items()} == {
        "ReservationMade": 1,
        "ReservationCancelled": 1,
    }


def test_a_subscription_as_last_described(world: World) -> None:
    world.shop(
        "SubscriptionStarted",
        {"subscription_id": "s-1", "member_id": MEMBER, "next_date": "2026-12-24", "amount": 2980},
    )
    world.shop("SubscriptionPaymentFailed", {"subscription_id": "s-1", "version": "2026-11-24T03:30:00Z"})
    world.shop(
        "SubscriptionSkipped", {"subscription_id": "s-1", "next_date": "2027-01-24", "version": "2026-11-24T03:40:00Z"}
    )
    world.shop(
        "SubscriptionRenewed", {"subscription_id": "s-1", "next_date": "2026-12-25", "version": "2026-11-24T03:10:00Z"}
    )
    world.settle()
    (found,) = me(world).subscriptions
    assert (found.state, str(found.next_on), found.amount_yen) == (SubscriptionState.FAILED, "2027-01-24", 2980)
    activity = me(world).activity
    assert activity is not None
    assert activity.events["SubscriptionPaymentFailed"].count == 1


# points of shops that tell a balance alone; expiry that moves


def points(world: World, **data: Any) -> None:
    world.shop("PointsBalanceChanged", {"member_id": MEMBER, **data})
    world.settle()


def test_a_shop_that_only_tells_balances_has_no_expiry(world: World) -> None:
    points(world, balance=500)
    points(world, balance=300)
    assert (known(world).points, known(world).lots) == (300, ())
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    assert world.sends() == []


def test_an_expiry_that_moved_is_told_for_the_new_day_alone(world: World) -> None:
    """Planned for a day on which the points no longer end: asked again when it is due, and left unsaid."""
    points(world, balance=500, lots=[{"points": 500, "expires_at": "2026-11-26"}])
    world.to("2026-11-25T06:00")
    world.daily()
    world.settle()
    points(world, balance=500, lots=[{"points": 500, "expires_at": "2026-12-26"}])
    world.to("2026-11-25T12:30")
    world.tick()
    world.settle()
    assert world.line.accepted == []
    world.to("2026-11-26T06:00")
    world.daily()
    world.to("2026-11-26T12:30")
    world.tick()
    world.settle()
    assert [one.text for one in world.line.accepted if "12月26日" in one.text] == [
        one.text for one in world.line.accepted
    ]
    assert len(world.line.accepted) == 1
