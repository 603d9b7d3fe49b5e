"""EC-CUBE's GraphQL API: what is asked, and what its answers mean.

One HTTP request brings several orders and customers, each under an alias of its own. Only what is read is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable

BATCH = 20
"""Entities in one request: each order costs the shop some queries of its own."""


_API_PATH = "/api"

_BUSY_S = 60
_REFUSED_S = 300
"""Seconds until the next try: an EC-CUBE under maintenance is away for minutes, a wrong setting longer."""

CUSTOMER = """fragment C on Customer {
  id name01 name02 birth point create_date update_date Status { id }
}"""
ORDER = """fragment O on Order {
  id order_no payment_total currency_code order_date payment_date create_date update_date
  OrderStatus { id }
  Customer { ...C }
  Shippings { id shipping_delivery_name tracking_number shipping_date update_date }
  OrderItems {
    product_name product_code class_category_name1 class_category_name2 price tax quantity
    OrderItemType { id } TaxDisplayType { id } ProductClass { id }
    Product { id ProductCategories { category_id } }
  }
}"""

_FIELD = re.compile(r'Cannot query field "([A-Za-z0-9_]{1,40})" on type "([A-Za-z0-9_]{1,40})"')
_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")

Reference = tuple[str, str]
"""(entity, id): `("order", "1203")`."""


class GraphQl:
    """One shop's API."""

    def __init__(self, api: ShopApi) -> None:
        if api.bearer is None:
            raise Retryable("shop API: no grant", after_s=_REFUSED_S)
        self._bearer = api.bearer
        self._http = Http(api.base_url, api.left_s)

    def entities(self, wanted: Sequence[Reference]) -> dict[Reference, Any]:
        """The documents of `wanted`, whose ids are digits; None for what does not exist (any more).

        Raises Retryable when the shop does not answer or is busy, Permanent naming the field that it does not know.
        """
        found: dict[Reference, Any] = {}
        for start in range(0, len(wanted), BATCH):
            found |= self._some(wanted[start : start + BATCH])
        return found

    def _some(self, wanted: Sequence[Reference]) -> dict[Reference, Any]:
        aliases = {f"{entity}{number}": (entity, number) for entity, number in wanted}
        fields = " ".join(
            f"{alias}: {one[0]}(id: {one[1]}) {{ ...{_SPREAD[one[0]]} }}" for alias, one in aliases.items()
        )
        fragments = [CUSTOMER, *([ORDER] if any(entity == "order" for entity, _ in wanted) else [])]
        try:
            data = self.ask(f"query {{ {fields} }}\n" + "\n".join(fragments))
        except TooLarge:
            if len(wanted) == 1:
                raise Permanent(f"{wanted[0][0]}: the shop's answer is too large") from None
            half = len(wanted) // 2
            return {**self._some(wanted[:half]), **self._some(wanted[half:])}
        return {one: data.get(alias) for alias, one in aliases.items()}

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The `data` of one query; a token that the shop turns down is renewed once. Raises as `entities`, and TooLarge."""
        token = self._bearer()
        answer = self._post(query, variables, token)
        if answer.status == 401:
            answer = self._post(query, variables, self._bearer(token))
        return _data(answer)

    def _post(self, query: str, variables: Mapping[str, Any] | None, token: str) -> Answer:
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        return self._http.request("POST", _API_PATH, body, headers)


_SPREAD = {"order": "O", "customer": "C"}


def _data(answer: Answer) -> Mapping[str, Any]:
    if answer.status != 200:
        busy = answer.status == 429 or answer.status >= 500
        raise Retryable(f"shop API: HTTP {answer.status}", after_s=_BUSY_S if busy else _REFUSED_S)
    try:
        document = parse_json(answer.body, "answer")
    except Permanent:
        # A login or maintenance page that says 200: the shop is not there yet.
        document = None
    if not isinstance(document, dict):
        raise Retryable("shop API: no GraphQL answer", after_s=_BUSY_S)
    errors = document.get("errors")
    if errors:
        raise _refusal(errors)
    data = document.get("data")
    if not isinstance(data, dict):
        raise Retryable("shop API: no GraphQL answer", after_s=_BUSY_S)
    return data


def _refusal(errors: Any) -> Permanent | Retryable:
    """What GraphQL's errors mean. The shop's own words stay out: they may quote what they are about."""
    listed = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    messages = [one["message"] for one in listed if isinstance(one.get("message"), str)]
    for message in messages:
        if unknown := _FIELD.search(message):
            return Permanent(f"{unknown[2]}.{unknown[1]}: unknown to the shop's API")
        if message.startswith("Insufficient permission"):
            return Retryable("shop API: the grant lacks the scope read", after_s=_REFUSED_S)
    path: list[Any] = next((one["path"] for one in listed if isinstance(one.get("path"), list)), [])
    where = ".".join(str(step) for step in path[:6] if _NAME.fullmatch(str(step))) or "query"
    if any(one.get("extensions") == {"category": "graphql"} and "path" not in one for one in listed):
        return Permanent(f"{where}: refused by the shop's API")
    return Retryable(f"shop API: GraphQL error at {where}", after_s=_BUSY_S)
