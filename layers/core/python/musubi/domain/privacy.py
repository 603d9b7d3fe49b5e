"""Requests that the law puts a deadline on: a person asks what is held or wants it gone, a membership or a shop ends.

The event's transaction makes a person unreachable at once (tombstone, link ended) and files a request. A job then removes
or collects the rest (`usecases/run_privacy_requests.py`). Times are business time: deadlines are calendar matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from musubi.domain.changes import PrivacyChange
from musubi.domain.engine import Moment
from musubi.domain.forgetting import ERASED
from musubi.domain.ids import derived_id
from musubi.domain.ledger import SWEEP_AFTER
from musubi.domain.linking import end_link
from musubi.domain.operations import Fact
from musubi.domain.people import Consent, Link, Member, MemberState
from musubi.domain.profiles import forgotten
from musubi.domain.projection import member_writes
from musubi.domain.store_keys import ConsentProofKey, PrivacyRequestKey
from musubi.domain.writes import Create, Put, Write

SETTLING = timedelta(minutes=10)
"""From the tombstone to the first look for what is left: longer than a worker that read the person before it can still
write, and longer than an index lags behind its table."""

RETURN = timedelta(days=14)
"""How long a member who left may come back to what was known of them."""

LIMIT = timedelta(days=30)
"""Shopify's limit for its compliance topics (ec-platforms §2.1), taken for every request that names none."""

PROOF_KEPT = timedelta(days=3 * 366)
_PROVEN = frozenset({"email", "sms"})

NEAR = timedelta(days=7)
"""From here on to its deadline an open request rings."""

MAX_FAILURES = 5


class RequestKind(StrEnum):
    ACCESS = "access"
    ERASURE = "erasure"
    WITHDRAWAL = "withdrawal"
    """A membership ended: what was known goes once the time for coming back is over."""
    FRIEND = "friend"
    """A LINE user asked the shop to be forgotten."""
    SHOP = "shop_erasure"
    """All members of a shop; starts only when an operator has approved it."""
    UNINSTALLED = "uninstalled"


class RequestState(StrEnum):
    WAITING = "waiting"
    """Not before `look_at`."""
    OPEN = "open"
    RUNNING = "running"
    FAILED = "failed"
    """Failed `MAX_FAILURES` times; the job goes on trying, and an operator is told."""
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class PrivacyRequest:
    """One request, from the event or an operator to its end. `counts` is what was removed or exported, by kind.

    `cursor` is how far the job has come. Of a person only the id stays when it is done, as proof that it was done.
    """

    request_id: str
    kind: RequestKind
    shop_id: str
    received_at: datetime
    deadline_at: datetime
    look_at: datetime
    state: RequestState = RequestState.OPEN
    member_id: str | None = None
    user_id: str | None = None
    order_ids: tuple[str, ...] = ()
    parent: str | None = None
    """The shop's request of which this one is a part."""
    approved_at: datetime | None = None
    cursor: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    export: str | None = None
    """Where the collected data lie in the bucket, for 30 days."""
    outcome: str | None = None
    done_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> PrivacyRequestKey:
        return PrivacyRequestKey(self.request_id)

    @property
    def waits_for_operator(self) -> bool:
        return self.kind is RequestKind.SHOP and self.approved_at is None

    @property
    def shelf(self) -> tuple[str, datetime] | None:
        """The list in which an index holds it, and the instant by which that list is ordered."""
        if self.parent is not None:
            return None if self.state is RequestState.DONE else (part_shelf(self.parent), self.look_at)
        if self.state is RequestState.DONE:
            return DONE_SHELF, self.done_at or self.received_at
        if self.state is RequestState.WAITING:
            return WAITING_SHELF, self.look_at
        return OPEN_SHELF, self.deadline_at

    def near(self, now: datetime) -> bool:
        """True when it is not done and its deadline is close or over."""
        return self.state is not RequestState.DONE and now >= self.deadline_at - NEAR


