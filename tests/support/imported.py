"""Tables imported into a world: read as the function reads them, their rows put where it puts them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from musubi.adapters.csv.layout import Layouts
from musubi.adapters.csv.reading import TableReader
from musubi.domain.imports import Import, RowCounts
from tests.support.flows_world import World, at
from tests.support.markdown import ROOT

TABLES = ROOT / "events" / "csv"
LAYOUTS = Layouts(str(ROOT / "layers" / "content"))
EXPORTED = at("2026-11-24T10:00")


def import_table(world: World, kind: str, table: Path | str, as_of: datetime = EXPORTED) -> RowCounts:
    """Import a file, or the text of one, until all is quiet; what became of its rows."""
    raw = table.encode() if isinstance(table, str) else table.read_bytes()
    place: dict[str, Any] = {"shop_id": "main", "kind": kind, "file_key": f"main/{kind}/x.csv"}
    now = world.clock.machine()
    one = Import(import_id="i", etag="e", size=len(raw), as_of=as_of, started_at=now, **place)

    def read_from(offset: int) -> Iterator[bytes]:
        yield raw[offset:]

    for page in TableReader(LAYOUTS, lambda: now).pages(one, read_from):
        one = one.after(page)
        for message in page.messages:
            world.put("shop-events", message)
    world.settle()
    return one.tally
