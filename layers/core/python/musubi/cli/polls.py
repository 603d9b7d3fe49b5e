"""Polls: how far each shop is known, what only polls brought, and asking a shop now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.cli.deployment import Deployment
from musubi.cli.views import plain
from musubi.domain.polling import Heard, Missed, Poll
from musubi.domain.store_keys import HeardKey

COLUMNS = ("platform", "what", "known_until", "last_run", "found", "missed", "last_webhook", "failure")
MISSED_COLUMNS = ("at", "platform", "type", "event_id")
MOST_MISSED = 1000


@dataclass(frozen=True)
class PolledShop:
    """One platform of a shop that was polled at least once; `missed` newest first."""

    polls: Sequence[Poll]
    heard: Heard | None
    missed: Sequence[Missed]


def polled_shops(deployment: Deployment, shop_id: str) -> list[PolledShop]:
    """What is stored of the shop's polls, by platform."""
    store, found = deployment.store(), []
    for name in (name for name, platform in PLATFORMS.items() if platform.polls):
        if polls := store.polls_of(shop_id, name):
            key = HeardKey(shop_id, name)
            missed = store.latest_missed(shop_id, name, MOST_MISSED)
            found.append(PolledShop(polls, store.load([key]).get(key), missed))
    return found


def poll_rows(shop: PolledShop) -> list[dict[str, Any]]:
    """One row for each kind of thing. `found` and `missed` are of the run that ended last; `missed` counts both kinds, and
    what the worker has not reached yet is not in it.
    """
    began = max((poll.last.began_at for poll in shop.polls if poll.last), default=None)
    missed = sum(began is not None and one.at >= began for one in shop.missed)
    return [
        {
            "platform": poll.platform,
            "what": poll.what,
            "known_until": plain(poll.mark),
            "last_run": plain(poll.last.ended_at) if poll.last else None,
            "found": poll.last.found if poll.last else None,
            "missed": missed,
            "last_webhook": plain(shop.heard.at) if shop.heard else None,
            "failure": f"{plain(poll.failed_at)} {poll.failure}" if poll.failure else None,
        }
        for poll in shop.polls
    ]


def missed_rows(shop: PolledShop, limit: int) -> list[dict[str, Any]]:
    """What only polls brought, newest first; kept for 30 days."""
    return [
        {"at": plain(one.at), "platform": one.platform, "type": one.type, "event_id": one.event_id}
        for one in shop.missed[:limit]
    ]


def run_poll(deployment: Deployment, shop_id: str, platform: str) -> dict[str, Any]:
    """Ask a shop now, as its schedule would, and wait for what came of it. ValueError with what the function said."""
    answer = deployment.lambdas().invoke(
        FunctionName=deployment.name("poll_shop"),
        Payload=json.dumps({"schedule": "by_hand", "shop_id": shop_id, "platform": platform}).encode(),
    )
    said: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
    if answer.get("FunctionError"):
        raise ValueError(str(said.get("errorMessage", "poll_shop failed")))
    return said
