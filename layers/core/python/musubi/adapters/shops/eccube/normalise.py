"""EC-CUBE's webhooks: `[{entity, id, action}]`, each entry a reference that is fetched, several in one request.

An `order created` means that a checkout began and an `updated` anything at all (ec-platforms §2.3): only what the shop
answers counts. Entries that can not be read are stored and do not take the others down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from musubi.adapters.shops.eccube.graphql import GraphQl, Reference
from musubi.adapters.shops.eccube.snapshot import PLATFORM, Frame, Told, customer_events, order_events
from musubi.adapters.shops.source import Apis
from musubi.contracts.eccube import Notice
from musubi.contracts.text import clean, content_hash, parse_json
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import MemberState

MAX_FETCHED = 100
"""Entities fetched for one call. A mass change in the shop's administration can name more; the poll brings the rest."""

SNAPSHOT = "x-musubi-snapshot"
"""Header of what a poll found: the entity, whose document is the body. No door lets it in."""

_READERS: Mapping[str, Callable[[Mapping[str, Any], Frame], Told]] = {
    "order": order_events,
    "customer": customer_events,
}


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime, *, apis: Apis
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events of one call (see `base.Normalise`). Raises Retryable when the shop does not answer."""
    document = parse_json(body, "EC-CUBE body")
    if SNAPSHOT in headers:
        return _polled(headers[SNAPSHOT], document, shop_id, received_at, apis)
    if not isinstance(document, list):
        raise Permanent("EC-CUBE body: not a list")
    told: Told = []
    wanted: dict[Reference, bool] = {}
    frame = Frame(shop_id, received_at)
    for entry in document:
        told.extend(_noticed(entry, frame, wanted))
    api = apis(shop_id, PLATFORM) if wanted else None
    found = GraphQl(api).entities(list(wanted)) if api else {}
    statuses = api.statuses if api else {}
    for reference, answer in found.items():
        frame = Frame(shop_id, received_at, wanted[reference], statuses)
        events, reason = _read(reference, answer, frame)
        if reason is not None and len(document) == 1:
            raise Permanent(reason)
        told.extend(events)
    return _once(told)


def _noticed(entry: Any, frame: Frame, wanted: dict[Reference, bool]) -> Told:
    """Note in `wanted` what is to be fetched (and whether it is new); return what is known without asking."""
    notice = Notice.model_validate(entry) if isinstance(entry, dict) else Notice()
    entity, number = notice.entity or "", notice.id or ""
    if entity not in _READERS or not _is_number(number):
        return [_unread(f"{clean(entity, 40) or 'entry'} {clean(notice.action, 40) or 'unreadable'}", entry, frame)]
    if notice.action == "deleted":
        return [_deleted(entity, number, entry, frame)]
    if (entity, number) not in wanted and len(wanted) >= MAX_FETCHED:
        return [frame.unread(entity, f"{entity} left to the poll", entry)]
    wanted[entity, number] = wanted.get((entity, number), False) or notice.action == "created"
    return []


def _unread(kind: str, entry: Any, frame: Frame) -> UnreadShopEvent:
    try:
        return frame.unread("webhook", kind, entry)
    except Permanent:
        # It nests without end: that there was one is all that can be kept.
        return frame.unread("webhook", kind, None)


def _is_number(text: str) -> bool:
    """EC-CUBE's ids are unsigned integers; anything else must not become part of a query."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def _deleted(entity: str, number: str, entry: Any, frame: Frame) -> ShopEvent | UnreadShopEvent:
    """A customer who is gone is erased here too; an order's history is not the shop's alone and stays."""
    if entity != "customer":
        return frame.unread(entity, f"{entity} deleted", entry)
    change = MemberChange(member_id=number, state=MemberState.ERASED)
    content = content_hash({"deleted": number})
    return frame.event("customer", "MemberDeleted", content, frame.received_at, member=change)


def _read(reference: Reference, answer: Any, frame: Frame) -> tuple[Told, str | None]:
    """What one answer tells, and why it could not be read."""
    entity, number = reference
    if answer is None:
        return [frame.unread(entity, f"{entity} gone", {"id": number})], None
    try:
        if not isinstance(answer, dict):
            raise Permanent(f"{entity}: not an object")
        return _READERS[entity](answer, frame), None
    except Permanent as error:
        return [frame.unread(entity, f"{entity} unreadable", answer)], error.reason


def _polled(
    entity: str, document: Any, shop_id: str, received_at: datetime, apis: Apis
) -> Sequence[ShopEvent | UnreadShopEvent]:
    reader = _READERS.get(entity)
    if reader is None or not isinstance(document, dict):
        raise Permanent("EC-CUBE snapshot: not an order or a customer")
    return _once(reader(document, Frame(shop_id, received_at, statuses=apis(shop_id, PLATFORM).statuses)))


def _once(told: Iterable[ShopEvent | UnreadShopEvent]) -> Told:
    """Each event once: an order brings its customer, whom the same call may name too."""
    return list({(one.source, one.event_id): one for one in told}.values())
