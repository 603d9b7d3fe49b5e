"""Customer metafields: where Shopify shops keep birthdays, ranks and points, since Shopify has none of its own.

They come only with subscriptions that ask for them (`metafield_namespaces`). The standard definition `facts.birth_date` is the
birthday; all others of a simple type become attributes named `namespace.key`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from musubi.adapters.shops.shopify.call import PLATFORM
from musubi.contracts import values
from musubi.contracts.shopify import Metafield
from musubi.contracts.text import clean
from musubi.domain.calendar import tokyo_date
from musubi.domain.errors import Permanent
from musubi.domain.people import Attribute, Birthday

_BIRTHDAY = ("facts", "birth_date")
_MAX_METAFIELDS = 50
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def birthday_of(metafields: Sequence[Metafield], received_at: datetime) -> tuple[Birthday | None, bool]:
    """The birthday, and whether the shop says that there is none (any more): a metafield that is there and empty."""
    told = next((one for one in metafields if (one.namespace, one.key) == _BIRTHDAY), None)
    if told is None:
        return None, False
    return values.birthday(told.value, tokyo_date(received_at)), told.value in (None, "")


def attributes_of(metafields: Sequence[Metafield], as_of: datetime) -> tuple[Attribute, ...]:
    """All other metafields that we can read, each as of its own last change."""
    found = []
    for one in metafields[:_MAX_METAFIELDS]:
        value = attribute(one.type, one.value)
        if one.namespace and one.key and value is not None and (one.namespace, one.key) != _BIRTHDAY:
            found.append(Attribute(f"{one.namespace}.{one.key}", value, PLATFORM, _changed(one, as_of)))
    return tuple(found)


def attribute(kind: str | None, value: Any) -> str | int | bool | date | None:
    """`value` of Shopify's type `kind`; None for a type or a value that we do not read."""
    match kind:
        case "number_integer" | "integer":
            text = str(value) if isinstance(value, int | Decimal | str) and not isinstance(value, bool) else ""
            return int(text) if _WHOLE.fullmatch(text) else None
        case "boolean":
            return {"true": True, "false": False}.get(str(value).lower())
        case "date":
            return _date(value)
        case "single_line_text_field" | "string":
            return clean(value)
    return None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _changed(metafield: Metafield, as_of: datetime) -> datetime:
    try:
        return values.instant(metafield.updated_at, "metafields.updated_at") or as_of
    except Permanent:  # an app writes its own metafields; their customer is still worth reading
        return as_of
