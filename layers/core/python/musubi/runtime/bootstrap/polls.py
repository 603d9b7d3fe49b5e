"""Asking shops what changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings
from musubi.runtime.bootstrap.apis import shop_apis

if TYPE_CHECKING:
    from musubi.contracts.schedule import PollTick
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import OutOfTime, Scheduled

_PAGE_S = 40
"""Seconds that must be left to begin a page: one slow answer, its messages and its mark."""


def poll_shop() -> Scheduled[PollTick]:
    """Every hour, for each shop whose API the stage names → `poll_shop`."""
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.shops.platforms import warn_of_assumed
    from musubi.adapters.shops.source import open_source, polled
    from musubi.adapters.sqs import SqsShopQueue
    from musubi.contracts.schedule import read_poll
    from musubi.domain.errors import Permanent
    from musubi.domain.polling import PollRules
    from musubi.runtime.work import Deadline, Scheduled
    from musubi.usecases.poll_shop import Deps, PolledShop, poll_shop

    s = settings.load(settings.PollShop)
    warn_of_assumed(s.shop_apis)
    deadline = Deadline()
    apis, pushing = shop_apis(s, deadline), frozenset(s.platforms)
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "shop-events", parts.now)
    deps = Deps(
        store=parts.work_store(s.work_table),
        clock=parts.clock(s, s.work_table),
        queue=SqsShopQueue(client("sqs"), s.shop_events_queue_url, claims.put),
        rules=PollRules(
            overlap=timedelta(minutes=s.poll_overlap_minutes),
            first=timedelta(hours=s.poll_first_hours),
            silence=timedelta(hours=s.poll_silence_hours),
        ),
    )

    def use(tick: PollTick, out_of_time: OutOfTime) -> Outcome:
        if f"{tick.shop_id}/{tick.platform}" not in s.shop_apis:
            raise Permanent("shop_id, platform: the stage names no API for them")
        shop = PolledShop(tick.shop_id, tick.platform, polled(tick.platform), tick.platform in pushing)
        source = open_source(tick.platform, apis(tick.shop_id, tick.platform))
        return poll_shop(shop, source, deps, lambda: deadline.left_s() < _PAGE_S)

    return Scheduled(read_poll, use, deadline)
