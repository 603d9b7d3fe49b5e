"""makeshop (developers.makeshop.jp; ec-platforms §2.4): app webhooks, and a GraphQL API that is asked.

Its public pages neither show a signature nor the fields of 注文更新通知 and 会員更新通知. So the address carries a token of
ours, and what arrives is kept unread: it only says that something changed, and the poll finds what. The API's endpoint, keys
and headers are documented; names of fields and statuses are those that shops' own clients ask for, with nothing more asked
for than they do. Whether a 仮注文, whose payment is not through, is among its orders is not known. Assumed, and off unless a
stage names it.
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
    kind=Kind.POLL,
    proof=Proof.ASSUMED,
    signature="unknown; a shared token in the address (`?token=`)",
    retries="unknown; the next poll asks again",
    verify=_verify,
    hints=True,
    polls=("orders", "members"),
    unknown=(
        "signature, retries and the fields of its notifications; bodies are stored unread. Of the API: a filter by change, "
        "birthdays, carriers, when an order was paid, dispatched or cancelled, whether it lists provisional orders, and "
        "limits of its use; changes of orders older than 14 days and of members are found once a day, withdrawals not at all"
    ),
)
