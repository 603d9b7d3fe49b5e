"""What the shop knows of a member: each part follows the newest version that speaks of it, whatever arrives when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from musubi.domain.changes import MemberChange
from musubi.domain.people import Attribute, Consent, Member, MemberState, Rank, TagMark

MAX_TAGS = 250
MAX_ATTRIBUTES = 100
"""Custom fields kept per member, those told last; a member is one item of the table."""


def apply_member(member: Member | None, change: MemberChange, shop_id: str, as_of: datetime) -> Member | None:
    """The member after `change`, or None if it is older than what is stored or says nothing new.

    An erased member never comes back by a replayed event; a withdrawn one only by a newer event that says so. Profile, rank,
    tags, each custom field and each consent have a version of their own: an event about a rank knows nothing of the name.
    """
    before = member or Member(shop_id=shop_id, member_id=change.member_id, version=0)
    if before.state is MemberState.ERASED:
        return None
    after = _with_rank(_with_profile(before, change, as_of), change, as_of)
    after = _with_tags(_with_consents(_with_attributes(after, change), change), change, as_of)
    if after.state is MemberState.ERASED:
        after = forgotten(after)
    return None if member is not None and after == before else replace(after, version=before.version + 1)


def forgotten(member: Member) -> Member:
    """All that is left of an erased member: a tombstone, so that a replayed event does not bring the person back."""
    return Member(
        shop_id=member.shop_id,
        member_id=member.member_id,
        state=MemberState.ERASED,
        profile_as_of=member.profile_as_of,
        points_as_of=member.points_as_of,
        joined=member.joined,
        merged_into=member.merged_into,
        version=member.version,
    )


def _with_profile(before: Member, change: MemberChange, as_of: datetime) -> Member:
    if change.state is MemberState.ERASED:
        # However late: nothing that happened since makes the wish to be forgotten void.
        return replace(before, state=MemberState.ERASED, profile_as_of=max(as_of, before.profile_as_of or as_of))
    spoken = (change.state, change.family_name, change.given_name, change.birthday, change.registered_at)
    if all(one is None for one in spoken) and not change.birthday_withdrawn:
        # Not even the version changes: an event that only tells a rank must not make an older name stale.
        return before
    # Also when it comes late: who has registered has registered.
    before = replace(before, joined=before.joined or change.state is MemberState.ACTIVE)
    if before.profile_as_of is not None and as_of < before.profile_as_of:
        return before
    return replace(
        before,
        state=_state(before, change, as_of),
        family_name=change.family_name or before.family_name,
        given_name=change.given_name or before.given_name,
        birthday=None if change.birthday_withdrawn else change.birthday or before.birthday,
        registered_at=before.registered_at or change.registered_at,
        profile_as_of=as_of,
    )


def _state(before: Member, change: MemberChange, as_of: datetime) -> MemberState:
    """Two versions of one second: whoever left has left."""
    if change.state is MemberState.ACTIVE and before.state is MemberState.WITHDRAWN and as_of == before.profile_as_of:
        return before.state
    return change.state or before.state


def _with_rank(before: Member, change: MemberChange, as_of: datetime) -> Member:
    if change.rank is None or (before.rank_as_of is not None and as_of < before.rank_as_of):
        return before
    if as_of == before.rank_as_of and before.rank is not None and _rank_order(before.rank) > _rank_order(change.rank):
        return before
    return replace(before, rank=change.rank, rank_as_of=as_of)


def _rank_order(rank: Rank) -> str:
    """Any order that does not depend on arrival."""
    return repr((rank.code, rank.name, rank.valid_until, rank.next_name, rank.amount_to_next))


def _with_tags(before: Member, change: MemberChange, as_of: datetime) -> Member:
    """All tags at once count for what is older than they are; what came or went since then stays so."""
    tags, base, marks = set(before.tags), before.tags_as_of, {mark.name: mark for mark in before.tag_marks}
    if change.tags is not None and (base is None or as_of >= base):
        tags, base = set(change.tags), as_of
        marks = {name: mark for name, mark in marks.items() if mark.as_of > as_of}
        tags = (tags | {n for n, m in marks.items() if m.on}) - {n for n, m in marks.items() if not m.on}
    for name, on in [*((n, True) for n in change.tags_added), *((n, False) for n in change.tags_removed)]:
        known = marks.get(name)
        overtaken = known is not None and (known.as_of > as_of or (known.as_of == as_of and not known.on))
        if overtaken or (base is not None and as_of <= base):
            continue
        marks[name] = TagMark(name, on, as_of)
        tags = tags | {name} if on else tags - {name}
    newest = sorted(marks.values(), key=lambda m: (m.as_of, m.name), reverse=True)[:MAX_TAGS]
    kept = tuple(sorted(newest, key=lambda m: m.name))
    return replace(before, tags=tuple(sorted(tags))[:MAX_TAGS], tags_as_of=base, tag_marks=kept)


def _with_attributes(before: Member, change: MemberChange) -> Member:
    if not change.attributes:
        return before
    return replace(before, attributes=newest_attributes((*before.attributes, *change.attributes)))


def newest_attributes(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """One per name, the newest; at most MAX_ATTRIBUTES."""
    merged: dict[str, Attribute] = {}
    for one in attributes:
        known = merged.get(one.name)
        if known is None or _told(one) > _told(known):
            merged[one.name] = one
    newest = sorted(merged.values(), key=lambda a: (a.as_of, a.name), reverse=True)[:MAX_ATTRIBUTES]
    return tuple(sorted(newest, key=lambda a: a.name))


def _told(one: Attribute) -> tuple[datetime, str, str]:
    """Newer wins; of two values of the same instant always the same one."""
    value = one.value.isoformat() if isinstance(one.value, date) else str(one.value)
    return one.as_of, one.source, f"{type(one.value).__name__} {value}"


def _with_consents(before: Member, change: MemberChange) -> Member:
    if not change.consents:
        return before
    return replace(before, consents=_newest((*before.consents, *change.consents)))


def _newest(consents: tuple[Consent, ...]) -> tuple[Consent, ...]:
    """One per channel and purpose: the newest; of two of the same instant the refusal."""
    merged: dict[tuple[str, str], Consent] = {}
    for one in consents:
        known = merged.get((one.channel, one.purpose))
        if known is None or (one.at, not one.allowed, one.source) > (known.at, not known.allowed, known.source):
            merged[one.channel, one.purpose] = one
    return tuple(merged[which] for which in sorted(merged))


def strictest(first: tuple[Consent, ...], second: tuple[Consent, ...]) -> tuple[Consent, ...]:
    """The consents of two records of one person: a refusal in either is one, else the newest counts."""
    refused = [one for one in (*first, *second) if not one.allowed]
    refusals = {(one.channel, one.purpose) for one in refused}
    rest = [one for one in (*first, *second) if (one.channel, one.purpose) not in refusals]
    return _newest((*refused, *rest))


@dataclass(frozen=True)
class MemberNews:
    """Something that a snapshot proves and scenarios may begin with. `at` is when it happened, as far as is known, `key`
    what makes it one occurrence.
    """

    event: str
    at: datetime
    key: str
    facts: dict[str, str]


def member_news(before: Member | None, after: Member, told: MemberChange, event: str, at: datetime) -> list[MemberNews]:
    """What `after` proves and `before` did not. `event` is the canonical event that told it, `at` when that happened."""
    return [news for news in (_joined(before, after, event, at), _ranked(before, after, told, event, at)) if news]


def _joined(before: Member | None, after: Member, event: str, at: datetime) -> MemberNews | None:
    """A member for the first time. A snapshot that comes years later must date it, or it is no news."""
    if (before is not None and before.joined) or not after.joined or after.state is not MemberState.ACTIVE:
        return None
    since = at if event == "MemberRegistered" else after.registered_at
    return MemberNews("MemberRegistered", since, "registered", {}) if since else None


def _ranked(before: Member | None, after: Member, told: MemberChange, event: str, at: datetime) -> MemberNews | None:
    """A rank other than the stored one. The first rank that we ever hear of is no change, unless the shop calls it one."""
    known = before.rank if before else None
    if after.rank is None or after.rank_as_of is None or (known is not None and known.code == after.rank.code):
        return None
    if known is None and event != "MemberRankChanged":
        return None
    facts = {"rank.name": after.rank.name, "rank.direction": direction(known, after.rank, told.rank_direction)}
    return MemberNews("MemberRankChanged", at, f"{after.rank.code}/{after.rank_as_of.isoformat()}", facts)


DERIVED = frozenset({"MemberRegistered", "MemberRankChanged"})
"""Entries that begin by what is stored having changed, never by an event of that name alone."""


def direction(before: Rank | None, after: Rank, told: str | None) -> str:
    """`up`, `down` or `unknown`: as the shop says, or as two ranks prove that name each other as the next one."""
    if told in ("up", "down"):
        return told
    if before is not None and before.next_name is not None and before.next_name in (after.name, after.code):
        return "up"
    if before is not None and after.next_name is not None and after.next_name in (before.name, before.code):
        return "down"
    return "unknown"
