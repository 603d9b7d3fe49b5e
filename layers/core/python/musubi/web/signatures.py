"""Webhook signatures over raw bytes. Standard library only: this is on the path of a cold start that LINE times.

Every function returns None when the signature holds and raises `SignatureRefused` when it does not, so that a caller
who forgets to look at the result lets nobody in. Several secrets are tried because LINE and Shopify sign with one of
two while a key is rotated; all are computed and compared in constant time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

WINDOW_S = 300
"""How far a signed timestamp may be from our machine time, in seconds, both ways (Standard Webhooks)."""

_STANDARD_PREFIX = "whsec_"
_SIGNATURE_VERSION = "v1,"


class SignatureRefused(Exception):
    """The sender is not proven. `reason` is `missing`, `malformed`, `stale`, `mismatch` or `no_secret`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Keys(Protocol):
    """Where the secrets are."""

    def __call__(self, name: str, /, *, fresh: bool = False) -> Sequence[str]:
        """The secrets under `name`, () when there is none. `fresh` asks past the cache, at most now and then."""
        ...


def prove(keys: Keys, name: str, verify: Callable[[Sequence[str]], None]) -> None:
    """Verify with the secrets under `name`, and once more with a fresh look at them: they may just have been rotated."""
    try:
        verify(keys(name))
    except SignatureRefused as refused:
        if refused.reason not in ("mismatch", "no_secret"):
            raise
        verify(keys(name, fresh=True))


def key_bytes(secret: str) -> bytes:
    """The HMAC key that a configured secret stands for: base64 after `whsec_` (Standard Webhooks), else its UTF-8
    bytes.

    ValueError for a `whsec_` secret that is not base64 or holds nothing.
    """
    if not secret.startswith(_STANDARD_PREFIX):
        return secret.encode()
    text = secret.removeprefix(_STANDARD_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("a whsec_ secret must be base64") from None
    if not key:
        raise ValueError("a whsec_ secret must not be empty")
    return key


def verify_body(
    raw: bytes,
    header: str | None,
    secrets: Iterable[str],
    *,
    encoding: Literal["base64", "hex"] = "base64",
    algorithm: Literal["sha256", "sha1"] = "sha256",
) -> None:
    """A header that holds an HMAC over the raw body: LINE's `x-line-signature` (Messaging API, webhooks) with the
    channel secret, and most shops' with theirs. SHA-1 only where a vendor knows no other; as an HMAC it still holds.
    """
    _expect(_decoded([header or ""], encoding), raw, secrets, algorithm)


def verify_signed(
    signed: Iterable[bytes],
    header: str | None,
    secrets: Sequence[str],
    *,
    encoding: Literal["base64", "hex"] = "base64",
) -> None:
    """The same where the sender signs more than the body and only a few candidates for it are known."""
    given, last = _decoded([header or ""], encoding), SignatureRefused("mismatch")
    for candidate in signed:
        try:
            return _expect(given, candidate, secrets)
        except SignatureRefused as refused:
            last = refused
    raise last


def verify_token(given: str | None, secrets: Iterable[str]) -> None:
    """A secret that the sender repeats as it is, for senders that can not sign."""
    if not given:
        raise SignatureRefused("missing")
    known = [secret.encode() for secret in secrets]
    if not known:
        raise SignatureRefused("no_secret")
    matches = [hmac.compare_digest(secret, given.encode("utf-8", "replace")) for secret in known]
    if not any(matches):
        raise SignatureRefused("mismatch")


def verify_standard_call(raw: bytes, headers: Mapping[str, str], secrets: Iterable[str], now: datetime) -> None:
    """`verify_standard_webhook` with its three headers."""
    verify_standard_webhook(
        raw,
        message_id=headers.get("webhook-id"),
        timestamp=headers.get("webhook-timestamp"),
        signatures=headers.get("webhook-signature"),
        secrets=secrets,
        now=now,
    )


def verify_standard_webhook(
    raw: bytes,
    *,
    message_id: str | None,
    timestamp: str | None,
    signatures: str | None,
    secrets: Iterable[str],
    now: datetime,
) -> None:
    """`webhook-id`, `-timestamp`, `-signature` over `id.timestamp.body`; `now` is machine time (Standard Webhooks).

    `signatures` may hold several, separated by spaces; only `v1,` ones are read.
    """
    if not message_id or not timestamp or not signatures:
        raise SignatureRefused("missing")
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        raise SignatureRefused("malformed")
    given = [one[len(_SIGNATURE_VERSION) :] for one in signatures.split() if one.startswith(_SIGNATURE_VERSION)]
    signed = b".".join((message_id.encode("utf-8", "replace"), timestamp.encode(), raw))
    _expect(_decoded(given, "base64"), signed, secrets)
    # Looked at last: only a sender who holds the key learns that its clock is wrong.
    if abs(now.timestamp() - int(timestamp)) > WINDOW_S:
        raise SignatureRefused("stale")


def _decoded(given: list[str], encoding: Literal["base64", "hex"]) -> list[bytes]:
    if not any(given):
        raise SignatureRefused("missing")
    digests = []
    for text in given:
        try:
            digests.append(bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True))
        except ValueError:  # not of that encoding, or not even ASCII
            continue
    if not digests:
        raise SignatureRefused("malformed")
    return digests


def _expect(given: list[bytes], signed: bytes, secrets: Iterable[str], algorithm: str = "sha256") -> None:
    expected = [hmac.digest(key_bytes(secret), signed, algorithm) for secret in secrets]
    if not expected:
        raise SignatureRefused("no_secret")
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
    if not any(matches):
        raise SignatureRefused("mismatch")
