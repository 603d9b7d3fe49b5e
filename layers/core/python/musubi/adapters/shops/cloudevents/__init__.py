"""The neutral endpoint: CloudEvents 1.0, signed as in Standard Webhooks (ec-platforms §1, §3)."""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_standard_call


def _verify(call: Call, secrets: Sequence[str]) -> None:
    verify_standard_call(call.raw, call.headers, secrets, call.now)


PLATFORM = Platform(
    name="cloudevents",
    title="CloudEvents 1.0",
    kind=Kind.NEUTRAL,
    proof=Proof.REAL_BODY,
    signature="Standard Webhooks: HMAC-SHA256 of id.timestamp.body",
    retries="the sender's",
    verify=_verify,
    status=202,
    keeps=("webhook-", "ce-"),
    splits=True,
)
