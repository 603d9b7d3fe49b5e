"""The contract of a shop adapter, and the adapters by the platform's name in the webhook path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from musubi.adapters.shops import cloudevents, shopify
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent


class Normalise(Protocol):
    """What one webhook call says, as canonical events.

    The call is verified already. `headers` have lower-case names, `body` is raw, `shop_id` is the endpoint's (never the
    body's), `received_at` is when it reached us. Raises Permanent, naming the field, for what can never be read; what
    is merely unknown becomes an `UnreadShopEvent`.
    """

    def __call__(
        self, headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
    ) -> Sequence[ShopEvent | UnreadShopEvent]: ...


ADAPTERS: Mapping[str, Normalise] = {"shopify": shopify.normalise, "cloudevents": cloudevents.normalise}


def adapter_for(platform: str) -> Normalise:
    """The adapter of `platform`; Permanent when there is none (a message of a later or an earlier deployment)."""
    found = ADAPTERS.get(platform)
    if found is None:
        raise Permanent("platform: no adapter")
    return found
