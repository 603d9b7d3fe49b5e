"""Text and JSON that strangers wrote, made safe: names, notes and titles end up in messages, ids in keys and logs."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from decimal import Decimal
from typing import Any

from musubi.domain.errors import Permanent

MAX_TEXT = 100
"""Characters kept of a name, number or title."""

MAX_ID = 128

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Control, format (all bidi overrides are), surrogate and private-use characters."""

_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_BLANKS = re.compile(r"\s+")
_ID = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{MAX_ID}}}")


def clean(value: object, limit: int = MAX_TEXT) -> str | None:
    """`value` as one line of plain text of at most `limit` characters; None if it is no text or nothing is left.

    Bidi overrides could turn an address or an amount around on the customer's screen; control characters break keys.
    """
    if not isinstance(value, str):
        return None
    # Most texts of a body are ids, codes and times: nothing in them has to go.
    if len(value) <= limit and value.isascii() and value.isprintable() and "  " not in value:
        return value.strip() or None
    # Cut twice: the first bound keeps a megabyte of text from being normalised for a hundred characters.
    text = unicodedata.normalize("NFC", _BLANKS.sub(" ", value[: limit * 20]))
    if not text.isprintable():  # else nothing in it is of a category that goes
        kept = "".join(c for c in text if unicodedata.category(c) not in _DROPPED)
        text = _BLANKS.sub(" ", _NONCHARACTERS.sub("", kept))
    return text.strip()[:limit].strip() or None


def storable(value: str, limit: int) -> str:
    """`value` with what no UTF-8 encoder takes (lone surrogates) removed; otherwise as the sender wrote it."""
    return value[:limit].encode("utf-8", "ignore").decode()


def as_id(value: object) -> str | None:
    """An id as text, or None if `value` can not be one. Numbers keep all their digits: ids exceed 2^53."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int):
        return str(value) if 0 <= value < 10**40 else None
    text = value.strip()
    return text if _ID.fullmatch(text) and (text.isascii() or clean(text, MAX_ID) == text) else None


def bounded_id(text: str) -> str:
    """`text` as a dedupe id: itself when it can be one, else a hash of it, so that nothing is too long to be stored."""
    return text if as_id(text) == text else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def parse_json(raw: bytes | str, what: str) -> Any:
    """The JSON value in `raw`, numbers exact (Decimal). Permanent for anything that is not exactly JSON.

    NaN, duplicate keys and endless nesting are refused: two readers could understand them differently.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw), "surrogatepass")
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Permanent(f"{what}: not JSON") from None


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks, ASCII: equal values give equal text. Permanent if it nests without end."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    except (ValueError, RecursionError, TypeError):
        raise Permanent("not JSON") from None


def content_hash(value: Any) -> str:
    """SHA-256 of `value`'s canonical JSON, in hex; of bytes as they are, for senders whose repeats are equal to the byte."""
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value).encode()).hexdigest()


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
