"""Erasing and exporting people, from the shop's event to the last row, whatever fails on the way."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from musubi.domain.activity import Activity
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Due, Fact, Seen
from musubi.domain.orders import Order
from musubi.domain.people import Friend, Link, LinkEnded, Member, MemberState
from musubi.domain.privacy import ConsentProof, PrivacyRequest, RequestKind, RequestState
from musubi.domain.scenario import Enrolment, EnrolmentState
from musubi.usecases import file_privacy
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_privacy import EARLIER_USER, OTHER_MEMBER, OTHER_USER, WORDS, dump, much_is_known
from tests.support.flows_world import World, person


@pytest.fixture
def world() -> World:
    made = World()
    much_is_known(made)
    return made


def asked(world: World, kind: str, **data: Any) -> None:
    world.shop(kind, {"request_id": "r-1", **data})
    world.settle()


def worked_off(world: World) -> None:
    """After the time in which somebody might still write."""
    world.pass_time(minutes=11)
    world.privacy()
    world.settle()


def request(world: World) -> PrivacyRequest:
    (found,) = [row for row in world.peek(PrivacyRequest) if row.parent is None]
    return found


def done_facts(world: World) -> list[Fact]:
    return [fact for fact in world.bus.published if fact.type == "ErasureDone"]


# a member


@pytest.mark.shows("cloudevents", "privacy")
def test_an_erased_member_is_found_nowhere(world: World) -> None:
    before = dump(world)
    assert [word for word in WORDS if word not in before] == []
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER, order_ids=["A-1001"])
    worked_off(world)
    after = dump(world)
    assert [word for word in WORDS if word in after] == []
    for kind in (Order, Cart, Reservation, Subscription, Activity, Link, LinkEnded, Due):
        assert world.peek(kind) == []
    (member,) = world.peek(Member)
    assert member == Member(
        shop_id="main",
        member_id=MEMBER,
        state=MemberState.ERASED,
        joined=True,
        profile_as_of=member.profile_as_of,
        points_as_of=member.points_as_of,
        version=member.version,
    )
    assert {row.user_id for row in world.peek(Friend)} == {USER, EARLIER_USER}
    done = request(world)
    assert (done.state, done.outcome, done.order_ids) == (RequestState.DONE, "erased", ())
    assert [fact.data["member_id"] for fact in done_facts(world)] == [MEMBER]
    world.check()


def test_nothing_ties_the_member_to_a_friend_but_facts_that_end_in_a_month(world: World) -> None:
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    for row in world.peek(object):
        if not isinstance(row, Fact):
            assert not (MEMBER in repr(row) and (USER in repr(row) or EARLIER_USER in repr(row))), row


def test_marks_keep_their_id_and_their_verdict(world: World) -> None:
    before = {row.send_id: row for row in world.sends() if row.person == person()}
    waiting = {row.enrolment_id for row in world.enrolments() if row.state is EnrolmentState.WAITING}
    assert len(before) >= 2
    assert waiting
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    for row in world.sends():
        if row.person == person():
            assert (row.state, row.reason) == (before[row.send_id].state, before[row.send_id].reason)
            assert (row.messages, row.facts, row.user_id, row.hint_user, row.key_value) == (None, {}, None, None, "")
    ended = {row.enrolment_id: row for row in world.enrolments()}
    assert {ended[one].state for one in waiting} == {EnrolmentState.EXITED}
    assert {ended[one].ended_reason for one in waiting} == {"erased"}


def test_from_the_event_on_nothing_is_sent(world: World) -> None:
    sent = len(world.line.accepted)
    world.shop("PersonalDataErasureRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.settle()
    world.placed("A-9")
    world.to("2026-11-29T10:04")
    world.tick()
    world.settle()
    assert len(world.line.accepted) == sent
    assert [(f.type, f.data["reason"]) for f in world.bus.published if f.type == "LinkEnded"][-1] == (
        "LinkEnded",
        "erased",
    )
    assert world.link() is None


def test_what_waits_for_the_end_of_quiet_hours_or_of_the_kill_switch_is_stopped(world: World) -> None:
    world.to("2026-11-29T21:30")
    world.tick()
    world.settle()
    assert world.send("order_followup").state is SendState.HELD
    world.stop()
    world.shipped("A-1001", "P-2")
    world.settle()
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    assert {row.state for row in world.sends() if row.person == person()} == {SendState.ACCEPTED, SendState.SKIPPED}
    assert world.peek(Due) == []
    world.resume()
    world.to("2026-11-30T09:30")
    world.tick()
    world.sweep()
    world.settle()
    assert all(row.messages is None for row in world.sends() if row.person == person())


def test_an_erased_member_never_comes_back_by_an_event(world: World) -> None:
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    known = {type(row) for row in world.peek(object)}
    later = world.now + timedelta(days=1)
    world.shop("MemberRegistered", {"member_id": MEMBER, "name": {"family": "結城"}}, at=later)
    world.shop("PointsBalanceChanged", {"member_id": MEMBER, "balance": 990011})
    world.placed("A-1001", lines=[{"title": "白桃ジャム", "product_id": "P-1", "quantity": 1}])
    world.shop("CheckoutStarted", {"checkout_id": "C-9", "member_id": MEMBER, "lines": [{"title": "ハーブティー"}]})
    world.shop("ReservationMade", {"reservation_id": "R-9", "member_id": MEMBER, "service": "ヘッドスパ"})
    world.settle()
    assert [word for word in WORDS if word in dump(world)] == []
    assert {type(row) for row in world.peek(object)} == known
    assert [row.verdict for row in world.peek(Seen)][-5:] == ["erased"] * 5


def test_a_login_that_was_under_way_links_nobody_to_an_erased_member(world: World) -> None:
    nonce = world.logs_in()
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    world.account_linked(nonce)
    world.settle()
    assert world.link() is None
    worked_off(world)
    assert world.peek(Link) == []


def test_others_keep_what_is_theirs(world: World) -> None:
    much_is_known(world, OTHER_MEMBER, OTHER_USER)
    kept = [row for row in world.peek(object) if OTHER_MEMBER in repr(row) and MEMBER not in repr(row)]
    assert len(kept) > 15
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    rows = world.peek(object)
    assert [row for row in kept if row not in rows and not isinstance(row, Fact)] == []


def test_the_proof_of_an_opt_in_by_mail_is_kept_three_years_and_says_no_name(world: World) -> None:
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    (proof,) = world.peek(ConsentProof)
    assert [(c.channel, c.purpose, c.allowed) for c in proof.consents] == [("email", "marketing", True)]
    assert proof.kept_until - world.now > timedelta(days=3 * 365)


def test_a_guest_is_erased_by_the_orders_that_the_shop_names(world: World) -> None:
    world.placed("G-1", None)
    world.settle()
    asked(world, "PersonalDataErasureRequested", order_ids=["G-1", "unheard-of"])
    worked_off(world)
    assert [order.order_id for order in world.peek(Order)] == ["A-1001"]
    assert request(world).state is RequestState.DONE


def test_a_request_that_comes_twice_is_one(world: World) -> None:
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    assert request(world).state is RequestState.DONE
    assert len(done_facts(world)) == 1


def test_who_was_merged_is_erased_under_every_number(world: World) -> None:
    world.placed("A-old", OTHER_MEMBER, lines=[{"product_id": "P-3", "title": "白桃ジャム", "quantity": 1}])
    world.settle()
    world.shop("MemberMerged", {"kept_id": MEMBER, "removed_id": OTHER_MEMBER})
    world.settle()
    gone = next(row for row in world.peek(Member) if row.member_id == OTHER_MEMBER)
    assert gone.merged_into == MEMBER
    asked(world, "PersonalDataErasureRequested", member_id=OTHER_MEMBER)
    worked_off(world)
    worked_off(world)
    assert world.peek(Order) == []
    assert [word for word in WORDS if word in dump(world)] == []
    assert {row.state for row in world.peek(PrivacyRequest)} == {RequestState.DONE}


# who leaves


def test_a_member_that_the_shop_deleted_is_erased(world: World) -> None:
    world.shop("MemberDeleted", {"member_id": MEMBER})
    world.settle()
    worked_off(world)
    assert [word for word in WORDS if word in dump(world)] == []
    assert (request(world).kind, request(world).outcome) == (RequestKind.ERASURE, "erased")


def test_who_withdrew_may_come_back_for_two_weeks_and_is_then_forgotten(world: World) -> None:
    world.shop("MemberWithdrawn", {"member_id": MEMBER})
    world.settle()
    assert world.link() is None
    worked_off(world)
    assert "結城" in dump(world)
    world.pass_time(days=14)
    world.privacy()
    world.settle()
    assert [word for word in WORDS if word in dump(world)] == []
    (member,) = world.peek(Member)
    assert (member.state, member.family_name) == (MemberState.WITHDRAWN, None)
    world.shop("MemberRegistered", {"member_id": MEMBER, "name": {"family": "新井"}})
    world.settle()
    (again,) = world.peek(Member)
    assert (again.state, again.family_name) == (MemberState.ACTIVE, "新井")


def test_who_came_back_in_time_keeps_everything(world: World) -> None:
    world.shop("MemberWithdrawn", {"member_id": MEMBER})
    world.settle()
    world.pass_time(days=3)
    world.shop("MemberRegistered", {"member_id": MEMBER})
    world.settle()
    world.pass_time(days=12)
    world.privacy()
    world.settle()
    assert request(world).outcome == "came_back"
    assert "白桃ジャム" in dump(world)
    assert done_facts(world) == []


# exports


def test_an_export_holds_everything_that_is_stored_of_a_member(world: World) -> None:
    asked(world, "PersonalDataRequested", member_id=MEMBER, order_ids=["A-1001"])
    counted = world.privacy()
    assert counted["PrivacyWaitsForOperator"] == 1
    done = request(world)
    assert done.export == f"memory://{done.request_id}"
    document = json.loads(world.exports.kept[done.request_id])
    said = json.dumps(document, ensure_ascii=False)
    assert [word for word in WORDS if word not in said] == []
    held = [row for row in world.peek(object) if _is_of(row)]
    assert len({type(row) for row in held}) >= 12
    flat = _objects(document)
    assert [row for row in held if not any(_says(entry, row) for entry in flat)] == []


def _is_of(row: Any) -> bool:
    """Rows that name the member, or are the friend's while linked; marks and facts of the machinery name ids only."""
    if isinstance(row, (PrivacyRequest, Seen, Fact)):
        return False
    if isinstance(row, Send) and row.person == f"f:{USER}":
        return row.messages is not None
    return getattr(row, "member_id", None) == MEMBER or getattr(row, "person", None) == person()


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _objects(each))]
    return [found for each in value for found in _objects(each)] if isinstance(value, list) else []


