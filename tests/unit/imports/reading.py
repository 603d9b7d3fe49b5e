"""Tables read in memory: pages, and the events that the worker makes of their messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from musubi.adapters.csv.layout import Layouts
from musubi.adapters.csv.reading import TableReader
from musubi.adapters.shops.base import adapter_for
from musubi.contracts.jobs import read_shop, shop_payload
from musubi.domain.events import ShopEvent
from musubi.domain.imports import Import, ImportPage, RowCounts

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
AS_OF = datetime(2026, 11, 24, 1, tzinfo=UTC)
LAYOUTS = Layouts()


def job(kind: str, raw: bytes, **more: Any) -> Import:
    """A fresh import of `raw`."""
    place: dict[str, Any] = {"shop_id": "main", "kind": kind, "file_key": f"main/{kind}/x.csv", "as_of": AS_OF}
    return Import(import_id="i1", etag="e1", size=len(raw), started_at=NOW, **(place | more))


def pages(one: Import, raw: bytes, layouts: Layouts = LAYOUTS, size: int = 1 << 20) -> list[ImportPage]:
    """The rest of `raw` from where `one` is."""

    def read_from(offset: int) -> list[bytes]:
        return [raw[at : at + size] for at in range(offset, len(raw), size)]

    return list(TableReader(layouts, lambda: NOW).pages(one, read_from))


def events_of(messages: Sequence[str]) -> list[ShopEvent]:
    """What the worker makes of messages."""
    found: list[Any] = []
    for text in messages:
        message = read_shop(text)
        normalise = adapter_for(message.platform)
        found += normalise(message.headers, shop_payload(message), message.shop_id, message.received_at)
    return found


def read(kind: str, text: str, layouts: Layouts = LAYOUTS, **more: Any) -> tuple[RowCounts, list[ShopEvent]]:
    """What a whole table comes to."""
    raw = text.encode()
    one = job(kind, raw, **more)
    messages: list[str] = []
    for page in pages(one, raw, layouts):
        one = one.after(page)
        messages += page.messages
    assert one.offset == len(raw)
    return one.tally, events_of(messages)


def layouts_with(folder: Path, text: str) -> Layouts:
    """musubi's layouts under a shop's own file."""
    (folder / "imports").mkdir()
    (folder / "imports" / "main.yaml").write_text(text, encoding="utf-8")
    return Layouts(str(folder))
