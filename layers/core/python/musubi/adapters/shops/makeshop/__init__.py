"""makeshop's app webhooks (developers.makeshop.jp, "Webhook"; ec-platforms §2.4): notifications, POST with a JSON body.

Its public pages neither show a signature nor the fields of 注文更新通知 and 会員更新通知. So the address carries a token of
ours, and what arrives is kept unread; nothing is claimed of it. Assumed, and off unless a stage names it.
"""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_token


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`?token=` in the address that the app registers: makeshop has no field for a secret."""
    verify_token(call.query.get("token"), secrets)


PLATFORM = Platform(
    name="makeshop",
    title="makeshop",
    kind=Kind.PUSH_THIN,
    proof=Proof.ASSUMED,
    signature="unknown; a shared token in the address (`?token=`)",
    retries="unknown",
    verify=_verify,
    unknown="signature, retries and the fields of its notifications; bodies are stored unread",
)
