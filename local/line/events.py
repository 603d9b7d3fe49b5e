"""What people do on LINE, as state changes plus the webhook events that follow (§1.4, §1.5, §9.19)."""

from __future__ import annotations

from typing import Any

from local.line import ids
from local.line.state import Content, ReplyToken, User, World
from local.line.values import Json

CONTENT_LIFE_S = 7 * 24 * 3600.0
# The smallest valid PNG (one grey point): what a "sent" picture is made of.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6368000000820081"
    "77cd72b60000000049454e44ae426082"
)
MESSAGE_KINDS = ("text", "image", "video", "audio", "file", "location", "sticker")


class Impossible(ValueError):
    """The person cannot do that (a blocked account shows no chat; a bubble has no such action)."""


def envelope(world: World, kind: str, source: Json | None, *, chat: str | None = None, **body: Any) -> Json:
    """One event. `chat` gives it a reply token, unless that chat is in standby (§1.4)."""
    now_ms = world.clock.now_ms()
    standby = chat is not None and chat in world.users and world.users[chat].standby
    if source is not None and source.get("userId") in world.users and world.users[source["userId"]].standby:
        standby = True
    event: Json = {"type": kind, "mode": "standby" if standby else "active", "timestamp": now_ms}
    if source is not None:
        event["source"] = source
    event["webhookEventId"] = ids.ulid(now_ms)
    event["deliveryContext"] = {"isRedelivery": False}
    if chat is not None and not standby:
        token = ReplyToken(ids.opaque("r", 24), chat, now_ms / 1000, moved_s=world.clock.offset_s)
        world.reply_tokens[token.token] = token
        event["replyToken"] = token.token
    event.update(body)
    return event


def source_of(user: User, group: str | None = None) -> Json:
    """The source object of a one-on-one or group event."""
    if group:
        return {"type": "group", "groupId": group, "userId": user.user_id}
    return {"type": "user", "userId": user.user_id}


def follow(world: World, user: User, want: Json) -> list[Json]:
    """Add the account or lift the block. `is_unblocked` overrides the flag, which LINE does not get right always."""
    again = user.ever_followed
    user.relation, user.ever_followed = "friend", True
    world.show(user, "note", {"text": "ブロックを解除しました" if again else "友だちになりました"})
    flag = bool(want.get("is_unblocked", again))
    body = {} if want.get("bare") else {"follow": {"isUnblocked": flag}}
    return [envelope(world, "follow", source_of(user), chat=user.user_id, **body)]


def unfollow(world: World, user: User, want: Json) -> list[Json]:
    """Block the account; may come without any follow before (§1.5). Blocking ends standby (§1.4)."""
    user.relation, user.standby = "blocked", False
    world.show(user, "note", {"text": "ブロックしました"})
    return [envelope(world, "unfollow", source_of(user))]


def delete_account(world: World, user: User, want: Json) -> list[Json]:
    """Delete the LINE account: LINE tells nobody (§1.5)."""
    user.relation = "deleted"
    world.show(user, "note", {"text": "アカウントを削除しました"})
    return []


def standby(world: World, user: User, want: Json) -> list[Json]:
    """Another module takes the chat over (`on`: true, the default) or gives it back; no event reaches us."""
    user.standby = bool(want.get("on", True))
    world.version += 1
    return []


def say(world: World, user: User, want: Json) -> list[Json]:
    """A message of the user's: `kind` text (default), image, video, audio, file, location or sticker."""
    if user.relation in ("blocked", "deleted"):
        raise Impossible(f"{user.user_id} cannot write: {user.relation}")
    kind = want.get("kind", "text")
    if kind not in MESSAGE_KINDS:
        raise Impossible(f"kind must be one of {', '.join(MESSAGE_KINDS)}")
    group = want.get("group")
    message_id = world.message_id()
    read_token = ids.opaque("m", 24)
    world.read_tokens[read_token] = message_id
    message: Json = {"type": kind, "id": message_id, **_message_body(world, kind, message_id, want)}
    message["markAsReadToken"] = read_token
    if not group:
        user.last_message_at = world.clock.now()
    world.show(user, "user", message, message_id=message_id)
    return [envelope(world, "message", source_of(user, group), chat=group or user.user_id, message=message)]


