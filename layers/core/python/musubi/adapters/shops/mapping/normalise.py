"""A shop's own JSON, read by its mapping file into canonical data; `contracts.ec` reads that, as for every other way in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jmespath.exceptions import JMESPathError

from musubi.contracts import values
from musubi.contracts.ec import Envelope, read_event
from musubi.contracts.mapping import EventType, Format, Place, Rows, Rule, ShopMapping, word_of
from musubi.contracts.text import as_id, canonical, content_hash, parse_json
from musubi.domain.calendar import TOKYO
from musubi.domain.errors import Permanent
from musubi.domain.events import DELTAS, ShopEvent, UnreadShopEvent

_PLATFORM = "mapping"
_MOST_EVENTS = 500
_MOST_SECONDS = 10**11
_AMOUNT = re.compile(r"[¥￥]?(-?[0-9][0-9,]*(?:\.[0-9]+)?)(?:円|pt|ポイント|点|個)?", re.I)
_NOTHING = (None, "")


@dataclass(frozen=True)
class _Scope:
    """Where paths look: at an element of `each`, or at the whole body."""

    item: Any
    body: Any


def normalise(
    headers: Mapping[str, str],
    body: bytes,
    shop_id: str,
    received_at: datetime,
    *,
    mappings: Mapping[str, ShopMapping],
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """All events of one call (see `base.Normalise`); one unread event where no rule of the shop's file fits."""
    document = parse_json(body, "body")
    mapping = mappings.get(shop_id)
    found = [
        read_event(envelope)
        for rule in (mapping.events if mapping else ())
        if _fits(rule, document)
        for envelope in _envelopes(rule, document, shop_id, received_at)
    ]
    if len(found) > _MOST_EVENTS:
        raise Permanent(f"body: more than {_MOST_EVENTS} events")
    return tuple(found) or (_unread(document, shop_id),)


def _unread(document: Any, shop_id: str) -> UnreadShopEvent:
    content = content_hash(document)
    source = f"{shop_id}/{_PLATFORM}/unmapped"
    return UnreadShopEvent(source=source, event_id=content, kind="unmapped", content=content, raw=canonical(document))


def _fits(rule: Rule, document: Any) -> bool:
    try:
        return rule.selects(document)
    except JMESPathError:
        return False


def _envelopes(rule: Rule, document: Any, shop_id: str, received_at: datetime) -> Iterator[Envelope]:
    items = [document] if rule.each is None else _list(_search(rule.each, document, "each"))
    for ordinal, item in enumerate(items[: _MOST_EVENTS + 1]):
        scope = _Scope(item, document)
        kind = _kind(rule, scope)
        if kind is None:
            continue
        data = _object(rule.data, scope, "data")
        yield Envelope(
            shop_id=shop_id,
            platform=_PLATFORM,
            source=f"{shop_id}/{_PLATFORM}/{kind}",
            event_id=_id(rule, scope, kind, ordinal) or content_hash({"type": kind, "data": data}),
            type=kind,
            time=values.instant(_value(rule.time, scope, "time"), "time") if rule.time else None,
            received_at=received_at,
            data=data,
        )


def _kind(rule: Rule, scope: _Scope) -> str | None:
    if not isinstance(rule.type, EventType):
        return rule.type
    return rule.type.map.get(word_of(_search(rule.type.path, scope.item, "type")))


def _id(rule: Rule, scope: _Scope, kind: str, ordinal: int) -> str | None:
    """The sender's id of this event; of several events out of one id each gets its place in the list."""
    found = as_id(_value(rule.id, scope, "id")) if rule.id else None
    if found is None and kind in DELTAS:
        raise Permanent("id: missing or no id")
    shared = rule.each is not None and rule.id is not None and rule.id.of == "body"
    return f"{found}/{ordinal}" if found and shared else found


def _object(places: Mapping[str, Place | Rows], scope: _Scope, field: str) -> dict[str, Any]:
    """Nested canonical data. What the body does not have, or has empty (templates render nothing as ""), is left out."""
    made: dict[str, Any] = {}
    for name, place in places.items():
        value = (
            _rows(place, scope, f"{field}.{name}")
            if isinstance(place, Rows)
            else _value(place, scope, f"{field}.{name}")
        )
        if value in _NOTHING:
            continue
        *outer, last = name.split(".")
        target = made
        for part in outer:
            target = target.setdefault(part, {})
        target[last] = value
    return made


def _rows(rows: Rows, scope: _Scope, field: str) -> list[dict[str, Any]] | None:
    found = _search(rows.each, scope.item, field)
    if found in _NOTHING:
        return None
    return [
        _object(rows.data, _Scope(one, scope.body), f"{field}.{i}") for i, one in enumerate(_list(found)[:_MOST_EVENTS])
    ]


def _value(place: Place, scope: _Scope, field: str) -> Any:
    if place.path is None:
        return place.const
    found = _search(place.path, scope.body if place.of == "body" else scope.item, field)
    if place.map is not None:
        found = place.map.get(word_of(found), place.otherwise)
    if place.format is None or found in _NOTHING:
        return found
    return _formatted(found, place, field)


def _search(path: Any, document: Any, field: str) -> Any:
    try:
        return path.search(document)
    except (JMESPathError, ArithmeticError, TypeError, ValueError):
        # Functions refuse what they are not made for, and not always in their own words.
        raise Permanent(f"{field}: its path does not fit the body") from None


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _formatted(value: Any, place: Place, field: str) -> Any:
    match place.format:
        case Format.NUMBER:
            return _number(value)
        case Format.EPOCH:
            return _since_1970(value, 1, field)
        case Format.EPOCH_MS:
            return _since_1970(value, 1000, field)
        case _:
            return _dated(value, place, field)


def _number(value: Any) -> Any:
    """The figures of an amount as people write it; anything else as it is, for the reader of amounts to judge."""
    if not isinstance(value, str):
        return value
    found = _AMOUNT.fullmatch("".join(unicodedata.normalize("NFKC", value[:40]).split()))
    return found[1].replace(",", "") if found else value


def _since_1970(value: Any, per_second: int, field: str) -> str:
    try:
        seconds = Decimal(str(value).strip()) / per_second
        if 0 < seconds < _MOST_SECONDS:
            return datetime.fromtimestamp(float(seconds), UTC).isoformat()
    except (ArithmeticError, ValueError, OverflowError, OSError):
        pass
    raise Permanent(f"{field}: not a time")


def _dated(value: Any, place: Place, field: str) -> str:
    try:
        text = unicodedata.normalize("NFKC", value.strip()[:60]) if isinstance(value, str) else str(value)
        found = datetime.strptime(text, place.pattern or "")  # noqa: DTZ007 - the zone is set below
    except ValueError:
        raise Permanent(f"{field}: not of its pattern") from None
    if place.format is Format.DATE:
        return found.date().isoformat()
    return (found if found.tzinfo else found.replace(tzinfo=TOKYO)).isoformat()
