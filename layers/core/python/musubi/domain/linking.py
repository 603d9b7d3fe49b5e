"""Making and ending links. One friend has at most one member and one member at most one friend per shop.

Policy: whoever proves both sides (a login at the shop and LINE's accountLink for the same nonce) wins; an older link of
either side ends as `superseded`. People change phones and LINE accounts, and only the newest proof is theirs for sure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from musubi.domain.ids import derived_id
from musubi.domain.ledger import SWEEP_AFTER
from musubi.domain.operations import Fact
from musubi.domain.people import Friend, Link, LinkEnded, Nonce, Side
from musubi.domain.store_keys import LinkOfFriendKey, LinkOfMemberKey
from musubi.domain.writes import Create, Drop, Put, Remove, Replace, Write

METHOD_ACCOUNT_LINK = "account_link"


def nonce_digest(nonce: str) -> str:
    """What is stored of a nonce."""
    return hashlib.sha256(nonce.encode()).hexdigest()


@dataclass(frozen=True)
class LinkMove:
    """Writes and outward facts of one change of links; `reason` says what it was."""

    reason: str
    link: Link | None
    writes: tuple[Write, ...]
    facts: tuple[Fact, ...]


def make_link(
    *,
    user_id: str,
    entrance: str,
    nonce: Nonce | None,
    digest: str,
    at: datetime,
    now: datetime,
    of_friend: Link | None,
    of_member: Link | None,
    unlinked_at: datetime | None = None,
) -> LinkMove:
    """Decide an accountLink `ok` at LINE's timestamp `at`; `now` is machine time.

    The nonce is consumed by the commit's condition, so only one event can use it. A repeat finds the link with its own
    digest as evidence and is `linked_already`. An event that a newer link of either side or a newer wish to be unlinked
    (`unlinked_at`) has overtaken is `overtaken`: webhooks arrive in any order.
    """
    if of_friend is not None and of_friend.evidence == digest:
        return LinkMove("linked_already", of_friend, (), ())
    if nonce is None:
        return LinkMove("nonce_unknown", None, (), ())
    if at > nonce.expires_at:
        return LinkMove("nonce_expired", None, (Remove(nonce),), ())
    newest = max((t for t in (unlinked_at, *(old.linked_at for old in (of_friend, of_member) if old)) if t), default=at)
    if newest > at:
        return LinkMove("overtaken", None, (Remove(nonce),), ())
    link = Link(
        side=Side.FRIEND,
        user_id=user_id,
        shop_id=nonce.shop_id,
        member_id=nonce.member_id,
        linked_at=at,
        method=METHOD_ACCOUNT_LINK,
        entrance=entrance,
        evidence=digest,
    )
    if of_friend is not None and of_friend.same_pair(link):
        return LinkMove("same_pair", of_friend, (Remove(nonce),), ())
    writes: list[Write] = [Remove(nonce), *_store(link, of_friend), *_store(link.mirrored(), of_member)]
    facts = [link_fact("LinkMade", link, at, now, method=link.method, entrance=entrance)]
    for old in (of_friend, of_member):
        if old is not None:
            writes.extend(_leave(old, link, at))
            facts.append(link_fact("LinkEnded", old, at, now, reason="superseded"))
    writes.extend(Create(fact) for fact in facts)
    return LinkMove("linked", link, tuple(writes), tuple(facts))


def end_link(link: Link, *, at: datetime, now: datetime, reason: str) -> LinkMove:
    """End `link`, read from either side, at `at`. One made after `at` stays: the wish to end it was about an older one.

    The condition is on the side that was read: each side counts its own versions.
    """
    if link.linked_at > at:
        return LinkMove("linked_since", link, (), ())
    fact = link_fact("LinkEnded", link, at, now, reason=reason)
    ended = finished(link, at, reason)
    writes: tuple[Write, ...] = (
        Remove(link),
        Drop(link.mirrored().key),
        Create(ended),
        Create(ended.mirrored()),
        Create(fact),
    )
    return LinkMove("unlinked", None, writes, (fact,))


def link_fact(kind: str, link: Link, at: datetime, now: datetime, **more: str) -> Fact:
    """The outward fact of a link change; its id says which link and which end of it."""
    return Fact(
        fact_id=derived_id("fact", kind, link.user_id, link.shop_id, link.member_id, link.linked_at.isoformat()),
        type=kind,
        occurred_at=at,
        data={"shop_id": link.shop_id, "member_id": link.member_id, "user_id": link.user_id, **more},
        look_at=now + SWEEP_AFTER,
    )


def consent_fact(link: Link, friend: Friend, at: datetime, now: datetime) -> Fact:
    """What the linked friend wishes about promotion on LINE, for a shop that keeps consents itself.

    `at`: when it was said, or when who had said it before was linked. `data["at"]`: when it was said, by which wishes are
    ordered. `state` is a word, since `"false"` would count as true.
    """
    said_at = friend.promo_at or at
    return Fact(
        fact_id=derived_id(
            "fact", "ConsentChanged", link.user_id, link.shop_id, link.member_id, at.isoformat(), friend.promo.value
        ),
        type="ConsentChanged",
        occurred_at=at,
        data={
            "shop_id": link.shop_id,
            "member_id": link.member_id,
            "user_id": link.user_id,
            "channel": "line",
            "purpose": "marketing",
            "state": friend.promo.value,
            "at": said_at.isoformat(),
        },
        look_at=now + SWEEP_AFTER,
    )


def _store(link: Link, old: Link | None) -> list[Write]:
    return [Create(link) if old is None else Replace(replace(link, version=old.version + 1))]


def _leave(old: Link, new: Link, at: datetime) -> list[Write]:
    """The old link's other side, which the new link does not overwrite, and its finished interval."""
    over = finished(old, at, "superseded")
    ended: list[Write] = [Put(over), Put(over.mirrored())]
    if old.user_id != new.user_id:
        ended.append(Drop(LinkOfFriendKey(old.user_id)))
    if (old.shop_id, old.member_id) != (new.shop_id, new.member_id):
        ended.append(Drop(LinkOfMemberKey(old.shop_id, old.member_id)))
    return ended


def finished(link: Link, at: datetime, reason: str) -> LinkEnded:
    """The interval that `link` was, as the friend's side stores it."""
    return LinkEnded(
        user_id=link.user_id,
        shop_id=link.shop_id,
        member_id=link.member_id,
        linked_at=link.linked_at,
        ended_at=at,
        method=link.method,
        entrance=link.entrance,
        reason=reason,
    )
