"""Writing to Shopify by its Admin GraphQL API (shopify.dev: `tagsAdd`, `tagsRemove`, `metafieldsSet`, "Response codes").

The consent for LINE is a metafield of ours on the customer, `musubi.line_promo`, a boolean: Shopify's own consents are for mail
and SMS, and are never touched. Shopify has no points. Adding a tag that is there, removing one that is not and setting a
metafield to what it is are successes, so that everything here may be repeated; Shopify takes no key for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from musubi.adapters.shops.shopify.admin import GRAPHQL, Admin
from musubi.adapters.shops.shopify.call import PLATFORM
from musubi.adapters.shops.source import ShopApi
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction, Unclear

NAMESPACE, KEY = "musubi", "line_promo"

_BUSY_S = 60
_THROTTLED_S = 5
"""Shopify's bucket fills by the second."""
_CODE = re.compile(r"[A-Z][A-Z_]{0,63}")
_DIGITS = re.compile(r"[0-9]{1,32}")

_TAGS = "mutation($id: ID!, $tags: [String!]!) { %s(id: $id, tags: $tags) { userErrors { field } } }"
_METAFIELDS = """mutation($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { userErrors { field code } }
}"""


def open_writer(api: ShopApi) -> ShopifyWriter:
    """The writer of one shop."""
    return ShopifyWriter(api)


class ShopifyWriter:
    """Implements `ShopWriter`."""

    def __init__(self, api: ShopApi) -> None:
        self._admin = Admin(api)

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        """One mutation."""
        if not _DIGITS.fullmatch(member_id):
            raise Permanent(f"{PLATFORM} api: member_id is no id of a customer")
        mutation, query, variables = _asked(f"gid://shopify/Customer/{member_id}", action)
        _check(self._admin.write("POST", GRAPHQL, {"query": query, "variables": variables}), mutation)


def _asked(customer: str, action: ShopAction) -> tuple[str, str, Mapping[str, Any]]:
    """Name of the mutation, its document and its variables."""
    match action:
        case AddTag(tag):
            return "tagsAdd", _TAGS % "tagsAdd", {"id": customer, "tags": [tag]}
        case RemoveTag(tag):
            return "tagsRemove", _TAGS % "tagsRemove", {"id": customer, "tags": [tag]}
        case SetConsent(allowed):
            value = {"type": "boolean", "value": "true" if allowed else "false"}
            owned = {"ownerId": customer, "namespace": NAMESPACE, "key": KEY, **value}
            return "metafieldsSet", _METAFIELDS, {"metafields": [owned]}
        case GrantPoints():
            raise Permanent(f"{PLATFORM} api: has no points")


def _check(document: Mapping[str, Any], mutation: str) -> None:
    """Return if Shopify has done it; raise what `ShopWriter.write` raises otherwise."""
    if document.get("errors"):
        _refuse_all(document["errors"], mutation)
    data = document.get("data")
    done = data.get(mutation) if isinstance(data, dict) else None
    if not isinstance(done, dict):
        raise Unclear(f"{PLATFORM} api: {mutation} not answered", after_s=_BUSY_S)
    if done.get("userErrors"):
        # Its words are left out: they may quote what they are about.
        what = ", ".join(_named(done["userErrors"])) or "no reason that can be read"
        raise Permanent(f"{PLATFORM} api: {mutation} refused: {what}")


def _refuse_all(errors: Any, mutation: str) -> None:
    """Errors that are not about the values: nothing was done, unless Shopify itself broke on the way."""
    codes = {code for one in _objects(errors) if (code := _code(one.get("extensions")))}
    if "THROTTLED" in codes:
        raise Retryable(f"{PLATFORM} api: THROTTLED", after_s=_THROTTLED_S)
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        raise Unclear(f"{PLATFORM} api: {min(codes)}", after_s=_BUSY_S)
    hint = ", check the token's rights" if "ACCESS_DENIED" in codes else ""
    raise Permanent(f"{PLATFORM} api: {mutation} refused: {', '.join(sorted(codes)) or 'the query'}{hint}")


def _named(errors: Any) -> Iterator[str]:
    """Code, or else field by field, of what was refused."""
    for one in _objects(errors)[:3]:
        path = one.get("field")
        field = (
            ".".join(step for step in path if isinstance(step, str) and step.isascii() and step.isalnum())
            if path
            else ""
        )
        yield _code(one) or field[:64] or "value"


def _code(told: Any) -> str | None:
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _objects(errors: Any) -> list[dict[str, Any]]:
    return [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