OPEN_SHELF = "OPEN"
"""By deadline."""
WAITING_SHELF = "WAITING"
"""By the instant from which they are open."""
DONE_SHELF = "DONE"
"""By the instant at which they were done."""


def part_shelf(parent: str) -> str:
    """The parts of a shop's erasure, by `look_at`."""
    return f"OF#{parent}"


def request_id_of(shop_id: str, change: PrivacyChange) -> str:
    """The request's own id: the same for every repeat of the event, whatever delivers it."""
    return derived_id("privacy", shop_id, change.kind.value, change.member_id or "", change.request_id)


@dataclass(frozen=True)
class PrivacyMove:
    """What a request does at once. `reason` is empty when there was nothing to do."""

    reason: str
    writes: tuple[Write, ...] = ()
    facts: tuple[Fact, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


def privacy_writes(
    change: PrivacyChange,
    *,
    shop_id: str,
    at: datetime,
    now: Moment,
    member: Member | None,
    link: Link | None,
    known: PrivacyRequest | None,
) -> PrivacyMove:
    """What the event's transaction stores for `change`. `at` is when the shop asked, `known` the request under the same
    id: a repeat changes nothing.
    """
    if known is not None:
        return PrivacyMove("privacy_request_known")
    kind = RequestKind(change.kind.value)
    request = PrivacyRequest(
        request_id=request_id_of(shop_id, change),
        kind=kind,
        shop_id=shop_id,
        received_at=now.business,
        deadline_at=change.deadline_at,
        look_at=now.business,
        member_id=change.member_id,
        order_ids=change.order_ids,
    )
    return file_request(request, at=at, now=now, member=member, link=link)


def file_request(
    request: PrivacyRequest, *, at: datetime, now: Moment, member: Member | None, link: Link | None
) -> PrivacyMove:
    """Store `request` with what it does at once: whoever is to be erased is a tombstone from here on."""
    opened = {"PrivacyRequestsOpened": 1}
    match request.kind:
        case RequestKind.ERASURE:
            waiting = replace(request, state=RequestState.WAITING, look_at=now.business + SETTLING)
            buried, facts = _bury(request, member, link, at, now)
            return PrivacyMove("erasure_requested", (*buried, Create(waiting)), facts, opened)
        case RequestKind.UNINSTALLED:
            done = replace(finished(request, now.business, "recorded"), version=1)
            fact = _fact("ShopUninstalled", request, at, now)
            return PrivacyMove("shop_uninstalled", (Create(done), Create(fact)), (fact,), {"ShopsUninstalled": 1})
        case _:
            return PrivacyMove(f"{request.kind.value}_requested", (Create(request),), (), opened)


def leaving_writes(before: Member | None, after: Member, *, at: datetime, now: datetime) -> tuple[Write, ...]:
    """The request that the end of a membership brings: at once for one that the shop deleted, after the time for coming
    back for one that a customer ended. Empty unless this very change ended it. The member's row protects it.
    """
    if after.state is MemberState.ACTIVE or (before is not None and before.state is after.state):
        return ()
    deleted = after.state is MemberState.ERASED
    why = ("deleted",) if deleted else ("withdrawn", at.isoformat())
    request = PrivacyRequest(
        request_id=derived_id("privacy", after.shop_id, after.member_id, *why),
        kind=RequestKind.ERASURE if deleted else RequestKind.WITHDRAWAL,
        shop_id=after.shop_id,
        received_at=now,
        deadline_at=now + LIMIT,
        look_at=now + (SETTLING if deleted else RETURN),
        state=RequestState.WAITING,
        member_id=after.member_id,
    )
    return (Put(request), *(proof_writes(before, now) if deleted else ()))


def part_of(parent: PrivacyRequest, member_id: str, now: datetime) -> PrivacyRequest:
    """The erasure of one member as a part of a shop's."""
    return PrivacyRequest(
        request_id=derived_id("privacy-part", parent.request_id, member_id),
        kind=RequestKind.ERASURE,
        shop_id=parent.shop_id,
        received_at=now,
        deadline_at=parent.deadline_at,
        look_at=now,
        member_id=member_id,
        parent=parent.request_id,
    )


def former_of(request: PrivacyRequest, member_id: str, now: datetime) -> PrivacyRequest:
    """The erasure of a record that was merged into the one that `request` erases: the same person's older number."""
    return PrivacyRequest(
        request_id=derived_id("privacy-former", request.request_id, member_id),
        kind=RequestKind.ERASURE,
        shop_id=request.shop_id,
        received_at=now,
        deadline_at=request.deadline_at,
        look_at=now,
        member_id=member_id,
        parent=request.parent,
    )


def _bury(
    request: PrivacyRequest, member: Member | None, link: Link | None, at: datetime, now: Moment
) -> tuple[list[Write], tuple[Fact, ...]]:
    """Tombstone and end of the link, whatever version the profile has: an erasure is never old news."""
    if request.member_id is None:
        return [], ()
    writes: list[Write] = []
    if member is None or member.state is not MemberState.ERASED:
        writes += member_writes(member, tombstone(member, request.shop_id, request.member_id, MemberState.ERASED))
        writes += proof_writes(member, now.business)
    if link is None:
        return writes, ()
    # A link that is newer than the request goes as well: the person it would lead to is gone.
    move = end_link(link, at=max(at, link.linked_at), now=now.machine, reason=ERASED)
    return [*writes, *move.writes], move.facts


def tombstone(member: Member | None, shop_id: str, member_id: str, state: MemberState) -> Member:
    """All that is left of a member."""
    before = member or Member(shop_id=shop_id, member_id=member_id, version=0)
    return replace(forgotten(before), state=state, version=before.version + 1)


@dataclass(frozen=True, kw_only=True)
class ConsentProof:
    """What a member had allowed and refused by e-mail and SMS, without who it was: 特定商取引法 12条の3 wants the proof of an
    opt-in kept for three years. Messages on LINE are outside of it, and of those consents nothing is kept.
    """

    shop_id: str
    member_id: str
    consents: tuple[Consent, ...]
    kept_until: datetime
    version: int = 1

    @property
    def key(self) -> ConsentProofKey:
        return ConsentProofKey(self.shop_id, self.member_id)


def proof_writes(member: Member | None, now: datetime) -> list[Write]:
    """Keep the proof of `member`'s consents while the rest goes; the member's own row protects it."""
    kept = tuple(c for c in member.consents if c.channel in _PROVEN) if member else ()
    if member is None or not kept:
        return []
    proof = ConsentProof(shop_id=member.shop_id, member_id=member.member_id, consents=kept, kept_until=now + PROOF_KEPT)
    return [Put(proof)]


def finished(request: PrivacyRequest, now: datetime, outcome: str) -> PrivacyRequest:
    """The request, done: whose it was stays for members, as the tombstone does; nothing else of the person."""
    return replace(
        request,
        state=RequestState.DONE,
        outcome=outcome,
        done_at=now,
        cursor=None,
        order_ids=(),
        user_id=None,
        version=request.version + 1,
    )


def done_fact(request: PrivacyRequest, now: Moment) -> Fact:
    """`ErasureDone`, by which the shop's other systems know that nothing is held here any more."""
    return _fact("ErasureDone", request, now.business, now)


def _fact(kind: str, request: PrivacyRequest, at: datetime, now: Moment) -> Fact:
    data = {"request_id": request.request_id, "kind": request.kind.value, "shop_id": request.shop_id}
    return Fact(
        fact_id=derived_id("fact", kind, request.request_id),
        type=kind,
        occurred_at=at,
        data={**data, **({"member_id": request.member_id} if request.member_id else {})},
        look_at=now.machine + SWEEP_AFTER,
    )
