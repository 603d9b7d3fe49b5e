"""RS256 client assertions of §5, verified with the standard library (the simulator needs no crypto package)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from local.line.values import Json

AUDIENCE = "https://api.line.me/"
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
_MOST_LIFE_S = 30 * 60
_MOST_TOKEN_S = 30 * 24 * 3600


class BadAssertion(ValueError):
    """The assertion is refused; the text says why."""


def check_assertion(
    assertion: str, jwks: Mapping[str, Json], channel_id: str, now: float, *, with_life: bool
) -> tuple[Json, str]:
    """Claims and kid of a valid assertion: RS256, known kid, iss = sub = channel, aud, exp at most 30 minutes away,
    and with `with_life` a token_exp of at most 30 days. Raises BadAssertion."""
    parts = assertion.split(".")
    if len(parts) != 3:
        raise BadAssertion("client_assertion is no JWT")
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except ValueError as error:
        raise BadAssertion("client_assertion is no JWT") from error
    if header.get("alg") != "RS256":
        raise BadAssertion("alg must be RS256")
    key = jwks.get(str(header.get("kid")))
    if key is None:
        raise BadAssertion("kid is unknown")
    if not _signed(key, ".".join(parts[:2]).encode(), signature):
        raise BadAssertion("signature is invalid")
    _claims(claims, channel_id, now, with_life=with_life)
    return claims, str(header["kid"])


def _claims(claims: Json, channel_id: str, now: float, *, with_life: bool) -> None:
    if claims.get("iss") != channel_id or claims.get("sub") != channel_id:
        raise BadAssertion("iss and sub must be the channel id")
    if claims.get("aud") != AUDIENCE:
        raise BadAssertion(f"aud must be {AUDIENCE}")
    expiry = claims.get("exp")
    if not isinstance(expiry, int | float) or not now < expiry <= now + _MOST_LIFE_S:
        raise BadAssertion("exp must be at most 30 minutes ahead")
    life = claims.get("token_exp")
    if with_life and (not isinstance(life, int) or not 0 < life <= _MOST_TOKEN_S):
        raise BadAssertion("token_exp must be between 1 and 2592000")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(key: Json, message: bytes, signature: bytes) -> bool:
    modulus = int.from_bytes(_decode(str(key["n"])))
    exponent = int.from_bytes(_decode(str(key["e"])))
    size = (modulus.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    opened = pow(int.from_bytes(signature), exponent, modulus).to_bytes(size)
    tail = _SHA256_PREFIX + hashlib.sha256(message).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail
    return hmac.compare_digest(opened, expected)
