"""Polls in a world: a WooCommerce without a wire, and what its source finds on the world's own queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.woocommerce.source import WooSource
from musubi.contracts.jobs import found_body
from musubi.domain.outcome import Outcome
from musubi.domain.polling import PollRules
from musubi.ports import ShopSource, Snapshot, What
from musubi.usecases.poll_shop import Deps, PolledShop, poll_shop
from tests.support.flows_world import World
from tests.support.woocommerce_shop import KEY, WooShop

RULES = PollRules(overlap=timedelta(minutes=15), first=timedelta(hours=24), silence=timedelta(hours=24))


class WireLess(WooSource):
    """The real source, whose requests go straight to `shop`."""

    def __init__(self, shop: WooShop) -> None:
        super().__init__(ShopApi("main", "http://127.0.0.1:1", lambda: (KEY,), lambda: 100))
        self._shop = shop

    def _get(self, path: str) -> Answer:
        self._shop.before()
        parts = urlsplit(path)
        said = self._shop.page(parts.path, dict(parse_qsl(parts.query)))
        return Answer(said.status, {name.lower(): value for name, value in said.headers.items()}, said.body)


class WorldQueue:
    """Implements `ShopQueue` with the queue of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(
        self, shop_id: str, platform: str, snapshots: Sequence[Snapshot], *, at: datetime, backfill: bool = False
    ) -> None:
        for one in snapshots:
            self._world.put("shop-events", found_body(shop_id, platform, one, at, backfill, _no_claim))


def _no_claim(body: str) -> str:
    raise AssertionError(f"{len(body)} characters are too many for a world's queue")


def poll(
    world: World,
    source: ShopSource,
    platform: str,
    whats: Sequence[What] = ("orders",),
    out_of_time: Callable[[], bool] = lambda: False,
    pushes: bool = True,
) -> Outcome:
    """One run of the schedule for the world's shop, which may also call (`pushes`)."""
    deps = Deps(world.wired_store, world.clock, WorldQueue(world), RULES)
    return poll_shop(PolledShop("main", platform, whats, pushes=pushes), source, deps, out_of_time)
