"""follow → greeting → 会員連携 → confirmation → 連携解除, in order and in every other way."""

from __future__ import annotations

from itertools import permutations

import pytest

from musubi.domain.linking import nonce_digest
from musubi.domain.operations import Seen
from musubi.domain.people import Promo, Reach
from musubi.domain.store_keys import NonceKey
from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_line import Fault, link_token_in
from tests.support.flows_world import World

OTHER = "U" + "b" * 32


@pytest.fixture
def world() -> World:
    return World()


def test_from_the_first_hello_to_the_end_of_the_link(world: World) -> None:
    world.follow()
    world.settle()
    world.links()
    world.settle()
    assert world.link() is not None
    world.says("連携解除")
    world.settle()
    assert world.link() is None
    assert [one.how for one in world.line.accepted] == ["reply"] * 4
    greeting, offer, confirmation, goodbye = world.line.texts(USER)
    assert "友だち追加ありがとうございます。結び商店です。" in greeting
    assert offer == "会員連携はこちらから"
    assert "連携解除" in confirmation
    assert "連携を解除しました" in goodbye
    assert [f.type for f in world.bus.published] == ["LinkMade", "LinkEnded"]
    world.check()


def test_the_greeting_carries_the_button_and_the_offer_the_token(world: World) -> None:
    world.follow()
    world.settle()
    actions = world.line.accepted[0].messages[1]["template"]["actions"]
    assert [(a["type"], a["label"], a["data"]) for a in actions] == [("postback", "会員連携", "v=1&do=start_link")]
    world.taps_link()
    world.settle()
    assert world.line.owner_of(link_token_in(world.offer())) == USER


@pytest.mark.parametrize("word", ["会員連携", "ID連携", "「会員連携」", " 連携 "])
def test_the_link_starts_by_word_too(world: World, word: str) -> None:
    world.given_friend()
    world.says(word)
    world.settle()
    assert world.line.texts(USER) == ["会員連携はこちらから"]


def test_the_confirmation_calls_the_member_by_name(world: World) -> None:
    world.shop("MemberRegistered", {"member_id": MEMBER, "name": {"family": "結城", "given": "さくら"}})
    world.follow()
    world.settle()
    world.links()
    world.settle()
    assert world.line.texts(USER)[-1].startswith("結城 さくら様、")


def test_who_is_linked_is_told_so(world: World) -> None:
    world.given_linked()
    world.taps_link()
    world.settle()
    assert world.verdict("link_refused") == ("accepted", "accepted")


def test_unlinking_nobody(world: World) -> None:
    world.given_friend()
    world.says("連携解除")
    world.settle()
    assert world.verdict("not_linked") == ("accepted", "accepted")


def test_line_gives_no_link_token(world: World) -> None:
    world.given_friend()
    world.line.faults(Fault.E400)
    world.taps_link()
    world.settle()
    assert world.verdict("link_failed") == ("accepted", "accepted")


def test_line_is_away_when_a_link_token_is_asked_for(world: World) -> None:
    world.given_friend()
    world.line.faults(Fault.LOST)
    world.taps_link()
    world.settle()
    assert world.line.texts(USER) == ["会員連携はこちらから"]
    world.check()


def test_a_link_that_line_refused_voids_the_login(world: World) -> None:
    """LINE's `failed` names nobody and carries no reply token."""
    world.given_friend()
    nonce = world.logs_in()
    world.webhook(world.line_event("accountLink", None, link={"result": "failed", "nonce": nonce}))
    world.settle()
    key = NonceKey(nonce_digest(nonce))
    assert world.store.load([key]).get(key) is None
    assert world.line.accepted == []


def test_an_unknown_and_an_old_nonce_are_answered_with_another_try(world: World) -> None:
    world.given_friend()
    world.account_linked("never-issued")
    nonce = world.logs_in()
    world.pass_time(minutes=10, seconds=1)
    world.account_linked(nonce)
    world.settle()
    assert world.link() is None
    assert [one.text for one in world.line.accepted] == [
        "連携できませんでした。お手数ですが、もう一度お試しください。"
    ] * 2


def test_an_event_that_waited_behind_its_nonces_end_still_links(world: World) -> None:
    """LINE's timestamp counts, not the queue: the sweeper keeps the nonce for a while."""
    world.given_friend()
    nonce = world.logs_in()
    event = world.line_event("accountLink", link={"result": "ok", "nonce": nonce})
    world.pass_time(minutes=40)
    world.sweep()
    world.webhook(event)
    world.settle()
    assert world.link() is not None


def test_a_nonce_nobody_used_is_cleared(world: World) -> None:
    nonce = world.logs_in()
    world.pass_time(hours=2)
    world.sweep()
    key = NonceKey(nonce_digest(nonce))
    assert world.store.load([key]).get(key) is None


def test_a_repeated_account_link_confirms_once(world: World) -> None:
    world.given_friend()
    event = world.account_linked(world.logs_in())
    world.redelivered(event)
    world.webhook({**event, "webhookEventId": "01ANOTHERID"} | {"replyToken": "token-01ANOTHERID"})
    world.settle()
    assert len(world.line.accepted) == 1
    assert [f.type for f in world.bus.published] == ["LinkMade"]
    world.check()