def _says(entry: dict[str, Any], row: Any) -> bool:
    """`entry` has every text, number and flag that `row` has."""
    plain = {f.name: getattr(row, f.name) for f in fields(row) if f.name not in ("version", "side", "of_member")}
    simple = {name: value for name, value in plain.items() if isinstance(value, (str, int, bool))}
    return all(entry.get(name) == value for name, value in simple.items())


# a shop


def test_a_shop_is_erased_when_an_operator_has_approved_it(world: World) -> None:
    much_is_known(world, OTHER_MEMBER, OTHER_USER)
    world.placed("G-1", None, lines=[{"title": "旬の果物", "product_id": "P-9", "quantity": 1}])
    world.settle()
    asked(world, "ShopErasureRequested")
    assert world.privacy()["PrivacyWaitsForOperator"] == 1
    worked_off(world)
    assert "結城" in dump(world)
    assert file_privacy.approve(world.store, world.clock, request(world).request_id) is not None
    world.privacy()
    assert {row.state for row in world.peek(Member)} == {MemberState.ERASED}
    assert request(world).state is RequestState.RUNNING
    worked_off(world)
    done = request(world)
    assert (done.state, done.counts) == (RequestState.DONE, {"guests": done.counts["guests"], "members": 2})
    assert [word for word in WORDS if word in dump(world)] == []
    assert world.peek(Order) == []
    assert [fact.data["kind"] for fact in done_facts(world)] == ["shop_erasure"]


