"""What reads a platform's calls: canonical events out of verified bodies. Loaded by the worker, one module a platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol, cast

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.adapters.shops.source import Apis, NoApi, ShopApi
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


def no_apis(shop_id: str, platform: str) -> ShopApi:
    """For readers that must not call anybody."""
    raise NoApi(shop_id, platform)


def adapter_for(platform: str, mappings: Mapping[str, Any] = MappingProxyType({}), apis: Apis = no_apis) -> Normalise:
    """The reader of `platform`; Permanent when there is none (a message of a later or an earlier deployment).

    `mappings` are the shops' mapping files (`mapping.files`), by shop. `apis` are the shops that can be asked: a reader
    whose webhooks only name what changed fetches it, and raises Retryable when the shop does not answer.
    """
    if platform not in PLATFORMS:
        raise Permanent("platform: no adapter")
    reader = import_module(PLATFORMS[platform].module("normalise")).normalise
    if PLATFORMS[platform].mapped:
        reader = partial(reader, mappings=mappings)
    if PLATFORMS[platform].fetches:
        reader = partial(reader, apis=apis)
    return cast(Normalise, reader)
