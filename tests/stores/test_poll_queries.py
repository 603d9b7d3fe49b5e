"""How far shops are known, and what only polls brought: both stores list the same rows in the same order."""

from __future__ import annotations

from dataclasses import replace

from musubi.domain.writes import Entity, Put
from musubi.ports import Store
from tests.stores.samples import HEARD, MISSED, POLL, at


def test_polls_of_one_shop_by_kind(store: Store) -> None:
    members = replace(POLL, what="members")
    others: tuple[Entity, ...]
    others = (replace(POLL, shop_id="outlet"), replace(POLL, platform="eccube"), replace(HEARD), replace(MISSED))
    rows: list[Entity] = [POLL, members, *others]
    for row in rows:
        store.commit([Put(row)])
    assert store.polls_of("main", "woocommerce") == [members, POLL]
    assert store.polls_of("main", "shopify") == []


def test_missed_events_of_one_shop_newest_first(store: Store) -> None:
    brought = [replace(MISSED, at=at(seconds), event_id=str(seconds)) for seconds in (3, 1, 5, 2, 4)]
    rows: list[Entity] = [*brought, replace(MISSED, platform="eccube", at=at(9)), POLL, HEARD]
    for row in rows:
        store.commit([Put(row)])
    assert [one.event_id for one in store.latest_missed("main", "woocommerce", 4)] == ["5", "4", "3", "2"]
    assert store.latest_missed("outlet", "woocommerce", 4) == []
