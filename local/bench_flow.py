"""Event -> accepted on the running local stack, one event at a time: what one person waits for when nothing else runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from local.crowd import Crowd
from local.story import Story

WARM_UPS = 3


def follow_to_reply(story: Story, crowd: Crowd, count: int) -> tuple[list[str], dict[str, float]]:
    """Seconds from the follow (LINE's own event timestamp) to the greeting that LINE accepted; also who followed."""
    users = crowd.phones(count + WARM_UPS)
    seconds = []
    for user in users:
        event = story.act(user, "follow")["events"][0]
        story.await_message(user, "greeting")
        seconds.append(_accepted_at(story, user) - event["timestamp"] / 1000)
    return users, percentiles(seconds[WARM_UPS:])


def order_to_push(story: Story, users: Sequence[str], member_ids: Sequence[str], platform: str) -> dict[str, float]:
    """Seconds from the order in the shop (before its webhook is sent) to the thanks that LINE accepted."""
    seconds = []
    for user, member_id in zip(users, member_ids, strict=True):
        known = len(story.accepted(user))
        began = time.time()
        story.shop("POST", "/_shop/orders", {"member_id": member_id, "platform": platform, "wait": False})
        _await_more(story, user, known)
        seconds.append(_accepted_at(story, user) - began)
    return percentiles(seconds[WARM_UPS:])


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the most, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    ms = {"p50": cuts[9], "p95": cuts[18], "most": max(seconds)}
    return {"count": len(seconds), **{name: round(value * 1000) for name, value in ms.items()}}


def _accepted_at(story: Story, user: str) -> float:
    last: dict[str, Any] = story.accepted(user)[-1]
    return datetime.fromisoformat(last["at"]).timestamp()


def _await_more(story: Story, user: str, known: int) -> None:
    end = time.monotonic() + 60
    while len(story.accepted(user)) <= known:
        if time.monotonic() > end:
            raise TimeoutError("no push came")
        time.sleep(0.01)
