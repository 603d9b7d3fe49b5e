"""Writing to Shopify by its Admin GraphQL API (shopify.dev: `tagsAdd`, `tagsRemove`, `metafieldsSet`, "Response codes").

The consent for LINE is a metafield of ours on the customer, `musubi.line_promo`, a boolean: Shopify's own consents are for mail
and SMS, and are never touched. Shopify has no points. Adding a tag that is there, removing one that is not and setting a
metafield to what it is are successes, so that everything here may be repeated; Shopify takes no key for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from musubi.adapters.shops.http import Answer, Http, NoAnswer, TooLarge
from musubi.adapters.shops.shopify.call import PLATFORM
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction, Unclear

PATH = "/admin/api/2026-10/graphql.json"

NAMESPACE, KEY = "musubi", "line_promo"

_BUSY_S = 60
_THROTTLED_S = 5
"""Shopify's bucket fills by the second."""
_PASSING = frozenset({408, 425, 429})
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
        self._api = api
        self._http = Http(api.base_url, api.left_s)

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        """One mutation."""
        if not _DIGITS.fullmatch(member_id):
            raise Permanent(f"{PLATFORM} api: member_id is no id of a customer")
        mutation, query, variables = _asked(f"gid://shopify/Customer/{member_id}", action)
        body = json.dumps({"query": query, "variables": variables}, ensure_ascii=False).encode()
        try:
            _check(self._by_key(body), mutation)
        except (NoAnswer, TooLarge) as error:
            raise Unclear(f"{PLATFORM} api: {error}", after_s=_BUSY_S) from None

    def _by_key(self, body: bytes) -> Answer:
        """By the first token that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Permanent(f"shops/{self._api.shop_id}/{PLATFORM}-api: no such secret")
        for key in keys:
            headers = {"Content-Type": "application/json", "Accept": "application/json", "X-Shopify-Access-Token": key}
            answer = self._http.request("POST", PATH, body, headers)
            if answer.status != 401:
                break
        return answer


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


def _check(answer: Answer, mutation: str) -> None:
    """Return if Shopify has done it; raise what `ShopWriter.write` raises otherwise."""
    if answer.status != 200:
        _refuse(answer.status)
    try:
        document = parse_json(answer.body, "answer")
    except Permanent:
        document = None
    if not isinstance(document, dict):
        raise Unclear(f"{PLATFORM} api: no GraphQL answer", after_s=_BUSY_S)
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


def _refuse(status: int) -> None:
    """A redirect is refused, not followed: the token would go with it."""
    if status in _PASSING:
        raise Retryable(f"{PLATFORM} api: {status}", after_s=_BUSY_S)
    if status >= 500:
        raise Unclear(f"{PLATFORM} api: {status}", after_s=_BUSY_S)
    hint = {401: "the token", 403: "the token's rights"}.get(status, "the base URL and the shop's state")
    raise Permanent(f"{PLATFORM} api: {status}, check {hint}")


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
