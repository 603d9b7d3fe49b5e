"""The neutral endpoint: CloudEvents 1.0 in structured, batch or binary form, `type` a canonical event name."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec import Envelope, read_event, said_with
from musubi.contracts.text import as_id, content_hash, parse_json
from musubi.domain.errors import Permanent
from musubi.domain.events import SHOP_EVENTS, ShopEvent, UnreadShopEvent

_STRUCTURED = "application/cloudevents"
_PLATFORM = "cloudevents"


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """All events of one call (see `base.Normalise`)."""
    if "ce-type" in headers and not headers.get("content-type", "").startswith(_STRUCTURED):
        return (_read(_binary(headers, body), headers, shop_id, received_at),)
    document = parse_json(body, "CloudEvent")
    events = document if isinstance(document, list) else [document]
    return tuple(_read(_object(one), headers, shop_id, received_at) for one in events)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Permanent("CloudEvent: not an object")
    return value


def _binary(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The structured form of a binary event: `ce-` headers are its attributes, the body its data."""
    attributes: dict[str, Any] = {
        name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")
    }
    if attributes.get("type") in SHOP_EVENTS:
        return {**attributes, "data": parse_json(body, "CloudEvent data") if body else None}
    return {**attributes, "data_base64": base64.b64encode(body).decode()}


def _read(
    event: Mapping[str, Any], headers: Mapping[str, str], shop_id: str, received_at: datetime
) -> ShopEvent | UnreadShopEvent:
    kind = event.get("type")
    known = isinstance(kind, str) and kind in SHOP_EVENTS
    source = event.get("source")
    return read_event(
        Envelope(
            shop_id=shop_id,
            platform=_PLATFORM,
            source=f"{shop_id}/{_PLATFORM}/{source if isinstance(source, str) else ''}",
            # Without an id of its own its content is its identity: a repeat of it changes nothing.
            event_id=as_id(event.get("id")) or content_hash(event),
            type=kind if isinstance(kind, str) else "unknown",
            time=values.instant(event.get("time"), "time") if known else None,
            received_at=received_at,
            data=said_with(event, _data(event)) if known else dict(event),
        )
    )


def _data(event: Mapping[str, Any]) -> Any:
    encoded = event.get("data_base64")
    if encoded is None:
        return event.get("data")
    try:
        return parse_json(base64.b64decode(encoded, validate=True), "CloudEvent data")
    except (ValueError, TypeError):
        raise Permanent("data_base64: not base64") from None
