"""Committing until it holds, issuing nonces, the kill switch, and the story of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from musubi.adapters.memory.clock import MemoryClock, MemoryTokens
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.errors import Retryable
from musubi.domain.linking import nonce_digest
from musubi.domain.operations import Control
from musubi.domain.people import Friend, Nonce
from musubi.domain.store_keys import ControlKey, FriendKey
from musubi.domain.writes import Create, Replace, Write
from musubi.usecases.commit import ATTEMPTS, until_committed
from musubi.usecases.control_sends import resume_sends, stop_sends
from musubi.usecases.explain_person import explain_friend, explain_member
from musubi.usecases.issue_nonce import NONCE_LIFE, issue_nonce
from tests.support import made
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World
from tests.support.made import NOON


def test_a_lost_race_is_decided_anew() -> None:
    store = MemoryStore()
    store.commit([Create(made.friend())])
    tries: list[int] = []

    def attempt() -> tuple[Sequence[Write], int]:
        friend = store.load([key := FriendKey(made.USER)]).get(key)
        assert friend is not None
        if not tries:
            store.commit([Replace(made.friend(version=2, entrance="somebody faster"))])
        tries.append(friend.version)
        return [Replace(made.friend(version=friend.version + 1))], friend.version

    assert until_committed(store, attempt) == 2
    assert tries == [1, 2]


def test_what_stays_contended_is_handed_back() -> None:
    store = MemoryStore()
    store.commit([Create(made.friend())])
    tries = []

    def attempt() -> tuple[Sequence[Write], None]:
        tries.append(1)
        return [Replace(made.friend(version=9))], None

    with pytest.raises(Retryable, match="contended"):
        until_committed(store, attempt)
    assert len(tries) == ATTEMPTS


def test_nothing_to_write_is_done_at_once() -> None:
    assert until_committed(MemoryStore(), lambda: ((), "answer")) == "answer"


def test_a_nonce_is_stored_by_its_digest_for_ten_minutes() -> None:
    store = MemoryStore()
    nonce, stored = issue_nonce(store, MemoryTokens(), shop_id="main", member_id="1001", now=NOON)
    assert store.all_of(Nonce) == [stored]
    assert stored.digest == nonce_digest(nonce)
    assert (stored.member_id, stored.expires_at) == ("1001", NOON + NONCE_LIFE)
    assert timedelta(minutes=10) == NONCE_LIFE


class SameAgain(MemoryTokens):
    def secret(self) -> str:
        return "the same"


def test_a_nonce_that_is_taken_is_tried_again_by_the_caller() -> None:
    store = MemoryStore()
    issue_nonce(store, SameAgain(), shop_id="main", member_id="1001", now=NOON)
    with pytest.raises(Retryable, match="nonce_taken"):
        issue_nonce(store, SameAgain(), shop_id="main", member_id="1002", now=NOON)
    assert [nonce.member_id for nonce in store.all_of(Nonce)] == ["1001"]


def test_stop_and_resume() -> None:
    store, clock = MemoryStore(), MemoryClock(NOON)
    stop_sends(store, clock, "wrong coupon")
    clock.pass_time(timedelta(minutes=5))
    assert store.load([ControlKey()]).get(ControlKey()) == Control(stopped=True, reason="wrong coupon", at=NOON)
    opened = resume_sends(store, clock, "fixed")
    assert store.load([ControlKey()]).get(ControlKey()) == opened
    assert (opened.stopped, opened.version) == (False, 2)


def test_the_story_of_a_person_from_both_sides() -> None:
    world = World()
    world.given_linked()
    world.placed()
    world.says("配信停止")
    world.settle()
    by_member, by_friend = explain_member(world.store, "main", MEMBER), explain_friend(world.store, USER)
    for story in (by_member, by_friend):
        assert story.member is not None
        assert isinstance(story.friend, Friend)
        assert story.link is not None
        assert sorted(send.scenario for send in story.sends) == ["order_thanks", "promo_refused"]
        assert sorted(e.scenario for e in story.enrolments) == ["order_followup", "order_thanks", "promo_refused"]
    world.says("連携解除")
    world.settle()
    ended = explain_friend(world.store, USER)
    assert (ended.link, ended.member, [e.reason for e in ended.ended_links]) == (None, None, ["asked"])
    alone = explain_member(world.store, "main", MEMBER)
    assert (alone.friend, [s.scenario for s in alone.sends]) == (None, ["order_thanks"])


def test_nobody_has_no_story() -> None:
    story = explain_member(MemoryStore(), "main", "9999")
    assert (story.member, story.friend, story.sends, story.ended_links) == (None, None, (), ())


def test_a_story_is_cut_to_the_newest() -> None:
    world = World()
    world.given_linked()
    for n in range(5):
        world.placed(f"A-{n}")
        world.settle()
    assert [s.key_value for s in explain_member(world.store, "main", MEMBER, limit=2).sends] == ["A-4", "A-3"]
