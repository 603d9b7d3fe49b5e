"""The demo shop as an EC-CUBE: thin webhooks, tokens that end, an API that answers its allow-list and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from local.shop import eccube_auth
from local.shop.graphql import QueryError, execute
from musubi.adapters.shops.eccube.graphql import CUSTOMER, ORDER
from musubi.adapters.shops.eccube.source import _ASKED

TEA = [{"sku": "TEA-SEN-100", "quantity": 2}]


def renewed(stage: Any, refresh: str = "") -> Any:
    form = {"grant_type": "refresh_token", **eccube_auth.first_grant()}
    return stage.shop.post("/eccube/token", data=form | ({"refresh_token": refresh} if refresh else {}))


def ask(stage: Any, query: str, token: str = "", **variables: Any) -> Any:
    bearer = token or renewed(stage).json()["access_token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    return stage.shop.post("/eccube/api", json={"query": query, "variables": variables}, headers=headers)


def test_a_webhook_names_what_changed_and_is_sent_once(stage: Any) -> None:
    stage.product.then(500, 500)
    order = stage.call("/orders", 201, member_id="1001", items=TEA, platform="eccube")["order"]
    stage.call("/members/1001/birthday", birthday="1990-05-05", platform="eccube")
    first, second = stage.product.webhooks
    assert first.url.path == "/shops/main/eccube"
    assert json.loads(first.content) == [{"entity": "order", "id": int(order["order_id"]), "action": "created"}]
    assert json.loads(second.content) == [{"entity": "customer", "id": 1001, "action": "updated"}]
    expected = hmac.new(b"unit-secret", first.content, hashlib.sha256).hexdigest()
    assert first.headers["x-eccube-signature"] == expected
    assert [one["state"] for one in stage.look("/outbox")["messages"]] == ["failed", "failed"]


def test_an_order_is_shown_as_it_stands(stage: Any) -> None:
    number = stage.call("/orders", 201, member_id="1001", items=TEA, platform="eccube")["order"]["number"]
    order_id = stage.look("/orders")["orders"][0]["order_id"]
    token = renewed(stage).json()["access_token"]
    query = f"query {{ a: order(id: {order_id}) {{ ...O }} }} {ORDER} {CUSTOMER}"
    shown = ask(stage, query, token).json()["data"]["a"]
    assert (shown["order_no"], shown["OrderStatus"], shown["payment_date"]) == (f"#{number}", {"id": "1"}, None)
    assert shown["payment_total"] == 2 * 1620 + 550
    assert sum((one["price"] + one["tax"]) * one["quantity"] for one in shown["OrderItems"]) == shown["payment_total"]
    assert shown["Customer"]["birth"] == "1992-12-23T15:00:00+00:00"
    stage.call(f"/orders/{number}/pay", platform="eccube")
    stage.call(f"/orders/{number}/ship", number="4123-4567-8905", platform="eccube")
    shown = ask(stage, query, token).json()["data"]["a"]
    assert shown["OrderStatus"] == {"id": "5"}
    assert [one["tracking_number"] for one in shown["Shippings"]] == ["4123-4567-8905"]
    cancelled = stage.call("/orders", 201, items=TEA, platform="eccube")["order"]
    stage.call(f"/orders/{cancelled['number']}/cancel", platform="eccube")
    shown = ask(stage, query.replace(order_id, cancelled["order_id"]), token).json()["data"]["a"]
    assert (shown["OrderStatus"], shown["Customer"]) == ({"id": "3"}, None)


def test_tokens_work_once_and_end_each_other(stage: Any) -> None:
    first = renewed(stage).json()
    assert first["expires_in"] == 3600
    assert ask(stage, "{ order(id: 1) { id } }", first["access_token"]).status_code == 200
    assert renewed(stage).status_code == 400, "the first refresh token is spent"
    second = renewed(stage, first["refresh_token"]).json()
    assert ask(stage, "{ order(id: 1) { id } }", first["access_token"]).status_code == 401
    assert ask(stage, "{ order(id: 1) { id } }", second["access_token"]).json() == {"data": {"order": None}}
    for wrong in (eccube_auth.signed("access", 9, 1), "access-9-99999999999-00", second["refresh_token"], "x"):
        assert ask(stage, "{ order(id: 1) { id } }", wrong).status_code == 401


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ order(id: 1) { id secret_key } }", 'Cannot query field "secret_key" on type "Order"'),
        ("{ orders { nodes { id } } }", "update_datetime_start"),
        ("{ order { id } }", "required"),
        ("{ order(id: 1) }", "selection"),
        ("{ order(id: 1) { id { id } } }", "selection"),
        ("{ order(id: 1) { ...X } }", "Unknown fragment"),
        ("{ order(id: 1) { id } } fragment C on Customer { id }", "never used"),
        ("{ order(id: $x) { id } }", "not defined"),
        ("{ order(id: 1) { id }", "Syntax Error"),
        ("mutation { x }", "Syntax Error"),
        ("{ % }", "Syntax Error"),
        ("{ }", "Syntax Error"),
    ],
)
def test_the_api_is_strict(stage: Any, query: str, message: str) -> None:
    answer = ask(stage, query)
    assert (answer.status_code, "data" in answer.json()) == (200, False)
    assert message in answer.json()["errors"][0]["message"]


def test_the_search_pages_by_the_time_of_change(stage: Any) -> None:
    for _ in range(3):
        stage.call("/orders", 201, items=TEA, platform="eccube")
    window = {"since": "2020-01-01T00:00:00+09:00", "until": "2099-01-01T00:00:00+09:00"}
    token = renewed(stage).json()["access_token"]
    pages = [ask(stage, _ASKED["orders"][2], token, **window, page=n, limit=2).json()["data"]["orders"] for n in (1, 2)]
    assert [(len(page["nodes"]), page["totalCount"], page["pageInfo"]["hasNextPage"]) for page in pages] == [
        (2, 3, True),
        (1, 3, False),
    ]
    members = ask(stage, _ASKED["members"][2], token, **window, page=1, limit=50).json()["data"]["customers"]
    assert members["totalCount"] == 12


def test_an_unknown_type_of_value_is_refused() -> None:
    with pytest.raises(QueryError):
        execute("{ order(id: [1]) { id } }", {}, {"Query": {"order": None}}, lambda *_: None)
