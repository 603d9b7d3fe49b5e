"""A sender's own JSON (ecforce's templates here), through the demo shop's mapping file to messages and facts."""

from __future__ import annotations

import pytest

from musubi.domain.people import Birthday, MemberState
from musubi.domain.store_keys import OrderKey
from tests.support.flows_world import World, at
from tests.support.platform_flows import day, member, row, send

ORDER = OrderKey("main", "30012")


@pytest.fixture
def world() -> World:
    made = World()
    made.given_linked()
    return made


@pytest.mark.shows("mapping", "order")
def test_an_order_is_thanked_for(world: World) -> None:
    send(world, "mapping", "ecforce_order_completed")
    (thanks,) = world.line.accepted
    assert thanks.text.startswith("結城様、ご注文ありがとうございます。\nご注文番号：EC2026112400012")
    assert row(world, ORDER).total_yen == 4980
    world.check()


def test_a_repeat_and_the_first_payments_notice_change_nothing(world: World) -> None:
    send(world, "mapping", "ecforce_order_completed")
    send(world, "mapping", "ecforce_order_completed")
    send(world, "mapping", "ecforce_order_completed", order_completed="order_complete")
    assert len(world.line.accepted) == 1


@pytest.mark.shows("mapping", "shipping")
def test_one_body_tells_of_the_parcel_and_of_the_order(world: World) -> None:
    send(world, "mapping", "ecforce_order_completed")
    world.to("2026-11-25T16:21")
    send(world, "mapping", "ecforce_order_shipped")
    notice = world.line.accepted[-1]
    assert "配送会社：佐川急便\nお問い合わせ番号：501234567894" in notice.text
    assert row(world, ORDER).has("OrderShipped")
    world.check()


@pytest.mark.shows("mapping", "cancel")
def test_a_cancelled_order_is_not_followed_up(world: World) -> None:
    send(world, "mapping", "ecforce_order_completed")
    world.to("2026-11-24T18:01")
    send(world, "mapping", "ecforce_order_canceled")
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert [one.scenario for one in world.sends()] == ["order_thanks"]
    assert row(world, ORDER).has("OrderCancelled")


@pytest.mark.shows("mapping", "member")
@pytest.mark.shows("mapping", "birthday")
def test_a_members_birthday_is_read_and_congratulated(world: World) -> None:
    send(world, "mapping", "ecforce_customer_member", **{"1992/12/24": "1992/11/25"})
    known = member(world)
    assert (known.family_name, known.given_name, known.birthday) == ("結城", "さくら", Birthday(11, 25, 1992))
    day(world, "2026-11-25")
    (wish,) = world.line.accepted
    assert wish.at == at("2026-11-25T10:00")
    assert "お誕生日おめでとうございます" in wish.text


def test_nothing_is_sent_to_a_member_who_withdrew(world: World) -> None:
    send(world, "mapping", "ecforce_customer_cancel")
    send(world, "mapping", "ecforce_order_completed")
    assert world.line.accepted == []
    assert member(world).state is MemberState.WITHDRAWN


def test_what_no_rule_fits_is_kept_and_what_is_no_amount_put_aside(world: World) -> None:
    send(world, "mapping", "unmapped")
    send(world, "mapping", "total_fraction")
    ((_, reason, _),) = world.quarantine.kept
    assert reason == "data.totals.grand: a fraction of a yen"
    assert world.line.accepted == []
