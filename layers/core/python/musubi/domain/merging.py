"""Two member records become one: the link, the counted facts and every refusal go to the one that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from musubi.domain.activity import KEPT, MAX_OPEN_CARTS, RECENT, Activity, Bought, Tally
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.linking import end_link, finished, link_fact
from musubi.domain.people import Link, Member, MemberState, Side
from musubi.domain.person import PersonView
from musubi.domain.profiles import forgotten, newest_attributes, strictest
from musubi.domain.projection import member_writes
from musubi.domain.rewards import RewardMark, inherited
from musubi.domain.store_keys import BoughtKey
from musubi.domain.writes import Create, Drop, Put, Remove, Replace, Write

MERGED = "merged"

MAX_MOVED = 20
"""Products and categories that move with a member, those bought last: with all else they fit one transaction."""
MAX_DEALINGS = 8
"""Carts, bookings and subscriptions that move."""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Both records as they are stored. `friend_side` is the removed member's link as its friend stores it."""

    shop_id: str
    kept_id: str
    removed_id: str
    kept: Member | None
    kept_link: Link | None
    kept_activity: Activity | None
    kept_bought: Mapping[BoughtKey, Bought | None]
    removed: PersonView
    friend_side: Link | None
    removed_reward: RewardMark | None = None


def moved_goods(removed: PersonView) -> tuple[Bought, ...]:
    """What the removed member bought, as far as it moves: the last bought first."""
    bought = [*removed.products, *removed.categories]
    dated = [(row.tally.last, row) for row in bought if row.tally.last is not None]
    return tuple(row for _, row in sorted(dated, key=lambda pair: (pair[0], pair[1].ref), reverse=True)[:MAX_MOVED])


def merge_writes(merge: Merge, as_of: datetime, at: datetime, now: datetime) -> list[Write]:
    """Everything of it in one commit. `as_of` is the event's version, `now` machine time. Empty when it was done before."""
    removed = merge.removed.member
    if removed is not None and removed.merged_into is not None:
        return []
    writes = _members(merge, as_of)
    if merge.kept is not None and merge.kept.state is MemberState.ERASED:
        # Whoever wants to be forgotten does not come back by another record of theirs.
        link = merge.removed.link
        return [*writes, *(end_link(link, at=max(at, link.linked_at), now=now, reason=MERGED).writes if link else ())]
    paid = inherited(merge.shop_id, merge.kept_id, merge.removed_reward)
    return [*writes, *_links(merge, at, now), *_facts(merge), *_dealings(merge), *paid]


def _members(merge: Merge, as_of: datetime) -> list[Write]:
    gone = merge.removed.member or Member(shop_id=merge.shop_id, member_id=merge.removed_id, version=0)
    kept = merge.kept or Member(shop_id=merge.shop_id, member_id=merge.kept_id, version=0)
    tombstone = replace(
        forgotten(replace(gone, profile_as_of=max(as_of, gone.profile_as_of or as_of))),
        merged_into=merge.kept_id,
        version=gone.version + 1,
    )
    after = replace(
        kept,
        consents=strictest(kept.consents, gone.consents),
        attributes=newest_attributes((*gone.attributes, *kept.attributes)),
        joined=kept.joined or gone.joined,
        version=kept.version + 1,
    )
    writes = member_writes(merge.removed.member, tombstone)
    unchanged = merge.kept is not None and replace(after, version=kept.version) == kept
    return writes if kept.state is MemberState.ERASED or unchanged else [*writes, *member_writes(merge.kept, after)]


def _links(merge: Merge, at: datetime, now: datetime) -> list[Write]:
    """The link of the member kept, or the removed one's, whichever was proven last; the other one ends."""
    mine, theirs = merge.kept_link, merge.removed.link
    if theirs is None:
        return []
    if merge.friend_side is None or (mine is not None and mine.linked_at >= theirs.linked_at):
        return list(end_link(theirs, at=max(at, theirs.linked_at), now=now, reason=MERGED).writes)
    link = replace(merge.friend_side, side=Side.FRIEND, member_id=merge.kept_id, version=merge.friend_side.version + 1)
    mirrored = replace(link.mirrored(), version=mine.version + 1 if mine else 1)
    writes: list[Write] = [
        Remove(theirs),
        Replace(link),
        Create(mirrored) if mine is None else Replace(mirrored),
        Create(link_fact("LinkEnded", theirs, at, now, reason=MERGED)),
        Create(link_fact("LinkMade", link, at, now, method=MERGED, entrance=link.entrance)),
    ]
    if mine is not None:
        over = finished(mine, max(at, mine.linked_at), MERGED)
        lost = replace(mine, side=Side.FRIEND)
        writes += [Drop(lost.key), Create(over), Create(over.mirrored())]
        writes.append(Create(link_fact("LinkEnded", mine, at, now, reason=MERGED)))
    return writes


def _facts(merge: Merge) -> list[Write]:
    theirs = merge.removed.activity
    if theirs is None:
        return []
    mine = merge.kept_activity or Activity(shop_id=merge.shop_id, member_id=merge.kept_id, version=0)
    both = replace(_one_activity(mine, theirs), version=mine.version + 1)
    writes: list[Write] = [Create(both) if merge.kept_activity is None else Replace(both), Remove(theirs)]
    for row in moved_goods(merge.removed):
        key = BoughtKey(merge.shop_id, merge.kept_id, row.kind.value, row.ref)
        known = merge.kept_bought.get(key)
        writes.append(Put(_one_row(known, row, merge.kept_id)))
        writes.append(Drop(row.key))
    return writes


def _one_activity(mine: Activity, theirs: Activity) -> Activity:
    names = {**mine.events, **theirs.events}
    recent = sorted({*mine.recent, *theirs.recent}, key=lambda one: (one.at, one.name, one.ref))
    return replace(
        mine,
        purchases=_one_tally(mine.purchases, theirs.purchases),
        cancelled=mine.cancelled + theirs.cancelled,
        events={n: _one_tally(mine.events.get(n, Tally()), theirs.events.get(n, Tally())) for n in names},
        recent=tuple(recent[-RECENT:]),
        carts=tuple(sorted({*mine.carts, *theirs.carts})[-MAX_OPEN_CARTS:]),
    )


def _one_row(mine: Bought | None, theirs: Bought, member_id: str) -> Bought:
    if mine is None:
        return replace(theirs, member_id=member_id, version=1)
    return replace(mine, tally=_one_tally(mine.tally, theirs.tally), version=mine.version + 1)


def _one_tally(mine: Tally, theirs: Tally) -> Tally:
    stamps = sorted({*mine.stamps, *theirs.stamps})
    ends = stamps if len(stamps) <= 2 * KEPT else [*stamps[:KEPT], *stamps[-KEPT:]]
    return Tally(
        count=mine.count + theirs.count,
        quantity=mine.quantity + theirs.quantity,
        yen=mine.yen + theirs.yen,
        stamps=tuple(ends),
    )


def _dealings(merge: Merge) -> list[Write]:
    """The member's copies move; what is stored under its own id names the removed member, who leads to the one kept."""
    held: list[Cart | Reservation | Subscription] = [
        *merge.removed.carts,
        *merge.removed.reservations,
        *merge.removed.subscriptions,
    ]
    writes: list[Write] = []
    for one in held[:MAX_DEALINGS]:
        writes += [Drop(one.key), Put(replace(one, member_id=merge.kept_id))]
    return writes
