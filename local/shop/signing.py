"""How the shop signs what it sends: Shopify's and EC-CUBE's HMAC headers and the Standard Webhooks scheme."""

from __future__ import annotations

import base64
import hashlib
import hmac


def key_of(secret: str) -> bytes:
    """`whsec_` introduces a base64 key (Standard Webhooks); any other secret is used as its UTF-8 bytes."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


def shopify_hmac(secret: str, body: bytes) -> str:
    """Value of `X-Shopify-Hmac-Sha256`: base64 HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.digest(key_of(secret), body, hashlib.sha256)).decode()


def eccube_hmac(secret: str, body: bytes) -> str:
    """Value of `X-ECCUBE-Signature`: lower-case hex HMAC-SHA256 over the raw body."""
    return hmac.digest(key_of(secret), body, hashlib.sha256).hex()


def standard_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`webhook-*` headers signed over `id.timestamp.body`; `timestamp` is machine time of this attempt."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }


def vendor_proof(
    platform: str, secret: str, body: bytes, address: str, message_id: str, timestamp: int
) -> tuple[dict[str, str], dict[str, str]]:
    """(headers, query) that prove a call of `platform` to `address`, as each vendor documents it; a neutral platform signs as
    Standard Webhooks do.
    """
    key = key_of(secret)
    match platform:
        case "shopify":
            return {"x-shopify-hmac-sha256": shopify_hmac(secret, body)}, {}
        case "woocommerce":
            return {"x-wc-webhook-signature": shopify_hmac(secret, body)}, {}
        case "eccube":
            return {"x-eccube-signature": eccube_hmac(secret, body)}, {}
        case "square":
            return {"x-square-hmacsha256-signature": shopify_hmac(secret, address.encode() + body)}, {}
        case "segment":
            return {"x-segment-signature": hmac.digest(key, body, "sha1").hex()}, {}
        case "mapping":
            return {"x-musubi-token": secret}, {}
        case "makeshop":
            return {}, {"token": secret}
        case _:
            return standard_headers(secret, message_id, timestamp, body), {}
