"""Shopify's classic webhooks (shopify.dev, "Verify webhook deliveries"; ec-platforms §2.1).

They carry what changed, so nobody is asked for it, but for the few whose body is too large for its way. Its own documents
call them "not always delivered": the poll brings the rest, where the stage names the shop's API.
"""

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
    fetches=True,
    polls=("orders", "members"),
    writes=("tags", "consent"),
    unknown="whether a metafield that changes alone makes its customer be found by a poll; a poll brings the birthday only, "
    "ranks and points in metafields come by webhook; it can not see deletions, merges, accounts that were disabled or that an "
    "old guest opened, and tags; without the scope read_all_orders it is not shown orders older than 60 days",
)
