"""Write-back: each fact once, the newest wins in whatever order facts arrive, and nobody is written of who must not be."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from musubi.domain.errors import Permanent, Retryable
from musubi.domain.gate import Policy
from musubi.domain.people import Member, MemberState
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, Unclear
from musubi.domain.write_backs import ShopWrite, WriteRule, WriteState
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_writes import RULE, TAG, WRITTEN, Books, WritingWorld, envelope, linked
from tests.support.platform_flows import member, send

OTHER = "U" + "b" * 32


def books(world: WritingWorld) -> Books:
    assert isinstance(world.books, Books)
    return world.books


def again(world: WritingWorld) -> None:
    """Every fact once more, as EventBridge may deliver it and as operators redrive it."""
    for fact in list(world.bus.published):
        if fact.type in WRITTEN:
            world.put("write-back", envelope(fact))
    world.settle()


def test_a_life_with_links_and_wishes_is_in_the_shops_books() -> None:
    world = WritingWorld()
    linked(world)
    world.says("配信停止")
    world.settle()
    assert (books(world).tags, books(world).allowed) == ({f"{MEMBER}:{TAG}"}, False)
    world.says("連携解除")
    world.settle()
    assert books(world).tags == set()
    assert [action for _, action, _ in books(world).calls] == [AddTag(TAG), SetConsent(False), RemoveTag(TAG)]
    assert set(world.states()) == {WriteState.DONE}
    world.check()


def test_a_fact_that_comes_again_calls_nobody() -> None:
    world = WritingWorld(link_points=500)
    linked(world)
    world.says("配信停止")
    world.settle()
    calls = len(books(world).calls)
    again(world)
    assert len(books(world).calls) == calls == 3
    world.check()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_any_order_of_arrival_the_shop_ends_with_the_newest_link(order: tuple[int, ...]) -> None:
    """Link, unlink, link again; what is older than what was written is not written any more."""
    story = WritingWorld(rules={})
    linked(story)
    story.says("連携解除")
    story.settle()
    story.links()
    story.settle()
    facts = [fact for fact in story.bus.published if fact.type in ("LinkMade", "LinkEnded")]
    assert [fact.type for fact in facts] == ["LinkMade", "LinkEnded", "LinkMade"]
    world = WritingWorld()
    for number in order:
        world.put("write-back", envelope(facts[number]))
        world.settle()
    assert books(world).tags == {f"{MEMBER}:{TAG}"}
    assert WriteState.STALE in world.states() or order == (0, 1, 2)
    assert isinstance(books(world).calls[-1][1], AddTag)


@pytest.mark.parametrize("first", [0, 1])
def test_a_link_that_takes_over_keeps_the_tag(first: int) -> None:
    """The old link's end and the new link are of one instant."""
    world = WritingWorld()
    linked(world)
    queued = len(world.bus.published)
    world.follow(OTHER)
    world.settle()
    world.write_by()
    world.links(OTHER)
    world.settle()
    world.write_by(RULE)
    facts = [fact for fact in world.bus.published[queued:] if fact.type in ("LinkMade", "LinkEnded")]
    assert {fact.occurred_at for fact in facts} == {facts[0].occurred_at}
    for fact in (facts[first], facts[1 - first]):
        world.put("write-back", envelope(fact))
        world.settle()
    assert books(world).tags == {f"{MEMBER}:{TAG}"}


@pytest.mark.parametrize("seed", range(8))
def test_every_message_twice_in_any_order_and_late(seed: int) -> None:
    world = WritingWorld(duplicate=True, shuffle=seed, link_points=500)
    linked(world)
    world.says("配信停止")
    world.says("配信再開")
    world.settle()
    world.says("連携解除")
    world.settle()
    world.account_linked(world.logs_in())
    world.settle(4)
    assert (books(world).tags, books(world).allowed) == ({f"{MEMBER}:{TAG}"}, True)
    assert (books(world).granted, len(world.told("RewardDue"))) == (500, 1)
    assert set(world.states()) <= {WriteState.DONE, WriteState.STALE}
    assert world.dead == []


# points


def test_the_first_link_is_rewarded_and_no_later_one() -> None:
    world = WritingWorld(link_points=500)
    linked(world)
    (fact,) = world.told("RewardDue")
    assert fact.data == {
        "shop_id": "main", "member_id": MEMBER, "user_id": USER,
        "reason": "first_link", "points": "500", "note": "LINE連携の特典",
    }  # fmt: skip
    assert [action for _, action, _ in books(world).calls] == [AddTag(TAG), GrantPoints(500, "LINE連携の特典")]
    for user in (USER, OTHER):
        world.pass_time(days=40)
        if world.link() is not None:
            world.says("連携解除")
            world.settle()
        world.follow(user)
        world.settle()
        world.links(user)
        world.settle()
    assert len(world.told("LinkMade")) == 3
    assert world.told("RewardDue") == [fact]
    assert books(world).granted == 500
    world.check()


