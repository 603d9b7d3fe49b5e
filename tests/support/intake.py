"""Webhook calls from the door to the store in one process: what is answered, and what became of each message.

Door, queue messages, adapters and use case are the real ones over lists and the memory store. Signatures are
made as each vendor documents them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.shop.signing import vendor_proof
from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.bus import read_envelope
from musubi.adapters.shops.platforms import DOORS
from musubi.contracts import jobs
from musubi.contracts.line import read_line_event
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import UnreadShopEvent
from musubi.usecases import take_line_event, take_shop_event
from musubi.web import ingress
from musubi.web.request import Response
from tests.support.flows_world import MAPPINGS, PARTNER_SOURCES, World

AT = datetime.fromtimestamp(1795492800, UTC)
"""24 November 2026, 13:00 in Tokyo: the stamp of the signed samples."""

SHOP_SECRET, CHANNEL_SECRET = "local-shop-secret", "local-channel-secret"
HOST = "hooks.musubi-shoten.example"
SHOPS = ("main",)


@dataclass(frozen=True)
class Fate:
    """What became of one message: `accepted`, `unread`, `quarantined` or `waits`, and why."""

    what: str
    why: str


@dataclass
class Intake:
    """Both doors and their workers. `secrets` by name; `counted` are the doors' metrics."""

    secrets: dict[str, list[str]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    claims: dict[str, str] = field(default_factory=dict)
    counted: list[tuple[str, str]] = field(default_factory=list)
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        known = {f"shops/main/{name}": [SHOP_SECRET] for name in DOORS}
        self.secrets = {ingress.CHANNEL_SECRET: [CHANNEL_SECRET], **known, **self.secrets}
        self.world.clock.pass_time(AT - self.world.clock.machine())
        self.door = ingress.Door(self._keys, self.sent.extend, self._claim, self._count, lambda: AT)

    def _keys(self, name: str, *, fresh: bool = False) -> Sequence[str]:
        return self.secrets.get(name, [])

    def _claim(self, payload: str) -> str:
        key = f"claim-{len(self.claims)}"
        self.claims[key] = payload
        return key

    def _count(self, metric: str, reason: str) -> None:
        self.counted.append((metric, reason))

    # calls

    def shop(
        self, platform: str, raw: bytes, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Response:
        """One call of a shop system; always base64-flagged, as API Gateway hands over what may not be UTF-8."""
        path = f"/shops/main/{platform}"
        event = {
            "rawPath": path,
            "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
            "pathParameters": {"shop_id": "main", "platform": platform},
            "queryStringParameters": dict(query or {}),
            "requestContext": {"domainName": HOST},
            "headers": dict(headers),
            "body": base64.b64encode(raw).decode(),
            "isBase64Encoded": True,
        }
        return self.http(event)

    def http(self, event: Mapping[str, Any]) -> Response:
        """An event as Lambda gets it, for whichever of the two doors its path means."""
        if str(event["rawPath"]).startswith("/line/"):
            return ingress.line_webhook(event, self.door)
        return ingress.shop_webhook(event, self.door, SHOPS, DOORS)

    def line(self, raw: bytes, headers: Mapping[str, str]) -> Response:
        return self.http({"rawPath": "/line/webhook", "headers": dict(headers), "body": raw.decode()})

    # the workers

    def work(self) -> list[Fate]:
        """Work off what the doors have queued; an error that nobody foresaw is raised."""
        fates = [fate for body in self.sent for fate in self._fates(body)]
        self.sent.clear()
        return fates

    def bus(self, envelope: str) -> list[Fate]:
        """An envelope as a rule brings it."""
        return list(self._fates(envelope))

    def _fates(self, body: str) -> Iterator[Fate]:
        try:
            yield from self._take(body)
        except Permanent as error:
            yield Fate("quarantined", error.reason)
        except Retryable as error:
            yield Fate("waits", error.reason)

    def _take(self, body: str) -> Iterator[Fate]:
        if jobs.is_bus_envelope(body):
            events = read_envelope(body, SHOPS, AT, PARTNER_SOURCES)
        elif "shop_id" not in json.loads(body):
            yield self._take_line(body)
            return
        else:
            message = jobs.read_shop(body)
            payload = jobs.shop_payload(message, self.claims[message.claim] if message.claim else None)
            read = adapter_for(message.platform, MAPPINGS, self.world.apis)
            events = read(message.headers, payload, message.shop_id, message.received_at)
        for event in events:
            outcome = take_shop_event.take_shop_event(event, self.world._shop_deps)
            kind = "unread" if isinstance(event, UnreadShopEvent) else "accepted"
            yield Fate(kind, event.kind if isinstance(event, UnreadShopEvent) else f"{event.type}: {outcome.reason}")

    def _take_line(self, body: str) -> Fate:
        message = jobs.read_line(body)
        event = self.claims[message.claim] if message.claim else message.event
        found = read_line_event(event, message.received_at)
        outcome = take_line_event.take_line_event(found, self.world._line_deps)
        return Fate("unread" if found.unread else "accepted", f"{found.raw_type}: {outcome.reason}")


def signed(
    platform: str, raw: bytes, headers: Mapping[str, str], secret: str = SHOP_SECRET
) -> tuple[dict[str, str], dict[str, str]]:
    """(headers, query) of a call of `platform` that its secret proves."""
    address = f"https://{HOST}/shops/main/{platform}"
    proof, query = vendor_proof(platform, secret, raw, address, "msg-1", round(AT.timestamp()))
    return {**headers, **proof}, query
