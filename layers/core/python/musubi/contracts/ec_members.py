"""Canonical events about members and their points: profile, rank, tags, attributes, consents, merges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import Data, DataReader, Envelope, Told, required, said, word
from musubi.contracts.text import bounded_id, clean
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange, MergeChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.people import Attribute, Consent, MemberState, PointLot, Rank

MAX_TAGS = 250
MAX_ATTRIBUTES = 100
_MAX_NAME = 64
_MAX_ATTRIBUTE = 500

_CHANNELS = frozenset({"line", "email", "sms"})
_PURPOSES = frozenset({"marketing", "transactional"})
_ALLOWED = frozenset({"granted", "allowed", "given", "subscribed", "opted_in", "opt_in", "true", "1", "yes"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MERGED = frozenset({"completed", "complete", "success", "succeeded", "successful"})


def _profile(data: Data, state: MemberState | None, envelope: Envelope, registered: datetime | None) -> MemberChange:
    profile = data.get("profile")
    told = {**data, **profile} if isinstance(profile, dict) else data
    family, given = values.person_name(told.get("name"))
    as_of = envelope.version(data)
    return MemberChange(
        member_id=required(data, "member_id"),
        state=state,
        family_name=family,
        given_name=given,
        birthday=values.birthday(told.get("birthday"), tokyo_date(envelope.received_at)),
        # Only a plain null takes it back; a value that can not be read must not.
        birthday_withdrawn="birthday" in told and told["birthday"] is None,
        registered_at=registered,
        rank=rank(told.get("rank")),
        tags=_tags(told["tags"]) if isinstance(told.get("tags"), list) else None,
        attributes=attributes(told.get("attributes"), bounded_id(envelope.source), as_of),
        consents=_consents(told, envelope, as_of),
    )


def rank(value: Any) -> Rank | None:
    """A rank as `{code, name, valid_until, next_rank, amount_to_next}` or as its name alone; None when there is none."""
    if not isinstance(value, dict):
        name = word(value)
        return Rank(name, name) if name else None
    code, name = word(value.get("code")), word(value.get("name"))
    if not (code or name):
        return None
    return Rank(
        code=code or name or "",
        name=name or code or "",
        valid_until=_lenient_day(value.get("valid_until")),
        next_name=_next(value),
        amount_to_next=values.yen(value.get("amount_to_next"), "data.rank.amount_to_next"),
    )


def _next(value: Mapping[str, Any]) -> str | None:
    following = value.get("next_rank", value.get("next"))
    return word(following.get("name")) if isinstance(following, dict) else word(following)


def _lenient_day(value: Any) -> date | None:
    try:
        return values.last_day(value, "valid_until") if value else None
    except Permanent:
        return None


def _tags(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    return tuple(dict.fromkeys(tag for one in given[: MAX_TAGS * 2] if (tag := word(one))))[:MAX_TAGS]


def attributes(value: Any, source: str, as_of: datetime) -> tuple[Attribute, ...]:
    """Custom fields `{name: value}`: text, whole numbers, flags and days keep their type; null becomes an empty text, so
    that a field which the shop empties is emptied here. What has another shape is left out.
    """
    if not isinstance(value, dict):
        return ()
    named = ((clean(name, _MAX_NAME), _typed(one)) for name, one in list(value.items())[:MAX_ATTRIBUTES])
    return tuple(Attribute(name, one, source, as_of) for name, one in named if name and one is not None)


def _typed(value: Any) -> str | int | bool | date | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**18 else str(value)[:_MAX_ATTRIBUTE]
    if isinstance(value, Decimal):
        return str(value)[:_MAX_ATTRIBUTE]
    if not isinstance(value, str):
        return None
    if _DAY.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    return clean(value, _MAX_ATTRIBUTE) or ""


def _consents(data: Data, envelope: Envelope, as_of: datetime) -> tuple[Consent, ...]:
    given = data.get("consents", data.get("consent"))
    listed = given if isinstance(given, list) else [given]
    read = (_consent(one, envelope, as_of) for one in listed[:20] if isinstance(one, dict))
    return tuple(one for one in read if one)


def _consent(value: Data, envelope: Envelope, as_of: datetime) -> Consent | None:
    """A state that we do not know is no permission: a message too many can not be taken back."""
    channel, purpose = str(value.get("channel")).lower(), str(value.get("purpose") or "marketing").lower()
    state = value.get("state", value.get("allowed"))
    if channel not in _CHANNELS or purpose not in _PURPOSES or state is None:
        return None
    return Consent(
        channel=channel,
        purpose=purpose,
        allowed=str(state).strip().lower() in _ALLOWED,
        source=word(value.get("source")) or envelope.platform,
        at=values.instant(value.get("at"), "data.consent.at") or as_of,
    )


def _registered(data: Data, envelope: Envelope) -> Told:
    at = said(data, "registered_at")
    return Told(at=at, member=_profile(data, MemberState.ACTIVE, envelope, at or envelope.fallback))


def _updated(data: Data, envelope: Envelope) -> Told:
    return Told(member=_profile(data, None, envelope, said(data, "registered_at")))


def _rank_changed(data: Data, envelope: Envelope) -> Told:
    found = rank(data.get("to", data.get("rank")))
    if found is None:
        raise Permanent("data.to: missing or no rank")
    direction = word(data.get("direction"))
    known = direction if direction in ("up", "down") else None
    change = MemberChange(member_id=required(data, "member_id"), rank=found, rank_direction=known)
    return Told(at=said(data, "at"), member=change)


def _tags_changed(data: Data, envelope: Envelope) -> Told:
    change = MemberChange(
        member_id=required(data, "member_id"),
        tags=_tags(data["tags"]) if isinstance(data.get("tags"), list) else None,
        tags_added=_tags(data.get("added")),
        tags_removed=_tags(data.get("removed")),
    )
    return Told(at=said(data, "at"), member=change)


def _consent_changed(data: Data, envelope: Envelope) -> Told:
    consents = _consents(data, envelope, envelope.version(data))
    return Told(member=MemberChange(member_id=required(data, "member_id"), consents=consents))


def _ended(state: MemberState) -> DataReader:
    def read(data: Data, envelope: Envelope) -> Told:
        return Told(at=said(data, "at"), member=MemberChange(member_id=required(data, "member_id"), state=state))

    return read


def _merged(data: Data, envelope: Envelope) -> Told:
    """A merge that did not succeed is none."""
    kept, removed = required(data, "kept_id"), required(data, "removed_id")
    if kept == removed:
        raise Permanent("data.removed_id: the same as kept_id")
    status = data.get("status")
    if status is not None and str(status).strip().lower() not in _MERGED:
        return Told()
    return Told(at=said(data, "at"), merge=MergeChange(kept_id=kept, removed_id=removed))


def _balance(data: Data, envelope: Envelope) -> Told:
    change = PointsChange(
        member_id=required(data, "member_id"),
        balance=values.points(data.get("balance"), "data.balance"),
        lots=values.lots(data.get("lots"), "data.lots"),
    )
    return Told(points=change)


def _granted(data: Data, envelope: Envelope) -> Told:
    granted = values.points(data.get("points"), "data.points")
    until = data.get("expires_at")
    lot = PointLot(values.last_day(until, "data.expires_at"), granted) if until not in (None, "") else None
    if granted <= 0:
        raise Permanent("data.points: a grant is more than 0")
    return Told(points=PointsChange(member_id=required(data, "member_id"), granted=granted, granted_lot=lot))


def _taken(data: Data, envelope: Envelope) -> Told:
    """Points used, revoked or expired. The balance afterwards, if it is told, is worth more than our own subtraction."""
    member_id = required(data, "member_id")
    if data.get("balance_after") is not None:
        balance = values.points(data["balance_after"], "data.balance_after")
        return Told(points=PointsChange(member_id=member_id, balance=balance))
    taken = values.points(data.get("points"), "data.points")
    if taken <= 0:
        raise Permanent("data.points: what is taken is more than 0")
    return Told(points=PointsChange(member_id=member_id, taken=taken))


READERS: dict[str, DataReader] = {
    "MemberRegistered": _registered,
    "MemberUpdated": _updated,
    "MemberRankChanged": _rank_changed,
    "MemberTagsChanged": _tags_changed,
    "MemberConsentChanged": _consent_changed,
    "MemberMerged": _merged,
    "MemberWithdrawn": _ended(MemberState.WITHDRAWN),
    "MemberDeleted": _ended(MemberState.ERASED),
    "PointsBalanceChanged": _balance,
    "PointsGranted": _granted,
    "PointsUsed": _taken,
    "PointsRevoked": _taken,
    "PointsExpired": _taken,
}
