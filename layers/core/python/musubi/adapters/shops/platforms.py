"""All shop platforms by name. Light: the webhook door imports this (see `platform`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from musubi.adapters.shops.base_ec import PLATFORM as BASE
from musubi.adapters.shops.cloudevents import PLATFORM as CLOUDEVENTS
from musubi.adapters.shops.csv import PLATFORM as CSV
from musubi.adapters.shops.eccube import PLATFORM as ECCUBE
from musubi.adapters.shops.futureshop import PLATFORM as FUTURESHOP
from musubi.adapters.shops.makeshop import PLATFORM as MAKESHOP
from musubi.adapters.shops.mapping import PLATFORM as MAPPING
from musubi.adapters.shops.platform import Platform, Proof
from musubi.adapters.shops.rakuten import PLATFORM as RAKUTEN
from musubi.adapters.shops.segment import PLATFORM as SEGMENT
from musubi.adapters.shops.shopify import PLATFORM as SHOPIFY
from musubi.adapters.shops.square import PLATFORM as SQUARE
from musubi.adapters.shops.stores import PLATFORM as STORES
from musubi.adapters.shops.woocommerce import PLATFORM as WOOCOMMERCE
from musubi.domain.errors import ConfigError

PLATFORMS: Mapping[str, Platform] = {
    one.name: one
    for one in (
        SHOPIFY,
        ECCUBE,
        WOOCOMMERCE,
        SQUARE,
        MAKESHOP,
        STORES,
        BASE,
        FUTURESHOP,
        RAKUTEN,
        CLOUDEVENTS,
        MAPPING,
        SEGMENT,
        CSV,
    )
}

DOORS: Mapping[str, Platform] = {name: one for name, one in PLATFORMS.items() if one.verify is not None}
"""Those that call us."""


def calling(names: Iterable[str]) -> set[tuple[str, str]]:
    """Of `<shop>/<platform>` the (shop, platform) that also tell us: where nobody calls, or says nothing, no call can be
    missed.
    """
    pairs = ((shop, platform) for shop, _, platform in (name.partition("/") for name in names))
    return {(shop, platform) for shop, platform in pairs if platform in DOORS and not DOORS[platform].hints}


_log = logging.getLogger("musubi.platforms")


def opened(names: Sequence[str]) -> Mapping[str, Platform]:
    """The platforms whose calls a stage takes; ConfigError for a name that is none. Says which of them are only assumed."""
    unknown = [name for name in names if name not in DOORS]
    if unknown:
        raise ConfigError(f"PLATFORMS: {', '.join(unknown)}: not one of {', '.join(sorted(DOORS))}")
    for name in names:
        if DOORS[name].proof is Proof.ASSUMED:
            _log.warning("platform %s is open and only assumed: %s", name, DOORS[name].unknown)
    return {name: DOORS[name] for name in names}


def warn_of_assumed(names: Iterable[str]) -> None:
    """Say which of the shops that are asked (`<shop>/<platform>`) are of a platform that is only assumed."""
    for name in sorted({one.partition("/")[2] for one in names}):
        if name in PLATFORMS and PLATFORMS[name].polls and PLATFORMS[name].proof is Proof.ASSUMED:
            _log.warning("platform %s is asked and only assumed: %s", name, PLATFORMS[name].unknown)
