"""The API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.web.api import Api


def api() -> Api:
    """GET /healthz, GET /v1/openapi.json, POST /v1/link/nonces."""
    from musubi.adapters.tokens import RandomTokens
    from musubi.usecases.issue_nonce import issue_nonce
    from musubi.web.api import Api

    s = settings.load(settings.Api)
    secrets = parts.secrets(s.param_prefix)
    parts.require(secrets, s.param_prefix, [f"shops/{shop}/cloudevents" for shop in s.shops])
    store, tokens = parts.work_store(s.work_table), RandomTokens()

    def issue(shop_id: str, member_id: str) -> tuple[str, datetime]:
        nonce, stored = issue_nonce(store, tokens, shop_id=shop_id, member_id=member_id, now=parts.now())
        return nonce, stored.expires_at

    return Api(issue=issue, keys=secrets.lines, shops=s.shops, now=parts.now, count=parts.counter(s))
