"""Linking as people do it, and everything that goes wrong on the way."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.crowd import Crowd
from local.outside import Outside
from local.story import Story
from tests.e2e.acting import judge, linked, sends
from tests.support.oracle import classify

pytestmark = pytest.mark.e2e


def kinds(story: Story, user: str) -> list[str]:
    return [classify(row["messages"])[0] for row in story.accepted(user)]


def token_of_offer(story: Story, user: str) -> str:
    """Ask for the login button and read the link token out of it."""
    story.await_message(user, "greeting")
    story.oracle.asked_to_link(user)
    story.act(user, "tap", label="会員連携")
    story.await_message(user, "link_offer")
    tapped: dict[str, Any] = story.act(user, "tap", label="ログインして連携")["tapped"]
    return parse_qs(urlsplit(str(tapped["uri"])).query)["linkToken"][0]


def dialog(story: Story, token: str, nonce: str, user: str, *, agree: bool) -> httpx.Response:
    """LINE's consent page in the browser of `user`."""
    url = f"{story.endpoints.line.rsplit(':', 1)[0]}:{int(story.endpoints.line.rsplit(':', 1)[1]) + 2}"
    fields = {"linkToken": token, "nonce": nonce, "browser_user": user}
    if agree:
        return httpx.post(f"{url}/dialog/bot/accountLink", data={**fields, "agree": "1"}, timeout=30)
    return httpx.get(f"{url}/dialog/bot/accountLink", params=fields, timeout=30)


def test_expired_token_other_account_and_replayed_nonce(story: Story, crowd: Crowd, outside: Outside) -> None:
    slow, thief, replay = (story.friend(name) for name in ("ゆっくり", "別人", "再送"))
    members = crowd.members(3)
    for user in (slow, thief, replay):
        story.follow(user)

    token = token_of_offer(story, slow)
    nonce = outside.nonce(members[0]).json()["nonce"]
    story.line("POST", "/_sim/clock", {"offset_s": 11 * 60})  # the person took a break at the login page
    assert dialog(story, token, nonce, slow, agree=False).status_code == 400
    story.line("POST", "/_sim/clock", {"offset_s": 0})
    assert story.shop("GET", f"/_shop/members/{members[0]}")["linked_to"] is None

    token = token_of_offer(story, thief)
    nonce = outside.nonce(members[1]).json()["nonce"]
    dialog(story, token, nonce, slow, agree=True)  # another person's browser: LINE says failed, without a source
    story.settle()
    assert "link_confirmation" not in kinds(story, thief) + kinds(story, slow)

    nonce = outside.nonce(members[2]).json()["nonce"]
    story.act(replay, "account_link", nonce=nonce, ok=True)
    story.oracle.linked(replay, members[2], story.now())
    story.settle()
    story.act(slow, "account_link", nonce=nonce, ok=True)  # the same nonce in other hands
    story.oracle.answers[(slow, "link_failed", "")] += 1
    judge(story)
    assert story.musubi("member", "show", members[2])["link"]["user_id"] == replay


def test_a_second_link_supersedes_and_a_linked_friend_is_refused(story: Story, crowd: Crowd, outside: Outside) -> None:
    (first,) = linked(story, crowd)
    user, member_id = first
    story.act(user, "text", text="会員連携")
    story.oracle.answers[(user, "link_refused", "")] += 1
    story.settle()

    newcomer = story.friend("家族")
    story.follow(newcomer)
    story.await_message(newcomer, "greeting")
    nonce = outside.nonce(member_id).json()["nonce"]
    story.act(newcomer, "account_link", nonce=nonce, ok=True)  # the member logs in with another LINE account
    story.oracle.linked(newcomer, member_id, story.now())
    story.settle()
    story.order(member_id)
    judge(story)
    shown = story.musubi("friend", "show", user)
    assert shown["link"] is None
    assert [ended["reason"] for ended in shown["ended_links"]] == ["superseded"]


def test_unlinking_stops_what_is_in_flight_and_is_not_needed_twice(story: Story, crowd: Crowd) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.unlink(user)
    story.order(member_id)
    story.act(user, "text", text="連携解除")
    story.oracle.answers[(user, "not_linked", "")] += 1
    story.settle()
    story.act(user, "text", text="「配信停止」")  # as people copy it from our own message
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)
    assert {send["reason"] for send in sends(story, member_id, "order_thanks")} == {"not_linked"}


def test_nonces_are_for_signed_fresh_requests_only(outside: Outside) -> None:
    assert outside.nonce("1001").status_code == 201
    assert outside.nonce("1001", secret="wrong").status_code == 401
    assert outside.nonce("1001", timestamp=1_700_000_000).status_code == 401
    unsigned = httpx.post(f"{outside.endpoints.api}/v1/link/nonces", json={"member_id": "1001"}, timeout=20)
    assert unsigned.status_code == 401
