"""What EventBridge brings, the envelope as it is: canonical events from our bus, Shopify's from its partner bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from musubi.adapters.shops.base import no_apis
from musubi.adapters.shops.partner_bus import DETAIL_TYPE, read_partner
from musubi.adapters.shops.source import Apis
from musubi.contracts import values
from musubi.contracts.ec import Envelope, read_event, said_with
from musubi.contracts.text import as_id, clean, content_hash, parse_json
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent

_PLATFORM = "bus"


def read_envelope(
    body: str,
    shops: Sequence[str],
    received_at: datetime,
    partner_sources: Mapping[str, str] = MappingProxyType({}),
    apis: Apis = no_apis,
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event in an EventBridge envelope with `detail` = `{id?, shop_id?, time?, data}`, the canonical envelope of
    ec-platforms §9.1 (`event_id`, `occurred_at`, `subject`), or the data alone.

    The bus is ours and so is who may write to it, hence the body may name the shop; but only one of `shops`, whose
    first is the default. What Shopify's partner source brings is read by `partner_bus`, which may ask `apis`. Raises
    Permanent.
    """
    envelope = parse_json(body, "bus envelope")
    if isinstance(envelope, dict) and envelope.get("detail-type") == DETAIL_TYPE:
        return read_partner(envelope, partner_sources, received_at, apis)
    detail = envelope.get("detail") if isinstance(envelope, dict) else None
    if not isinstance(detail, dict):
        raise Permanent("bus envelope: no detail")
    source = clean(envelope.get("source")) or ""
    shop_id = _shop(detail, shops)
    kind = envelope.get("detail-type")
    return (
        read_event(
            Envelope(
                shop_id=shop_id,
                platform=_PLATFORM,
                source=f"{shop_id}/{_PLATFORM}/{source}",
                event_id=as_id(detail.get("id", detail.get("event_id")))
                or as_id(envelope.get("id"))
                or content_hash(envelope),
                type=kind if isinstance(kind, str) else "unknown",
                time=_time(detail, envelope),
                received_at=received_at,
                data=said_with(detail, detail["data"]) if "data" in detail else detail,
            )
        ),
    )


def _shop(detail: dict[str, Any], shops: Sequence[str]) -> str:
    named = detail.get("shop_id", shops[0])
    if named not in shops:
        raise Permanent("detail.shop_id: unknown shop")
    return str(named)


def _time(detail: dict[str, Any], envelope: dict[str, Any]) -> datetime | None:
    own = values.instant(detail.get("time", detail.get("occurred_at")), "detail.time")
    return own if own is not None else values.instant(envelope.get("time"), "time")
