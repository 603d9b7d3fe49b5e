"""Shops that can be written to: how their adapters are found. Light; nothing here calls anybody.

A platform that can be written to says so in its description (`Platform.writes`) and has a module `writer` with
`open_writer(api) -> ShopWriter`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.adapters.shops.source import ShopApi
from musubi.domain.errors import Permanent
from musubi.ports import ShopWriter


class OpenWriter(Protocol):
    def __call__(self, api: ShopApi) -> ShopWriter: ...


def written(platform: str) -> frozenset[str]:
    """What of `platform` can be written: tags, consent, points; nothing if it has no writer."""
    found = PLATFORMS.get(platform)
    return frozenset(found.writes) if found else frozenset()


def open_writer(platform: str, api: ShopApi) -> ShopWriter:
    """The writer of `platform` for one shop; Permanent when it has none."""
    if not written(platform):
        raise Permanent("platform: can not be written to")
    module = import_module(PLATFORMS[platform].module("writer"))
    return cast(OpenWriter, module.open_writer)(api)
