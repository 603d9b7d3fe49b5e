"""The two webhook doors: verify over raw bytes, split, put on a queue, answer. Nothing is decided here.

Standard library only: LINE counts an answer after 2 s as a failure, and a cold start that imports pydantic or
the LINE SDK spends that on imports. What a body means is the worker's business, so no content ever makes
these doors answer 5xx; only a queue that does not take the message does, because then the sender's redelivery
helps.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from musubi.web.signatures import SignatureRefused, verify_line, verify_shopify, verify_standard_webhook

MAX_BODY = 5 * 1024 * 1024
"""Bytes of a decoded body that we take; one more is answered with 413."""

CLAIM_OVER = 200 * 1024
"""Bytes of a queue message above which the payload goes to S3 and the message carries its key."""

PLATFORMS = {"shopify": 200, "cloudevents": 202}
"""Shop systems with an adapter, and the status that tells each of them that we took the event."""

_KEPT_HEADERS = ("x-shopify-", "webhook-", "ce-")
_STRUCTURED = "application/cloudevents"

_log = logging.getLogger("musubi.ingress")

Event = Mapping[str, Any]
Response = dict[str, Any]


class Keys(Protocol):
    def __call__(self, name: str, *, fresh: bool = False) -> Sequence[str]:
        """The secrets under `name`; `fresh` asks past the cache (at most now and then). () when there is
        none.
        """
        ...


class Queue(Protocol):
    def __call__(self, bodies: Sequence[str]) -> None:
        """Enqueue all; raises when one was not taken."""
        ...


class Claim(Protocol):
    def __call__(self, payload: str) -> str:
        """Store a payload that is too large for the queue; returns its key."""
        ...


class Count(Protocol):
    def __call__(self, metric: str, reason: str) -> None:
        """Count one `metric`; `reason` is a short code for the log line."""
        ...


@dataclass(frozen=True)
class Door:
    """What a webhook door needs. `now` is machine time."""

    keys: Keys
    queue: Queue
    claim: Claim
    count: Count
    now: Callable[[], datetime]


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = _answer(status, {"message": message})


def line_webhook(event: Event, door: Door) -> Response:
    """Take one webhook call of LINE: 200; 4xx for what LINE never sends; 500 when the queue fails."""
    try:
        raw = _raw_body(event, door)
        header = _headers(event).get("x-line-signature")
        _prove(door, "line", lambda keys: verify_line(raw, header, keys))
        document = _json(raw, door)
        if not isinstance(document, dict) or not isinstance(document.get("events"), list):
            door.count("BodiesUnreadable", "no_events_list")
            raise Refused(400, "not a LINE webhook body")
        envelope = {"v": 1, "destination": document.get("destination"), "received_at": door.now().isoformat()}
        _enqueue(door, [(envelope, "event", one) for one in document["events"]])
    except Refused as refused:
        return refused.response
    return _answer(200, {})


def shop_webhook(event: Event, door: Door, shops: Sequence[str]) -> Response:
    """Take one webhook call of a shop system for the shop named in the path."""
    path = event.get("pathParameters") or {}
    shop_id, platform = path.get("shop_id"), path.get("platform")
    try:
        if shop_id not in shops:
            raise Refused(404, "unknown shop")
        if platform not in PLATFORMS:
            raise Refused(404, "unknown platform")
        raw, headers = _raw_body(event, door), _headers(event)
        _prove(
            door,
            f"shops/{shop_id}/{platform}",
            lambda keys: _verify_shop(platform, raw, headers, keys, door.now()),
        )
        envelope = {"v": 1, "shop_id": shop_id, "platform": platform, "received_at": door.now().isoformat()}
        kept = {name: value for name, value in headers.items() if name.startswith(_KEPT_HEADERS)}
        bodies = _split(raw, headers, door) if platform == "cloudevents" else [(raw, _content_type(headers))]
        _enqueue(door, [_shop_message(envelope, kept, body, kind) for body, kind in bodies])
    except Refused as refused:
        return refused.response
    return _answer(PLATFORMS[platform], {"accepted": len(bodies)})


def _verify_shop(platform: str, raw: bytes, headers: Mapping[str, str], keys: Sequence[str], now: datetime) -> None:
    if platform == "shopify":
        return verify_shopify(raw, headers.get("x-shopify-hmac-sha256"), keys)
    return verify_standard_webhook(
        raw,
        message_id=headers.get("webhook-id"),
        timestamp=headers.get("webhook-timestamp"),
        signatures=headers.get("webhook-signature"),
        secrets=keys,
        now=now,
    )


def _prove(door: Door, name: str, verify: Callable[[Sequence[str]], None]) -> None:
    """Refuse with 401 unless the signature holds; a fresh look at the secrets first, they may just have been
    rotated.
    """
    try:
        try:
            verify(door.keys(name))
        except SignatureRefused as refused:
            if refused.reason not in ("mismatch", "no_secret"):
                raise
            verify(door.keys(name, fresh=True))
    except SignatureRefused as refused:
        door.count("SignatureRefused", f"{name}:{refused.reason}")
        raise Refused(401, f"signature {refused.reason}") from None


def _raw_body(event: Event, door: Door) -> bytes:
    """The bytes that were signed. API Gateway hands text, or base64 with a flag for content types it takes as
    binary.
    """
    body = event.get("body") or ""
    try:
        # No newline or alphabet is forgiven: what does not decode exactly was not what the sender signed.
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        door.count("BodiesUnreadable", "encoding")
        raise Refused(400, "body can not be decoded") from None
    if len(raw) > MAX_BODY:
        door.count("BodiesTooLarge", "over_5_mb")
        raise Refused(413, "body over 5 MB")
    return bytes(raw)


def _headers(event: Event) -> dict[str, str]:
    """Header names in lower case: HTTP APIs send them so, other front doors and tests do not."""
    return {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "application/json")


def _json(raw: bytes, door: Door) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        door.count("BodiesUnreadable", "not_json")
        raise Refused(400, "body is not JSON") from None


def _split(raw: bytes, headers: Mapping[str, str], door: Door) -> list[tuple[bytes, str]]:
    """The CloudEvents of one call, each as (body, content type): a broken one must not take its batch down
    with it.
    """
    kind = _content_type(headers)
    if "ce-type" in headers and not kind.startswith(_STRUCTURED):
        return [(raw, kind)]
    document = _json(raw, door)
    if isinstance(document, list):
        return [(_dumps(one).encode(), "application/cloudevents+json") for one in document]
    if not isinstance(document, dict):
        door.count("BodiesUnreadable", "not_a_cloudevent")
        raise Refused(400, "body is neither a CloudEvent nor a batch of them")
    return [(raw, "application/cloudevents+json")]


def _shop_message(
    envelope: Mapping[str, Any], headers: Mapping[str, str], body: bytes, kind: str
) -> tuple[dict[str, Any], str, str]:
    whole = {**envelope, "headers": {**headers, "content-type": kind}}
    try:
        return whole, "body", body.decode()
    except UnicodeDecodeError:
        # Kept byte for byte for the quarantine; a replacement character would hide what the shop sent.
        return {**whole, "encoding": "base64"}, "body", base64.b64encode(body).decode()


def _enqueue(door: Door, messages: Sequence[tuple[Mapping[str, Any], str, Any]]) -> None:
    """Put (envelope, field, payload) messages on the queue, payloads that are too large through S3."""
    try:
        bodies = [_message(door, *message) for message in messages]
        if bodies:
            door.queue(bodies)
    except Exception as error:
        # Whatever stopped it: the sender still has the event, and its redelivery is deduped by the event's
        # id.
        _log.exception("not enqueued")
        door.count("EnqueueFailed", type(error).__name__)
        raise Refused(500, "not taken, please send again") from None


def _message(door: Door, envelope: Mapping[str, Any], field: str, payload: Any) -> str:
    text = _dumps({**envelope, field: payload})
    if len(text) <= CLAIM_OVER:
        return text
    return _dumps({**envelope, "claim": door.claim(payload if isinstance(payload, str) else _dumps(payload))})


def _dumps(value: Any) -> str:
    # ASCII only: SQS refuses control characters and lone surrogates that JSON may carry escaped.
    return json.dumps(value, separators=(",", ":"))


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": _dumps(body)}
