"""Members, friends and the links between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from musubi.domain.store_keys import (
    ExpiringPointsKey,
    FriendKey,
    LinkEndedKey,
    LinkEndedOfMemberKey,
    LinkOfFriendKey,
    LinkOfMemberKey,
    MemberKey,
    NonceKey,
)


class Reach(StrEnum):
    REACHABLE = "reachable"
    BLOCKED = "blocked"


class Promo(StrEnum):
    """Consent to promotional messages on LINE. Allowed until refused, by someone who saw the purpose text when linking."""

    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Friend:
    """A LINE user known to the Official Account.

    `reach_at`, `standby_at`, `followed_at`, `promo_at` and `unlinked_at` are the LINE timestamps of the newest events that
    spoke of them: webhooks arrive out of order, so an older event never undoes a newer one (line-platform: order by
    `timestamp`). `unlinked_at` is the wish to be unlinked, granted or not.
    """

    user_id: str
    reach: Reach
    reach_at: datetime
    first_seen_at: datetime
    entrance: str = "direct"
    standby: bool = False
    standby_at: datetime | None = None
    followed_at: datetime | None = None
    promo: Promo = Promo.ALLOWED
    promo_at: datetime | None = None
    unlinked_at: datetime | None = None
    erased: bool = False
    version: int = 1

    @property
    def key(self) -> FriendKey:
        return FriendKey(self.user_id)


@dataclass(frozen=True)
class Birthday:
    """A birthday as far as the shop knows it; without `day` only the month is known and no day index holds it."""

    month: int
    day: int | None = None
    year: int | None = None


class MemberState(StrEnum):
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


@dataclass(frozen=True)
class PointLot:
    """Points that end together: `expires_on` is the last Tokyo day on which they can be used."""

    expires_on: date
    points: int


@dataclass(frozen=True)
class Rank:
    """A step of the shop's loyalty programme. `amount_to_next` is yen as the shop counts it, never our own sum."""

    code: str
    name: str
    valid_until: date | None = None
    next_name: str | None = None
    amount_to_next: int | None = None


@dataclass(frozen=True)
class Attribute:
    """One custom field of a member, with what told it (`source`) and as of when: newer facts win, field by field."""

    name: str
    value: str | int | bool | date
    source: str
    as_of: datetime


@dataclass(frozen=True)
class Consent:
    """What a member allows on `channel` (line, email, sms) for `purpose` (marketing, transactional)."""

    channel: str
    purpose: str
    allowed: bool
    source: str
    at: datetime


@dataclass(frozen=True)
class TagMark:
    """A tag that came or went by itself, as of `as_of`."""

    name: str
    on: bool
    as_of: datetime


@dataclass(frozen=True)
class OwnWrite:
    """Something that musubi wrote into the shop, or is about to: by it the echo is known for our own, and later writes are
    put in order (`domain/own_writes.py`).

    `slot` is what only one write at a time may touch (`shopify/tag`), `rank` settles two facts of one instant. `effect` and
    `value` are what the shop will tell us of it. `said_at` is when the fact behind it happened, `at` when the last attempt
    began (machine time). `seen`: its echo has changed what is stored.
    """

    slot: str
    effect: str
    value: str
    write_id: str
    said_at: datetime
    rank: int
    at: datetime
    seen: bool = False


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person in the shop's member database, as of the shop's own versions: `profile_as_of`, `points_as_of`, `rank_as_of`.

    `tags` are those of now: all that the shop named at `tags_as_of`, changed by the newer `tag_marks`. `joined`: has been an
    active member once, so that the welcome is said once. `merged_into`: the member that stands for this one now. `own_writes`:
    the newest of what we wrote back.
    """

    shop_id: str
    member_id: str
    state: MemberState = MemberState.ACTIVE
    family_name: str | None = None
    given_name: str | None = None
    birthday: Birthday | None = None
    registered_at: datetime | None = None
    profile_as_of: datetime | None = None
    points: int | None = None
    lots: tuple[PointLot, ...] = ()
    points_as_of: datetime | None = None
    rank: Rank | None = None
    rank_as_of: datetime | None = None
    tags: tuple[str, ...] = ()
    tags_as_of: datetime | None = None
    tag_marks: tuple[TagMark, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    consents: tuple[Consent, ...] = ()
    joined: bool = False
    merged_into: str | None = None
    own_writes: tuple[OwnWrite, ...] = ()
    version: int = 1

    @property
    def key(self) -> MemberKey:
        return MemberKey(self.shop_id, self.member_id)

    def refuses(self, channel: str, purpose: str) -> bool:
        """True when the member told the shop not to be written to on `channel` for `purpose`. Silence is no refusal."""
        return any(c.channel == channel and c.purpose == purpose and not c.allowed for c in self.consents)

    def points_expiring(self, on: date) -> int:
        """Points whose last day is `on`."""
        return sum(lot.points for lot in self.lots if lot.expires_on == on)


@dataclass(frozen=True, kw_only=True)
class ExpiringPoints:
    """Index row: this member has points that end on `expires_on`. Kept equal to `Member.lots` by the same commit."""

    shop_id: str
    member_id: str
    expires_on: date
    points: int
    version: int = 1

    @property
    def key(self) -> ExpiringPointsKey:
        return ExpiringPointsKey(self.shop_id, self.member_id, self.expires_on)


class Side(StrEnum):
    FRIEND = "friend"
    MEMBER = "member"


@dataclass(frozen=True, kw_only=True)
class Link:
    """The tie Member–Friend, stored once under each side by one transaction: both or none.

    `evidence` is the digest of the nonce that proved it, so a repeated accountLink event recognises its own work.
    """

    side: Side
    user_id: str
    shop_id: str
    member_id: str
    linked_at: datetime
    method: str
    entrance: str
    evidence: str
    version: int = 1

    @property
    def key(self) -> LinkOfFriendKey | LinkOfMemberKey:
        if self.side is Side.FRIEND:
            return LinkOfFriendKey(self.user_id)
        return LinkOfMemberKey(self.shop_id, self.member_id)

    def same_pair(self, other: Link) -> bool:
        return (self.user_id, self.shop_id, self.member_id) == (other.user_id, other.shop_id, other.member_id)

    def mirrored(self) -> Link:
        """The same link as the other side stores it."""
        return replace(self, side=Side.MEMBER if self.side is Side.FRIEND else Side.FRIEND)


@dataclass(frozen=True, kw_only=True)
class LinkEnded:
    """A finished link interval, kept for support and for the connect rate's history; stored under each side, like the link
    itself, so that either side can be erased.
    """

    user_id: str
    shop_id: str
    member_id: str
    linked_at: datetime
    ended_at: datetime
    method: str
    entrance: str
    reason: str
    side: Side = Side.FRIEND
    version: int = 1

    @property
    def key(self) -> LinkEndedKey | LinkEndedOfMemberKey:
        if self.side is Side.FRIEND:
            return LinkEndedKey(self.user_id, self.linked_at)
        return LinkEndedOfMemberKey(self.shop_id, self.member_id, self.linked_at, self.user_id)

    def mirrored(self) -> LinkEnded:
        """The same interval as the other side stores it."""
        return replace(self, side=Side.MEMBER if self.side is Side.FRIEND else Side.FRIEND)


@dataclass(frozen=True, kw_only=True)
class Nonce:
    """A login that waits for LINE's accountLink event. Only the digest is stored: a leaked table links nobody."""

    digest: str
    shop_id: str
    member_id: str
    issued_at: datetime
    expires_at: datetime
    version: int = 1

    @property
    def key(self) -> NonceKey:
        return NonceKey(self.digest)
