"""Quota, delivery counts, aggregation units, webhook settings, service messages (§1.6, §2.6, §2.8, §4e)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from local.line import ids
from local.line.clock import day_of, iso, month_of
from local.line.context import Ctx
from local.line.limits import shown_usage
from local.line.state import Accepted, Notifier
from local.line.values import Answer, Json, Refused

SERVICE_TOKEN_S = 31_536_000
_TEMPLATE = re.compile(r".+_(ja|en|zh-TW|th|id|ko)")


def quota(ctx: Ctx) -> Answer:
    """GET /v2/bot/message/quota."""
    limit = ctx.world.quota
    return Answer(200, {"type": "none"} if limit is None else {"type": "limited", "value": limit})


def consumption(ctx: Ctx) -> Answer:
    """GET /v2/bot/message/quota/consumption: approximate when a lag is set."""
    return Answer(200, {"totalUsage": shown_usage(ctx.world)})


def delivery_count(ctx: Ctx) -> Answer:
    """GET /v2/bot/message/delivery/{api}?date=yyyyMMdd, Tokyo days; today is not ready yet (§9.31)."""
    day = ctx.call.one("date") or ""
    if not re.fullmatch(r"20\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", day):
        raise Refused(400, "The value for the 'date' parameter is invalid", kind="bad date")
    if day >= day_of(ctx.now):
        return Answer(200, {"status": "unready"})
    api = ctx.route.name.removeprefix("delivery_")
    rows = [row for row in ctx.world.accepted if row.api == api and row.delivered and day_of(row.at) == day]
    return Answer(200, {"status": "ready", "success": len(rows)})


def units_info(ctx: Ctx) -> Answer:
    """GET /v2/bot/message/aggregation/info."""
    return Answer(200, {"numOfCustomAggregationUnits": len(ctx.world.units.get(month_of(ctx.now), ()))})


def units_list(ctx: Ctx) -> Answer:
    """GET /v2/bot/message/aggregation/list: this month only, at most 100 a page."""
    raw = ctx.call.one("limit") or "100"
    start = ctx.call.one("start") or "0"
    if not raw.isdigit() or not 1 <= int(raw) <= 100 or not start.isdigit():
        raise Refused(400, "The value for the 'limit' parameter is invalid", kind="bad limit")
    units = sorted(ctx.world.units.get(month_of(ctx.now), ()))
    end = int(start) + int(raw)
    body: Json = {"customAggregationUnits": units[int(start) : end]}
    if end < len(units):
        body["next"] = str(end)
    return Answer(200, body)


def get_endpoint(ctx: Ctx) -> Answer:
    """GET /v2/bot/channel/webhook/endpoint."""
    if not ctx.world.webhook_url:
        raise Refused(404, "Webhook endpoint not found", kind="no webhook endpoint", benign=True)
    return Answer(200, {"endpoint": ctx.world.webhook_url, "active": ctx.world.webhook_active})


def put_endpoint(ctx: Ctx) -> Answer:
    """PUT /v2/bot/channel/webhook/endpoint: at most 500 characters; https, or http on this machine."""
    url = ctx.body.get("endpoint")
    parts = urlsplit(url) if isinstance(url, str) and len(url) <= 500 else None
    local = parts is not None and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if parts is None or not parts.hostname or not (parts.scheme == "https" or local):
        raise Refused(400, "Invalid webhook endpoint URL", kind="bad webhook endpoint")
    ctx.world.webhook_url = str(url)
    return Answer(200, {})


def test_endpoint(ctx: Ctx) -> Answer:
    """POST /v2/bot/channel/webhook/test: sends a signed, empty webhook and tells how it went; 60 an hour."""
    url = ctx.body.get("endpoint") or ctx.world.webhook_url
    if not url:
        raise Refused(404, "Webhook endpoint not found", kind="no webhook endpoint", benign=True)
    # The receiver may call us back while it answers, so the world must not stay locked meanwhile.
    ctx.world.lock.release()
    try:
        attempt = ctx.world.probe(str(url))
    finally:
        ctx.world.lock.acquire()
    reason = {None: "OK"}.get(attempt["error"], str(attempt["error"]).upper())
    return Answer(
        200,
        {
            "success": reason == "OK",
            "timestamp": iso(ctx.now),
            "statusCode": attempt["status"] or 0,
            "reason": reason,
            "detail": str(attempt["status"] or attempt["error"]),
        },
    )


def service_token(ctx: Ctx) -> Answer:
    """POST /message/v3/notifier/token: one session per LIFF access token, five messages, a year (§4e, §9.30)."""
    _service_caller(ctx)
    user_id = ctx.world.liff_tokens.pop(str(ctx.body.get("liffAccessToken")), None)
    if user_id is None:
        raise Refused(401, "Invalid LIFF access token", kind="unknown LIFF token")
    session = Notifier(ids.opaque("n", 24), ids.opaque("s", 12), user_id, ctx.now + SERVICE_TOKEN_S)
    ctx.world.notifiers[session.token] = session
    return Answer(200, _session(session, ctx.now))


def service_send(ctx: Ctx) -> Answer:
    """POST /message/v3/notifier/send?target=service: each use renews the token; the old one is dead."""
    _service_caller(ctx)
    if ctx.call.one("target") != "service":
        raise Refused(400, "The value for the 'target' parameter is invalid", kind="bad target")
    token = str(ctx.body.get("notificationToken"))
    session = ctx.world.notifiers.get(token)
    if session is None or ctx.now >= session.expires_at or session.remaining < 1:
        kind = "used notification token" if token in ctx.world.dead_notifier_tokens else "bad notification token"
        raise Refused(401, "Invalid notification token", kind=kind)
    name = ctx.body.get("templateName")
    if not isinstance(name, str) or len(name) > 30 or not _TEMPLATE.fullmatch(name):
        raise Refused(400, "The template name is invalid", kind="bad template name")
    if name not in ctx.world.service_templates:
        raise Refused(403, "The template is not found", kind="unknown template")
    _renew(ctx, session)
    _record(ctx, session, name)
    return Answer(200, _session(session, ctx.now))


def _service_caller(ctx: Ctx) -> None:
    if ctx.token_kind not in ("stateless", "short"):
        raise Refused(401, "Only stateless and short-lived channel access tokens can be used", kind="token kind")


def _renew(ctx: Ctx, session: Notifier) -> None:
    del ctx.world.notifiers[session.token]
    ctx.world.dead_notifier_tokens.add(session.token)
    session.token = ids.opaque("n", 24)
    session.remaining -= 1
    ctx.world.notifiers[session.token] = session


def _record(ctx: Ctx, session: Notifier, name: str) -> None:
    world = ctx.world
    message: Json = {"type": "service", "templateName": name, "params": ctx.body.get("params", {})}
    world.accepted.append(
        Accepted(
            n=world.number(),
            api=ctx.route.name,
            user_id=session.user_id,
            messages=[message],
            message_ids=[world.message_id()],
            request_id=ctx.request_id,
            retry_key=None,
            at=ctx.now,
            business_at=world.clock.business_now(),
            delivered=True,
            reason="",
            counted=0,
        )
    )


def _session(session: Notifier, now: float) -> Json:
    return {
        "notificationToken": session.token,
        "expiresIn": int(session.expires_at - now),
        "remainingCount": session.remaining,
        "sessionId": session.session_id,
    }


def duplicates(rows: list[Accepted]) -> list[Json]:
    """Detector of §9.15: the same messages accepted more than once for the same user."""
    seen: dict[tuple[str, str], list[Accepted]] = {}
    for row in rows:
        seen.setdefault((row.user_id, repr(row.messages)), []).append(row)
    return [
        {"user_id": user, "times": len(same), "messages": same[0].messages, "at": [iso(row.at) for row in same]}
        for (user, _), same in seen.items()
        if len(same) > 1
    ]
