"""Take away what is held of a member or of a friend: page by page, each step safe to repeat.

A step reads one page of what is there, takes it away, and says how far it came. Nothing is remembered that could be lost
with a crash: a step that is done again finds less. What must stay as a mark (a Send's row, the tombstone) loses its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from musubi.domain.engine import Moment, due_of
from musubi.domain.forgetting import (
    ERASED,
    bury_friend,
    due_of_held,
    forget_enrolment,
    forget_send,
    forget_user,
    forget_words,
    said_during,
)
from musubi.domain.ids import FriendPerson, MemberPerson
from musubi.domain.ledger import Send
from musubi.domain.linking import end_link
from musubi.domain.people import LinkEnded, Member, MemberState
from musubi.domain.privacy import (
    PrivacyRequest,
    RequestKind,
    RequestState,
    file_request,
    finished,
    former_of,
    proof_writes,
    tombstone,
)
from musubi.domain.projection import member_writes
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import (
    EnrolmentKey,
    FriendKey,
    Key,
    LinkOfFriendKey,
    LinkOfMemberKey,
    MemberKey,
    OrderKey,
    SendKey,
    ShopWriteKey,
)
from musubi.domain.write_backs import ShopWrite, forget_write
from musubi.domain.writes import MAX_WRITES, Drop, Remove, Replace, Write
from musubi.ports import Clock, Loaded, PersonRows, Store
from musubi.usecases.commit import until_committed


@dataclass(frozen=True)
class Deps:
    store: Store
    rows: PersonRows
    clock: Clock

    @property
    def now(self) -> Moment:
        return Moment(self.clock.business(), self.clock.machine())


@dataclass(frozen=True)
class Step:
    """How far a request has come. `moved` False: there is nothing to do for it now."""

    request: PrivacyRequest
    moved: bool = True


Mark = Send | Enrolment | ShopWrite
Forget = Callable[[Mark], Sequence[Write]]


def erase_step(request: PrivacyRequest, deps: Deps) -> Step:
    """One bounded step of the erasure of a person."""
    phase, cursor = position(request)
    if request.kind is RequestKind.FRIEND:
        steps = {"begin": _untie_friend, "marks": _marks_of_friend, "ties": _members_of_friend, "rows": _rows_of_friend}
        return steps[phase](request, cursor, deps)
    if request.member_id is None:
        # A guest: the shop knows the person by their orders only.
        drop(_named_orders(request), deps)
        return done(counted(request, {"orders": len(request.order_ids)}), deps)
    steps = {
        "begin": _untie_member,
        "marks": _marks_of_member,
        "ties": _friends_of_member,
        "owned": _owned_by_member,
        "rows": _rows_of_member,
    }
    return steps[phase](request, cursor, deps)


# a member


def _untie_member(request: PrivacyRequest, _: str | None, deps: Deps) -> Step:
    """The tombstone and the end of the link: for an event's request its transaction has done this already."""
    assert request.member_id is not None
    member_key = MemberKey(request.shop_id, request.member_id)
    link_key = LinkOfMemberKey(request.shop_id, request.member_id)
    withdrawal = request.kind is RequestKind.WITHDRAWAL

    def attempt() -> tuple[Sequence[Write], bool]:
        now, loaded = deps.now, deps.store.load([member_key, link_key])
        member, link = loaded.get(member_key), loaded.get(link_key)
        if withdrawal and (member is None or member.state is MemberState.ACTIVE):
            return (), False
        writes = _bury(request, member, deps)
        if link is not None:
            writes += end_link(link, at=max(now.business, link.linked_at), now=now.machine, reason=ERASED).writes
        return writes, True

    if not until_committed(deps.store, attempt):
        return Step(finished(request, deps.now.business, "came_back"))
    return Step(at_phase(request, "marks"))


def _bury(request: PrivacyRequest, member: Member | None, deps: Deps) -> list[Write]:
    state = MemberState.WITHDRAWN if request.kind is RequestKind.WITHDRAWAL else MemberState.ERASED
    if member is not None and member.state is MemberState.ERASED:
        state = member.state
    after = tombstone(member, request.shop_id, request.member_id or "", state)
    if member is not None and replace(after, version=member.version) == member:
        return []
    return [*member_writes(member, after), *proof_writes(member, deps.now.business)]


