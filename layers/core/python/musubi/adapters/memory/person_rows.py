"""`PersonRows` over the store in memory: rows are listed as the tables would list them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from musubi.adapters.dynamo import codec, keys
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.ids import MemberPerson
from musubi.domain.ledger import Send
from musubi.domain.people import LinkEnded, Side
from musubi.domain.privacy import PrivacyRequest
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import EnrolmentKey, MemberKey, PeopleRowKey, SendKey, ShopWriteKey
from musubi.domain.write_backs import ShopWrite
from musubi.ports import Page, Row

T = TypeVar("T")


class MemoryPersonRows:
    """Implements `PersonRows`."""

    def __init__(self, store: MemoryStore, page_size: int = 100) -> None:
        self._store = store
        self._page_size = page_size

    def of_member(self, shop_id: str, member_id: str, cursor: str | None) -> Page[Row]:
        return self._rows(keys.member_pk(shop_id, member_id), cursor)

    def of_friend(self, user_id: str, cursor: str | None) -> Page[Row]:
        return self._rows(keys.friend_pk(user_id), cursor)

    def owned_by(self, shop_id: str, member_id: str, cursor: str | None) -> Page[PeopleRowKey]:
        mpk, found = keys.member_mpk(shop_id, member_id), dict[str, PeopleRowKey]()
        for where, row in self._store.placed():
            item = codec.encode(row)
            if item.get("mpk") == {"S": mpk}:
                found[item["msk"]["S"]] = PeopleRowKey(where.pk, where.sk)
        return self._page(found, cursor)

    def fetch(self, keys_: Sequence[PeopleRowKey]) -> Sequence[Row]:
        wanted = {keys.place(key) for key in keys_}
        return [_row(where, row) for where, row in self._store.placed() if where in wanted]

    def links_of_member(self, shop_id: str, member_id: str) -> Sequence[LinkEnded]:
        ended = [row for row in self._store.all_of(LinkEnded) if row.side is Side.MEMBER]
        mine = [row for row in ended if (row.shop_id, row.member_id) == (shop_id, member_id)]
        return sorted(mine, key=lambda row: (row.linked_at, row.user_id))

    def marks_of(self, person: str, cursor: str | None) -> Page[SendKey | EnrolmentKey | ShopWriteKey]:
        sends = [row for row in self._store.all_of(Send) if row.person == person]
        enrolments = [row for row in self._store.all_of(Enrolment) if row.person == person]
        writes = [
            row for row in self._store.all_of(ShopWrite) if str(MemberPerson(row.shop_id, row.member_id)) == person
        ]
        found: dict[str, SendKey | EnrolmentKey | ShopWriteKey] = {
            **{keys.send_psk(s.planned_at, s.send_id): s.key for s in sends},
            **{keys.enrolment_psk(e.started_at, e.enrolment_id): e.key for e in enrolments},
            **{keys.write_psk(w.planned_at, w.write_id): w.key for w in writes},
        }
        return self._page(found, cursor)

    def of_shop(self, shop_id: str, cursor: str | None) -> Page[MemberKey | PeopleRowKey]:
        found: dict[str, MemberKey | PeopleRowKey] = {}
        for where, row in self._store.placed():
            if where.table != "people" or getattr(row, "shop_id", None) != shop_id:
                continue
            member_id = getattr(row, "member_id", None)
            found[f"{where.pk} {where.sk}"] = (
                PeopleRowKey(where.pk, where.sk) if member_id is None else MemberKey(shop_id, member_id)
            )
        return self._page(found, cursor)

    def requests(self, shelf: str, until: datetime | None, limit: int) -> Sequence[PrivacyRequest]:
        rows = [(row.shelf, row) for row in self._store.all_of(PrivacyRequest)]
        listed = [(at[1], row) for at, row in rows if at and at[0] == shelf and (until is None or at[1] <= until)]
        return [row for _, row in sorted(listed, key=lambda pair: pair[0])][:limit]

    def _rows(self, pk: str, cursor: str | None) -> Page[Row]:
        mine = {
            where.sk: _row(where, row)
            for where, row in self._store.placed()
            if (where.table, where.pk) == ("people", pk) and where.sk not in keys.STAYING
        }
        return self._page(mine, cursor)

    def _page(self, found: dict[str, T], cursor: str | None) -> Page[T]:
        names = [name for name in sorted(found) if cursor is None or name > cursor]
        page = names[: self._page_size]
        return Page(tuple(found[name] for name in page), page[-1] if len(names) > len(page) else None)


def _row(where: keys.Place, row: Any) -> Row:
    return Row(PeopleRowKey(where.pk, where.sk), codec.plain_fields(codec.encode(row)))
