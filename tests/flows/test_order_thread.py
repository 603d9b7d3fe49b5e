"""order → thank-you, 発送通知, follow-up on day five at ten; and what ends or silences them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from musubi.domain.scenario import EnrolmentState
from musubi.usecases import run_due_steps
from tests.support.flows_acts import MEMBER
from tests.support.flows_world import World, at


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


def test_an_order_from_the_cart_to_the_fifth_day(world: World) -> None:
    world.placed()
    world.paid()
    world.settle()
    world.shipped()
    world.settle()
    world.to("2026-11-29T09:59")
    world.tick()
    world.settle()
    assert len(world.line.accepted) == 2
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    thanks, notice, followup = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。\nご注文番号：#A-1")
    assert "配送会社：ヤマト運輸\nお問い合わせ番号：123456789012" in notice.text
    assert notice.messages[1]["template"]["actions"][0]["uri"].endswith("id=123456789012")
    assert followup.text.startswith("結城様、先日はご注文（#A-1）")
    assert {one.how for one in world.line.accepted} == {"push"}
    assert all(one.key == send.send_id for one, send in zip(world.line.accepted, world.sends(), strict=True))
    world.check()


@pytest.mark.parametrize("hour", ["00:00", "09:30", "10:30", "23:58"])
def test_the_follow_up_is_due_at_ten_whatever_the_hour_of_the_purchase(hour: str) -> None:
    world = World()
    world.to(f"2026-11-25T{hour}")
    world.given_linked()
    world.placed()
    world.settle()
    world.to("2026-11-30T10:00")
    world.tick()
    world.settle()
    assert world.send("order_followup").due_at == at("2026-11-30T10:00")


def test_a_cancelled_order_is_not_followed_up(world: World) -> None:
    world.placed()
    world.settle()
    world.cancelled()
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert [s.scenario for s in world.sends()] == ["order_thanks"]
    ended = {e.scenario: (e.state, e.ended_reason) for e in world.enrolments()}
    assert ended["order_followup"] == (EnrolmentState.EXITED, "OrderCancelled")
    world.check()


def test_a_cancellation_stops_a_message_that_waits(world: World) -> None:
    world.stop()
    world.placed()
    world.settle()
    world.cancelled()
    world.settle()
    world.resume()
    world.sweep()
    world.settle()
    assert world.verdict("order_thanks") == ("skipped", "exited:OrderCancelled")
    assert world.line.accepted == []


def test_a_cancellation_that_arrives_two_days_late_still_stops_the_follow_up(world: World) -> None:
    world.placed()
    world.settle()
    then = world.now
    world.pass_time(days=2)
    world.shop("OrderCancelled", {"order_id": "A-1", "cancelled_at": then.isoformat()}, at=then)
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert [s.scenario for s in world.sends()] == ["order_thanks"]


def test_cancelled_before_placed_says_nothing_at_all(world: World) -> None:
    placed = world.now.isoformat()
    world.pass_time(minutes=1)
    world.cancelled()
    world.settle()
    world.shop("OrderPlaced", {"order_id": "A-1", "member_id": MEMBER, "placed_at": placed})
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert world.sends() == []
    assert {e.ended_reason for e in world.enrolments()} == {"OrderCancelled"}


def test_a_shipment_before_its_order_is_told_when_the_order_is_known(world: World) -> None:
    world.shipped()
    world.settle()
    assert world.sends() == []
    world.placed()
    world.settle()
    assert sorted(s.scenario for s in world.sends()) == ["order_thanks", "shipping_notice"]
    world.check()


def test_every_parcel_is_told_once(world: World) -> None:
    world.placed()
    for parcel in ("P-1", "P-2", "P-1"):
        world.shipped(parcel=parcel)
    world.settle()
    assert sorted(s.key_value for s in world.sends("shipping_notice")) == ["A-1/P-1", "A-1/P-2"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_events_of_an_order_in_any_order(order: tuple[int, ...]) -> None:
    world = World()
    world.given_linked()
    events = [world.placed, world.paid, world.shipped, lambda: world.shipped(parcel="P-2")]
    for n in order:
        events[n]()
    world.settle()
    assert sorted(s.scenario for s in world.sends()) == ["order_thanks", "shipping_notice", "shipping_notice"]
    assert {s.state.value for s in world.sends()} == {"accepted"}
    world.check()


def test_the_same_order_by_webhook_and_bus_is_thanked_once(world: World) -> None:
    data = {"order_id": "A-1", "order_number": "#A-1", "member_id": MEMBER, "placed_at": world.now.isoformat()}
    world.shop("OrderPlaced", data, event_id="e-1")
    world.on_bus("OrderPlaced", data, "bus-1")
    world.on_bus("OrderPlaced", data, "bus-1")
    world.settle()
    assert len(world.line.accepted) == 1
    world.check()


def test_one_id_with_two_contents_keeps_the_first(world: World) -> None:
    placed = {"order_id": "A-1", "member_id": MEMBER, "placed_at": world.now.isoformat()}
    world.shop("OrderPlaced", placed, event_id="e-1")
    world.shop("OrderPlaced", {**placed, "order_id": "A-2"}, event_id="e-1")
    world.settle()
    assert [s.key_value for s in world.sends()] == ["A-1"]


@pytest.mark.parametrize("more", [{"is_test": True}, {"is_backfill": True}])
def test_test_orders_and_backfills_say_nothing(world: World, more: dict[str, Any]) -> None:
    world.placed(**more)
    world.shipped(**more)
    world.settle()
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert world.sends() == []
    world.paid()
    world.settle()
    assert world.sends() == []


def test_an_order_that_is_a_day_old_says_nothing(world: World) -> None:
    then = world.now
    world.pass_time(hours=24, minutes=1)
    world.shop("OrderPlaced", {"order_id": "A-1", "member_id": MEMBER, "placed_at": then.isoformat()}, at=then)
    world.settle()
    assert world.sends() == []


def test_another_members_name_on_a_known_order_changes_nobody(world: World) -> None:
    """The stored order's member wins, also for the scenarios that its cancellation ends."""
    world.placed()
    world.settle()
    world.cancelled(event_id="e-9")
    world.shop("OrderCancelled", {"order_id": "A-1", "member_id": "9999", "cancelled_at": world.now.isoformat()})
    world.settle()
    assert {e.person for e in world.enrolments()} == {"m:main/1001"}
    assert world.errors == []


