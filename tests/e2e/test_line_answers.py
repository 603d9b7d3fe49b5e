"""Everything LINE may answer, by reply and by push: nothing is lost, nothing comes twice, the reason is recorded."""

from __future__ import annotations

from typing import Any

import pytest

from local.crowd import Crowd
from local.stack.aws import Aws
from local.story import Story
from tests.e2e.acting import judge, linked, one_send
from tests.support.oracle import classify

pytestmark = pytest.mark.e2e


def fault(story: Story, mode: str, endpoint: str, **more: Any) -> None:
    match = {"endpoint": endpoint, **more.pop("match", {})}
    story.line("POST", "/_sim/faults", {"match": match, "mode": mode, **more})


PASSING = ("error_500_before", "error_500_after", "drop_before", "drop_after", "rate_429", "unreadable_200")


def test_a_push_gets_through_every_passing_fault_once(story: Story, crowd: Crowd) -> None:
    """One member per kind of fault, all at the same time: each first call meets its own."""
    people = linked(story, crowd, len(PASSING))
    for (user, _), mode in zip(people, PASSING, strict=True):
        fault(story, mode, "push", match={"user": user})
    for _, member_id in people:
        story.order(member_id)
    judge(story)
    assert {row["hits"] for row in story.line("GET", "/_sim/faults")["orders"]} == {1}
    settled = [one_send(story, member_id, "order_thanks") for _, member_id in people[:4]]
    # LINE knew the key: the second try after an acceptance that was not heard is told so and counts as accepted.
    assert [send["reason"] for send in settled] == ["accepted", "accepted_before", "accepted", "accepted_before"]


def test_a_reply_gets_through_every_passing_fault_once(story: Story, crowd: Crowd) -> None:
    users = crowd.phones(len(PASSING))
    for mode in PASSING:
        fault(story, mode, "reply")
    crowd.follow(users, together=1)
    judge(story)
    reasons = sorted(one_send(story, user, "greeting")["reason"] for user in users)
    # After an answer that was lost, only "Invalid reply token" tells that the first try had arrived.
    assert reasons.count("accepted_inferred") == 2


def test_a_refused_token_is_renewed_within_the_call(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    fault(story, "unauthorized_401", "push")
    story.order(member_id)
    judge(story)
    send = one_send(story, member_id, "order_thanks")
    assert (send["state"], send["attempts"]) == ("accepted", 1)


def test_a_refused_channel_opens_the_circuit_and_closes_again(story: Story, crowd: Crowd) -> None:
    people = linked(story, crowd, 4)
    fault(story, "forbidden_403", "push")
    for _, member_id in people:
        story.order(member_id)
    judge(story)
    (order,) = story.line("GET", "/_sim/faults")["orders"]
    assert order["hits"] == 1
    sent = [one_send(story, member_id, "order_thanks") for _, member_id in people]
    assert [(send["state"], send["attempts"]) for send in sent] == [("accepted", 1)] * 4


def test_a_link_token_that_line_does_not_give_is_told(story: Story) -> None:
    user = story.friend("待ち")
    story.follow(user)
    story.settle()
    fault(story, "error_500_before", "link_token")
    story.act(user, "tap", label="会員連携")
    story.settle()
    said = classify(story.accepted(user)[-1]["messages"])[0]
    assert said in ("link_offer", "link_failed")
    story.oracle.answers[(user, said, "")] += 1
    judge(story)


def test_the_monthly_limit_parks_until_somebody_decides(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    fault(story, "monthly_429", "push")
    story.order(member_id)
    story.settle()
    send = one_send(story, member_id, "order_thanks")
    assert (send["state"], send["reason"]) == ("parked", "monthly_limit")
    assert send["line_says"]


def test_silence_for_longer_than_we_wait_is_unclear_and_retried(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    fault(story, "slow", "push", seconds=12)
    story.order(member_id)
    judge(story)
    assert one_send(story, member_id, "order_thanks")["reason"] == "accepted_before"


def test_a_final_no_is_kept_with_lines_own_words(story: Story, crowd: Crowd, aws: Aws) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.act(user, "delete_account")  # LINE tells nobody
    story.order(member_id)
    story.settle()
    send = one_send(story, member_id, "order_thanks")
    # LINE takes a push for somebody who is gone: 200 means accepted, never delivered.
    assert (send["state"], send["line_request_id"] is not None) == ("accepted", True)
    (row,) = [row for row in story.accepted(user) if not row["delivered"]]
    assert row["reason"]


def test_tokens_revoked_behind_our_back_are_renewed_at_once(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    story.line("POST", "/_sim/tokens", {"revoke": "all"})
    story.order(member_id)
    judge(story)
    assert one_send(story, member_id, "order_thanks")["attempts"] == 1
