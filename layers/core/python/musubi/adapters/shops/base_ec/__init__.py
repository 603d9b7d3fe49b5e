"""BASE (docs.thebase.in; ec-platforms §2.4): no webhooks, so it is asked. `base` is the adapters' own module,
hence the package's name.

Its orders name no member: a guest's order stays with its key. Nothing marks a test order.
"""

from musubi.adapters.shops.platform import Kind, Platform, Proof

PLATFORM = Platform(
    name="base",
    title="BASE",
    package="base_ec",
    kind=Kind.POLL,
    proof=Proof.REAL_BODY,
    signature="none: it is asked, with an OAuth token",
    retries="the next poll asks again",
    renews_at="/1/oauth/token",
    polls=("orders",),
    link_ways="none: guests only",
    unknown=(
        "how its list is sorted and in which zone its times are read, whether a renewal needs the redirect URI (one "
        "in the grant is sent along), when a transfer was paid; single parcels, refunds and regular deliveries are not read; "
        "orders that change more than 60 days after they were placed are not seen changing"
    ),
)
