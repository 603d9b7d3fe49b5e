"""The webhook doors. What they do not import, their cold start does not pay for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.adapters.secrets import SsmSecrets
    from musubi.web.ingress import Door


HttpHandler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


def line_webhook() -> HttpHandler:
    """POST /line/webhook → the queue line-events."""
    from musubi.web.ingress import CHANNEL_SECRET, line_webhook

    s = settings.load(settings.LineWebhook)
    secrets = parts.secrets(s.param_prefix)
    parts.require(secrets, s.param_prefix, [CHANNEL_SECRET])
    door = _door(s, secrets, s.line_events_queue_url, s.claim_bucket, "line-events")
    return lambda event, context: line_webhook(event, door)


def shop_webhook() -> HttpHandler:
    """POST /shops/{shop_id}/{platform} → the queue shop-events."""
    from musubi.adapters.shops.platforms import opened
    from musubi.web.ingress import shop_webhook

    s = settings.load(settings.ShopWebhook)
    secrets = parts.secrets(s.param_prefix)
    platforms = opened(s.platforms)
    parts.require(secrets, s.param_prefix, [f"shops/{shop}/{name}" for shop in s.shops for name in platforms])
    door = _door(s, secrets, s.shop_events_queue_url, s.claim_bucket, "shop-events", s.public_url)
    return lambda event, context: shop_webhook(event, door, s.shops, platforms)


def _door(
    s: settings.Common, secrets: SsmSecrets, queue_url: str, bucket: str, prefix: str, public_url: str = ""
) -> Door:
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.sqs import send_batch
    from musubi.web.ingress import Door

    # LINE waits 2 s for an answer: better a 500 that it delivers again than an answer it no longer hears.
    sqs = client("sqs", connect_s=1, read_s=2, attempts=2)
    claims = S3Claims(lambda: client("s3"), bucket, prefix, parts.now)
    return Door(secrets.lines, partial(send_batch, sqs, queue_url), claims.put, parts.counter(s), parts.now, public_url)
