"""What polls need to know of every event: that webhooks still come, and what only a poll brought."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from musubi.domain.events import Mode, ShopEvent, UnreadShopEvent
from musubi.domain.outcome import Outcome
from musubi.domain.polling import Heard, Missed, judged
from musubi.domain.writes import Put
from musubi.ports import Clock, Store

NOT_AGAIN = timedelta(minutes=10)
"""A shop's webhooks come by the thousand; that they come is written this often, by each copy of the worker."""


@dataclass
class SourceNotes:
    """`polled` are the (shop, platform) pairs that are polled: nobody asks about others, and they cost nothing."""

    store: Store
    clock: Clock
    polled: Collection[tuple[str, str]]
    _heard: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def note(self, event: ShopEvent | UnreadShopEvent, outcome: Outcome) -> Outcome:
        """`outcome` of taking `event`, with the counts of polls. Written after the event was taken: dying in between leaves a
        missed event known and uncounted, never the other way round.
        """
        if isinstance(event, UnreadShopEvent) or (event.shop_id, event.platform) not in self.polled:
            return outcome
        if event.mode is Mode.PUSH:
            self._hear(event)
        metric = judged(event, outcome, self.clock.business())
        if metric is None:
            return outcome
        if metric == "PollMissed":
            self.store.commit([Put(_missed(event, self.clock.machine()))])
        return replace(outcome, counts={**outcome.counts, metric: 1})

    def _hear(self, event: ShopEvent) -> None:
        shop, now = (event.shop_id, event.platform), self.clock.machine()
        last = self._heard.get(shop)
        if last is None or now - last >= NOT_AGAIN:
            self.store.commit([Put(Heard(shop_id=event.shop_id, platform=event.platform, at=now))])
            self._heard[shop] = now


def _missed(event: ShopEvent, now: datetime) -> Missed:
    return Missed(shop_id=event.shop_id, platform=event.platform, at=now, type=event.type, event_id=event.event_id)
