"""One webhook call of Shopify: headers read, body parsed, and the envelope that its events share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.text import bounded_id, canonical, clean, content_hash, parse_json
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent

PLATFORM = "shopify"

SAMPLE_ORDERS = frozenset({"820982911946154508", "820982911946154500"})
"""The order of Shopify's 「テスト通知を送信」 button, and the same id after a JSON reader with doubles."""

SAMPLE_CUSTOMERS = frozenset({"706405506930370084", "706405506930370000"})
"""The same button's customer."""


class Call:
    """`topic`, `document` and what identifies the delivery. Newer subscriptions name their headers without the `X-`."""

    def __init__(self, headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime) -> None:
        self._headers = headers
        self.topic = clean(self._header("topic")) or "unknown"
        self.document = parse_json(body, "Shopify body")
        self.shop_id = shop_id
        self.received_at = received_at
        # Shopify sends the original body again, so its bytes are what it said; canonical JSON would cost as much as parsing.
        self.content = content_hash(body)
        # The id is stable over Shopify's retries, but an action's several topics may share one: the topic
        # belongs to it.
        self.source = f"{shop_id}/{PLATFORM}/{self.topic}"
        self._delivery = self._header("webhook-id")
        self.event_id = bounded_id(self._delivery or content_hash(self.document))
        self.now = _lenient(self._header("triggered-at")) or received_at
        """When it happened, for bodies that do not say."""
        self.is_test = (self._header("test") or "").lower() == "true"

    def _header(self, name: str) -> str | None:
        return self._headers.get(f"x-shopify-{name}") or self._headers.get(f"shopify-{name}")

    def hold(self, topic: str, document: dict[str, Any]) -> None:
        """Read `document`, which the shop gave for what the body only named, as the webhook `topic` would have brought it.

        A delivery without an id is what it says: of two that name the same thing, each found another version of it.
        """
        self.topic, self.document = topic, document
        if not self._delivery:
            self.event_id = self.content = content_hash(document)

    @property
    def object(self) -> dict[str, Any]:
        if not isinstance(self.document, dict):
            raise Permanent("Shopify body: not an object")
        return self.document

    def at(self, value: Any, field: str) -> datetime:
        """The instant in `value`; the delivery's own when the body leaves it out."""
        return values.instant(value, field) or self.now

    def event(
        self, kind: str, *, at: datetime, as_of: datetime | None = None, is_test: bool = False, **said: Any
    ) -> ShopEvent:
        """A canonical event of this delivery; `said` holds what it says, by `ShopEvent`'s names."""
        return ShopEvent(
            source=self.source,
            event_id=self.event_id,
            content=self.content,
            type=kind,
            shop_id=self.shop_id,
            platform=PLATFORM,
            occurred_at=at,
            as_of=as_of or at,
            received_at=self.received_at,
            is_test=is_test or self.is_test,
            **said,
        )

    def unread(self, why: str = "") -> UnreadShopEvent:
        """Stored as it came. `why` tells apart what we do not read of a topic that we do."""
        return UnreadShopEvent(
            source=self.source,
            event_id=self.event_id,
            kind=f"{self.topic} {why}".strip(),
            content=self.content,
            raw=canonical(self.document),
        )


def required(found: str | None, field: str) -> str:
    """`found`, the id under `field`; Permanent without one."""
    if found is None:
        raise Permanent(f"{field}: missing or no id")
    return found


def _lenient(text: str | None) -> datetime | None:
    """A header that only helps where the body is silent: unreadable is absent."""
    try:
        return values.instant(text, "triggered-at")
    except Permanent:
        return None
