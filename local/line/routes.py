"""Every endpoint that is simulated, with its host and documented rate (§2.1, §2.5), and those knowingly left out."""

from __future__ import annotations

import re

from local.line.context import Route
from local.line.endpoints import account, oauth, sending, users

_BOT = "/v2/bot"
_MESSAGE = f"{_BOT}/message"
_HOUR, _MINUTE = 3600.0, 60.0

ROUTES: tuple[Route, ...] = (
    Route("token", "api", "POST", "/oauth2/v3/token", oauth.stateless, auth=False, body="form"),
    Route("token_v21", "api", "POST", "/oauth2/v2.1/token", oauth.by_jwt, auth=False, body="form"),
    Route("token_kids", "api", "GET", "/oauth2/v2.1/tokens/kid", oauth.key_ids, auth=False),
    Route("token_short", "api", "POST", "/v2/oauth/accessToken", oauth.short_lived, (370, 1), auth=False, body="form"),
    Route("revoke", "api", "POST", "/v2/oauth/revoke", oauth.revoke, auth=False, body="form"),
    Route("revoke_v21", "api", "POST", "/oauth2/v2.1/revoke", oauth.revoke, auth=False, body="form"),
    Route("verify", "api", "POST", "/v2/oauth/verify", oauth.verify, auth=False, body="form"),
    Route("verify_v21", "api", "GET", "/oauth2/v2.1/verify", oauth.verify, auth=False),
    Route("reply", "api", "POST", f"{_MESSAGE}/reply", sending.reply, body="json"),
    Route("push", "api", "POST", f"{_MESSAGE}/push", sending.push, body="json", retry_key=True),
    Route(
        "multicast", "api", "POST", f"{_MESSAGE}/multicast", sending.multicast, (200, 1), body="json", retry_key=True
    ),
    Route(
        "broadcast", "api", "POST", f"{_MESSAGE}/broadcast", sending.broadcast, (60, _HOUR), body="json", retry_key=True
    ),
    *(
        Route(f"validate_{kind}", "api", "POST", f"{_MESSAGE}/validate/{kind}", sending.validator(kind), body="json")
        for kind in ("reply", "push", "multicast", "narrowcast", "broadcast")
    ),
    Route("quota", "api", "GET", f"{_MESSAGE}/quota", account.quota),
    Route("consumption", "api", "GET", f"{_MESSAGE}/quota/consumption", account.consumption),
    *(
        Route(f"delivery_{kind}", "api", "GET", f"{_MESSAGE}/delivery/{kind}", account.delivery_count)
        for kind in ("reply", "push", "multicast", "broadcast")
    ),
    Route("units_info", "api", "GET", f"{_MESSAGE}/aggregation/info", account.units_info),
    Route("units_list", "api", "GET", f"{_MESSAGE}/aggregation/list", account.units_list),
    Route("content", "data", "GET", f"{_MESSAGE}/{{messageId}}/content", users.content),
    Route("content_preview", "data", "GET", f"{_MESSAGE}/{{messageId}}/content/preview", users.content),
    Route("content_state", "data", "GET", f"{_MESSAGE}/{{messageId}}/content/transcoding", users.transcoding),
    Route("profile", "api", "GET", f"{_BOT}/profile/{{userId}}", users.profile),
    Route("followers", "api", "GET", f"{_BOT}/followers/ids", users.followers),
    Route("bot_info", "api", "GET", f"{_BOT}/info", users.bot_info),
    Route("link_token", "api", "POST", f"{_BOT}/user/{{userId}}/linkToken", users.link_token),
    Route("loading", "api", "POST", f"{_BOT}/chat/loading/start", users.loading, (100, 1), body="json"),
    Route("mark_as_read", "api", "POST", f"{_BOT}/chat/markAsRead", users.mark_as_read, body="json"),
    Route("get_endpoint", "api", "GET", f"{_BOT}/channel/webhook/endpoint", account.get_endpoint, (1000, _MINUTE)),
    Route(
        "put_endpoint",
        "api",
        "PUT",
        f"{_BOT}/channel/webhook/endpoint",
        account.put_endpoint,
        (1000, _MINUTE),
        body="json",
    ),
    Route(
        "test_endpoint", "api", "POST", f"{_BOT}/channel/webhook/test", account.test_endpoint, (60, _HOUR), body="json"
    ),
    Route("service_token", "api", "POST", "/message/v3/notifier/token", account.service_token, body="json"),
    Route("service_send", "api", "POST", "/message/v3/notifier/send", account.service_send, body="json"),
)

# Real endpoints that are not built: 501 says so, where a 404 would claim that LINE does not have them.
NOT_SIMULATED: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"/v2/bot/message/(narrowcast|progress/narrowcast|pnp/templated/push|markAsRead)",
        r"/v2/bot/message/delivery/pnp(/templated)?",
        r"/bot/pnp/push",
        r"/v2/bot/(insight|coupon|membership|audienceGroup|richmenu|group|room)(/[^/]+)*",
        r"/v2/bot/user/[^/]+/richmenu(/[^/]+)?",
        r"/oauth2/v2\.1/(userinfo|certs)",
        r"/v2/profile|/friendship/v1/status|/user/v1/deauthorize|/liff/v1/apps(/[^/]+)?",
    )
)