def _message_body(world: World, kind: str, message_id: str, want: Json) -> Json:
    if kind == "text":
        body: Json = {"text": str(want.get("text", "")), "quoteToken": ids.opaque("q", 24)}
        if want.get("emojis"):
            body["emojis"] = want["emojis"]
        return body
    if kind == "sticker":
        return {
            "packageId": str(want.get("package_id", "446")),
            "stickerId": str(want.get("sticker_id", "1988")),
            "stickerResourceType": want.get("resource_type", "STATIC"),
            "quoteToken": ids.opaque("q", 24),
        }
    if kind == "location":
        return {
            "title": want.get("title", "現在地"),
            "address": want.get("address", "東京都千代田区丸の内1丁目"),
            "latitude": want.get("latitude", 35.681),
            "longitude": want.get("longitude", 139.767),
        }
    now = world.clock.now()
    types = {"image": "image/png", "video": "video/mp4", "audio": "audio/m4a", "file": "application/pdf"}
    world.content[message_id] = Content(
        PIXEL, types[kind], kind, now + float(want.get("ready_after_s", 0)), now + CONTENT_LIFE_S
    )
    if kind == "file":
        return {"fileName": want.get("file_name", "見積.pdf"), "fileSize": len(PIXEL)}
    provider: Json = {"contentProvider": {"type": "line"}}
    if kind == "audio":
        return {"duration": int(want.get("duration_ms", 6000)), **provider}
    quotable: Json = {"quoteToken": ids.opaque("q", 24), **provider}
    return quotable if kind == "image" else {"duration": int(want.get("duration_ms", 6000)), **quotable}


def postback(world: World, user: User, want: Json) -> list[Json]:
    """A postback; `data` as the button carried it, `params` from a picker, `display_text` as the user's bubble."""
    if user.relation == "deleted":
        raise Impossible("the account is deleted")
    shown = want.get("display_text")
    if shown:
        world.show(user, "user", {"type": "text", "text": shown})
    body: Json = {"data": str(want.get("data", ""))}
    if want.get("params"):
        body["params"] = want["params"]
    return [envelope(world, "postback", source_of(user), chat=user.user_id, postback=body)]


def unsend(world: World, user: User, want: Json) -> list[Json]:
    """Take back a message: by `message_id`, or the user's last one."""
    mine = [item for item in user.timeline if item.sender == "user" and item.message_id]
    wanted = want.get("message_id") or (mine[-1].message_id if mine else "")
    item = next((item for item in mine if item.message_id == wanted), None)
    if item is None:
        raise Impossible("nothing to unsend")
    item.sender, item.message = "note", {"text": "メッセージの送信を取り消しました"}
    if item.message_id in world.content:
        world.content[item.message_id].unsent = True
    world.version += 1
    return [envelope(world, "unsend", source_of(user), unsend={"messageId": wanted})]


def account_link(world: World, user: User | None, nonce: str, *, ok: bool) -> list[Json]:
    """The end of LINE's link dialog: a failed one has neither source nor reply token (§9.21)."""
    link = {"result": "ok" if ok else "failed", "nonce": nonce}
    if not ok or user is None:
        return [envelope(world, "accountLink", None, link=link)]
    world.show(user, "note", {"text": "アカウント連携を許可しました"})
    return [envelope(world, "accountLink", source_of(user), chat=user.user_id, link=link)]


def raw(world: World, user: User, want: Json) -> list[Json]:
    """Any event: `event` is laid over a proper envelope, so unknown types and fields can be sent (§9.16)."""
    given = dict(want.get("event") or {})
    kind = str(given.pop("type", "somethingNew"))
    with_token = bool(want.get("reply_token", True))
    source = None if want.get("no_source") else source_of(user, want.get("group"))
    event = envelope(world, kind, source, chat=user.user_id if with_token else None)
    event.update(given)
    for key in want.get("without", ()):
        event.pop(key, None)
    return [event]
