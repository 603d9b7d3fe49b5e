"""One webhook call of WooCommerce: its topic, its body, and the envelope that its events share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.contracts.woocommerce import gmt
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent

PLATFORM = "woocommerce"


class Call:
    """`topic` is `order.updated` and the like; `entity` its first half.

    The delivery's id says nothing: WooCommerce derives it from webhook and second, so two deliveries may share it. What
    is identified is the content.
    """

    def __init__(self, headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime) -> None:
        named = ".".join(headers.get(f"x-wc-webhook-{part}", "") for part in ("resource", "event"))
        self.topic = clean(headers.get("x-wc-webhook-topic")) or clean(named.strip(".")) or "unknown"
        self.entity, _, self.verb = self.topic.partition(".")
        self.document = parse_json(body, "WooCommerce body")
        self.shop_id = shop_id
        self.received_at = received_at
        self.content = content_hash(self.document)
        self.source = f"{shop_id}/{PLATFORM}/{self.topic}"

    @property
    def object(self) -> dict[str, Any]:
        if not isinstance(self.document, dict):
            raise Permanent("WooCommerce body: not an object")
        return self.document

    def version(self, modified: Any, created: Any) -> datetime:
        """As of when the body describes its entity. Bodies are made at delivery, so its arrival is a fair stand-in."""
        return gmt(modified, "date_modified_gmt") or gmt(created, "date_created_gmt") or self.received_at

    def event(self, kind: str, *, at: datetime, as_of: datetime | None = None, **said: Any) -> ShopEvent:
        """A canonical event of this delivery; `said` holds what it says, by `ShopEvent`'s names."""
        return ShopEvent(
            source=self.source,
            event_id=self.content,
            content=self.content,
            type=kind,
            shop_id=self.shop_id,
            platform=PLATFORM,
            occurred_at=at,
            as_of=as_of or at,
            received_at=self.received_at,
            **said,
        )

    def unread(self, why: str = "") -> UnreadShopEvent:
        """Stored as it came. `why` tells apart what we do not read of a topic that we do."""
        kind = f"{self.topic} {why}".strip()
        return UnreadShopEvent(
            source=f"{self.shop_id}/{PLATFORM}/{kind}",
            event_id=self.content,
            kind=kind,
            content=self.content,
            raw=canonical(self.document),
        )


def required(found: str | None, field: str) -> str:
    """`found`, the id under `field`; Permanent without one."""
    if found is None:
        raise Permanent(f"{field}: missing or no id")
    return found
