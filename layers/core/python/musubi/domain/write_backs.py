"""What musubi writes back into a shop: one row for each fact and action, and its moves (DESIGN §6 for the shop's side).

Facts come in any order and more than once. Tags and consents are wishes: of a member's the newest is written, and repeating
one does no harm. Points add up: one grant has one key at every attempt, and once nobody can know whether it was given, it is
an operator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from musubi.domain.forgetting import ERASED
from musubi.domain.ids import derived_id
from musubi.domain.own_writes import newest_of, noted, order_of
from musubi.domain.people import Member, OwnWrite
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction
from musubi.domain.store_keys import ShopWriteKey

LEASE = timedelta(seconds=60)
"""How long a claim keeps others off: longer than the function may run (30 s), so a live call is never doubled."""

KEY_LIFE = timedelta(hours=23)
"""Shops remember a key for about a day; an hour is kept for clocks and queues."""


class WriteKind(StrEnum):
    ADD_TAG = "add_tag"
    REMOVE_TAG = "remove_tag"
    SET_CONSENT = "set_consent"
    GRANT_POINTS = "grant_points"


class WriteState(StrEnum):
    PLANNED = "planned"
    CLAIMED = "claimed"
    DONE = "done"
    STALE = "stale"
    """A newer fact of the same member had been written, or was about to be."""
    REFUSED = "refused"
    """The shop will never do it; `reason` says why."""
    UNKNOWN = "unknown"
    """The shop's answer stayed unclear until it may have forgotten the key. Never repeated by itself."""


OPEN = frozenset({WriteState.PLANNED, WriteState.CLAIMED})

_SLOTS = {
    WriteKind.ADD_TAG: "tag",
    WriteKind.REMOVE_TAG: "tag",
    WriteKind.SET_CONSENT: "consent",
    WriteKind.GRANT_POINTS: "points",
}
YES, NO = "true", "false"


@dataclass(frozen=True, kw_only=True)
class WriteRule:
    """What is written back into one shop system of a shop. `linked_tag` marks linked members; None: nobody is marked."""

    platform: str
    linked_tag: str | None = None
    consent: bool = False
    points: bool = False


@dataclass(frozen=True, kw_only=True)
class ToldFact:
    """A fact of ours as the bus brought it back. `said_at` is when a consent was said, by which wishes are ordered."""

    fact_id: str
    type: str
    shop_id: str
    member_id: str
    user_id: str
    occurred_at: datetime
    said_at: datetime | None = None
    allowed: bool | None = None
    points: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ShopWrite:
    """One write into one shop, from the fact that asked for it to its end. All times but `said_at` are machine time.

    `value` is the tag, `true` or `false`, or the points; `note` the words in the shop's books. `write_id` is the key that the
    shop gets at every attempt. `first_unclear_at`: since when it may have been done without our knowing.
    """

    write_id: str
    shop_id: str
    platform: str
    member_id: str
    kind: WriteKind
    value: str
    note: str = ""
    said_at: datetime
    planned_at: datetime
    state: WriteState = WriteState.PLANNED
    reason: str = "planned"
    owner: str | None = None
    lease_until: datetime | None = None
    claimed_at: datetime | None = None
    attempts: int = 0
    first_unclear_at: datetime | None = None
    settled_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> ShopWriteKey:
        return ShopWriteKey(self.write_id)

    @property
    def slot(self) -> str:
        """What one write at a time may touch."""
        return f"{self.platform}/{_SLOTS[self.kind]}"

    @property
    def is_grant(self) -> bool:
        """Points add up: a second one is a second gift. Everything else may be repeated."""
        return self.kind is WriteKind.GRANT_POINTS

    @property
    def follows_merges(self) -> bool:
        """Whether it goes to the member that its own was merged into. A link is told anew of that one; what a person said or
        earned is not.
        """
        return _SLOTS[self.kind] != "tag"

    @property
    def action(self) -> ShopAction:
        """What the shop is asked to do."""
        match self.kind:
            case WriteKind.ADD_TAG:
                return AddTag(self.value)
            case WriteKind.REMOVE_TAG:
                return RemoveTag(self.value)
            case WriteKind.SET_CONSENT:
                return SetConsent(self.value == YES)
            case WriteKind.GRANT_POINTS:
                return GrantPoints(int(self.value), self.note)

    @property
    def rank(self) -> int:
        """Of two facts of one instant the one that counts: a link that takes over from another, and a refusal."""
        return int(self.kind is WriteKind.ADD_TAG or (self.kind is WriteKind.SET_CONSENT and self.value == NO))

    @property
    def effect(self) -> tuple[str, str]:
        """What the shop will tell of it, and with which value (`own_writes.Effect`)."""
        if self.kind is WriteKind.SET_CONSENT:
            return "consent", self.value
        if self.is_grant:
            return "points", self.value
        return f"tag:{self.value}", YES if self.kind is WriteKind.ADD_TAG else NO

    @property
    def unclear_since(self) -> datetime | None:
        """Since when the shop may have done it without our knowing. Whoever claimed it and never came back may have died
        after the shop's yes.
        """
        if self.first_unclear_at is None and self.state is WriteState.CLAIMED:
            return self.claimed_at
        return self.first_unclear_at


def writes_for(fact: ToldFact, rules: Sequence[WriteRule], now: datetime) -> list[ShopWrite]:
    """What `fact` asks to be written into the systems of its shop."""
    found = []
    for rule in rules:
        wanted = _wanted(fact, rule)
        if wanted is None:
            continue
        kind, value = wanted
        found.append(
            ShopWrite(
                write_id=derived_id("write", fact.fact_id, rule.platform, kind.value),
                shop_id=fact.shop_id,
                platform=rule.platform,
                member_id=fact.member_id,
                kind=kind,
                value=value,
                note=fact.note if kind is WriteKind.GRANT_POINTS else "",
                said_at=fact.said_at or fact.occurred_at,
                planned_at=now,
            )
        )
    return found


