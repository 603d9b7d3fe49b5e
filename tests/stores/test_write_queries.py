"""Writes into shops that an operator may want to know of: both stores list the same rows in the same order."""

from __future__ import annotations

from dataclasses import replace

from musubi.domain.write_backs import ShopWrite, WriteState
from musubi.domain.writes import Put
from musubi.ports import Store
from tests.stores.samples import at
from tests.stores.write_samples import SHOP_WRITE


def test_what_was_refused_is_unknown_or_unclear_is_listed_oldest_first(store: Store) -> None:
    rows: list[ShopWrite] = [
        replace(SHOP_WRITE, write_id="refused", state=WriteState.REFUSED, settled_at=at(30)),
        replace(SHOP_WRITE, write_id="unknown", state=WriteState.UNKNOWN, settled_at=at(20)),
        replace(SHOP_WRITE, write_id="unclear", state=WriteState.PLANNED, first_unclear_at=at(10), settled_at=None),
        replace(SHOP_WRITE, write_id="claimed", first_unclear_at=None, settled_at=None),
        replace(SHOP_WRITE, write_id="erased", state=WriteState.UNKNOWN, reason="erased"),
        *(replace(SHOP_WRITE, write_id=state.value, state=state) for state in (WriteState.DONE, WriteState.STALE)),
    ]
    for row in rows:
        store.commit([Put(row)])
    assert [row.write_id for row in store.troubled_writes(9)] == ["unclear", "unknown", "refused"]
    assert store.troubled_writes(2) == [rows[2], rows[1]]
