"""What was sent to a person, what was not, and why: the support desk's question, answered from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musubi.domain.ids import FriendPerson, MemberPerson
from musubi.domain.ledger import Send
from musubi.domain.people import Friend, Link, LinkEnded, Member
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import FriendKey, LinkOfFriendKey, LinkOfMemberKey, MemberKey
from musubi.ports import Store


@dataclass(frozen=True)
class PersonStory:
    """One human as the deployment knows them: both sides of the link and everything planned for either."""

    member: Member | None
    friend: Friend | None
    link: Link | None
    ended_links: tuple[LinkEnded, ...]
    sends: tuple[Send, ...]
    enrolments: tuple[Enrolment, ...]


def explain_member(store: Store, shop_id: str, member_id: str, limit: int = 50) -> PersonStory:
    """The story of a member and of the friend linked now."""
    loaded = store.load([MemberKey(shop_id, member_id), LinkOfMemberKey(shop_id, member_id)])
    link = loaded.get(LinkOfMemberKey(shop_id, member_id))
    member = loaded.get(MemberKey(shop_id, member_id))
    people = [str(MemberPerson(shop_id, member_id)), *([str(FriendPerson(link.user_id))] if link else [])]
    friend = store.load([FriendKey(link.user_id)]).get(FriendKey(link.user_id)) if link else None
    return _story(store, member, friend, link, people, link.user_id if link else None, limit)


def explain_friend(store: Store, user_id: str, limit: int = 50) -> PersonStory:
    """The story of a friend and of the member linked now."""
    loaded = store.load([FriendKey(user_id), LinkOfFriendKey(user_id)])
    link = loaded.get(LinkOfFriendKey(user_id))
    people = [str(FriendPerson(user_id))]
    member = None
    if link is not None:
        key = MemberKey(link.shop_id, link.member_id)
        member = store.load([key]).get(key)
        people.append(str(MemberPerson(link.shop_id, link.member_id)))
    return _story(store, member, loaded.get(FriendKey(user_id)), link, people, user_id, limit)


def _story(
    store: Store,
    member: Member | None,
    friend: Friend | None,
    link: Link | None,
    people: Sequence[str],
    user_id: str | None,
    limit: int,
) -> PersonStory:
    sends: list[Send] = []
    enrolments: list[Enrolment] = []
    for person in people:
        some_sends, some_enrolments = store.history_of(person, limit)
        sends += some_sends
        enrolments += some_enrolments
    newest_first = sorted(sends, key=lambda s: s.planned_at, reverse=True)[:limit]
    return PersonStory(
        member=member,
        friend=friend,
        link=link,
        ended_links=tuple(store.ended_links(user_id)) if user_id else (),
        sends=tuple(newest_first),
        enrolments=tuple(sorted(enrolments, key=lambda e: e.started_at, reverse=True)[:limit]),
    )
