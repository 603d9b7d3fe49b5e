"""The two webhook doors: verify over raw bytes, split, put on a queue, answer. Nothing is decided here.

Standard library only: LINE counts an answer after 2 s as a failure, and a cold start that imports pydantic or the LINE
SDK spends that on imports. What a body means is the worker's business, so no content ever makes these doors answer 5xx;
only a queue that does not take the message does, because then the sender's redelivery helps.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from musubi.web.request import Event, Refused, Response, addresses, answer, dumps, headers, json_body, query, raw_body
from musubi.web.signatures import Keys, SignatureRefused, prove, verify_body

if TYPE_CHECKING:
    from musubi.adapters.shops.platform import Platform

CLAIM_OVER = 200 * 1024
"""Bytes of a queue message above which the payload goes to S3 and the message carries its key."""

MAX_BATCH = 1000
"""CloudEvents taken in one call: ten go into one SQS request, and all must be queued before the function's 10 s end."""

CHANNEL_SECRET = "line/channel-secret"  # noqa: S105 - the name of a parameter

_STRUCTURED = "application/cloudevents"

_log = logging.getLogger("musubi.ingress")


class Queue(Protocol):
    def __call__(self, bodies: Sequence[str], /) -> None:
        """Enqueue all; raises when one was not taken."""
        ...


class Claim(Protocol):
    def __call__(self, payload: str, /) -> str:
        """Store a payload that is too large for the queue; returns its key."""
        ...


class Count(Protocol):
    def __call__(self, metric: str, reason: str, /) -> None:
        """Count one `metric`; `reason` is a short code for the log line."""
        ...


@dataclass(frozen=True)
class Door:
    """What a webhook door needs. `now` is machine time. `public_url` is the address that the shop's people know us by."""

    keys: Keys
    queue: Queue
    claim: Claim
    count: Count
    now: Callable[[], datetime]
    public_url: str = ""


def line_webhook(event: Event, door: Door) -> Response:
    """Take one webhook call of LINE: 200; 4xx for what LINE never sends; 500 when the queue fails."""
    try:
        raw = raw_body(event)
        header = headers(event).get("x-line-signature")
        _prove(door, CHANNEL_SECRET, lambda keys: verify_body(raw, header, keys))
        document = json_body(raw)
        if not isinstance(document, dict) or not isinstance(document.get("events"), list):
            raise Refused(400, "not a LINE webhook body", "BodiesUnreadable", "no_events_list")
        destination = document.get("destination")
        envelope = {
            "v": 1,
            "destination": destination if isinstance(destination, str) else None,
            "received_at": door.now().isoformat(),
        }
        _enqueue(door, [(envelope, "event", one) for one in document["events"]])
    except Refused as refused:
        return _refuse(refused, door)
    return answer(200, {})


def shop_webhook(event: Event, door: Door, shops: Sequence[str], platforms: Mapping[str, Platform]) -> Response:
    """Take one webhook call of a shop system for the shop named in the path."""
    from musubi.adapters.shops.platform import Call

    path = event.get("pathParameters") or {}
    shop_id = path.get("shop_id")
    try:
        if shop_id not in shops:
            raise Refused(404, "unknown shop")
        platform = platforms.get(path.get("platform") or "")
        if platform is None or platform.verify is None:
            raise Refused(404, "unknown platform")
        named = headers(event)
        call = Call(raw_body(event), named, addresses(event, named, door.public_url), query(event), door.now())
        if platform.greeting is not None and platform.greeting(call):
            return answer(platform.status, {})
        _prove(door, f"shops/{shop_id}/{platform.name}", partial(platform.verify, call))
        envelope = {"v": 1, "shop_id": shop_id, "platform": platform.name, "received_at": call.now.isoformat()}
        kept = {name: value for name, value in named.items() if name.startswith(platform.keeps)}
        bodies = _split(call.raw, named) if platform.splits else [(call.raw, _content_type(named))]
        _enqueue(door, [_shop_message(envelope, kept, body, kind) for body, kind in bodies])
    except Refused as refused:
        return _refuse(refused, door)
    return answer(platform.status, {"accepted": len(bodies)})


def _refuse(refused: Refused, door: Door) -> Response:
    if refused.metric:
        door.count(refused.metric, refused.reason)
    return refused.response


def _prove(door: Door, name: str, verify: Callable[[Sequence[str]], None]) -> None:
    try:
        prove(door.keys, name, verify)
    except SignatureRefused as refused:
        words = f"{name}:{refused.reason}"
        raise Refused(401, f"signature {refused.reason}", "SignatureRefused", words) from None


def _content_type(named: Mapping[str, str]) -> str:
    return named.get("content-type", "application/json")


def _split(raw: bytes, named: Mapping[str, str]) -> list[tuple[bytes, str]]:
    """The CloudEvents of one call, each as (body, content type): a broken one must not take its batch down with it."""
    kind = _content_type(named)
    if "ce-type" in named and not kind.startswith(_STRUCTURED):
        return [(raw, kind)]
    document = json_body(raw)
    if isinstance(document, list):
        if len(document) > MAX_BATCH:
            raise Refused(413, f"more than {MAX_BATCH} events in one call", "BodiesTooLarge", "batch")
        return [(dumps(one).encode(), "application/cloudevents+json") for one in document]
    if not isinstance(document, dict):
        raise Refused(400, "no CloudEvent and no batch of them", "BodiesUnreadable", "not_a_cloudevent")
    return [(raw, "application/cloudevents+json")]


def _shop_message(
    envelope: Mapping[str, Any], named: Mapping[str, str], body: bytes, kind: str
) -> tuple[dict[str, Any], str, str]:
    whole = {**envelope, "headers": {**named, "content-type": kind}}
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
        # Whatever stopped it: the sender still has the event, and its redelivery is deduped by the event's id.
        _log.exception("not enqueued")
        raise Refused(500, "not taken, please send again", "EnqueueFailed", type(error).__name__) from None


def _message(door: Door, envelope: Mapping[str, Any], field: str, payload: Any) -> str:
    text = dumps({**envelope, field: payload})
    if len(text) <= CLAIM_OVER:
        return text
    return dumps({**envelope, "claim": door.claim(payload if isinstance(payload, str) else dumps(payload))})
