"""makeshop's notifications, kept as they came but for the keys that an install notification brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from musubi.contracts.text import canonical, content_hash, parse_json
from musubi.domain.events import ShopEvent, UnreadShopEvent

_SECRETS = frozenset({"token", "client_secret"})


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """One unread event (see `base.Normalise`); a repeat of the same body is the same event."""
    document = parse_json(body, "makeshop body")
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name not in _SECRETS}
    content = content_hash(document)
    return (
        UnreadShopEvent(
            source=f"{shop_id}/makeshop/notification",
            event_id=content,
            kind="notification",
            content=content,
            raw=canonical(document),
        ),
    )
