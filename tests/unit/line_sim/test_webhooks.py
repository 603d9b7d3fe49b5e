"""§1.1-§1.5, §9.16-§9.21: what LINE sends to us, how, and the account link behind it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from linebot.v3.models import UnknownEvent
from linebot.v3.webhook import WebhookParser
from linebot.v3.webhooks import AccountLinkEvent, FollowEvent, MessageEvent, PostbackEvent, UnfollowEvent

from local.line import dialog
from local.line.ids import dice
from local.line.signing import encode, sign
from tests.unit.line_sim.rig import SECRET, Check, Rig, Rules, body_of

rule = Rules()
NONCE = "bm9uY2Utb2YtdGhlLXNob3A"


def link_token(rig: Rig, user_id: str) -> str:
    answer = rig.call("POST", f"/v2/bot/user/{user_id}/linkToken")
    assert answer.status == 200, answer
    text: str = body_of(answer)["linkToken"]
    return text


def agree(rig: Rig, token: str, nonce: str, user_id: str | None) -> dialog.Page:
    page = dialog.consent(rig.world, token, nonce, user_id)
    rig.webhooks.send(list(page.events))
    return page


def types(rig: Rig) -> list[str]:
    return [event["type"] for got in rig.got for event in got.payload["events"]]


@rule("§1.1 signature over the exact bytes: LINE's own test vector")
def _(rig: Rig) -> None:
    body = b'{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'
    expected = "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
    assert sign("8c570fa6dd201bb328f1c1eac23a96d8", body) == expected


@rule("§9.16 same content in many shapes: key order, whitespace, escapes, header case")
def _(rig: Rig) -> None:
    friend = rig.friend()
    for _ in range(40):
        rig.act(friend, "text", text="こんにちは/👋")
    bodies = [got.body for got in rig.got]
    assert any(b"\\u3053" in body for body in bodies)
    assert any("こんにちは".encode() in body for body in bodies)
    assert any(b"\\/" in body for body in bodies)
    assert any(b"\n" in body for body in bodies)
    assert len({next(iter(got.payload)) for got in rig.got}) == 2
    assert len({name for got in rig.got for name in got.headers if name.lower() == "x-line-signature"}) > 2
    for got in rig.got:
        digest = hmac.new(SECRET.encode(), got.body, hashlib.sha256).digest()
        assert got.signature == base64.b64encode(digest).decode()
        assert got.payload["events"][0]["message"]["text"] == "こんにちは/👋"


@rule("§9.16 shapes repeat with the seed")
def _(rig: Rig) -> None:
    payload = {"destination": "U", "events": [{"a": 1, "b": "あ/"}]}
    one, other = dice(5), dice(5)
    assert [encode(payload, one) for _ in range(9)] == [encode(payload, other) for _ in range(9)]


@rule("§9.20 destination is the bot's user id")
def _(rig: Rig) -> None:
    rig.act(rig.friend(), "text", text="a")
    assert rig.got[0].payload["destination"] == rig.config.bot_user_id


@rule("§1.5 follow, unfollow, follow again: isUnblocked, reply tokens")
def _(rig: Rig) -> None:
    user = rig.friend(relation="none")
    for action in ("follow", "unfollow", "follow"):
        rig.act(user, action)
    first, block, again = (got.payload["events"][0] for got in rig.got)
    assert first["follow"] == {"isUnblocked": False}
    assert again["follow"] == {"isUnblocked": True}
    assert "replyToken" in first
    assert "replyToken" not in block


@rule("§9.19 isUnblocked may be wrong, follow{} may be missing")
def _(rig: Rig) -> None:
    user = rig.friend(relation="none")
    assert rig.act(user, "follow", is_unblocked=True)["events"][0]["follow"] == {"isUnblocked": True}
    assert "follow" not in rig.act(user, "follow", bare=True)["events"][0]


@rule("§9.19 unfollow without a follow before")
def _(rig: Rig) -> None:
    rig.act(rig.friend(relation="none"), "unfollow")
    assert types(rig) == ["unfollow"]


@rule("§1.5 a deleted account causes no event")
def _(rig: Rig) -> None:
    user = rig.friend()
    rig.act(user, "delete_account")
    assert rig.got == []
    assert user.relation == "deleted"


@rule("§9.19 messages from non-friends arrive; blocked people cannot write")
def _(rig: Rig) -> None:
    rig.act(rig.friend(relation="none"), "text", text="a")
    blocked = rig.friend(relation="blocked")
    status, _ = rig.control.handle("POST", f"/_sim/friends/{blocked.user_id}/text", {}, {"text": "a"})
    assert (status, types(rig)) == (400, ["message"])


@rule("§1.4 standby: no reply token, mode standby; block ends it")
def _(rig: Rig) -> None:
    user = rig.friend()
    rig.act(user, "standby")
    event = rig.act(user, "text", text="予約したい")["events"][0]
    assert event["mode"] == "standby"
    assert "replyToken" not in event
    rig.act(user, "unfollow")
    assert rig.act(user, "follow")["events"][0]["mode"] == "active"


@rule("§1.5 unsend names the message and removes its content")
def _(rig: Rig) -> None:
    user = rig.friend()
    sent = rig.act(user, "image")["events"][0]["message"]["id"]
    event = rig.act(user, "unsend")["events"][0]
    assert event["unsend"] == {"messageId": sent}
    assert "replyToken" not in event


@rule("§1.5 a tapped postback carries its data and shows displayText")
def _(rig: Rig) -> None:
    user = rig.friend()
    action = {"type": "postback", "label": "会員連携", "data": "v=1&do=start_link", "displayText": "会員連携する"}
    link = {"type": "uri", "label": "店へ", "uri": "https://shop.example/"}
    template = {"type": "buttons", "text": "ようこそ", "actions": [action, link]}
    rig.push(user, [{"type": "template", "altText": "ようこそ", "template": template}])
    tapped = rig.act(user, "tap", label="会員連携")
    assert tapped["events"][0]["postback"] == {"data": "v=1&do=start_link"}
    assert user.timeline[-1].message["text"] == "会員連携する"
    opened = rig.act(user, "tap", index=1)
    assert opened["events"] == []
    assert opened["tapped"]["uri"] == "https://shop.example/"


@rule("§1.5 a date picker sends params without time zone")
def _(rig: Rig) -> None:
    user = rig.friend()
    action = {"type": "datetimepicker", "label": "日付", "data": "when", "mode": "datetime"}
    rig.push(user, [{"type": "text", "text": "いつ", "quickReply": {"items": [{"type": "action", "action": action}]}}])
    event = rig.act(user, "tap", label="日付", value="2026-12-24T10:00")["events"][0]
    assert event["postback"] == {"data": "when", "params": {"datetime": "2026-12-24T10:00"}}


@rule("§9.16 unknown event types and properties")
def _(rig: Rig) -> None:
    user = rig.friend()
    rig.act(user, "raw", event={"type": "moonLanding", "moon": {"phase": 1}}, without=["deliveryContext"])
    event = rig.got[-1].payload["events"][0]
    assert event["moon"] == {"phase": 1}
    assert "deliveryContext" not in event
    rig.act(user, "text", text="a", options={"extra_fields": True})
    assert "somethingNew" in rig.got[-1].payload


@rule("§9.16 one webhook with several users' events")
def _(rig: Rig) -> None:
    one, other = rig.friend("一"), rig.friend("二")
    acts = [{"user": user.user_id, "action": "text", "text": "a"} for user in (one, other)]
    rig.sim("POST", "/events", {"acts": acts})
    assert [len(got.payload["events"]) for got in rig.got] == [2]
    rig.sim("POST", "/events", {"acts": acts, "options": {"batch": False, "shuffle": True}})
    assert [len(got.payload["events"]) for got in rig.got] == [2, 1, 1]


@rule("§1.3 duplicates: same webhookEventId, isRedelivery false")
def _(rig: Rig) -> None:
    rig.act(rig.friend(), "text", text="a", options={"duplicate": 2})
    events = [got.payload["events"][0] for got in rig.got]
    assert len(events) == 3
    assert len({event["webhookEventId"] for event in events}) == 1
    assert not any(event["deliveryContext"]["isRedelivery"] for event in events)


@rule("§1.3 redelivery: same id, timestamp and reply token, isRedelivery true")
def _(rig: Rig) -> None:
    rig.sim("POST", "/webhook", {"redelivery": True})
    rig.answers[:] = [500, TimeoutError(), 200]
    rig.act(rig.friend(), "text", text="a")
    assert rig.sim("GET", "/webhooks", pending="1")["count"] == 1
    assert rig.webhooks.run_due(now=float("inf")) == 2
    assert rig.sim("GET", "/webhooks", pending="1")["count"] == 0
    assert rig.webhooks.run_due(now=float("inf")) == 0
    first, second, third = (got.payload["events"][0] for got in rig.got)
    assert [e["deliveryContext"]["isRedelivery"] for e in (first, second, third)] == [False, True, True]
    for key in ("webhookEventId", "timestamp", "replyToken"):
        assert first[key] == second[key] == third[key]


@rule("§1.3 redelivery is off by default")
def _(rig: Rig) -> None:
    rig.answers.append(500)
    rig.act(rig.friend(), "text", text="a")
    assert rig.webhooks.run_due(now=float("inf")) == 0


@rule("§1.2 outcomes as LINE's console names them")
def _(rig: Rig) -> None:
    rig.answers[:] = [200, 404, TimeoutError(), ConnectionRefusedError(), ZeroDivisionError()]
    friend = rig.friend()
    for _ in range(5):
        rig.act(friend, "text", text="a")
    errors = [item["attempts"][0]["error"] for item in rig.sim("GET", "/webhooks")["webhooks"]]
    assert errors == [None, "error_status_code", "request_timeout", "could_not_connect", "unclassified"]


@rule("§9.17 unsigned and badly signed requests must be refused")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.answers[:] = [401, 401, 200]
    rig.act(friend, "text", text="a", options={"unsigned": True})
    rig.act(friend, "text", text="a", options={"bad_signature": True})
    assert rig.got[0].signature is None
    assert rig.got[1].signature != sign(SECRET, rig.got[1].body)
    assert rig.unordered() == []
    rig.act(friend, "text", text="a", options={"unsigned": True})
    assert rig.unordered() == ["unsigned webhook accepted"]


@rule("§1.1 another channel secret signs during rotation")
def _(rig: Rig) -> None:
    rig.act(rig.friend(), "text", text="a", options={"secret": "next-secret"})
    assert rig.got[0].signature == sign("next-secret", rig.got[0].body)


@rule("§4a same person agrees: ok with source, nonce and reply token")
def _(rig: Rig) -> None:
    user = rig.friend()
    page = agree(rig, link_token(rig, user.user_id), NONCE, user.user_id)
    event = rig.got[-1].payload["events"][0]
    assert page.name == "done"
    assert event["link"] == {"result": "ok", "nonce": NONCE}
    assert event["source"]["userId"] == user.user_id
    assert rig.reply(event["replyToken"]).status == 200


@rule("§9.21 another person agrees: failed, without source and reply token")
def _(rig: Rig) -> None:
    page = agree(rig, link_token(rig, rig.friend().user_id), NONCE, rig.friend("次郎").user_id)
    event = rig.got[-1].payload["events"][0]
    assert page.name == "failed"
    assert event["link"] == {"result": "failed", "nonce": NONCE}
    assert not {"source", "replyToken"} & set(event)


@rule("§4a link token: single use, ten minutes; then an error page and no event")
def _(rig: Rig) -> None:
    user = rig.friend()
    used, old = link_token(rig, user.user_id), link_token(rig, user.user_id)
    agree(rig, used, NONCE, user.user_id)
    assert agree(rig, used, NONCE, user.user_id).name == "error"
    rig.time += 600
    assert dialog.open_link(rig.world, old, NONCE, user.user_id).status == 400
    assert agree(rig, "unknown", NONCE, user.user_id).name == "error"
    assert types(rig) == ["accountLink"]


@rule("§9.21 nonce of 10 to 255 characters")
def _(rig: Rig) -> None:
    user = rig.friend()
    token = link_token(rig, user.user_id)
    for nonce in ("n" * 9, "n" * 256, ""):
        assert dialog.open_link(rig.world, token, nonce, user.user_id).name == "error"
    for nonce in ("n" * 10, "n" * 255):
        assert dialog.open_link(rig.world, token, nonce, user.user_id).name == "consent"


@rule("§9.21 nobody in the browser: LINE asks who it is; control decides else")
def _(rig: Rig) -> None:
    user = rig.friend()
    token = link_token(rig, user.user_id)
    assert dialog.open_link(rig.world, token, NONCE, None).name == "login"
    rig.sim("POST", "/browser", {"user_id": user.user_id})
    assert dialog.open_link(rig.world, token, NONCE, None).name == "consent"
    rig.sim("POST", "/browser", {"auto_consent": True})
    assert dialog.open_link(rig.world, token, NONCE, None).name == "done"


@rule("§4a link tokens are for friends")
def _(rig: Rig) -> None:
    for relation in ("blocked", "none"):
        user_id = rig.friend(relation=relation).user_id
        assert rig.call("POST", f"/v2/bot/user/{user_id}/linkToken").status == 404


@rule("§1.2 the Verify button sends a signed empty webhook that must get 200")
def _(rig: Rig) -> None:
    assert rig.sim("POST", "/webhook/verify")["status"] == 200
    assert rig.got[0].payload["events"] == []
    assert rig.got[0].signature == sign(SECRET, rig.got[0].body)
    rig.answers.append(401)
    rig.sim("POST", "/webhook/verify")
    assert rig.unordered() == ["empty webhook refused"]


# (action, event type, source, whether a reply token comes with it)
RARE: list[tuple[str, str, str | None, bool]] = [
    ("video_play_complete", "videoPlayComplete", "user", True),
    ("beacon", "beacon", "user", True),
    ("membership", "membership", "user", True),
    ("delivery", "delivery", None, False),
    ("message_edited", "messageEdited", "group", True),
    ("join", "join", "group", True),
    ("leave", "leave", "group", False),
    ("member_joined", "memberJoined", "group", True),
    ("member_left", "memberLeft", "group", False),
    ("module", "module", None, False),
    ("activated", "activated", "user", False),
    ("deactivated", "deactivated", "user", False),
    ("bot_suspended", "botSuspended", None, False),
    ("bot_resumed", "botResumed", None, False),
]


@pytest.mark.parametrize(("action", "kind", "source", "reply"), RARE)
def test_seldom_events(rig: Rig, action: str, kind: str, source: str | None, reply: bool) -> None:
    """§1.5, §9.19: type, source and reply token of each; all of them parse in the SDK as typed events."""
    rig.act(rig.friend(), action)
    event = rig.got[-1].payload["events"][0]
    assert event["type"] == kind
    assert (event.get("source") or {}).get("type") == source
    assert ("replyToken" in event) == reply
    parsed = WebhookParser(SECRET).parse(rig.got[-1].body.decode(), str(rig.got[-1].signature))
    assert not isinstance(parsed[0], UnknownEvent)


PARSED: list[tuple[str, dict[str, Any], type]] = [
    ("follow", {}, FollowEvent),
    ("unfollow", {}, UnfollowEvent),
    ("text", {"text": "こんにちは"}, MessageEvent),
    ("sticker", {}, MessageEvent),
    ("image", {}, MessageEvent),
    ("message", {"kind": "video"}, MessageEvent),
    ("message", {"kind": "audio"}, MessageEvent),
    ("message", {"kind": "file"}, MessageEvent),
    ("message", {"kind": "location"}, MessageEvent),
    ("postback", {"data": "a=1"}, PostbackEvent),
    ("account_link", {"nonce": NONCE}, AccountLinkEvent),
    ("account_link", {"nonce": NONCE, "ok": False}, AccountLinkEvent),
    ("raw", {"event": {"type": "moonLanding"}}, UnknownEvent),
]


@pytest.mark.parametrize(("action", "want", "kind"), PARSED)
def test_bodies_parse_in_the_sdk(rig: Rig, action: str, want: dict[str, Any], kind: type) -> None:
    """§9.16: LINE's own SDK verifies and reads what the simulator sends."""
    user = rig.friend(relation="none" if action == "follow" else "friend")
    rig.act(user, action, **want)
    got = rig.got[-1]
    assert got.signature is not None
    events = WebhookParser(SECRET).parse(got.body.decode(), got.signature)
    assert [type(event) for event in events] == [kind]


@rule.table
def test_rule(rig: Rig, check: Check) -> None:
    check(rig)
