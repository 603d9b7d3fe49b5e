"""Channel access tokens: who may call (§9.2) and LINE's words when not (§2.9)."""

from __future__ import annotations

from local.line import ids
from local.line.context import Ctx
from local.line.state import ChannelToken, World
from local.line.values import Refused

STATELESS_S = 15 * 60.0
SHORT_S = 30 * 24 * 3600.0
_SCHEME = "Authorization header required. Must follow the scheme, 'Authorization: Bearer <ACCESS TOKEN>'"
_FAILED = (
    "Authentication failed due to the following reason: {}. "
    "Confirm that the access token in the authorization header is valid."
)


def issue(
    world: World,
    kind: str,
    life_s: float | None,
    *,
    channel_id: str | None = None,
    key_id: str = "",
) -> ChannelToken:
    """A new token of that kind, living `life_s` seconds of LINE's clock (None: for ever)."""
    now = world.clock.now()
    token = ChannelToken(
        token=ids.opaque(f"{kind[0]}.", 48),
        kind=kind,  # type: ignore[arg-type]  # callers pass literals
        channel_id=channel_id or world.config.channel_id,
        expires_at=None if life_s is None else now + life_s,
        moved_s=world.clock.offset_s,
        key_id=key_id,
    )
    world.channel_tokens[token.token] = token
    return token


def authenticate(ctx: Ctx) -> str:
    """The kind of the caller's token; 401 for a missing, unknown, expired, revoked or foreign one."""
    header = ctx.call.headers.get("authorization", "")
    if not header.startswith("Bearer ") or not header[7:].strip():
        raise Refused(401, _SCHEME, kind="no access token")
    token = ctx.world.channel_tokens.get(header[7:])
    if token is None:
        known = header[7:] in ctx.world.killed_tokens
        raise Refused(401, _FAILED.format("invalid token"), kind="unknown access token", ordered=known)
    if token.channel_id != ctx.world.config.channel_id:
        raise Refused(401, _FAILED.format("invalid token"), kind="token of another channel")
    if token.revoked:
        raise Refused(401, _FAILED.format("The access token revoked"), kind="revoked access token")
    if token.expires_at is not None and ctx.now >= token.expires_at:
        # Without the story's jump the token would still live: then the 401 is the story's doing.
        without_jump = ctx.now - (ctx.world.clock.offset_s - token.moved_s)
        raise Refused(
            401,
            _FAILED.format("The access token expired"),
            kind="expired access token",
            ordered=without_jump < token.expires_at,
        )
    return token.kind


def live_tokens(world: World, kind: str) -> list[ChannelToken]:
    """Unrevoked, unexpired tokens of a kind, oldest first."""
    now = world.clock.now()
    return [
        token
        for token in world.channel_tokens.values()
        if token.kind == kind and not token.revoked and (token.expires_at is None or token.expires_at > now)
    ]
