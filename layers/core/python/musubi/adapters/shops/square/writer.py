"""Writing into Square: loyalty points, and customer groups for tags and consents.

A group that has no such name yet is made. Who has refused promotion on LINE is in the group `REFUSED_TAG`; who takes it is not.
Square has consents for mail alone, and those are its own to write.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from musubi.adapters.shops.rest import BUSY_S, Refused
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.square.api import SquareRest, is_id
from musubi.contracts.text import as_id, clean
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.shop_writes import REFUSED_TAG, AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction

_NOBODY = "customer: the shop has none of this id"
_REASON = 3500
"""Characters of a reason that Square takes."""


def open_writer(api: ShopApi) -> SquareWriter:
    """The seller behind `api`."""
    return SquareWriter(api)


class SquareWriter:
    """Implements `ShopWriter`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = SquareRest(api)
        self._shop = f"{api.base_url}/{api.shop_id}"

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        """See `ShopWriter`. Square knows `key` for points; what groups say is the same however often it is said."""
        if not is_id(member_id):
            raise Permanent(_NOBODY)
        match action:
            case AddTag(tag):
                self._join(member_id, tag)
            case RemoveTag(tag):
                self._leave(member_id, tag)
            case SetConsent(allowed):
                (self._leave if allowed else self._join)(member_id, REFUSED_TAG)
            case GrantPoints(points, reason):
                self._grant(member_id, points, reason, key)

    # points

    def _grant(self, member_id: str, points: int, reason: str, key: str) -> None:
        """Square answers a repeat with the same key as it answered the first."""
        account = self._account(member_id)
        said = {"idempotency_key": key, "adjust_points": {"points": points, "reason": reason[:_REASON]}}
        self._rest.write("POST", f"/v2/loyalty/accounts/{_quoted(account)}/adjust", said)

    def _account(self, member_id: str) -> str:
        asked = {"query": {"customer_ids": [member_id]}, "limit": 1}
        found = self._rest.object("/v2/loyalty/accounts/search", asked).get("loyalty_accounts")
        account = (
            as_id(found[0].get("id")) if isinstance(found, list) and found and isinstance(found[0], dict) else None
        )
        if account is None:
            raise Permanent("loyalty account: this customer has none")
        return account

    # groups

    def _join(self, member_id: str, name: str) -> None:
        named, mine = self._groups_of(member_id, name)
        if mine:
            return
        group = named[0] if named else self._made(name)
        try:
            self._rest.write("PUT", _membership(member_id, group))
        except Refused as error:
            if error.status != 404 or named:
                raise
            # Somebody has removed the group, and Square still answers our key with it.
            self._rest.write("PUT", _membership(member_id, self._made(name, instead_of=group)))

    def _leave(self, member_id: str, name: str) -> None:
        for group in self._groups_of(member_id, name)[1]:
            try:
                self._rest.write("DELETE", _membership(member_id, group))
            except Refused as error:
                if error.status != 404:
                    raise
                # The group or the membership has gone meanwhile, which is what was wished.

    def _groups_of(self, member_id: str, name: str) -> tuple[list[str], list[str]]:
        """The groups of that name (names need not be unique), and those of them that the customer is in."""
        if clean(name) != name:
            raise Permanent("tag: not a plain text of up to 100 characters")
        mine = self._memberships(member_id)
        named = sorted(group_id for group_id, one in self._rest.groups() if one == name)
        return named, [one for one in named if one in mine]

    def _memberships(self, member_id: str) -> set[str]:
        try:
            customer: Any = self._rest.object(f"/v2/customers/{_quoted(member_id)}").get("customer")
        except Refused as error:
            raise Permanent(_NOBODY) if error.status == 404 else error from None
        given = customer.get("group_ids") if isinstance(customer, dict) else None
        return {one for one in given if isinstance(one, str)} if isinstance(given, list) else set()

    def _made(self, name: str, instead_of: str = "") -> str:
        """A new group. Its key comes from its name, so two who make it at once make one."""
        key = str(uuid5(NAMESPACE_URL, f"{self._shop}/groups/{name}/{instead_of}"))
        document = self._rest.write("POST", "/v2/customers/groups", {"idempotency_key": key, "group": {"name": name}})
        group: Any = document.get("group")
        found = as_id(group.get("id")) if isinstance(group, dict) else None
        if found is None:
            raise Retryable("square api: answer has no group", after_s=BUSY_S)
        return found


def _membership(member_id: str, group: str) -> str:
    return f"/v2/customers/{_quoted(member_id)}/groups/{_quoted(group)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
