"""Issuing, verifying and revoking channel access tokens (§5, §9.2)."""

from __future__ import annotations

from local.line.auth import SHORT_S, STATELESS_S, issue, live_tokens
from local.line.context import Ctx
from local.line.jwt import BadAssertion, check_assertion
from local.line.state import ChannelToken
from local.line.values import Answer, Json, Refused

MOST_TOKENS = 30
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _no(error: str, description: str, kind: str = "token request refused") -> Refused:
    body: Json = {"error": error, "error_description": description}
    return Refused(400, description, kind=kind, body=body)


def _grant(ctx: Ctx) -> None:
    if ctx.body.get("grant_type") != "client_credentials":
        raise _no("unsupported_grant_type", "grant_type must be client_credentials")


def _secret(ctx: Ctx) -> None:
    config = ctx.world.config
    if not ctx.body.get("client_id") or not ctx.body.get("client_secret"):
        raise _no("invalid_request", "client_id and client_secret are required")
    if ctx.body["client_id"] != config.channel_id:
        raise _no("invalid_client", "invalid client_id")
    if ctx.body["client_secret"] != config.channel_secret:
        raise _no("invalid_client", "invalid client_secret")


def _assertion(ctx: Ctx, *, with_life: bool) -> tuple[Json, str]:
    if ctx.body.get("client_assertion_type") != _ASSERTION_TYPE:
        raise _no("invalid_request", "client_assertion_type is invalid")
    try:
        return check_assertion(
            str(ctx.body.get("client_assertion", "")),
            ctx.world.jwks,
            ctx.world.config.channel_id,
            ctx.now,
            with_life=with_life,
        )
    except BadAssertion as error:
        raise _no("invalid_client", str(error)) from error


def stateless(ctx: Ctx) -> Answer:
    """POST /oauth2/v3/token: 15 minutes, any number, by secret or by JWT."""
    _grant(ctx)
    if "client_assertion" in ctx.body or "client_assertion_type" in ctx.body:
        _assertion(ctx, with_life=False)
    else:
        _secret(ctx)
    token = issue(ctx.world, "stateless", STATELESS_S)
    return Answer(200, {"token_type": "Bearer", "access_token": token.token, "expires_in": int(STATELESS_S) - 1})


def by_jwt(ctx: Ctx) -> Answer:
    """POST /oauth2/v2.1/token: at most 30 live tokens, the 31st is refused."""
    if ctx.body.get("grant_type") in ("authorization_code", "refresh_token"):
        raise Refused(501, "LINE Login is not simulated (see local/line/README.md)", kind="not simulated")
    _grant(ctx)
    claims, kid = _assertion(ctx, with_life=True)
    if len(live_tokens(ctx.world, "v2.1")) >= MOST_TOKENS:
        raise _no("invalid_request", "The maximum number of access tokens has already been issued", "too many tokens")
    life = float(claims["token_exp"])
    token = issue(ctx.world, "v2.1", life, key_id=kid)
    return Answer(
        200,
        {
            "access_token": token.token,
            "token_type": "Bearer",
            "expires_in": int(life),
            "key_id": token.key_id,
        },
    )


def key_ids(ctx: Ctx) -> Answer:
    """GET /oauth2/v2.1/tokens/kid: key ids of the live v2.1 tokens."""
    kind, proof = ctx.call.one("client_assertion_type"), ctx.call.one("client_assertion")
    ctx.body = {"client_assertion_type": kind, "client_assertion": proof}
    _assertion(ctx, with_life=False)
    return Answer(200, {"kids": [token.key_id for token in live_tokens(ctx.world, "v2.1")]})


def short_lived(ctx: Ctx) -> Answer:
    """POST /v2/oauth/accessToken: 30 days; the 31st drops the oldest."""
    _grant(ctx)
    _secret(ctx)
    living = live_tokens(ctx.world, "short")
    if len(living) >= MOST_TOKENS:
        living[0].revoked = True
    token = issue(ctx.world, "short", SHORT_S)
    return Answer(200, {"access_token": token.token, "expires_in": int(SHORT_S), "token_type": "Bearer"})


def revoke(ctx: Ctx) -> Answer:
    """POST /v2/oauth/revoke and /oauth2/v2.1/revoke: 200 whether or not the token exists; not for stateless ones."""
    if ctx.route.name == "revoke_v21":
        _secret(ctx)
    token = ctx.world.channel_tokens.get(str(ctx.body.get("access_token")))
    if token is not None and token.kind != "stateless":
        token.revoked = True
    return Answer(200, b"")


def _described(ctx: Ctx, text: str | None) -> ChannelToken:
    token = ctx.world.channel_tokens.get(text or "")
    if token is None or token.revoked or (token.expires_at is not None and token.expires_at <= ctx.now):
        reason = "The access token revoked" if token is not None and token.revoked else "The access token expired"
        raise _no("invalid_request", reason, "token verification")
    return token


def verify(ctx: Ctx) -> Answer:
    """POST /v2/oauth/verify and GET /oauth2/v2.1/verify."""
    token = _described(ctx, ctx.body.get("access_token") or ctx.call.one("access_token"))
    left = int(SHORT_S if token.expires_at is None else token.expires_at - ctx.now)
    return Answer(200, {"client_id": token.channel_id, "expires_in": left, "scope": "P CM"})
