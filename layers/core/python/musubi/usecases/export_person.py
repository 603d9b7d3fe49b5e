"""Everything that is held of a member, as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar

from musubi.domain.forgetting import SLACK, said_during
from musubi.domain.ids import FriendPerson, MemberPerson
from musubi.domain.ledger import Send
from musubi.domain.people import Friend, Link, LinkEnded
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import (
    ConsentProofKey,
    FriendKey,
    LinkOfMemberKey,
    MemberKey,
    OrderKey,
)
from musubi.domain.write_backs import ShopWrite
from musubi.ports import Page, PersonRows, Store

T = TypeVar("T")
_AT_ONCE = 100


def export_person(
    store: Store, rows: PersonRows, shop_id: str, member_id: str | None, order_ids: Sequence[str], made_at: datetime
) -> str:
    """The document. `order_ids` are orders that the shop names beside: those of a guest, who has no member id."""
    document: dict[str, Any] = {"made_at": made_at, "shop_id": shop_id, "member_id": member_id}
    named = [OrderKey(shop_id, order_id) for order_id in dict.fromkeys(order_ids)]
    loaded = store.load(named)
    document["orders_named"] = [order for key in named if (order := loaded.get(key)) is not None]
    if member_id is not None:
        document |= _member(store, rows, shop_id, member_id)
    return json.dumps(_plain(document), ensure_ascii=False, indent=2)


def _member(store: Store, rows: PersonRows, shop_id: str, member_id: str) -> dict[str, Any]:
    keys = MemberKey(shop_id, member_id), ConsentProofKey(shop_id, member_id), LinkOfMemberKey(shop_id, member_id)
    loaded = store.load(keys)
    link = loaded.get(LinkOfMemberKey(shop_id, member_id))
    ended = rows.links_of_member(shop_id, member_id)
    owned = _all(lambda cursor: rows.owned_by(shop_id, member_id, cursor))
    sends, enrolments, writes = _marks(store, rows, str(MemberPerson(shop_id, member_id)))
    return {
        "profile": loaded.get(MemberKey(shop_id, member_id)),
        "consent_proof": loaded.get(ConsentProofKey(shop_id, member_id)),
        "records": [row.fields for row in _all(lambda cursor: rows.of_member(shop_id, member_id, cursor))],
        "orders_carts_bookings": [
            row.fields for i in range(0, len(owned), _AT_ONCE) for row in rows.fetch(owned[i : i + _AT_ONCE])
        ],
        "messages": sends,
        "scenarios": enrolments,
        "shop_writes": writes,
        "line": [_friend(store, rows, user_id, link, ended) for user_id in _users(link, ended)],
    }


def _friend(
    store: Store, rows: PersonRows, user_id: str, link: Link | None, ended: Sequence[LinkEnded]
) -> dict[str, Any]:
    """A LINE account that is or was the member's: itself while it is, and what was said to it while it was."""
    ties = [tie for tie in ended if tie.user_id == user_id]
    linked = link if link is not None and link.user_id == user_id else None
    friend: Friend | None = store.load([FriendKey(user_id)]).get(FriendKey(user_id)) if linked else None
    sends, _, _ = _marks(store, rows, str(FriendPerson(user_id)))
    since = linked.linked_at - SLACK if linked else None
    said = [s for s in sends if said_during(s, ties) or (since is not None and s.planned_at >= since)]
    return {"friend": friend, "link": linked, "ended_links": ties, "messages": said}


def _users(link: Link | None, ended: Sequence[LinkEnded]) -> list[str]:
    return list(dict.fromkeys([*([link.user_id] if link else []), *(tie.user_id for tie in ended)]))


def _marks(store: Store, rows: PersonRows, person: str) -> tuple[list[Send], list[Enrolment], list[ShopWrite]]:
    sends, enrolments, writes = list[Send](), list[Enrolment](), list[ShopWrite]()
    keys = _all(lambda cursor: rows.marks_of(person, cursor))
    loaded = store.load(keys)
    for key in keys:
        mark = loaded.get(key)
        if isinstance(mark, Send):
            sends.append(mark)
        elif isinstance(mark, Enrolment):
            enrolments.append(mark)
        elif isinstance(mark, ShopWrite):
            writes.append(mark)
    return sends, enrolments, writes


def _all(read: Callable[[str | None], Page[T]]) -> list[T]:
    page = read(None)
    found = list(page.items)
    while page.cursor is not None:
        page = read(page.cursor)
        found += page.items
    return found


def _plain(value: Any) -> Any:
    """`value` as JSON types. What is empty is left out; versions are our bookkeeping and say nothing of a person."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain({name: each for name, each in asdict(value).items() if name != "version"})
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, (date, datetime)) else value
