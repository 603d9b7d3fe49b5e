"""Shopify's webhooks as its EventBridge partner source delivers them: no signature, since only Shopify can write to that bus.

`detail.metadata` holds the headers in any spelling, `detail.payload` the body (ec-platforms §2.1). Which source is whose shop
is the deployment's setting, never the body's word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from musubi.adapters.shops.base import adapter_for, no_apis
from musubi.adapters.shops.source import Apis
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent

DETAIL_TYPE = "shopifyWebhook"

_PLATFORM = "shopify"


def read_partner(
    envelope: Mapping[str, Any], sources: Mapping[str, str], received_at: datetime, apis: Apis = no_apis
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events in a partner envelope; `sources` are the shops by partner event source. Raises as `normalise` does.

    Shopify's "Events" (a developer preview) come under the same detail-type, with header names that lack the `X-`.
    """
    shop_id = _shop(envelope.get("source"), sources)
    detail = envelope.get("detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("metadata"), dict):
        raise Permanent("bus envelope: no detail.metadata")
    headers = {name.lower(): str(value) for name, value in detail["metadata"].items()}
    body = json.dumps(detail.get("payload"), default=_number).encode()
    return adapter_for(_PLATFORM, apis=apis)(headers, body, shop_id, received_at)


def _shop(source: Any, sources: Mapping[str, str]) -> str:
    """A source that ends in `/` stands for all below it, as on a machine of one's own, where none is Shopify's."""
    if isinstance(source, str):
        if source in sources:
            return sources[source]
        for beginning, shop_id in sources.items():
            if beginning.endswith("/") and source.startswith(beginning):
                return shop_id
    raise Permanent("source: no shop has it")


def _number(value: Any) -> Any:
    """Numbers were read exactly; written as text they stay so, and amounts are read from text anyway."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
