"""Shops that can be asked: what their adapters are given, and how they are found. Light; nothing here calls anybody.

A platform that can be polled says so in its description (`Platform.polls`) and has a module `source` with
`open_source(api) -> ShopSource`. What it finds goes onto the queue that webhooks go onto, and the same `normalise` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.domain.errors import Permanent
from musubi.ports import ShopSource, Snapshot, SourcePage, What

__all__ = ["OpenSource", "ShopApi", "ShopSource", "Snapshot", "SourcePage", "What", "open_source", "polled"]


@dataclass(frozen=True)
class ShopApi:
    """One shop's API. `base_url` has no slash at its end. `keys` gives the lines of the secret
    `shops/<shop_id>/<platform>-api`, read when they are needed: they are rotated. `left_s` is how many seconds the invocation
    has left.
    """

    shop_id: str
    base_url: str
    keys: Callable[[], Sequence[str]]
    left_s: Callable[[], float]


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
    module = import_module(f"musubi.adapters.shops.{platform}.source")
    return cast(OpenSource, module.open_source)(api)
