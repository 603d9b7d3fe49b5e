"""A shop is given up: every member of it is erased, each as a part of its own, and what its guests left goes.

The only Scan of the system. It runs when an operator has approved it, a page at a time, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from musubi.domain.privacy import PrivacyRequest, part_of, part_shelf
from musubi.domain.store_keys import MemberKey, PeopleRowKey
from musubi.domain.writes import Replace
from musubi.usecases.erase_person import (
    Deps,
    Step,
    counted,
    done,
    drop,
    erase_step,
    file_part,
    further,
    keys_of_part,
    position,
)

_MEMBERS = 30
"""Members that are looked at in one request: three keys each."""

_AGAIN = timedelta(hours=1)
"""After which a part that failed is tried again."""


def erase_shop_step(request: PrivacyRequest, deps: Deps) -> Step:
    """One bounded step: a page of the table, or one step of one member."""
    phase, cursor = position(request)
    return _scan(request, cursor, deps) if phase == "begin" else _part(request, deps)


def _scan(request: PrivacyRequest, cursor: str | None, deps: Deps) -> Step:
    """One page of the table: each member of the shop becomes unreachable and a part, what guests left goes at once."""
    page = deps.rows.of_shop(request.shop_id, cursor)
    members = list(dict.fromkeys(key for key in page.items if isinstance(key, MemberKey)))
    guests = [key for key in page.items if isinstance(key, PeopleRowKey)]
    drop(guests, deps)
    filed = sum(_file(request, members[i : i + _MEMBERS], deps) for i in range(0, len(members), _MEMBERS))
    return further(counted(request, {"members": filed, "guests": len(guests)}), "begin", page.cursor, "parts")


def _file(request: PrivacyRequest, members: Sequence[MemberKey], deps: Deps) -> int:
    parts = {key: part_of(request, key.member_id, deps.clock.business()) for key in members}
    together = deps.store.load([each for key in members for each in keys_of_part(key, parts[key])])
    return sum(file_part(key, parts[key], together, deps) for key in members)


def _part(request: PrivacyRequest, deps: Deps) -> Step:
    """One step of the part that waits longest; the shop is done when none is left."""
    shelf, now = part_shelf(request.request_id), deps.clock.business()
    ripe = deps.rows.requests(shelf, now, 1)
    if not ripe:
        waiting = deps.rows.requests(shelf, None, 1)
        return Step(request, moved=False) if waiting else done(request, deps)
    part = ripe[0]
    try:
        after = erase_step(part, deps).request
    except Exception:
        # It rings as the shop's request, which fails; meanwhile the others go on.
        later = replace(part, look_at=now + _AGAIN, failures=part.failures + 1, version=part.version + 1)
        deps.store.commit([Replace(later)])
        raise
    deps.store.commit([Replace(replace(after, version=part.version + 1))])
    return Step(request)
