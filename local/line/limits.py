"""Token buckets per endpoint (§2.5), the monthly quota (§2.6) and the memory of retry keys (§2.4)."""

from __future__ import annotations

import hashlib
import re

from local.line.clock import month_of
from local.line.context import Ctx
from local.line.state import RetryKey, World
from local.line.values import Json, Refused

RATE_TEXT = "The API rate limit has been exceeded. Try again later."
MONTHLY_TEXT = "You have reached your monthly limit."
KEY_MEMORY_S = 24 * 3600.0
_KEY = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def take_token(ctx: Ctx) -> None:
    """Spend one token of the endpoint's bucket or raise the rate 429. The capacity is not documented: one period's
    worth is assumed. No Retry-After (§9.11)."""
    world, name = ctx.world, ctx.route.name
    rate = world.limits.get(name, ctx.route.rate)
    if rate is None:
        return
    capacity, period = rate
    tokens, at = world.buckets.get(name, (capacity, ctx.now))
    tokens = min(capacity, tokens + max(0.0, ctx.now - at) * capacity / period)
    if tokens < 1.0:
        world.buckets[name] = (tokens, ctx.now)
        raise Refused(429, RATE_TEXT, kind="rate limit", ordered=name in world.limits)
    world.buckets[name] = (tokens - 1.0, ctx.now)


def used_this_month(world: World) -> int:
    """Recipients counted in the current Tokyo month (§2.6)."""
    return world.usage.get(month_of(world.clock.now()), 0)


def shown_usage(world: World) -> int:
    """What the consumption endpoint admits: with a lag set it does not yet know the latest sends (§9.12)."""
    now = world.clock.now()
    if world.quota_lag_s <= 0:
        return used_this_month(world)
    month, until = month_of(now), now - world.quota_lag_s
    return sum(row.counted for row in world.accepted if month_of(row.at) == month and row.at <= until)


def check_quota(world: World, recipients: int) -> None:
    """Raise the monthly 429 when `recipients` more would pass the quota; nothing is sent then (§2.6)."""
    if world.quota is None:
        return
    used = used_this_month(world) + world.quota_reserved
    if used >= world.quota or used + recipients > world.quota:
        raise Refused(429, MONTHLY_TEXT, kind="monthly limit", ordered=True)


def count_usage(world: World, recipients: int) -> None:
    """Add delivered recipients to this month's usage."""
    month = month_of(world.clock.now())
    world.usage[month] = world.usage.get(month, 0) + recipients


def read_retry_key(ctx: Ctx) -> str | None:
    """The call's retry key. 400 on an API without retry keys and for a key that is no UUID (§9.6, §9.9)."""
    key = ctx.call.headers.get("x-line-retry-key")
    if key is None:
        return None
    if not ctx.route.retry_key:
        raise Refused(400, "The retry key is not supported on this API", kind="retry key on unsupported API")
    if not _KEY.fullmatch(key):
        raise Refused(400, "The retry key is invalid", kind="retry key is no UUID")
    return key.lower()


def note_key(world: World, key: str, *, faulted: bool) -> RetryKey:
    """The memory of a key; it starts at the key's first request and lasts 24 h, accepted or not (§2.4)."""
    now = world.clock.now()
    record = world.retry_keys.get(key)
    if record is not None and now - record.first_at >= KEY_MEMORY_S:
        if record.request_id is not None:
            world.violation(
                "retry key reused after 24 h", f"key {key}: LINE has forgotten it, this is a second send", key=key
            )
        record = None
    if record is None:
        record = world.retry_keys[key] = RetryKey(first_at=now)
    record.faulted = record.faulted or faulted
    return record


def digest(body: bytes) -> str:
    """Fingerprint of a request body."""
    return hashlib.sha256(body).hexdigest()


def check_accepted_before(ctx: Ctx, record: RetryKey) -> None:
    """Flag a changed body under one key; answer 409 when the key's request was accepted before (§9.9)."""
    mark = digest(ctx.call.body)
    if record.digest and (record.digest, record.api) != (mark, ctx.route.name):
        ctx.world.violation(
            "retry key with another body",
            f"key {ctx.retry_key} came with a different request",
            key=ctx.retry_key,
            request_id=ctx.request_id,
        )
    record.digest = record.digest or mark
    record.api = record.api or ctx.route.name
    if record.request_id is None:
        return
    body: Json = {"message": "The retry key is already accepted"}
    if record.sent_messages is not None:
        body["sentMessages"] = record.sent_messages
    raise Refused(
        409,
        None,
        kind="already accepted",
        benign=True,
        body=body,
        headers={"x-line-accepted-request-id": record.request_id},
    )
