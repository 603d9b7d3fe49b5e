"""Signed calls as LINE's and shops' servers make them, for one stack: what stories, load runs and tests send themselves.

Nothing of `musubi`; only addresses and secrets that an outsider of that kind would hold.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from local.endpoints import Endpoints
from local.line.signing import sign
from local.shop.signing import shopify_hmac, standard_headers
from local.stack.settings import Settings

BOT = "U" + "b07" * 10 + "b0"
"""The simulator's default bot user id: the `destination` of its webhooks."""


@dataclass
class Outside:
    """An outsider with the right secrets (and, on request, wrong ones)."""

    endpoints: Endpoints
    channel_secret: str
    shop_secret: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)

    @classmethod
    def of(cls, endpoints: Endpoints, settings: Settings) -> Outside:
        """With the secrets that the stack was started with."""
        return cls(endpoints, settings.channel_secret, settings.shop_secret)

    # --- LINE ----------------------------------------------------------------------------------------------------

    def line_body(self, *events: Mapping[str, Any]) -> bytes:
        """A webhook body of LINE."""
        return json.dumps({"destination": BOT, "events": list(events)}, ensure_ascii=False).encode()

    def line_webhook(self, body: bytes, *, secret: str | None = None, signature: str | None = None) -> httpx.Response:
        """POST /line/webhook with a signature of ours, or the one given ("" for none)."""
        header = sign(secret or self.channel_secret, body) if signature is None else signature
        headers = {"content-type": "application/json", **({"x-line-signature": header} if header else {})}
        return self.http.post(f"{self.endpoints.api}/line/webhook", content=body, headers=headers)

    def text_event(self, user: str, text: str, **over: Any) -> dict[str, Any]:
        """A message event without reply token, dated now."""
        return {
            "type": "message",
            "mode": "active",
            "timestamp": round(time.time() * 1000),
            "source": {"type": "user", "userId": user},
            "webhookEventId": uuid.uuid4().hex.upper()[:26],
            "deliveryContext": {"isRedelivery": False},
            "message": {"type": "text", "id": str(time.time_ns()), "text": text, "quoteToken": "q"},
            **over,
        }

    # --- shops ---------------------------------------------------------------------------------------------------

    def shop_path(self, platform: str) -> str:
        """Where this shop's webhooks of a platform go."""
        return f"{self.endpoints.api}/shops/{self.endpoints.shop_id}/{platform}"

    def cloudevent(self, kind: str, at: datetime, data: Mapping[str, Any], **over: Any) -> dict[str, Any]:
        """A structured CloudEvent of business time `at`; `kind` is an event name of the canonical model."""
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "https://shop.example/outside",
            "type": kind,
            "time": at.isoformat(),
            "datacontenttype": "application/json",
            "data": dict(data),
            **over,
        }

    def cloudevents(
        self, document: Any, *, secret: str | None = None, timestamp: int | None = None, raw: bytes | None = None
    ) -> httpx.Response:
        """POST one event or a batch (a list)."""
        body = raw if raw is not None else json.dumps(document, ensure_ascii=False).encode()
        kind = "application/cloudevents-batch+json" if isinstance(document, list) else "application/cloudevents+json"
        headers = {"content-type": kind, **self._signed(body, secret, timestamp)}
        return self.http.post(self.shop_path("cloudevents"), content=body, headers=headers)

    def shopify(self, topic: str, body: bytes, *, secret: str | None = None) -> httpx.Response:
        """POST raw bytes as a Shopify webhook."""
        headers = {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": shopify_hmac(secret or self.shop_secret, body),
            "x-shopify-shop-domain": "musubi-shoten.myshopify.example",
            "x-shopify-webhook-id": str(uuid.uuid4()),
            "x-shopify-event-id": str(uuid.uuid4()),
            "x-shopify-api-version": "2026-10",
            "x-shopify-triggered-at": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
        }
        return self.http.post(self.shop_path("shopify"), content=body, headers=headers)

    def nonce(self, member_id: str, *, secret: str | None = None, timestamp: int | None = None) -> httpx.Response:
        """POST /v1/link/nonces as the shop's server does after a login."""
        body = json.dumps({"member_id": member_id}).encode()
        headers = {"content-type": "application/json", **self._signed(body, secret, timestamp)}
        return self.http.post(f"{self.endpoints.api}/v1/link/nonces", content=body, headers=headers)

    def _signed(self, body: bytes, secret: str | None, timestamp: int | None) -> dict[str, str]:
        at = round(time.time()) if timestamp is None else timestamp
        return standard_headers(secret or self.shop_secret, f"msg_{uuid.uuid4().hex}", at, body)


def api_gateway_event(body: bytes, headers: Mapping[str, str], *, encoded: bool) -> dict[str, Any]:
    """What an HTTP API hands to a function (payload format 2.0); `encoded`: the body as flagged base64."""
    text = base64.b64encode(body).decode() if encoded else body.decode()
    return {
        "version": "2.0",
        "routeKey": "POST /line/webhook",
        "rawPath": "/line/webhook",
        "rawQueryString": "",
        "headers": dict(headers),
        "requestContext": {
            "http": {"method": "POST", "path": "/line/webhook", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": uuid.uuid4().hex,
            "stage": "$default",
        },
        "body": text,
        "isBase64Encoded": encoded,
    }