def test_two_records_of_one_person_are_rewarded_once() -> None:
    world = WritingWorld(link_points=500)
    linked(world)
    world.shop("MemberMerged", {"kept_id": "1002", "removed_id": MEMBER})
    world.settle()
    world.says("連携解除")
    world.settle()
    world.links(member="1002")
    world.settle()
    assert len(world.told("RewardDue")) == 1


def test_a_reward_for_a_record_that_was_merged_goes_to_the_one_that_stands_for_it() -> None:
    world = WritingWorld(link_points=500, rules={})
    linked(world)
    world.shop("MemberMerged", {"kept_id": "1002", "removed_id": MEMBER})
    world.settle()
    world.write_by(RULE)
    again(world)
    assert [(to, type(action)) for to, action, _ in books(world).calls if isinstance(action, GrantPoints)] == [
        ("1002", GrantPoints)
    ]
    assert books(world).tags == {f"1002:{TAG}"}


def test_a_shop_whose_system_has_no_points_is_told_and_not_written_to() -> None:
    rule = WriteRule(platform="shopify", linked_tag=TAG)
    world = WritingWorld(link_points=500, rules={"main": (rule,)})
    linked(world)
    assert len(world.told("RewardDue")) == 1
    assert [action for _, action, _ in books(world).calls] == [AddTag(TAG)]


def test_a_grant_whose_fate_is_unclear_is_tried_with_the_same_key_and_given_up_after_23_hours() -> None:
    rule = WriteRule(platform="square", points=True)
    world = WritingWorld(link_points=500, rules={"main": (rule,)})
    books(world).answers = [Unclear("square api: 500")] * 3
    linked(world)
    ((_, action, key),) = set(books(world).calls)
    assert (action, len(books(world).calls), books(world).granted) == (GrantPoints(500, "LINE連携の特典"), 4, 500)
    assert (world.states(), world.written()[0].write_id) == ([WriteState.DONE], key)


def test_a_grant_that_stays_unclear_is_an_operators() -> None:
    rule = WriteRule(platform="square", points=True)
    world = WritingWorld(link_points=500, rules={"main": (rule,)})
    books(world).answers = [Unclear("square api: 500")] * 30
    linked(world)
    world.drain(20)
    # Ten receives, then the dead letters; meanwhile it is listed.
    assert len(world.dead) == 1
    (row,) = world.store.troubled_writes(9)
    assert (row.state, len(books(world).calls)) == (WriteState.CLAIMED, 10)
    assert row.first_unclear_at is not None
    world.pass_time(hours=23)
    again(world)
    (row,) = world.store.troubled_writes(9)
    assert (row.state, row.reason) == (WriteState.UNKNOWN, "key_expired")
    assert world.counts["WritesUnknown"] == 1
    again(world)
    assert (len(books(world).calls), world.counts["WritesUnknown"]) == (10, 1)


def test_a_clear_no_starts_no_clock() -> None:
    rule = WriteRule(platform="square", points=True)
    world = WritingWorld(link_points=500, rules={"main": (rule,)})
    books(world).answers = [Retryable("square api: 429")] * 30
    linked(world)
    world.drain(20)
    (row,) = world.written()
    assert (row.state, row.first_unclear_at) == (WriteState.PLANNED, None)
    world.pass_time(days=3)
    books(world).answers = []
    again(world)
    assert (books(world).granted, world.states()) == (500, [WriteState.DONE])


def test_a_wish_that_stays_unclear_is_repeated_for_as_long_as_it_takes() -> None:
    world = WritingWorld()
    books(world).answers = [Unclear("shopify api: 502")] * 30
    linked(world)
    world.drain(20)
    world.pass_time(days=3)
    books(world).answers = []
    again(world)
    assert (books(world).tags, world.states()) == ({f"{MEMBER}:{TAG}"}, [WriteState.DONE])


# whom nothing is written of


def test_until_go_live_only_testers_are_written_of_and_rewarded() -> None:
    for testers, written in ((frozenset[str](), []), (frozenset({USER}), [AddTag, GrantPoints])):
        world = WritingWorld(policy=Policy(go_live=False, testers=testers), link_points=500)
        world.given_friend()
        world.account_linked(world.logs_in())
        world.settle()
        assert len(world.told("LinkMade")) == 1
        assert [type(action) for _, action, _ in books(world).calls] == written
        assert len(world.told("RewardDue")) == len(written) // 2


