"""What comes from shop systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings
from musubi.runtime.bootstrap.apis import shop_apis

if TYPE_CHECKING:
    from musubi.domain.events import ShopEvent, UnreadShopEvent
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import Worker


def shop_events() -> Worker[Sequence[ShopEvent | UnreadShopEvent]]:
    """The queue shop-events (our messages and EventBridge envelopes) → `take_shop_event`."""
    from musubi.adapters.aws import client
    from musubi.adapters.claims import S3Claims
    from musubi.adapters.shops.base import adapter_for
    from musubi.adapters.shops.bus import read_envelope
    from musubi.adapters.shops.mapping.files import read_mappings
    from musubi.adapters.shops.platforms import calling
    from musubi.adapters.shops.source import marked
    from musubi.contracts.jobs import is_bus_envelope, read_shop, shop_payload
    from musubi.domain.outcome import Outcome, Verdict
    from musubi.runtime.work import Deadline
    from musubi.usecases.note_source import SourceNotes
    from musubi.usecases.take_shop_event import Deps, take_shop_event

    s = settings.load(settings.ShopEvents)
    clock = parts.clock(s, s.work_table)
    claims = S3Claims(lambda: client("s3"), s.claim_bucket, "shop-events", parts.now)
    mappings = read_mappings(s.content_dir, s.shops)
    deadline = Deadline()
    apis = shop_apis(s, deadline, s.order_statuses)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        clock=clock,
        catalog=parts.catalog(s),
        push_queue=parts.push_queue(s.push_queue_url),
        deployment=s.deployment,
        log=parts.log(s.log_queue_url),
        shop_hosts=frozenset(s.shop_hosts),
    )

    notes = SourceNotes(deps.store, clock, calling(s.shop_apis))

    def parse(body: str, sent_at: datetime) -> Sequence[ShopEvent | UnreadShopEvent]:
        ahead = parts.ahead(clock)
        if is_bus_envelope(body):
            told = read_envelope(body, s.shops, sent_at + ahead, s.partner_sources, apis)
            return parts.by_either_clock(told, ahead)
        message = read_shop(body)
        payload = shop_payload(message, claims.get(message.claim) if message.claim else None)
        normalise = adapter_for(message.platform, mappings, apis)
        events = normalise(message.headers, payload, message.shop_id, message.received_at + ahead)
        return parts.by_either_clock(marked(events, message.mode, backfill=message.backfill), ahead)

    def use(events: Sequence[ShopEvent | UnreadShopEvent]) -> Iterable[Outcome]:
        for event in events:
            yield notes.note(event, take_shop_event(event, deps))
        if not events:
            yield Outcome(Verdict.IGNORED, "nothing_told")

    return parts.worker("shop-events", parse, use, _shop_labels, s.quarantine_queue_url, deadline=deadline)


def _shop_labels(events: Sequence[ShopEvent | UnreadShopEvent]) -> Mapping[str, str]:
    from musubi.domain.events import ShopEvent

    kinds = sorted({event.type if isinstance(event, ShopEvent) else f"unread {event.kind}" for event in events})
    return {"type": ", ".join(kinds[:5]), "event": events[0].event_id if events else "-"}
