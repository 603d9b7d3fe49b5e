"""Square's API: who may ask, what its refusals mean, and the few things that several of our modules ask for.

Scopes: `ORDERS_READ`, `CUSTOMERS_READ`, `MERCHANT_PROFILE_READ` to read; `CUSTOMERS_WRITE`, `LOYALTY_READ` and `LOYALTY_WRITE`
to write (connect-api-specification, release 2025-08-20). A personal access token has all of them; one of OAuth lives 30
days, and nobody renews it here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.rest import Refused, Rest
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import as_id
from musubi.domain.errors import Permanent, Retryable

PLATFORM = "square"
VERSION = "2025-08-20"
"""The API version that the shapes here are of; without the header it would be the one that the app was made with."""

SNAPSHOT = "x-musubi-snapshot"
"""Header of what a poll found: `order` or `customer`. No door lets it in."""

_MEND_S = 300
"""Seconds until the next try after a refusal that somebody has to mend."""

_GROUPS_A_PAGE, _PAGES = 50, 100
_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_:.-]{1,255}")
_CODE = re.compile(r"[A-Z0-9_]{1,60}")
_BUSY = frozenset({"RATE_LIMITED", "SERVICE_UNAVAILABLE", "GATEWAY_TIMEOUT", "INTERNAL_SERVER_ERROR"})
_CONFLICT = "CONFLICT"


class SquareRest(Rest):
    """One seller's API. A line of the secret is an access token."""

    def __init__(self, api: ShopApi) -> None:
        super().__init__(PLATFORM, api)

    def headers(self, token: str) -> Mapping[str, str]:
        return {**super().headers(token), "Square-Version": VERSION}

    def is_refused(self, answer: Answer) -> bool:
        """A token without the scope is refused with 403; the next line may be of a newer one that has it."""
        return answer.status in (401, 403)

    def is_passing(self, answer: Answer) -> bool:
        return super().is_passing(answer) or self.code(answer) in _BUSY or self._is_conflict(answer)

    def is_begun(self, answer: Answer) -> bool:
        """A conflict may be with the first try of the very same change."""
        return super().is_begun(answer) or self._is_conflict(answer)

    def code(self, answer: Answer) -> str:
        """`errors[].code` of the first error."""
        try:
            errors = json.loads(answer.body)["errors"]
            word = errors[0]["code"] if isinstance(errors, list) and errors else None
        except (ValueError, RecursionError, LookupError, TypeError):
            return ""
        return word if isinstance(word, str) and _CODE.fullmatch(word) else ""

    def order(self, order_id: str) -> dict[str, Any] | None:
        """An order whole; None if the seller has none of that id."""
        if not is_id(order_id):
            return None
        try:
            found = self.object(f"/v2/orders/{quote(order_id, safe='')}").get("order")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(found, dict):
            raise Permanent("square api: answer has no order")
        return found

    def groups(self) -> Iterator[tuple[str, str]]:
        """(id, name) of every customer group."""
        cursor: str | None = None
        for _ in range(_PAGES):
            asked = {"limit": str(_GROUPS_A_PAGE), **({"cursor": cursor} if cursor else {})}
            document = self.object(f"/v2/customers/groups?{urlencode(asked)}")
            found = document.get("groups")
            for one in found if isinstance(found, list) else []:
                group_id = as_id(one.get("id")) if isinstance(one, dict) else None
                if group_id is not None and isinstance(one.get("name"), str):
                    yield group_id, one["name"].strip()
            cursor = document.get("cursor") if isinstance(document.get("cursor"), str) else None
            if not cursor:
                return
        raise Permanent("square api: customer groups without end")

    def _is_conflict(self, answer: Answer) -> bool:
        return answer.status == 409 or self.code(answer) == _CONFLICT


def is_id(text: str) -> bool:
    """Whether it can be an id of Square's; what else there is must not become part of an address."""
    return _ID.fullmatch(text) is not None


@contextmanager
def mendable() -> Iterator[None]:
    """For readers: a webhook waits, and then lies in the dead letters, until somebody has mended key, rights or address."""
    try:
        yield
    except Refused as error:
        if error.status == 400:
            raise
        raise Retryable(error.reason, after_s=_MEND_S) from None
