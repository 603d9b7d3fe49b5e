"""Shops that can be asked: what their adapters are given, and how they are found. Light; nothing here calls anybody.

A platform that can be polled says so in its description (`Platform.polls`) and has a module `source` with
`open_source(api) -> ShopSource`. What it finds goes onto the queue that webhooks go onto, and the same `normalise` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from typing import Protocol, cast

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import Mode, ShopEvent, UnreadShopEvent
from musubi.ports import ShopSource, Snapshot, SourcePage, What

__all__ = [
    "Apis",
    "Bearer",
    "NoApi",
    "OpenSource",
    "ShopApi",
    "ShopSource",
    "Snapshot",
    "SourcePage",
    "What",
    "marked",
    "open_source",
    "polled",
]


class Bearer(Protocol):
    def __call__(self, refused: str | None = None) -> str:
        """An access token that is good for a while, and not `refused`, which the shop has just turned down.

        Raises Retryable.
        """
        ...


@dataclass(frozen=True)
class ShopApi:
    """One shop's API. `base_url` has no slash at its end. `keys` gives the lines of the secret
    `shops/<shop_id>/<platform>-api`, read when they are needed: they are rotated. `left_s` is how many seconds the invocation
    has left. `bearer` gives an OAuth access token where that secret is a grant (see `oauth`). `statuses` says as which known
    order status one of the shop's own counts, both by id. `held` is for tokens that a platform got for its keys. `now` is
    machine time, for shops that want to be told when a call was made.
    """

    shop_id: str
    base_url: str
    keys: Callable[[], Sequence[str]]
    left_s: Callable[[], float]
    bearer: Bearer | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)
    held: MutableMapping[str, tuple[str, float]] = field(default_factory=dict, repr=False, compare=False)
    now: Callable[[], datetime] | None = None


class NoApi(Retryable):
    """The stage names no API for this shop. Retryable, because what waits for it can be redriven once it does; a reader that
    can do without says so by catching it.
    """

    def __init__(self, shop_id: str, platform: str) -> None:
        super().__init__(f"shop_apis: {shop_id}/{platform} is not named", after_s=300)


class Apis(Protocol):
    def __call__(self, shop_id: str, platform: str, /) -> ShopApi:
        """The API of a shop; raises NoApi while the stage names none."""
        ...


class OpenSource(Protocol):
    def __call__(self, api: ShopApi) -> ShopSource: ...


def polled(platform: str) -> Sequence[What]:
    """What `platform` can be asked for; nothing if it has no source."""
    found = PLATFORMS.get(platform)
    return found.polls if found else ()


def open_source(platform: str, api: ShopApi) -> ShopSource:
    """The source of `platform` for one shop; Permanent when it has none (a schedule of a later or an earlier deployment)."""
    if not polled(platform):
        raise Permanent("platform: can not be polled")
    module = import_module(PLATFORMS[platform].module("source"))
    return cast(OpenSource, module.open_source)(api)


def marked(
    events: Sequence[ShopEvent | UnreadShopEvent], mode: str, *, backfill: bool
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """`events` with how they reached us; `backfill` says that they were old when they were found."""
    if mode == Mode.PUSH and not backfill:
        return events
    return [
        replace(one, mode=Mode(mode), is_backfill=one.is_backfill or backfill) if isinstance(one, ShopEvent) else one
        for one in events
    ]
