"""Site behaviour as Segment's e-commerce spec describes it (Segment docs, "V2 Ecommerce Events"; ec-platforms §3).

Sent by Segment's Webhooks (Actions) destination, or by anybody who speaks the format and signs as Standard Webhooks do.
"""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_body, verify_standard_call


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`X-Segment-Signature`, or the older `X-Signature`: hex of HMAC-SHA1 over the body with the shared secret
    (segmentio/action-destinations, `webhook`).

    Of a batch the older one only covers the first event; it does not fit the body then, and such a call is refused.
    """
    if "webhook-signature" in call.headers:
        return verify_standard_call(call.raw, call.headers, secrets, call.now)
    header = call.headers.get("x-segment-signature") or call.headers.get("x-signature")
    return verify_body(call.raw, header, secrets, encoding="hex", algorithm="sha1")


PLATFORM = Platform(
    name="segment",
    title="Segment e-commerce spec v2",
    kind=Kind.NEUTRAL,
    proof=Proof.VENDOR_DOC,
    signature="HMAC-SHA1 of the body, hex (batches: `X-Segment-Signature`), or Standard Webhooks",
    retries="the sender's",
    verify=_verify,
    splits=True,
    unknown="how often Segment's webhook destination repeats; what browsers say is unproven, so it never pays or ends an order",
)
