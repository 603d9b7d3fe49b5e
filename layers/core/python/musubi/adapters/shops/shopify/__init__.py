"""Shopify's classic webhooks (shopify.dev, "Verify webhook deliveries"; ec-platforms §2.1)."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_body


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`X-Shopify-Hmac-Sha256`: base64 of HMAC-SHA256 over the raw body with the app's client secret.

    Newer subscriptions drop the `X-`.
    """
    header = call.headers.get("x-shopify-hmac-sha256") or call.headers.get("shopify-hmac-sha256")
    verify_body(call.raw, header, secrets)


PLATFORM = Platform(
    name="shopify",
    title="Shopify",
    kind=Kind.PUSH_FULL,
    proof=Proof.REAL_BODY,
    signature="HMAC-SHA256 of the body, base64",
    retries="8 in 4 hours",
    verify=_verify,
    keeps=("x-shopify-", "shopify-"),
    writes=("tags", "consent"),
)
