"""Rows of an imported table (see `adapters/csv`), as they come from the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from musubi.contracts.imports import read_rows
from musubi.domain.events import ShopEvent


def normalise(headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime) -> Sequence[ShopEvent]:
    """All events of one message (see `base.Normalise`)."""
    return read_rows(body, shop_id, received_at)
