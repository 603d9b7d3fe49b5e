"""Bodies that only name what changed, and fetching what they name.

Three kinds: `{"id": …}`, which EventBridge brings of a resource over its limit (a million bytes; 256 KB until November
2026); the developer preview that Shopify calls Events, whose `data` is whatever the subscription's own query says; and its
stub for what is too large, with a `payload_url`. That address is never called: it is a host out of a body. What changed is
fetched by its id from the address that the stage names.

A stage that names none loses nothing that it had: of an id alone the topic stays the witness, and the preview stays unread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from musubi.adapters.shops.shopify.admin import Admin
from musubi.adapters.shops.shopify.call import PLATFORM, Call
from musubi.adapters.shops.source import Apis, NoApi
from musubi.contracts.shopify import Named
from musubi.contracts.text import clean

_PREVIEW = frozenset({"topic", "action"})
"""Only bodies of the preview name their topic and action themselves."""

_ONLY_NAMES = frozenset({"id", "admin_graphql_api_id"})

_RESOURCES: Mapping[str, str] = {
    **dict.fromkeys(
        [f"orders/{verb}" for verb in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")],
        "orders",
    ),
    **dict.fromkeys([f"customers/{verb}" for verb in ("create", "update", "enable", "disable")], "customers"),
}
"""By topic. `…/delete` names what is gone, and parcels, refunds and transactions can not be fetched by their id alone."""

_PREVIEWED: Mapping[tuple[str, str], str] = {
    ("Order", "create"): "orders/create",
    ("Order", "update"): "orders/updated",
    ("Customer", "create"): "customers/create",
    ("Customer", "update"): "customers/update",
}
"""By the preview's topic and action: the webhook that would have told the same."""

_DIGITS = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True)
class Thing:
    """What a body names: a resource and its id, and the topic as which the document is read."""

    topic: str
    resource: str
    number: str


def is_preview(call: Call) -> bool:
    return isinstance(call.document, dict) and call.document.keys() >= _PREVIEW


def named(call: Call) -> Thing | None:
    """What is to be fetched; None for a body that says itself what it has to say."""
    document = call.document
    if not isinstance(document, dict):
        return None
    if is_preview(call):
        topic, action = clean(document["topic"], 40) or "", clean(document["action"], 40) or ""
        return _thing(_PREVIEWED.get((topic, action), ""), _of_preview(topic, document))
    return _thing(call.topic, document.get("id")) if document.keys() <= _ONLY_NAMES else None


def hydrated(call: Call, apis: Apis) -> bool | None:
    """Let `call` hold the document of what it only names: True if it does now, False when there is none (any more), None
    where nothing is to be asked, or nobody whom the stage names. Raises Retryable while the shop does not answer or refuses.
    """
    thing = named(call)
    if thing is None:
        return None
    try:
        api = apis(call.shop_id, PLATFORM)
    except NoApi:
        return None
    document = Admin(api).one(thing.resource, thing.number)
    if document is not None:
        call.hold(thing.topic, document)
    return document is not None


def _thing(topic: str, value: Any) -> Thing | None:
    """None for what can not be fetched. Only digits become part of a path."""
    resource, number = _RESOURCES.get(topic), Named.model_validate({"id": value}).id
    return Thing(topic, resource, number) if resource and number and _DIGITS.fullmatch(number) else None


def _of_preview(topic: str, document: Mapping[str, Any]) -> Any:
    """The id of what changed: the one among the delivery's `query_variables` (`{"orderId": "gid://shopify/Order/…"}`), or
    that of the projection.
    """
    variables, data = document.get("query_variables"), document.get("data")
    told = list(variables.values()) if isinstance(variables, dict) else []
    shown = data.get(topic.lower()) if isinstance(data, dict) else None
    told.append(shown.get("id") if isinstance(shown, dict) else None)
    return next((one for one in told if isinstance(one, str) and one.startswith(f"gid://shopify/{topic}/")), None)
