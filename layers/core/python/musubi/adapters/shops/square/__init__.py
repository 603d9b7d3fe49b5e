"""Square: its webhooks (developer.squareup.com, "Validate and verify notifications"; ec-platforms §1, §2.5) and its API.

Its order events name an id alone. With an API the order is fetched; without one the rest still works.
"""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_signed


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`x-square-hmacsha256-signature`: base64 of HMAC-SHA256 over the notification URL and the raw body.

    The URL is the one of the subscription; of those under which we may be known only the true one fits.
    """
    header = call.headers.get("x-square-hmacsha256-signature")
    verify_signed([url.encode() + call.raw for url in call.urls], header, secrets)


PLATFORM = Platform(
    name="square",
    title="Square",
    kind=Kind.PUSH_THIN,
    proof=Proof.REAL_BODY,
    signature="HMAC-SHA256 of URL + body, base64",
    retries="for days; off after 3 weeks without 2xx",
    verify=_verify,
    fetches=True,
    polls=("orders", "members"),
    writes=("tags", "consent", "points"),
    unknown=(
        "intervals of the retries; without an API in `shop_apis` an order has neither lines, total nor parcels; whether the "
        "refunds in an order have the ids of the refund events; how long Square remembers the key of a change"
    ),
)