def _wanted(fact: ToldFact, rule: WriteRule) -> tuple[WriteKind, str] | None:
    match fact.type:
        case "LinkMade" if rule.linked_tag:
            return WriteKind.ADD_TAG, rule.linked_tag
        case "LinkEnded" if rule.linked_tag:
            return WriteKind.REMOVE_TAG, rule.linked_tag
        case "ConsentChanged" if rule.consent and fact.allowed is not None:
            return WriteKind.SET_CONSENT, YES if fact.allowed else NO
        case "RewardDue" if rule.points and fact.points > 0:
            return WriteKind.GRANT_POINTS, str(fact.points)
    return None


@dataclass(frozen=True)
class WriteMove:
    """What to do with a write now. `row` (version as it is to be stored) and `member` are stored together; then the shop is
    called if `call`, or nothing can be done for `wait_s` seconds.
    """

    reason: str
    row: ShopWrite | None = None
    member: Member | None = None
    call: bool = False
    wait_s: int | None = None


def rivals_of(planned: ShopWrite, member: Member | None, now: datetime) -> list[ShopWriteKey]:
    """Other writes of the same slot that may be on their way to the shop."""
    if member is None or planned.is_grant:
        return []
    others = [own for own in member.own_writes if own.slot == planned.slot and own.write_id != planned.write_id]
    return [ShopWriteKey(own.write_id) for own in others if own.at + LEASE > now]


def next_move(
    planned: ShopWrite,
    stored: ShopWrite | None,
    member: Member | None,
    rivals: Sequence[ShopWrite],
    *,
    owner: str,
    now: datetime,
) -> WriteMove:
    """Decide what becomes of a write. `stored` is its row, if there is one; `member` the record of the member it is for;
    `rivals` the rows under `rivals_of`.
    """
    row = stored or replace(planned, version=0)
    if row.state not in OPEN:
        return WriteMove(f"settled:{row.state.value}")
    if row.lease_until is not None and row.lease_until > now and row.owner != owner:
        return WriteMove("leased", wait_s=_until(row.lease_until, now))
    if row.is_grant and row.unclear_since is not None and now - row.unclear_since >= KEY_LIFE:
        return WriteMove("key_expired", settled(row, WriteState.UNKNOWN, "key_expired", now))
    own = _own(row, now)
    newest = newest_of(member, row.slot) if not row.is_grant else None
    if newest is not None and newest.write_id != row.write_id and order_of(newest) > order_of(own):
        return WriteMove("overtaken", settled(row, WriteState.STALE, "overtaken", now))
    before = member or Member(shop_id=row.shop_id, member_id=row.member_id, version=0)
    in_flight = [one.claimed_at for one in rivals if one.state is WriteState.CLAIMED and one.claimed_at is not None]
    if not in_flight:
        return WriteMove("claimed", _claimed(row, owner, now), noted(before, own), call=True)
    # What reaches the shop last must be the newest. Noted already, so that the older one is not tried again.
    wait_s = _until(max(in_flight) + LEASE, now)
    if stored is not None:
        return WriteMove("older_in_flight", wait_s=wait_s)
    return WriteMove("older_in_flight", replace(row, version=1), noted(before, own), wait_s=wait_s)


def _own(row: ShopWrite, now: datetime) -> OwnWrite:
    effect, value = row.effect
    return OwnWrite(row.slot, effect, value, row.write_id, row.said_at, row.rank, now)


def _until(until: datetime, now: datetime) -> int:
    return max(1, round((until - now).total_seconds()) + 1)


def _claimed(row: ShopWrite, owner: str, now: datetime) -> ShopWrite:
    return replace(
        row,
        state=WriteState.CLAIMED,
        reason="claimed",
        owner=owner,
        lease_until=now + LEASE,
        claimed_at=now,
        attempts=row.attempts + 1,
        first_unclear_at=row.unclear_since,
        version=row.version + 1,
    )


def settled(row: ShopWrite, state: WriteState, reason: str, now: datetime) -> ShopWrite:
    """The row at its end."""
    after = replace(row, state=state, reason=reason, owner=None, lease_until=None, settled_at=now)
    return replace(after, version=row.version + 1)


def not_yet(claimed: ShopWrite, reason: str) -> ShopWrite:
    """The shop has surely not done it by this attempt: back to planned, as unclear as it was before."""
    after = replace(claimed, state=WriteState.PLANNED, reason=reason, owner=None, lease_until=None)
    return replace(after, version=claimed.version + 1)


def still_unclear(claimed: ShopWrite, reason: str, now: datetime) -> ShopWrite:
    """Nobody knows whether the shop has done it: the same again, with the same key."""
    since = claimed.first_unclear_at or now
    after = replace(claimed, reason=reason, owner=None, lease_until=None, first_unclear_at=since)
    return replace(after, version=claimed.version + 1)


def forget_write(row: ShopWrite, now: datetime) -> ShopWrite | None:
    """The row of somebody who is forgotten: id and state stay, so that nothing is written again; whom and what about go.
    None when there is nothing to forget any more.
    """
    if row.reason == ERASED and not row.member_id:
        return None
    over = row if row.state not in OPEN else settled(row, WriteState.STALE, ERASED, now)
    return replace(over, reason=ERASED, member_id="", value="", note="", version=row.version + 1)
