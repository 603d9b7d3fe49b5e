"""What snapshots of Square's things (an order that was fetched, what a poll found) share as events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from musubi.adapters.shops.square.api import PLATFORM
from musubi.contracts.text import canonical, content_hash
from musubi.domain.events import ShopEvent, UnreadShopEvent

Told = list[ShopEvent | UnreadShopEvent]


@dataclass(frozen=True)
class Frame:
    """What a snapshot does not say itself."""

    shop_id: str
    received_at: datetime

    def event(self, entity: str, kind: str, content: str, as_of: datetime, **change: Any) -> ShopEvent:
        """An event about `entity`; equal content is the same event, whether a webhook led to it or a poll."""
        return ShopEvent(
            source=f"{self.shop_id}/{PLATFORM}/{entity}",
            event_id=content,
            type=kind,
            shop_id=self.shop_id,
            platform=PLATFORM,
            occurred_at=change.pop("occurred_at", as_of),
            as_of=as_of,
            received_at=self.received_at,
            content=content,
            **change,
        )

    def unread(self, entity: str, kind: str, document: Any) -> UnreadShopEvent:
        """Something about `entity` that is kept and counted, once per content."""
        content = content_hash([kind, document])
        source = f"{self.shop_id}/{PLATFORM}/{entity}"
        return UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(document))
