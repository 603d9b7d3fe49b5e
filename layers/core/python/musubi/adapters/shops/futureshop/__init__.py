"""futureshop (API v2, manual.future-shop.jp/api; ec-platforms §2.4): no webhooks, so it is asked.

What the manual says of each API stands on pages that were not at hand: paths, parameters and fields of 受注検索 and 受注詳細
are those of public clients and of the answers that one of them keeps. Orders name their member, with name, birthday and
会員ステージ as of the order.

会員検索 is `GET /admin-api/v1/member` with a `memberList`, but clients disagree on its filters, pages and fields; of the
point API nothing was found, and since 2022-02-24 a change of points no longer dates the member. So neither is asked: bring
members and points as tables.
"""

from musubi.adapters.shops.platform import Kind, Platform, Proof

PLATFORM = Platform(
    name="futureshop",
    title="futureshop",
    kind=Kind.POLL,
    proof=Proof.ASSUMED,
    signature="none: it is asked, with an OAuth token",
    retries="the next poll asks again",
    polls=("orders",),
    unknown=(
        "the words for an order's status but AWAITING_PAYMENT and COMPLETED (CANCEL, CANCELED and CANCELLED are taken for a "
        "cancellation), a filter by change, how a call too many is refused, whether callers' addresses must be registered; "
        "the member and point APIs are not asked; orders that ship more than 60 days after they were placed, or whose "
        "dispatch or payment is entered more than 3 days late, are not seen changing"
    ),
)
