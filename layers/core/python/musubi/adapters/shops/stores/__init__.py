"""STORES (retail API 202211, github.com/heyinc/retail-api-docs; ec-platforms §2.4): no webhooks, so it is asked.

Its orders name no member: a guest's order stays with its number. Nothing marks a test order: STORES has no test
environment, and whoever tries the shop out has bought something.
"""

from musubi.adapters.shops.platform import Kind, Platform, Proof

PLATFORM = Platform(
    name="stores",
    title="STORES",
    kind=Kind.POLL,
    proof=Proof.REAL_BODY,
    signature="none: it is asked, with a bearer token",
    retries="the next poll asks again",
    polls=("orders",),
    link_ways="none: guests only",
    unknown=(
        "how late an order may appear in its list, in which zone it reads times without one, and when a tracking number "
        "was changed; orders that ship more than 30 days after they were placed or were due are not seen leaving"
    ),
)
