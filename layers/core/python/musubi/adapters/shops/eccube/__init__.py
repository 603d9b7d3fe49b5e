"""EC-CUBE 4.2 and 4.3 with the Web API plugin, Api42 (ec-platforms §2.3; EC-CUBE/eccube-api4, branch 4.2).

Its webhooks only name what changed, and it sends each exactly once: whatever is lost is found by the poll.
"""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_body


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """`X-ECCUBE-Signature`: lower-case hex of HMAC-SHA256 over the raw body with the webhook's secret.

    The plugin leaves the header out when that secret is blank: such a call is refused like any unsigned one.
    """
    verify_body(call.raw, call.headers.get("x-eccube-signature"), secrets, encoding="hex")


PLATFORM = Platform(
    name="eccube",
    title="EC-CUBE 4.2/4.3",
    kind=Kind.PUSH_THIN,
    proof=Proof.REAL_BODY,
    signature="HMAC-SHA256 of the body, hex",
    retries="none",
    verify=_verify,
    keeps=("x-eccube-",),
    fetches=True,
    needs_api=True,
    renews_at="/token",
    polls=("orders", "members"),
    unknown="how long an unused refresh token lives; what plugins add (ranks, point expiry, order statuses)",
)
