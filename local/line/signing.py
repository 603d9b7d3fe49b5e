"""Webhook bodies: JSON in every shape that LINE may use, and the signature over exactly those bytes (§1.1, §9.16)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from typing import Any

from local.line.values import Json

HEADER_NAMES = ("x-line-signature", "X-Line-Signature", "X-LINE-Signature", "X-LINE-SIGNATURE")


def sign(secret: str, body: bytes) -> str:
    """base64 HMAC-SHA256 of the body with the channel secret."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def encode(payload: Json, rng: random.Random | None = None) -> bytes:
    """The body's bytes: compact without `rng`, else with shuffled keys, whitespace and escapes drawn from it."""
    if rng is None:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    spaces = rng.choice(((",", ":"), (", ", ": "), (" ,", " : ")))
    text = json.dumps(
        _shuffled(payload, rng),
        ensure_ascii=rng.random() < 0.5,
        separators=spaces,
        indent=rng.choice((None, None, 1)),
    )
    if rng.random() < 0.3:
        text = text.replace("/", "\\/")
    return (text + rng.choice(("", "\n"))).encode()


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: _shuffled(value[key], rng) for key in keys}
    if isinstance(value, list):
        return [_shuffled(item, rng) for item in value]
    return value
