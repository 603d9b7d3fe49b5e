"""Reply, push, multicast, broadcast and validate/* (§2.1-§2.4, §2.8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from local.line import ids
from local.line.clock import month_of
from local.line.context import Ctx
from local.line.limits import check_quota, count_usage
from local.line.state import Accepted, ReplyToken, User, World
from local.line.validate.messages import check_messages
from local.line.validate.report import Report
from local.line.values import Answer, Json, Refused

NON_FRIEND_WINDOW_S = 7 * 24 * 3600.0
REDELIVERY_CAP_S = 20 * 60.0
MOST_UNITS = 1000
_UNIT = re.compile(r"[a-zA-Z0-9_]{1,30}")


def reachable(user: User, now: float) -> tuple[bool, str]:
    """Whether a message to this user arrives, and why not (§2.3)."""
    if user.relation == "friend":
        return True, ""
    if user.relation == "none" and user.last_message_at is not None:
        if now - user.last_message_at <= NON_FRIEND_WINDOW_S:
            return True, ""
        return False, "wrote more than 7 days ago and is no friend"
    return False, {"blocked": "blocked", "deleted": "account deleted"}.get(user.relation, "not a friend")


def _invalid(prop: str) -> Refused:
    text = f"The property, {prop}, in the request body is invalid (line: -, column: -)"
    return Refused(400, text, kind="malformed recipient")


def _checked(ctx: Ctx, *, in_group: bool = False) -> list[Json]:
    config = ctx.world.config
    report = Report(uri_max=config.uri_max, coupons=config.coupons, in_group=in_group)
    messages = check_messages(report, ctx.body)
    report.boolean(ctx.body, "notificationDisabled", "")
    for flag in report.flags:
        ctx.world.violation("unknown property", flag, request_id=ctx.request_id)
    if report.errors:
        raise Refused(400, report.message, kind="message validation", details=report.errors)
    return messages


def _units(ctx: Ctx) -> list[str]:
    """The aggregation units that stick: one per call, a pattern, 1,000 a month, then silently none (§2.8)."""
    units = ctx.body.get("customAggregationUnits")
    if units is None:
        return []
    errors = []
    if not isinstance(units, list) or len(units) > 1:
        errors = [{"message": "Size must be between 0 and 1", "property": "customAggregationUnits"}]
    elif not all(isinstance(unit, str) and _UNIT.fullmatch(unit) for unit in units):
        errors = [{"message": "must match [a-zA-Z0-9_]{1,30}", "property": "customAggregationUnits[0]"}]
    if errors:
        raise Refused(400, "The request body has 1 error(s)", kind="aggregation unit", details=errors)
    known = ctx.world.units.setdefault(month_of(ctx.now), set())
    kept = [unit for unit in units if unit in known or len(known) < MOST_UNITS]
    known.update(kept)
    return kept


def _known_properties(ctx: Ctx, allowed: set[str]) -> None:
    for key in ctx.body.keys() - allowed:
        ctx.world.violation("unknown property", f"{ctx.route.name}.{key}", request_id=ctx.request_id)


def _sent(world: World, messages: list[Json]) -> tuple[list[Json], list[str]]:
    sent: list[Json] = []
    for message in messages:
        row: Json = {"id": world.message_id()}
        if message["type"] in ("text", "textV2", "sticker", "image", "video", "template", "flex", "coupon"):
            row["quoteToken"] = ids.opaque("q", 24)
        sent.append(row)
    return sent, [row["id"] for row in sent]


def _deliver(
    ctx: Ctx,
    user: User,
    messages: list[Json],
    message_ids: list[str],
    *,
    units: Iterable[str] = (),
    free: bool = False,
    reply: str | None = None,
) -> bool:
    world = ctx.world
    arrives, reason = reachable(user, ctx.now)
    if user.standby:
        world.violation(
            "sent while standby",
            f"{ctx.route.name} to {user.user_id}: another module holds this chat",
            user_id=user.user_id,
            request_id=ctx.request_id,
        )
    world.accepted.append(
        Accepted(
            n=world.number(),
            api=ctx.route.name,
            user_id=user.user_id,
            messages=messages,
            message_ids=message_ids,
            request_id=ctx.request_id,
            retry_key=ctx.retry_key,
            at=ctx.now,
            business_at=world.clock.business_now(),
            delivered=arrives,
            reason=reason,
            counted=int(arrives and not free),
            reply_token=reply,
            notification_disabled=bool(ctx.body.get("notificationDisabled")),
            units=list(units),
        )
    )
    if arrives:
        user.loading_until = 0.0
        for message, message_id in zip(messages, message_ids, strict=True):
            world.show(user, "bot", message, message_id=message_id, api=ctx.route.name)
    return arrives


def _remember(ctx: Ctx, sent: list[Json] | None) -> None:
    if ctx.retry_key:
        record = ctx.world.retry_keys[ctx.retry_key]
        record.request_id, record.sent_messages = ctx.request_id, sent


def _members(world: World, chat: str) -> list[User]:
    if chat in world.groups:
        return [world.users[member] for member in world.groups[chat] if member in world.users]
    return [world.users[chat]] if chat in world.users else []


def reply(ctx: Ctx) -> Answer:
    """POST /v2/bot/message/reply: a reply token works once and for a minute; free of quota (§2.2)."""
    _known_properties(ctx, {"replyToken", "messages", "notificationDisabled"})
    text = ctx.body.get("replyToken")
    if not isinstance(text, str) or not text:
        details = [{"message": "May not be empty", "property": "replyToken"}]
        raise Refused(400, "The request body has 1 error(s)", kind="message validation", details=details)
    token = ctx.world.reply_tokens.get(text)
    messages = _checked(ctx, in_group=token is not None and token.chat.startswith(("C", "R")))
    if token is None:
        raise Refused(400, "Invalid reply token", kind="unknown reply token")
    _check_reply_token(ctx, token)
    token.used = True
    sent, message_ids = _sent(ctx.world, messages)
    for user in _members(ctx.world, token.chat):
        _deliver(ctx, user, messages, message_ids, free=True, reply=token.token)
    return Answer(200, {"sentMessages": sent})


def _check_reply_token(ctx: Ctx, token: ReplyToken) -> None:
    if token.used:
        # After an answer that got lost on purpose, asking again with the same token is exactly right (§2.2).
        raise Refused(400, "Invalid reply token", kind="reply token used twice", ordered=token.faulted, user=token.chat)
    received = token.received_at if token.received_at is not None else token.event_at
    jump = ctx.world.clock.offset_s - token.moved_s
    late = ctx.now - received > ctx.world.config.reply_token_s
    if late or ctx.now - token.event_at >= REDELIVERY_CAP_S:
        raise Refused(
            400,
            "Invalid reply token",
            kind="reply token expired",
            ordered=bool(jump) and ctx.now - received - jump <= ctx.world.config.reply_token_s,
        )


def push(ctx: Ctx) -> Answer:
    """POST /v2/bot/message/push: 200 also for those it cannot reach; 400 for ids LINE does not know (§2.3)."""
    _known_properties(ctx, {"to", "messages", "notificationDisabled", "customAggregationUnits"})
    to = ctx.body.get("to")
    if not isinstance(to, str) or not (ids.USER_ID.fullmatch(to) or ids.GROUP_ID.fullmatch(to)):
        raise _invalid("'to'")
    messages = _checked(ctx, in_group=to in ctx.world.groups)
    people = _members(ctx.world, to)
    if not people:
        raise Refused(400, "Failed to send messages", kind="unknown recipient")
    units = _units(ctx)
    group = to in ctx.world.groups
    count = len(people) if group else sum(reachable(person, ctx.now)[0] for person in people)
    check_quota(ctx.world, count)
    sent, message_ids = _sent(ctx.world, messages)
    delivered = sum(_deliver(ctx, person, messages, message_ids, units=units) for person in people)
    count_usage(ctx.world, delivered)
    _remember(ctx, sent)
    return Answer(200, {"sentMessages": sent})


def multicast(ctx: Ctx) -> Answer:
    """POST /v2/bot/message/multicast: up to 500 user ids, all or nothing on a malformed one (§2.3)."""
    _known_properties(ctx, {"to", "messages", "notificationDisabled", "customAggregationUnits"})
    to: Any = ctx.body.get("to")
    if not isinstance(to, list) or not 1 <= len(to) <= 500:
        details = [{"message": "Size must be between 1 and 500", "property": "to"}]
        raise Refused(400, "The request body has 1 error(s)", kind="message validation", details=details)
    for index, user_id in enumerate(to):
        if not isinstance(user_id, str) or not ids.USER_ID.fullmatch(user_id):
            raise _invalid(f"to[{index}]")
    messages = _checked(ctx)
    if len(set(to)) != len(to):
        ctx.world.violation(
            "duplicate recipients", f"{len(to) - len(set(to))} in one multicast", request_id=ctx.request_id
        )
    people = [ctx.world.users[user_id] for user_id in to if user_id in ctx.world.users]
    return _to_many(ctx, people, messages)


def broadcast(ctx: Ctx) -> Answer:
    """POST /v2/bot/message/broadcast: every friend; 60 an hour (§2.1)."""
    _known_properties(ctx, {"messages", "notificationDisabled"})
    messages = _checked(ctx)
    friends = [user for user in ctx.world.users.values() if user.relation == "friend"]
    return _to_many(ctx, friends, messages)


def _to_many(ctx: Ctx, people: list[User], messages: list[Json]) -> Answer:
    units = _units(ctx)
    check_quota(ctx.world, sum(reachable(person, ctx.now)[0] for person in people))
    _, message_ids = _sent(ctx.world, messages)
    delivered = sum(_deliver(ctx, person, messages, message_ids, units=units) for person in people)
    count_usage(ctx.world, delivered)
    _remember(ctx, None)
    return Answer(200, {})


def validator(mention_kind: str) -> Callable[[Ctx], Answer]:
    """Handler of one validate/* endpoint: the same checks, nothing is sent (§9.5)."""

    def handle(ctx: Ctx) -> Answer:
        _checked(ctx, in_group=mention_kind in ("reply", "push"))
        return Answer(200, {})

    return handle
