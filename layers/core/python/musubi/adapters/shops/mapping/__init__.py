"""Senders with a JSON of their own: the shop's file `mappings/<shop>.yaml` says what of it is what.

For carts whose bodies a merchant writes (ecforce's Liquid templates) and for custom ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from musubi.adapters.shops.platform import Call, Kind, Platform, Proof
from musubi.web.signatures import verify_standard_call, verify_token

_BEARER = "bearer "


def _verify(call: Call, secrets: Sequence[str]) -> None:
    """Standard Webhooks where the sender can sign; else the secret itself as `authorization: Bearer …`,
    `x-musubi-token` or, for senders that only have an address to fill in, `?token=`.

    None of the three is handed on or logged; the access log holds the route, neither query nor headers.
    """
    if "webhook-signature" in call.headers:
        return verify_standard_call(call.raw, call.headers, secrets, call.now)
    return verify_token(_token(call), secrets)


def _token(call: Call) -> str | None:
    given = call.headers.get("authorization", "")
    if given.lower().startswith(_BEARER):
        return given[len(_BEARER) :].strip()
    return call.headers.get("x-musubi-token") or call.query.get("token")


PLATFORM = Platform(
    name="mapping",
    title="Mapping file (ecforce, custom carts)",
    kind=Kind.NEUTRAL,
    proof=Proof.VENDOR_DOC,
    signature="Standard Webhooks, or a shared token (`Bearer`, `x-musubi-token`, `?token=`)",
    retries="the sender's",
    verify=_verify,
    mapped=True,
    unknown="whether and how ecforce signs and repeats: its address carries the token",
)