def test_a_broken_item_never_blocks_the_head_of_its_shard(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five failures and it goes to quarantine; the others of the page are run every time."""
    world.placed("BAD")
    world.settle()
    for n in range(30):
        world.placed(f"O-{n}")
    world.settle()
    real = run_due_steps._progress

    def breaks(enrolment, loaded, deps):  # type: ignore[no-untyped-def]
        if enrolment.key_value == "BAD":
            raise ZeroDivisionError
        return real(enrolment, loaded, deps)

    monkeypatch.setattr(run_due_steps, "_progress", breaks)
    world.to("2026-11-29T10:04")
    world.tick()
    world.drain()
    assert len(world.sends("order_followup")) == 30
    for _ in range(4):
        world.pass_time(minutes=1)
        world.tick()
    assert [(source, reason) for source, reason, _ in world.quarantine.kept] == [("due_steps", "ZeroDivisionError")]
    assert world.restless() == []
    ended = {e.key_value: e.state for e in world.enrolments() if e.scenario == "order_followup"}
    assert ended["BAD"] is EnrolmentState.QUARANTINED


def test_a_queue_that_is_away_for_an_hour_loses_no_held_message(world: World) -> None:
    """What passes by itself is no fault of the item and never ends in quarantine."""
    world.placed()
    world.settle()
    world.to("2026-11-29T21:30")
    world.tick()
    world.settle()
    world.to("2026-11-30T09:10")
    world.queue_down = True
    for _ in range(60):
        world.tick()
        world.pass_time(minutes=1)
    world.queue_down = False
    world.tick()
    world.settle()
    assert world.quarantine.kept == []
    assert world.verdict("order_followup") == ("accepted", "accepted")
