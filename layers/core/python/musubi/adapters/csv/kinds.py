"""What rows of members, of points and of orders say, as canonical events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from musubi.adapters.csv import cells
from musubi.adapters.csv.layout import fold
from musubi.adapters.csv.orders import read_order
from musubi.adapters.csv.rows import Row
from musubi.contracts import values
from musubi.contracts.imports import MEMBER_STATES, ImportedRow
from musubi.contracts.text import clean
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.people import Attribute, Birthday, Consent, MemberState, PointLot, Rank

_CONSENTS = {"email_consent": "email", "line_consent": "line", "sms_consent": "sms"}
_BETWEEN_TAGS = re.compile(r"[,、;|\n]")
_MOST_TAGS = 50


@dataclass(frozen=True)
class Kind:
    """How one kind of table is read. `key` names what rows that follow each other must share to be one; None: each row is
    by itself. `read` gives no event for what is understood and means nothing here.
    """

    key: Callable[[Row], str | None] | None
    read: Callable[[Sequence[Row]], Iterable[ImportedRow]]


def read_member(rows: Sequence[Row]) -> Iterable[ImportedRow]:
    """A member, and their points if the table has a column for them."""
    row = rows[0]
    member_id, as_of = row.needed_id("member_id"), row.version()
    known, state = _state(row)
    if known and state is None:
        return ()
    registered, left = row.instant("registered_at"), row.lenient("withdrawn_at", cells.instant)
    family, given = _name(row)
    attributes, dates = _attributes(row, as_of)
    change = MemberChange(
        member_id=member_id,
        state=state,
        family_name=family,
        given_name=given,
        birthday=_birthday(row),
        registered_at=registered,
        rank=_rank(row),
        tags=_tags(row),
        attributes=attributes,
        consents=_consents(row, as_of),
    )
    gone = state is MemberState.WITHDRAWN
    kind = "MemberWithdrawn" if gone else "MemberRegistered" if registered else "MemberUpdated"
    occurred_at = (left if gone else registered) or as_of
    told = [ImportedRow(type=kind, occurred_at=occurred_at, as_of=as_of, member=change, dates=dates)]
    if not gone and (points := _points_of_member(row, member_id)):
        # Shops leave a member's last change as it is when only the points move: of them the file speaks as a whole.
        at = row.about.as_of
        told.append(ImportedRow(type="PointsBalanceChanged", occurred_at=at, as_of=at, points=points))
    return told


def _state(row: Row) -> tuple[bool, MemberState | None]:
    found = row.text("status")
    if found is None:
        return False, None
    word = row.about.layout.statuses.get(fold(found))
    if word is None:
        row.leave_out("status")
        return False, None
    return True, MEMBER_STATES[word]


def _name(row: Row) -> tuple[str | None, str | None]:
    family, given = row.text("family_name"), row.text("given_name")
    if family or given:
        return values.person_name({"family": family, "given": given})
    return values.person_name(row.text("name"))


def _birthday(row: Row) -> Birthday | None:
    found = row.lenient("born_on", cells.birthday)
    if found is None:
        month = row.lenient("birth_month", cells.whole)
        if month is None:
            return None
        found = row.lenient("birth_year", cells.whole), month, row.lenient("birth_day", cells.whole)
    year, month, day = found
    return values.birthday({"year": year, "month": month, "day": day}, tokyo_date(row.about.now))


def _rank(row: Row) -> Rank | None:
    code, name = row.text("rank_code"), row.text("rank_name")
    shown = name or code
    if shown is None:
        return None
    return Rank(code or shown, shown, row.lenient("rank_until", cells.last_day))


def _tags(row: Row) -> tuple[str, ...] | None:
    found = row.text("tags", 2000)
    if found is None:
        return None
    tags = (clean(tag) for tag in _BETWEEN_TAGS.split(found))
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]


def _consents(row: Row, at: datetime) -> tuple[Consent, ...]:
    told = ((channel, row.flag(name)) for name, channel in _CONSENTS.items())
    return tuple(
        Consent(channel, "marketing", allowed, row.about.source, at) for channel, allowed in told if allowed is not None
    )


def _attributes(row: Row, as_of: datetime) -> tuple[tuple[Attribute, ...], tuple[str, ...]]:
    """The shop's own attributes, and the names of those that are dates."""
    found: list[Attribute] = []
    dates: list[str] = []
    for name, kind, text in row.own():
        try:
            value = _typed(row, name, kind, text)
        except Permanent:
            row.leave_out(name)
            continue
        if value is None:
            continue
        found.append(Attribute(name, value, row.about.source, as_of))
        if isinstance(value, date):
            dates.append(name)
    return tuple(found), tuple(dates)


def _typed(row: Row, name: str, kind: str, text: str) -> str | int | bool | date | None:
    match kind:
        case "number":
            return cells.whole(text)
        case "flag":
            return row.flag_in(name, text)
        case "date":
            return cells.day(text)
        case _:
            return text


def _points_of_member(row: Row, member_id: str) -> PointsChange | None:
    balance = row.whole("points")
    if balance is None:
        return None
    if balance < 0:
        raise Permanent("points: below 0")
    if not row.has("points_expire_on"):
        return PointsChange(member_id=member_id, balance=balance)
    until = row.last_day("points_expire_on")
    lots = (PointLot(until, balance),) if until is not None and balance > 0 else ()
    return PointsChange(member_id=member_id, balance=balance, lots=lots)


def read_points(rows: Sequence[Row]) -> Iterable[ImportedRow]:
    """The points of one member: a balance, lots, or both."""
    first = rows[0]
    member_id = first.needed_id("member_id")
    as_of = max(row.version() for row in rows)
    balances = {found for row in rows if (found := row.whole("balance")) is not None}
    if len(balances) > 1:
        raise Permanent("balance: rows of one member name several")
    lots = _lots(rows)
    balance = next(iter(balances), None)
    if balance is None:
        counted = [row.whole("lot_points") for row in rows]
        if not any(points is not None for points in counted):
            raise Permanent("balance: empty")
        today = tokyo_date(as_of)
        dead = sum(lot.points for lot in lots or () if lot.expires_on < today)
        balance = sum(points or 0 for points in counted) - dead
    if balance < 0:
        raise Permanent("balance: below 0")
    change = PointsChange(member_id=member_id, balance=balance, lots=lots)
    return (ImportedRow(type="PointsBalanceChanged", occurred_at=as_of, as_of=as_of, points=change),)


def _lots(rows: Sequence[Row]) -> tuple[PointLot, ...] | None:
    """Lots by date; None if the table has no dates. A balance with a date is one lot."""
    if not rows[0].has("expires_on"):
        return None
    several = rows[0].has("lot_points")
    found: list[PointLot] = []
    for row in rows:
        until, points = row.last_day("expires_on"), row.whole("lot_points" if several else "balance")
        if points is not None and points < 0:
            raise Permanent("lot_points: below 0")
        if until is not None and points:
            found.append(PointLot(until, points))
    if not several and len(rows) > 1 and len(set(found)) > 1:
        raise Permanent("expires_on: rows of one member name several, and none how many points end")
    return tuple(dict.fromkeys(found)) if not several else tuple(found)


KINDS: Mapping[str, Kind] = {
    "members": Kind(None, read_member),
    "points": Kind(lambda row: row.id("member_id"), read_points),
    "orders": Kind(lambda row: row.id("order_id") or row.id("order_number"), read_order),
}