def _marks_of_member(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    person = str(MemberPerson(request.shop_id, request.member_id or ""))

    def forget(mark: Mark) -> Sequence[Write]:
        if isinstance(mark, ShopWrite):
            after = forget_write(mark, deps.clock.machine())
            return [Replace(after)] if after is not None else ()
        return forget_send(mark, deps.clock.machine()) if isinstance(mark, Send) else forget_enrolment(mark)

    after, counts = _forget_marks(person, cursor, forget, deps)
    return further(counted(request, counts), "marks", after, "ties")


def _friends_of_member(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    """One page of what was said to one friend while the link held; then that friend's finished links with the member."""
    ties = deps.rows.links_of_member(request.shop_id, request.member_id or "")
    if not ties:
        return Step(at_phase(request, "owned"))
    of_one = [tie for tie in ties if tie.user_id == ties[0].user_id]

    def forget(mark: Mark) -> Sequence[Write]:
        told = isinstance(mark, Send) and said_during(mark, of_one)
        return forget_words(mark, deps.clock.machine()) if told and isinstance(mark, Send) else ()

    after, counts = _forget_marks(str(FriendPerson(ties[0].user_id)), cursor, forget, deps)
    if after is None:
        _drop_ties(of_one, deps)
        counts["links"] = len(of_one)
    return Step(at_phase(counted(request, counts), "ties", after))


def _owned_by_member(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    if cursor is None:
        drop(_named_orders(request), deps)
    page = deps.rows.owned_by(request.shop_id, request.member_id or "", cursor)
    rows = [row for row in deps.rows.fetch(page.items) if row.fields.get("shop_id") == request.shop_id]
    # The index may be behind: what has another owner by now is not this member's.
    mine = [row.key for row in rows if row.fields.get("member_id") == request.member_id]
    drop(mine, deps)
    for row in rows:
        if row.fields.get("merged_into") == request.member_id:
            _file_former(request, str(row.fields["member_id"]), deps)
    return further(counted(request, {"owned": len(mine)}), "owned", page.cursor, "rows")


def _file_former(request: PrivacyRequest, member_id: str, deps: Deps) -> None:
    """Another number that the same person had: an erasure of its own."""
    part = former_of(request, member_id, deps.clock.business())
    file_part(MemberKey(request.shop_id, member_id), part, None, deps)


def file_part(member: MemberKey, part: PrivacyRequest, together: Loaded | None, deps: Deps) -> bool:
    """The tombstone of `member` and the request for the rest; False when it is filed already. `together`: a load that
    holds all of `keys_of_part`.
    """
    known = [together] if together else []

    def attempt() -> tuple[Sequence[Write], bool]:
        loaded = known.pop() if known else deps.store.load(keys_of_part(member, part))
        if loaded.get(part.key) is not None:
            return (), False
        link = loaded.get(LinkOfMemberKey(member.shop_id, member.member_id))
        now = deps.now
        return file_request(part, at=now.business, now=now, member=loaded.get(member), link=link).writes, True

    return until_committed(deps.store, attempt)


def keys_of_part(member: MemberKey, part: PrivacyRequest) -> list[Key[Any]]:
    return [member, LinkOfMemberKey(member.shop_id, member.member_id), part.key]


def _rows_of_member(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    link_key = LinkOfMemberKey(request.shop_id, request.member_id or "")
    if deps.store.load([link_key]).get(link_key) is not None:
        # Whoever left has linked again meanwhile: both sides have to be ended, not one row of it dropped.
        return Step(at_phase(request, "begin"))
    page = deps.rows.of_member(request.shop_id, request.member_id or "", cursor)
    drop([row.key for row in page.items], deps)
    request = counted(request, {"rows": len(page.items)})
    return Step(at_phase(request, "rows", page.cursor)) if page.cursor else done(request, deps)


# a friend


def _untie_friend(request: PrivacyRequest, _: str | None, deps: Deps) -> Step:
    user_id = request.user_id or ""
    friend_key, link_key = FriendKey(user_id), LinkOfFriendKey(user_id)

    def attempt() -> tuple[Sequence[Write], None]:
        now, loaded = deps.now, deps.store.load([friend_key, link_key])
        friend, link = loaded.get(friend_key), loaded.get(link_key)
        writes: list[Write] = [Replace(bury_friend(friend))] if friend is not None and not friend.erased else []
        if link is not None:
            writes += end_link(link, at=max(now.business, link.linked_at), now=now.machine, reason=ERASED).writes
        return writes, None

    until_committed(deps.store, attempt)
    return Step(at_phase(request, "marks"))


def _marks_of_friend(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    """Gone altogether: a Send to a friend says by its person alone whom it went to."""

    def forget(mark: Mark) -> Sequence[Write]:
        waiting = due_of_held(mark) if isinstance(mark, Send) else due_of(mark) if isinstance(mark, Enrolment) else None
        return [Remove(mark), *([Drop(waiting.key)] if waiting else [])]

    after, counts = _forget_marks(str(FriendPerson(request.user_id or "")), cursor, forget, deps)
    return further(counted(request, counts), "marks", after, "ties")


def _members_of_friend(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    """What went to members keeps what it said, and no longer says to whom on LINE."""
    user_id = request.user_id or ""
    ties = deps.store.ended_links(user_id)
    if not ties:
        return Step(at_phase(request, "rows"))
    first = MemberPerson(ties[0].shop_id, ties[0].member_id)
    of_one = [tie for tie in ties if MemberPerson(tie.shop_id, tie.member_id) == first]

    def forget(mark: Mark) -> Sequence[Write]:
        return forget_user(mark, user_id, deps.clock.machine()) if isinstance(mark, Send) else ()

    after, counts = _forget_marks(str(first), cursor, forget, deps)
    if after is None:
        _drop_ties(of_one, deps)
        counts["links"] = len(of_one)
    return Step(at_phase(counted(request, counts), "ties", after))


def _rows_of_friend(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    link_key = LinkOfFriendKey(request.user_id or "")
    if deps.store.load([link_key]).get(link_key) is not None:
        return Step(at_phase(request, "begin"))
    page = deps.rows.of_friend(request.user_id or "", cursor)
    drop([row.key for row in page.items], deps)
    request = counted(request, {"rows": len(page.items)})
    if page.cursor:
        return Step(at_phase(request, "rows", page.cursor))
    # The tombstone itself names the person. Who writes to the shop again is a new friend.
    deps.store.commit([Drop(FriendKey(request.user_id or ""))])
    return done(request, deps)


# steps


def position(request: PrivacyRequest) -> tuple[str, str | None]:
    phase, _, cursor = (request.cursor or "begin").partition(" ")
    return phase, cursor or None


def at_phase(request: PrivacyRequest, phase: str, cursor: str | None = None) -> PrivacyRequest:
    return replace(
        request,
        state=RequestState.RUNNING,
        cursor=f"{phase} {cursor}" if cursor else phase,
        failures=0,
        version=request.version + 1,
    )


def further(request: PrivacyRequest, phase: str, cursor: str | None, then: str) -> Step:
    return Step(at_phase(request, phase, cursor) if cursor is not None else at_phase(request, then))


def done(request: PrivacyRequest, deps: Deps) -> Step:
    return Step(finished(request, deps.now.business, ERASED))


def counted(request: PrivacyRequest, counts: Mapping[str, int]) -> PrivacyRequest:
    total = {name: request.counts.get(name, 0) + counts.get(name, 0) for name in {*request.counts, *counts}}
    return replace(request, counts={name: total[name] for name in sorted(total) if total[name]})


_COUNTED = {SendKey: "sends", EnrolmentKey: "enrolments", ShopWriteKey: "shop_writes"}


def _forget_marks(person: str, cursor: str | None, forget: Forget, deps: Deps) -> tuple[str | None, dict[str, int]]:
    """One page of what was planned for `person`; the cursor behind it, None at the end."""
    page = deps.rows.marks_of(person, cursor)
    loaded = deps.store.load(page.items)
    counts = {"sends": 0, "enrolments": 0, "shop_writes": 0}
    for key in page.items:
        if _forget_mark(key, loaded, forget, deps):
            counts[_COUNTED[type(key)]] += 1
    return page.cursor, counts


def _forget_mark(key: Key[Any], together: Loaded, forget: Forget, deps: Deps) -> bool:
    known: list[Loaded] = [together]

    def attempt() -> tuple[Sequence[Write], bool]:
        mark: Mark | None = (known.pop() if known else deps.store.load([key])).get(key)
        writes = forget(mark) if mark is not None else ()
        return writes, bool(writes)

    return until_committed(deps.store, attempt)


def _named_orders(request: PrivacyRequest) -> list[Key[Any]]:
    return [OrderKey(request.shop_id, order_id) for order_id in dict.fromkeys(request.order_ids)]


def _drop_ties(ties: Sequence[LinkEnded], deps: Deps) -> None:
    """Both sides of each, in one commit: a side that is left alone would never be found again."""
    half = MAX_WRITES // 2
    for start in range(0, len(ties), half):
        some = ties[start : start + half]
        deps.store.commit([Drop(side.key) for tie in some for side in (tie, tie.mirrored())])


def drop(keys: Sequence[Key[Any]], deps: Deps) -> None:
    for start in range(0, len(keys), MAX_WRITES):
        deps.store.commit([Drop(key) for key in keys[start : start + MAX_WRITES]])
