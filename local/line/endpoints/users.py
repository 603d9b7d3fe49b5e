"""Profiles, followers, link tokens, loading animation, read marks, content (§1.5, §1.7, §3.7, §4a)."""

from __future__ import annotations

from local.line import ids
from local.line.context import Ctx
from local.line.endpoints.sending import reachable
from local.line.state import Content, LinkToken, User
from local.line.values import Answer, Json, Refused

PAGE = 300


def _user(ctx: Ctx) -> User:
    user_id = ctx.params["userId"]
    if not ids.USER_ID.fullmatch(user_id):
        raise Refused(400, "The value for the 'userId' parameter is invalid", kind="malformed user id")
    user = ctx.world.users.get(user_id)
    if user is None or not reachable(user, ctx.now)[0]:
        # Asking for the profile is the documented way to test reachability, so this 404 is no violation (§9.26).
        raise Refused(404, "Not found", kind="not reachable", benign=True)
    return user


def profile(ctx: Ctx) -> Answer:
    """GET /v2/bot/profile/{userId}: 404 for blocked, unknown and non-friends."""
    user = _user(ctx)
    body: Json = {"userId": user.user_id, "displayName": user.display_name, "language": user.language}
    if user.picture_url:
        body["pictureUrl"] = user.picture_url
    if user.status_message:
        body["statusMessage"] = user.status_message
    return Answer(200, body)


def followers(ctx: Ctx) -> Answer:
    """GET /v2/bot/followers/ids: verified accounts only; pages may be short while `next` exists (§9.25)."""
    if not ctx.world.config.verified:
        raise Refused(403, "Access to this API is not available for your account", kind="unverified account")
    raw = ctx.call.one("limit") or str(PAGE)
    if not raw.isdigit() or not 1 <= int(raw) <= 1000:
        raise Refused(400, "The value for the 'limit' parameter is invalid", kind="bad limit")
    start = ctx.call.one("start")
    everyone = [user.user_id for user in ctx.world.users.values() if user.relation == "friend"]
    begin = 0
    if start is not None:
        begin, issued = _page_token(start)
        if ctx.now - issued > 24 * 3600:
            raise Refused(400, "Invalid start parameter", kind="page token expired")
    # A page shorter than asked although more follows: clients must go by `next`, not by length.
    size = max(1, int(raw) - 1) if len(everyone) - begin > int(raw) else int(raw)
    page = everyone[begin : begin + size]
    body: Json = {"userIds": page}
    if begin + size < len(everyone):
        body["next"] = f"{begin + size}-{int(ctx.now)}"
    return Answer(200, body)


def _page_token(text: str) -> tuple[int, float]:
    head, _, tail = text.partition("-")
    if not head.isdigit() or not tail.isdigit():
        raise Refused(400, "Invalid start parameter", kind="bad page token")
    return int(head), float(tail)


def bot_info(ctx: Ctx) -> Answer:
    """GET /v2/bot/info."""
    config = ctx.world.config
    return Answer(
        200,
        {
            "userId": config.bot_user_id,
            "basicId": config.basic_id,
            "displayName": config.bot_name,
            "chatMode": "bot",
            "markAsReadMode": "auto",
        },
    )


def link_token(ctx: Ctx) -> Answer:
    """POST /v2/bot/user/{userId}/linkToken: ten minutes, single use, friends only (§4a)."""
    user_id = ctx.params["userId"]
    user = ctx.world.users.get(user_id)
    if not ids.USER_ID.fullmatch(user_id):
        raise Refused(400, "The value for the 'userId' parameter is invalid", kind="malformed user id")
    if user is None or user.relation != "friend":
        raise Refused(404, "Not found", kind="link token for a non-friend")
    token = LinkToken(ids.opaque("", 24), user_id, ctx.now)
    ctx.world.link_tokens[token.token] = token
    return Answer(200, {"linkToken": token.token})


def loading(ctx: Ctx) -> Answer:
    """POST /v2/bot/chat/loading/start: 202; 5-60 seconds in steps of 5; users only (§1.7)."""
    chat, seconds = ctx.body.get("chatId"), ctx.body.get("loadingSeconds", 20)
    if not isinstance(chat, str) or not ids.USER_ID.fullmatch(chat):
        details = [{"message": "must be a user id", "property": "chatId"}]
        raise Refused(400, "The request body has 1 error(s)", kind="loading animation", details=details)
    problem = None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 5 <= seconds <= 60:
        problem = "Must be between 5 and 60"
    elif seconds % 5:
        problem = "must be a multiple of five"
    if problem:
        details = [{"message": problem, "property": "loadingSeconds"}]
        raise Refused(400, "The request body has 1 error(s)", kind="loading animation", details=details)
    user = ctx.world.users.get(chat)
    if user is not None and user.relation == "friend":
        user.loading_until = ctx.now + seconds
        ctx.world.version += 1
    return Answer(202, {})


def mark_as_read(ctx: Ctx) -> Answer:
    """POST /v2/bot/chat/markAsRead: the token binds message and bot, and never expires (§1.7)."""
    token = ctx.body.get("markAsReadToken")
    if not isinstance(token, str) or token not in ctx.world.read_tokens:
        raise Refused(400, "The markAsReadToken is invalid", kind="unknown read token")
    return Answer(200, {})


def _content(ctx: Ctx) -> Content:
    content = ctx.world.content.get(ctx.params["messageId"])
    if content is None or ctx.now >= content.expires_at:
        raise Refused(404, "Not found", kind="no content", benign=True)
    if content.unsent:
        raise Refused(410, "Gone", kind="unsent content", benign=True)
    return content


def content(ctx: Ctx) -> Answer:
    """GET (data host) /v2/bot/message/{messageId}/content and /preview: 202 while transcoding (§1.5)."""
    item = _content(ctx)
    if ctx.now < item.ready_at:
        return Answer(202, {})
    return Answer(200, item.data, content_type=item.content_type)


def transcoding(ctx: Ctx) -> Answer:
    """GET (data host) …/content/transcoding."""
    item = _content(ctx)
    return Answer(200, {"status": "processing" if ctx.now < item.ready_at else "succeeded"})
