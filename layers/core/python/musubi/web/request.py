"""What API Gateway hands over (HTTP API, payload 2.0), and answers to it. Standard library only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

MAX_BODY = 5 * 1024 * 1024
"""Bytes of a decoded body that we take; one more is answered with 413."""

Event = Mapping[str, Any]
Response = dict[str, Any]


class Refused(Exception):
    """An answer other than success. `metric` and `reason` are counted, if there is one."""

    def __init__(self, status: int, message: str, metric: str | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.response = answer(status, {"message": message})
        self.metric = metric
        self.reason = reason


def raw_body(event: Event) -> bytes:
    """The bytes that were signed. API Gateway hands text, or base64 with a flag for content types it takes as binary.

    Refused with 400 for what can not be decoded, 413 above MAX_BODY.
    """
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise Refused(400, "body can not be decoded", "BodiesUnreadable", "encoding") from None
    if len(raw) > MAX_BODY:
        raise Refused(413, "body over 5 MB", "BodiesTooLarge", "over_5_mb")
    return bytes(raw)


def headers(event: Event) -> dict[str, str]:
    """Headers by lower-case name: HTTP APIs send them so, other front doors and tests do not."""
    return {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}


def query(event: Event) -> dict[str, str]:
    """The query string, decoded by API Gateway; of a repeated name it joins the values with commas."""
    return {str(name): str(value) for name, value in (event.get("queryStringParameters") or {}).items()}


def addresses(event: Event, named: Mapping[str, str], public_url: str = "") -> list[str]:
    """The URLs under which the caller may know us: below `public_url`, which a proxy before us may have stripped of its path,
    and below the hosts that the call names. Only a sender's signature over one of them makes it true.
    """
    about = event.get("requestContext") or {}
    hosts = dict.fromkeys(host for host in (named.get("host"), about.get("domainName")) if host)
    path = str(event.get("rawPath") or "")
    asked = f"?{event['rawQueryString']}" if event.get("rawQueryString") else ""
    ours = [f"{public_url}{path}{asked}"] if public_url else []
    return ours + [f"{scheme}://{host}{path}{asked}" for host in hosts for scheme in ("https", "http")]


def json_body(raw: bytes) -> Any:
    """The JSON value in `raw`; Refused with 400."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400, "body is not JSON", "BodiesUnreadable", "not_json") from None


def dumps(value: Any) -> str:
    """Compact JSON in ASCII: SQS refuses control characters and lone surrogates, which JSON may carry escaped."""
    return json.dumps(value, separators=(",", ":"))


def answer(status: int, body: Mapping[str, Any]) -> Response:
    """A JSON answer."""
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": dumps(body)}