def test_an_uninstallation_is_recorded_and_told(world: World) -> None:
    asked(world, "ShopUninstalled")
    assert request(world).outcome == "recorded"
    world.pass_time(minutes=3)
    world.sweep()
    assert [fact.data["shop_id"] for fact in world.bus.published if fact.type == "ShopUninstalled"] == ["main"]
    assert "結城" in dump(world)


# a friend


def test_a_friend_who_wants_to_be_forgotten_is_found_nowhere_and_the_member_keeps_the_rest(world: World) -> None:
    filed = file_privacy.erase_friend(world.store, world.clock, USER)
    assert filed is not None
    worked_off(world)
    worked_off(world)
    assert request(world).state is RequestState.DONE
    rows = [row for row in world.peek(object) if not isinstance(row, Fact)]
    assert [row for row in rows if USER in repr(row)] == []
    (member,) = world.peek(Member)
    assert member.family_name == "結城"
    assert any(row.person == person() and row.messages for row in world.sends())
    assert world.friend(EARLIER_USER).erased is False


def test_a_friend_who_comes_again_is_a_new_one(world: World) -> None:
    file_privacy.erase_friend(world.store, world.clock, USER)
    worked_off(world)
    greeted = len(world.line.texts(USER))
    world.follow()
    world.settle()
    assert len(world.line.texts(USER)) == greeted + 1


def test_the_enrolments_of_a_friend_stay_as_they_are(world: World) -> None:
    before = {row.enrolment_id: row for row in world.peek(Enrolment) if row.person == f"f:{USER}"}
    asked(world, "PersonalDataErasureRequested", member_id=MEMBER)
    worked_off(world)
    assert {row.enrolment_id: row for row in world.peek(Enrolment) if row.person == f"f:{USER}"} == before
