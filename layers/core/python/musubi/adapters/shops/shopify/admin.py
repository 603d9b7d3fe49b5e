"""Shopify's Admin API, the REST one (shopify.dev, "REST Admin API"): how it is asked, and what of its resources we read.

REST and not GraphQL: its orders and customers are, field for field, what the webhooks carry, so one reader and one set of
tests hold for both, and a page costs one request whatever is in it. A GraphQL projection would be a second shape to keep in
step, sized by query cost. The price: Shopify calls it legacy since October 2024 and new public apps may not use it; the app
of one shop, which is what a stage has a token of, may.

`fields` asks for what the reader reads and nothing else: no addresses, mails or notes, which we would only have to guard. Of
customers it leaves out what webhooks do not show in them either since API 2025-01 and what has no date of its own: tags and
sums come in webhooks that say when they changed, and beside them each customer of a poll would look like news.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from musubi.adapters.shops.http import TOTAL_S, Answer, TooLarge
from musubi.adapters.shops.rest import BUSY_S, Rest, Signed
from musubi.adapters.shops.shopify.call import PLATFORM
from musubi.adapters.shops.shopify.tokens import AppTokens
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.shopify import Customer, Named, Order
from musubi.domain.errors import Permanent, Retryable

VERSION = "2026-10"
"""Supported for a year; after that Shopify answers in the oldest version that it still knows and says so in a header."""

_NOT_IN_WEBHOOKS = frozenset(
    {
        "tags",
        "currency",
        "orders_count",
        "total_spent",
        "accepts_marketing",
        "accepts_marketing_updated_at",
        "metafields",
    }
)
FIELDS: Mapping[str, str] = {
    "orders": ",".join(Order.model_fields),
    "customers": ",".join(name for name in Customer.model_fields if name not in _NOT_IN_WEBHOOKS),
}
"""By resource: what is read of it."""

REFUSED_S = 300

GRAPHQL = f"/admin/api/{VERSION}/graphql.json"
_BIRTHDAYS = """query($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Customer { id metafield(namespace: "facts", key: "birth_date") { namespace key type value updatedAt } }
  }
}"""
"""At most 250 ids, hence 500 of the 1,000 points that a query may cost (an object is one)."""

_THROTTLED = "THROTTLED"
_CODE = re.compile(r"[A-Z_]{1,40}")

_log = logging.getLogger("musubi.shops.shopify")


class Admin(Rest):
    """One shop's API, by its app with the scopes `read_orders` and `read_customers`. A line of the secret is that app's
    `<client id>:<client secret>`, or the access token of an older one (see `tokens`).
    """

    def __init__(self, api: ShopApi, total_s: float = TOTAL_S) -> None:
        super().__init__(PLATFORM, api, total_s)
        self._tokens = AppTokens(self._http, api.held)

    def signed_in(self, call: Signed, key: str) -> Answer:
        if ":" not in key:
            return call(key)
        answer = Answer(401, {}, b"")
        for fresh in (False, True):
            got = self._tokens.of(key, fresh=fresh)
            answer = call(got) if got else Answer(401, {}, b"")
            if not (got and self.is_refused(answer)):
                break
        return answer

    def headers(self, token: str) -> Mapping[str, str]:
        return {"X-Shopify-Access-Token": token}

    def page(self, resource: str, query: Mapping[str, str]) -> Answer:
        """One page of `resource`. Raises as `ShopSource.changed`, and TooLarge."""
        asked = urlencode({**query, "fields": FIELDS[resource]})
        return self.accepted(self.asked(f"{_path(resource)}.json?{asked}"))

    def one(self, resource: str, number: str) -> dict[str, Any] | None:
        """The document of `resource` with the id `number` (digits), None if there is none (any more).

        Whatever else the shop refuses is Retryable: the webhook that names the thing is not to blame, and its dead letter can
        be redriven once the token is mended. Permanent only for an answer that is too large.
        """
        asked = urlencode({"fields": FIELDS[resource]})
        try:
            answer = self.asked(f"{_path(resource)}/{number}.json?{asked}")
            if answer.status in (404, 410):
                return None
            found = self.read(self.accepted(answer)).get(resource.removesuffix("s"))
        except TooLarge:
            raise Permanent(f"{resource}: the shop's answer is too large") from None
        except Permanent as error:
            raise Retryable(error.reason, after_s=REFUSED_S) from None
        if not isinstance(found, dict):
            raise Retryable(f"{PLATFORM} api: answer without {resource}", after_s=REFUSED_S)
        return found

    def birthdays(self, numbers: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """The metafield with the birthday, as webhooks show it, by customer's id; who has none is not in it. One request.

        REST would want one for each customer. A shop that does not show metafields to its app loses nothing else: that is
        logged. Raises as `ShopSource.changed`, and TooLarge.
        """
        ids = [f"gid://shopify/Customer/{number}" for number in numbers]
        asked = {"query": _BIRTHDAYS, "variables": {"ids": ids}}
        answer = self.read(self.accepted(self.asked(GRAPHQL, asked)))
        if codes := _refused(answer.get("errors")):
            if _THROTTLED in codes:
                raise Retryable(f"{PLATFORM} api: {_THROTTLED}", after_s=BUSY_S)
            _log.warning("shopify metafields not shown", extra={"codes": sorted(codes)})
        data = answer.get("data")
        nodes = data.get("nodes") if isinstance(data, dict) else None
        told = [one for one in nodes if isinstance(one, dict)] if isinstance(nodes, list) else []
        found = ((Named.model_validate(one).id, one.get("metafield")) for one in told)
        return {
            number: {**field, "updated_at": field.get("updatedAt")}
            for number, field in found
            if number and isinstance(field, dict)
        }


def _refused(errors: Any) -> set[str]:
    """The codes of GraphQL's errors. Their words stay out: they may quote what they are about."""
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    return {_code(one) for one in listed}


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "UNKNOWN"


def _path(resource: str) -> str:
    return f"/admin/api/{VERSION}/{resource}"
