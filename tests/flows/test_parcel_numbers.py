"""Tracking numbers often come minutes after the dispatch: the notice waits ten of them, and no longer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from musubi.domain.scenario import EnrolmentState
from tests.support.flows_acts import USER
from tests.support.flows_world import World

NUMBER = "4123-4567-8905"


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    made.placed()
    made.settle()
    return made


def parcel(world: World, kind: str = "ShipmentDispatched", numbers: tuple[str, ...] = ()) -> None:
    shipment = {"shipment_id": "P-1", "carrier": "ヤマト運輸", "tracking_numbers": list(numbers)}
    world.shop(kind, {"order_id": "A-1", "shipment": shipment})
    world.settle()


def wait(world: World, minutes: int) -> None:
    world.pass_time(minutes=minutes)
    world.tick()
    world.settle()


def notices(world: World) -> list[dict[str, Any]]:
    """Messages of the notices that LINE took, in one list."""
    sent = [one for one in world.sends("shipping_notice") if one.state.value == "accepted"]
    return [message for one in sent for message in json.loads(one.messages or "[]")]


def test_with_a_number_it_goes_at_once(world: World) -> None:
    parcel(world, numbers=(NUMBER,))
    text, link = notices(world)
    assert NUMBER.replace("-", "") in text["text"].replace("-", "")
    assert link["type"] == "template"


def test_a_number_that_comes_within_ten_minutes_is_in_it(world: World) -> None:
    parcel(world)
    wait(world, 4)
    parcel(world, "ShipmentTrackingUpdated", (NUMBER,))
    assert notices(world) == []
    wait(world, 7)
    text, link = notices(world)
    assert NUMBER.replace("-", "") in text["text"].replace("-", "")
    assert link["template"]["actions"][0]["uri"].startswith("https://")
    wait(world, 60)
    assert len(notices(world)) == 2
    world.check()


def test_without_one_it_goes_after_ten_minutes_with_no_link(world: World) -> None:
    parcel(world)
    wait(world, 9)
    assert notices(world) == []
    wait(world, 2)
    (text,) = notices(world)
    assert "お問い合わせ番号：-" in text["text"]
    parcel(world, "ShipmentTrackingUpdated", (NUMBER,))
    wait(world, 60)
    assert len(notices(world)) == 1, "a number that comes later is known, and told to nobody"
    world.check()


def test_a_parcel_of_an_order_that_is_cancelled_meanwhile_is_not_told_of(world: World) -> None:
    parcel(world)
    wait(world, 4)
    world.cancelled()
    world.settle()
    wait(world, 60)
    assert notices(world) == []
    (waiting,) = [one for one in world.enrolments() if one.scenario == "shipping_notice"]
    assert (waiting.state, waiting.ended_reason) == (EnrolmentState.EXITED, "OrderCancelled")


def test_a_parcel_that_was_found_late_does_not_wait_again(world: World) -> None:
    shipment = {"shipment_id": "P-1", "shipped_at": world.now.isoformat()}
    world.pass_time(minutes=30)
    world.shop("ShipmentDispatched", {"order_id": "A-1", "shipment": shipment})
    world.settle()
    assert len(notices(world)) == 1
    assert {one.user_id for one in world.sends("shipping_notice")} == {USER}