def test_a_repeat_of_an_old_account_link_does_not_undo_the_unlinking(world: World) -> None:
    world.given_friend()
    event = world.account_linked(world.logs_in())
    world.settle()
    world.says("連携解除")
    world.settle()
    world.redelivered(event)
    world.settle()
    assert world.link() is None
    assert len(world.line.accepted) == 2


def test_a_new_line_account_takes_over_the_member(world: World) -> None:
    world.given_linked(OTHER)
    world.given_friend()
    world.links()
    world.settle()
    assert world.ending().pairs == {(USER, MEMBER)}
    assert sorted(f.type for f in world.bus.published) == ["LinkEnded", "LinkMade"]


def test_a_withdrawn_member_is_unlinked_from_a_link_of_any_age(world: World) -> None:
    """The friend's side is at its second version, the member's at its first."""
    world.given_linked(member="1000")
    world.account_linked(world.logs_in("1001"))
    world.settle()
    world.shop("MemberWithdrawn", {"member_id": "1001"})
    world.settle()
    assert world.link() is None
    assert world.ending().pairs == set()
    world.check()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_follow_unfollow_and_refollow_end_by_timestamp(world: World, order: tuple[int, ...]) -> None:
    events = [world.line_event("follow"), world.line_event("unfollow"), world.line_event("follow")]
    for n in order:
        world.webhook(events[n])
    world.settle()
    assert (world.friend().reach, len(world.line.accepted) >= 1) == (Reach.REACHABLE, True)
    # The newest follow greets, whatever came before it; the older one only if it was first.
    assert len(world.line.accepted) == (2 if order.index(0) < min(order.index(1), order.index(2)) else 1)


def test_a_block_that_overtook_the_follow_gets_no_greeting(world: World) -> None:
    follow, unfollow = world.line_event("follow"), world.line_event("unfollow")
    world.webhook(unfollow, follow)
    world.settle()
    assert world.friend().reach is Reach.BLOCKED
    assert world.sends() == []


def test_a_first_message_that_overtook_the_follow_takes_no_greeting(world: World) -> None:
    follow = world.line_event("follow")
    world.says("こんにちは")
    world.settle()
    world.webhook(follow)
    world.settle()
    assert world.verdict("greeting") == ("accepted", "accepted")


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_the_newest_wish_about_promotion_holds(world: World, order: tuple[int, ...]) -> None:
    world.given_friend()
    texts = ["配信停止", "配信再開"]
    events = [world.line_event("message", message={"type": "text", "id": "1", "text": t}) for t in texts]
    for n in order:
        world.webhook(events[n])
    world.settle()
    assert world.friend().promo is Promo.ALLOWED


def test_unlinking_that_overtook_the_link_it_is_about_wins(world: World) -> None:
    world.given_friend()
    link = world.line_event("accountLink", link={"result": "ok", "nonce": world.logs_in()})
    world.says("連携解除")
    world.settle()
    world.webhook(link)
    world.settle()
    assert world.link() is None


@pytest.mark.parametrize("mode", ["standby", "some_new_mode"])
def test_standby_is_recorded_and_never_answered(world: World, mode: str) -> None:
    world.webhook(world.line_event("follow", mode=mode))
    world.says("配信停止", mode=mode)
    world.settle()
    assert world.line.accepted == []
    assert world.friend().standby
    assert world.friend().promo is Promo.REFUSED
    world.says("こんにちは")
    world.settle()
    assert not world.friend().standby


def test_wishes_in_standby_count_and_say_nothing(world: World) -> None:
    world.given_linked()
    world.says("連携解除", mode="standby")
    world.settle()
    assert world.link() is None
    assert world.line.accepted == []
    assert [f.type for f in world.bus.published] == ["LinkEnded"]


@pytest.mark.parametrize("data", ["v=2&do=start_link", "do=start_link", "v=1&do=follow", "v=1&do=link", "v=1", "=", ""])
def test_other_buttons_mean_nothing(world: World, data: str) -> None:
    world.given_friend()
    world.webhook(world.line_event("postback", postback={"data": data}))
    world.settle()
    assert world.line.accepted == []
    assert world.sends() == []
    world.check()


def test_events_without_meaning_here_are_recorded_and_quiet(world: World) -> None:
    world.given_friend()
    for kind in ("unsend", "videoPlayComplete", "somethingNew"):
        world.webhook(world.line_event(kind))
    world.webhook(world.line_event("message", message={"type": "hologram", "id": "2"}))
    world.webhook(world.line_event("message", message={"type": "sticker", "id": "3"}))
    world.webhook(world.line_event("message", None, message={"type": "text", "id": "1", "text": "会員連携"}))
    world.settle()
    assert world.line.accepted == []
    kept = {one.kind: bool(one.raw) for one in world.peek(Seen)}
    assert kept == dict.fromkeys(
        ["unsend", "videoPlayComplete", "somethingNew", "message/hologram", "message/text"], True
    )
    world.check()
