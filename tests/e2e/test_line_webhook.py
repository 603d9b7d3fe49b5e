"""What reaches `POST /line/webhook`: repeats, disorder, strange events, strange bodies, wrong hands."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter

import pytest

from local.crowd import Crowd
from local.line.signing import sign
from local.outside import Outside, api_gateway_event
from local.stack.aws import Aws
from local.stack.settings import DEPLOYMENT, PARAM_PREFIX
from local.story import Story
from tests.e2e.acting import judge, linked, one_send
from tests.support.oracle import classify

pytestmark = pytest.mark.e2e
MEGABYTE = 1024 * 1024


def kinds(story: Story, user: str) -> Counter[str]:
    return Counter(classify(row["messages"])[0] for row in story.accepted(user))


def test_duplicates_redeliveries_and_unknown_properties_change_nothing(story: Story) -> None:
    user = story.friend("二重")
    story.follow(user, options={"duplicate": 2, "redeliver": True, "extra_fields": True})
    story.settle()
    story.act(user, "text", text="配信停止", options={"duplicate": 1, "redeliver": True, "plain": True})
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)


def test_late_unfollow_does_not_undo_the_refollow(story: Story, crowd: Crowd) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.act(user, "unfollow", options={"delay_s": 1.5, "wait": False})
    story.follow(user)  # sent after, arrives before
    time.sleep(2)  # the delayed webhook is on its way in the simulator, not in anything that could be asked
    story.settle()
    assert story.musubi("friend", "show", user)["friend"]["reach"] == "reachable"
    story.order(member_id)
    judge(story)


def test_late_follow_does_not_undo_the_unfollow(story: Story, crowd: Crowd) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.act(user, "follow", options={"delay_s": 1.5, "wait": False})
    story.act(user, "unfollow")
    story.oracle.block(user, story.now())
    time.sleep(2)
    story.settle()
    story.order(member_id)
    judge(story)
    assert one_send(story, member_id, "order_thanks")["reason"] == "blocked"


def test_standby_is_recorded_and_never_answered(story: Story, crowd: Crowd) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.act(user, "standby", on=True)
    story.act(user, "text", text="配信停止")
    story.settle()
    story.order(member_id)
    story.settle()
    assert kinds(story, user) == Counter({"greeting": 1, "link_confirmation": 1})
    assert story.musubi("friend", "show", user)["friend"]["standby"] is True
    assert one_send(story, member_id, "order_thanks")["reason"] == "standby"
    assert story.violations() == []


def test_unknown_types_messages_and_modes_are_taken_and_not_answered(story: Story) -> None:
    user = story.friend("未知")
    story.follow(user)
    story.settle()
    story.act(user, "raw", event={"type": "hologram", "hologram": {"depth": 3}})
    story.act(user, "raw", event={"type": "message", "message": {"type": "scent", "id": "1"}})
    story.act(user, "raw", event={"type": "message", "mode": "shadow", "message": {"type": "text", "text": "配信停止"}})
    story.act(user, "sticker")
    story.act(
        user, "raw", event={"type": "videoPlayComplete", "videoPlayComplete": {"trackingId": "t"}}, no_source=True
    )
    judge(story)
    # The third one was not answered, but a refusal counts in whatever mode it is written.
    assert story.musubi("friend", "show", user)["friend"]["promo"] == "refused"


def test_one_broken_event_does_not_take_its_batch_down(story: Story, outside: Outside) -> None:
    user = story.friend("混在")
    story.follow(user)
    story.settle()
    broken = [7, None, "text", {"type": 5, "timestamp": "soon", "source": []}, {"type": "message", "message": "?"}]
    good = outside.text_event(user, "配信停止")
    answer = outside.line_webhook(json.dumps({"destination": "U" + "0" * 32, "events": [*broken, good]}).encode())
    assert answer.status_code == 200
    # The good one carries no reply token: its essential answer comes by push.
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)


def test_wrong_signatures_get_401_and_have_no_effect(story: Story, outside: Outside) -> None:
    user = story.friend("偽物")
    story.follow(user)
    story.settle()
    body = outside.line_body(outside.text_event(user, "配信停止"))
    assert outside.line_webhook(body, secret="wrong").status_code == 401
    assert outside.line_webhook(body, signature="").status_code == 401
    assert outside.line_webhook(body, signature="not base64!").status_code == 401
    assert outside.line_webhook(body + b" ", signature=sign(outside.channel_secret, body)).status_code == 401
    judge(story)
    assert story.musubi("friend", "show", user)["friend"]["promo"] == "allowed"


def test_empty_and_unreadable_bodies(outside: Outside) -> None:
    assert outside.line_webhook(outside.line_body()).status_code == 200
    assert outside.line_webhook(b"{").status_code == 400
    assert outside.line_webhook(b'{"destination":"U1"}').status_code == 400


def test_a_base64_flagged_body_is_read_as_signed(story: Story, outside: Outside, aws: Aws) -> None:
    user = story.friend("符号")
    story.follow(user)
    story.settle()
    body = outside.line_body(outside.text_event(user, "配信停止"))
    headers = {"X-Line-Signature": sign(outside.channel_secret, body), "content-type": "application/octet-stream"}
    event = api_gateway_event(body, headers, encoded=True)
    answer = aws.functions.invoke(FunctionName=f"{DEPLOYMENT}-line_webhook", Payload=json.dumps(event).encode())
    assert json.loads(answer["Payload"].read())["statusCode"] == 200
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)


def test_two_megabytes_are_taken_and_more_than_five_refused(story: Story, outside: Outside) -> None:
    user = story.friend("長文")
    story.follow(user)
    story.settle()
    large = outside.text_event(user, "配信停止", padding="あ" * (2 * MEGABYTE // 3))
    assert outside.line_webhook(outside.line_body(large)).status_code == 200
    assert outside.line_webhook(outside.line_body({"padding": "x" * (5 * MEGABYTE)})).status_code == 413
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)


def test_both_secrets_are_good_while_one_is_rotated(story: Story, outside: Outside, aws: Aws) -> None:
    user = story.friend("交代")
    story.follow(user)
    story.settle()
    name, new = f"{PARAM_PREFIX}/line/channel-secret", f"next-{uuid.uuid4().hex}"
    try:
        _put(aws, name, f"{new}\n{outside.channel_secret}")
        body = outside.line_body(outside.text_event(user, "配信停止"))
        status, end = 0, time.monotonic() + 30
        while (
            status != 200 and time.monotonic() < end
        ):  # a wrong signature asks for fresh secrets, not more than every 10 s
            status = outside.line_webhook(body, secret=new).status_code
            time.sleep(0.2)
        assert status == 200
        body = outside.line_body(outside.text_event(user, "配信再開"))
        assert outside.line_webhook(body).status_code == 200
    finally:
        _put(aws, name, outside.channel_secret)
    for kind in ("promo_refused", "promo_allowed"):
        story.oracle.answers[(user, kind, "")] += 1
    judge(story)


def _put(aws: Aws, name: str, value: str) -> None:
    aws.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