def test_nothing_is_written_of_the_erased_and_nothing_of_them_stays_in_the_rows() -> None:
    world = WritingWorld(link_points=500)
    linked(world)
    world.shop("PersonalDataErasureRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.settle()
    calls = len(books(world).calls)
    again(world)
    for _ in range(2):
        world.pass_time(minutes=11)
        world.privacy()
    again(world)
    # The end of the link was told when nobody was left to write of.
    assert len(books(world).calls) == calls == 2
    rows = world.written()
    assert {(row.state, row.reason, row.member_id, row.value, row.note) for row in rows} == {
        (WriteState.DONE, "erased", "", "", "")
    }
    assert member(world).own_writes == ()
    assert (TAG in repr(rows), USER in repr(rows)) == (False, False)


def test_a_row_that_waits_ends_with_its_member() -> None:
    world = WritingWorld()
    books(world).answers = [Unclear("shopify api: 502")] * 30
    linked(world)
    world.shop("PersonalDataErasureRequested", {"request_id": "r-1", "member_id": MEMBER})
    world.drain(20)
    world.pass_time(minutes=11)
    world.privacy()
    assert [(row.state, row.reason) for row in world.written()] == [(WriteState.STALE, "erased")]
    assert world.store.troubled_writes(9) == []


def test_who_withdraws_loses_the_tag() -> None:
    world = WritingWorld()
    linked(world)
    world.shop("MemberWithdrawn", {"member_id": MEMBER})
    world.settle()
    assert member(world).state is MemberState.WITHDRAWN
    assert books(world).tags == set()


def test_the_end_of_a_merged_record_takes_nothing_from_the_one_that_stays() -> None:
    world = WritingWorld()
    world.keep(Member(shop_id="main", member_id="1002"))
    linked(world)
    world.follow(OTHER)
    world.settle()
    world.links(OTHER, "1002")
    world.settle()
    world.shop("MemberMerged", {"kept_id": "1002", "removed_id": MEMBER})
    world.settle()
    assert f"1002:{TAG}" in books(world).tags


def test_what_a_shop_refuses_is_kept_told_once_a_delivery_and_never_tried_again() -> None:
    world = WritingWorld()
    books(world).answers = [Permanent("shopify api: 403, check the token's rights")]
    linked(world)
    (row,) = world.store.troubled_writes(9)
    assert (row.state, row.reason) == (WriteState.REFUSED, "shopify api: 403, check the token's rights")
    assert [reason for _, reason, _ in world.quarantine.kept] == [row.reason]
    again(world)
    assert len(books(world).calls) == 1
    assert len(world.quarantine.kept) == 2


def test_a_newer_fact_waits_for_an_older_one_that_is_on_its_way() -> None:
    """The older call may still arrive at the shop: the newer one must arrive after it, and the older is not repeated."""
    world = WritingWorld()
    books(world).answers = [Unclear("shopify api: timeout")]
    world.given_friend()
    world.account_linked(world.logs_in())
    world.drain(0)
    began = world.clock.machine()
    world.says("連携解除")
    world.settle()
    assert [type(action) for _, action, _ in books(world).calls] == [AddTag, RemoveTag]
    states = {row.kind.value: row.state for row in world.written()}
    assert states == {"add_tag": WriteState.STALE, "remove_tag": WriteState.DONE}
    (removed,) = (row for row in world.written() if row.kind.value == "remove_tag")
    assert removed.claimed_at is not None
    assert removed.claimed_at - began >= timedelta(seconds=50)


def test_a_fact_of_another_system_or_without_a_rule_is_left_alone() -> None:
    world = WritingWorld(rules={"outlet": (RULE,)})
    linked(world)
    assert books(world).calls == []
    assert world.peek(ShopWrite) == []


def test_the_shops_own_consent_is_never_written_back_to_it() -> None:
    world = WritingWorld()
    linked(world)
    calls = len(books(world).calls)
    for state in ("refused", "granted"):
        consent = {"channel": "line", "purpose": "marketing", "state": state, "at": world.now.isoformat()}
        world.shop("MemberConsentChanged", {"member_id": MEMBER, "consent": consent})
        world.settle()
    send(world, "shopify", "customers_email_marketing_consent_update")
    assert (world.told("ConsentChanged"), len(books(world).calls)) == ([], calls)
