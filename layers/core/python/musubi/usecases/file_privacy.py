"""A privacy request on its way in: from a shop's event, or from an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from musubi.domain.changes import PrivacyChange
from musubi.domain.engine import Moment
from musubi.domain.events import ShopEvent
from musubi.domain.forgetting import bury_friend
from musubi.domain.ids import derived_id
from musubi.domain.operations import Seen
from musubi.domain.people import Link, Member
from musubi.domain.privacy import (
    LIMIT,
    SETTLING,
    PrivacyMove,
    PrivacyRequest,
    RequestKind,
    RequestState,
    file_request,
    privacy_writes,
    request_id_of,
)
from musubi.domain.store_keys import FriendKey, Key, LinkOfMemberKey, MemberKey, PrivacyRequestKey, SeenKey
from musubi.domain.writes import Create, Replace, Write
from musubi.ports import Clock, Loaded, Store
from musubi.usecases.commit import until_committed


def file_privacy(store: Store, event: ShopEvent, change: PrivacyChange, now: Moment) -> tuple[Seen | None, PrivacyMove]:
    """The event's mark if it was taken before, and what it stores. One load, or two for a member that was merged."""
    seen_key, loaded = SeenKey(event.source, event.event_id), Loaded({})
    for _ in range(2):
        loaded = store.load(
            [seen_key, PrivacyRequestKey(request_id_of(event.shop_id, change)), *_person(event, change)]
        )
        member = _member(loaded, event, change)
        if member is None or member.merged_into is None:
            break
        # Who was merged into another is that other one; what is left under the older number goes with it.
        change = replace(change, member_id=member.merged_into)
    move = privacy_writes(
        change,
        shop_id=event.shop_id,
        at=event.occurred_at,
        now=now,
        member=_member(loaded, event, change),
        link=_link(loaded, event, change),
        known=loaded.get(PrivacyRequestKey(request_id_of(event.shop_id, change))),
    )
    return loaded.get(seen_key), move


def _person(event: ShopEvent, change: PrivacyChange) -> list[Key[Any]]:
    if change.member_id is None:
        return []
    return [MemberKey(event.shop_id, change.member_id), LinkOfMemberKey(event.shop_id, change.member_id)]


def _member(loaded: Loaded, event: ShopEvent, change: PrivacyChange) -> Member | None:
    key = MemberKey(event.shop_id, change.member_id or "")
    return loaded.get(key) if loaded.holds(key) else None


def _link(loaded: Loaded, event: ShopEvent, change: PrivacyChange) -> Link | None:
    key = LinkOfMemberKey(event.shop_id, change.member_id or "")
    return loaded.get(key) if loaded.holds(key) else None


def erase_member(store: Store, clock: Clock, shop_id: str, member_id: str) -> PrivacyRequest:
    """An operator's word that a member is to be erased, as a shop's event would say it; once, however often it is said."""
    now = Moment(clock.business(), clock.machine())
    request = _by_operator(RequestKind.ERASURE, now, shop_id=shop_id, member_id=member_id)
    keys: list[Key[Any]] = [request.key, MemberKey(shop_id, member_id), LinkOfMemberKey(shop_id, member_id)]

    def attempt() -> tuple[Sequence[Write], PrivacyRequest]:
        loaded = store.load(keys)
        known = loaded.get(request.key)
        if known is not None:
            return (), known
        member, link = loaded.get(MemberKey(shop_id, member_id)), loaded.get(LinkOfMemberKey(shop_id, member_id))
        return file_request(request, at=now.business, now=now, member=member, link=link).writes, request

    return until_committed(store, attempt)


def erase_friend(store: Store, clock: Clock, user_id: str) -> PrivacyRequest | None:
    """A LINE user's wish to be forgotten, told by an operator; None when nobody of that id is known."""
    now = Moment(clock.business(), clock.machine())
    asked = _by_operator(RequestKind.FRIEND, now, shop_id="-", user_id=user_id)
    # As for a member: who has read the friend a moment ago may still write.
    request = replace(asked, state=RequestState.WAITING, look_at=now.business + SETTLING)

    def attempt() -> tuple[Sequence[Write], PrivacyRequest | None]:
        loaded = store.load([request.key, FriendKey(user_id)])
        known, friend = loaded.get(request.key), loaded.get(FriendKey(user_id))
        if known is not None or friend is None:
            return (), known
        writes = [Replace(bury_friend(friend))] if not friend.erased else []
        return [*writes, Create(request)], request

    return until_committed(store, attempt)


def approve(store: Store, clock: Clock, request_id: str) -> PrivacyRequest | None:
    """Let the erasure of a shop begin; None when there is no such request. Nothing else waits for it."""
    key = PrivacyRequestKey(request_id)

    def attempt() -> tuple[Sequence[Write], PrivacyRequest | None]:
        request = store.load([key]).get(key)
        if request is None or not request.waits_for_operator:
            return (), request
        approved = replace(request, approved_at=clock.business(), version=request.version + 1)
        return [Replace(approved)], approved

    return until_committed(store, attempt)


def _by_operator(
    kind: RequestKind, now: Moment, *, shop_id: str, member_id: str | None = None, user_id: str | None = None
) -> PrivacyRequest:
    """Named by the day: said twice it is one request, said again after somebody came back it is another."""
    day = now.business.date().isoformat()
    return PrivacyRequest(
        request_id=derived_id("privacy-operator", kind.value, shop_id, member_id or "", user_id or "", day),
        kind=kind,
        shop_id=shop_id,
        received_at=now.business,
        deadline_at=now.business + LIMIT,
        look_at=now.business,
        member_id=member_id,
        user_id=user_id,
    )
