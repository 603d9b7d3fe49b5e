"""WooCommerce's webhooks (its code, `includes/class-wc-webhook.php`; ec-platforms §2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_body

_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_SIGNATURE = "x-wc-webhook-signature"


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`X-WC-Webhook-Signature`: base64 of HMAC-SHA256 over the raw body with the webhook's secret."""
    verify_body(call.raw, call.headers.get(_SIGNATURE), secrets)


def _greets(call: Call) -> bool:
    """The ping of a webhook that is being switched on: a form of one field, unsigned. It wants 200 and says nothing else."""
    return _SIGNATURE not in call.headers and _PING.fullmatch(call.raw.strip()) is not None


PLATFORM = Platform(
    name="woocommerce",
    title="WooCommerce",
    kind=Kind.PUSH_FULL,
    proof=Proof.REAL_BODY,
    signature="HMAC-SHA256 of the body, base64",
    retries="none; off after 5 failures",
    verify=_verify,
    keeps=("x-wc-webhook-",),
    greeting=_greets,
    polls=("orders", "members"),
    writes=("tags", "consent"),
    unknown=(
        "Tracking, birthdays and kana live in plugins' metadata; the keys that we read are those of widespread plugins. "
        "Core has neither tags nor points: what is written back is customer metadata of our own."
    ),
)
