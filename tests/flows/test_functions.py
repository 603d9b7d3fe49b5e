"""The threads through the functions' own handlers and AWS adapters, and how many AWS requests each costs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import tables
from tests.support.flows_functions import Functions, functions, of_now, sample
from tests.support.line_stub import Say
from tests.unit.runtime import environment

FRIEND = "U920b1d597b90dc01a3c0f3ddac750206"
"""The friend of `events/line/follow.json`."""

ENVIRONMENT = {name: environment.of(name) | {"STAGE": "local"} for name in environment.OWN}
for _own in ENVIRONMENT.values():
    if "SHOPS" in _own:
        _own["SHOPS"] = "main"


@pytest.fixture
def deployed() -> Iterator[Functions]:
    with functions(ENVIRONMENT) as made:
        yield made


def follow(deployed: Functions) -> None:
    deployed.line_webhook(sample("line/follow.json"))
    deployed.pump()


def link(deployed: Functions) -> None:
    """Tap, nonce from the API, LINE's accountLink."""
    deployed.line.answers.append(Say(body='{"linkToken":"NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY"}'))
    deployed.line_webhook(sample("line/postback_start_link.json"))
    deployed.pump()
    body = b'{"member_id":"1001"}'
    stamp = str(int(datetime.now(UTC).timestamp()))
    signed = hmac.digest(b"local-shop-secret", b".".join([b"n-1", stamp.encode(), body]), hashlib.sha256)
    answer = deployed.call(
        "api",
        {
            **json.loads(sample("aws/http_api_v2_line.json")),
            "routeKey": "POST /v1/link/nonces",
            "rawPath": "/v1/link/nonces",
            "body": body.decode(),
            "headers": {
                "content-type": "application/json",
                "webhook-id": "n-1",
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
            },
        }
        | {"requestContext": {"http": {"method": "POST", "path": "/v1/link/nonces"}, "stage": "$default"}},
    )
    assert answer["statusCode"] == 201, answer
    document = json.loads(sample("line/account_link_ok.json"))
    event = document["events"][0]
    event["source"] = {"type": "user", "userId": FRIEND}
    event["timestamp"] = int(datetime.now(UTC).timestamp() * 1000)
    event["link"]["nonce"] = json.loads(answer["body"])["nonce"]
    deployed.line_webhook(json.dumps(document).encode())
    deployed.pump()


def cart(deployed: Functions, name: str) -> None:
    deployed.cloudevent(of_now(json.loads(sample(f"shop/cloudevents/{name}.json"))))


def words(deployed: Functions) -> list[str]:
    """What LINE got, by path and first words."""
    found = []
    for call in deployed.line.calls:
        if call.path.endswith(("/reply", "/push")):
            first = call.json["messages"][0]
            found.append(f"{call.path.rpartition('/')[2]} {(first.get('text') or first['altText'])[:12]}")
    return found


def sends(deployed: Functions) -> list[dict[str, Any]]:
    return sorted(deployed.rows(tables.WORK, "SEND"), key=lambda row: row["planned_at"])


def test_the_friends_thread_and_the_orders_thread(deployed: Functions) -> None:
    cart(deployed, "member_registered")
    follow(deployed)
    link(deployed)
    cart(deployed, "order_placed")
    deployed.pump()
    cart(deployed, "shipment_dispatched")
    deployed.pump()
    assert [one.partition(" ")[0] for one in words(deployed)] == ["reply", "reply", "reply", "push", "push"]
    assert words(deployed)[0] == "reply 友だち追加ありがとうござ"
    assert {row["state"] for row in sends(deployed)} == {"accepted"}
    pushes = [call for call in deployed.line.calls if call.path.endswith("/push")]
    keys = {call.headers["x-line-retry-key"] for call in pushes}
    assert keys == {row["send_id"] for row in sends(deployed) if row["channel"] == "push"}
    assert {call.json["to"] for call in pushes} == {FRIEND}
    assert deployed.quarantined() == []


def test_the_same_calls_again_change_nothing(deployed: Functions) -> None:
    follow(deployed)
    link(deployed)
    cart(deployed, "order_placed")
    deployed.pump()
    said = words(deployed)
    follow(deployed)
    deployed.line_webhook(sample("line/redelivered.json"))
    cart(deployed, "order_placed")
    deployed.pump()
    deployed.call("sweeper", {})
    deployed.call("due_steps", {})
    deployed.pump()
    assert words(deployed) == said


def test_what_a_queue_can_never_read_is_set_aside(deployed: Functions) -> None:
    for queue in ("line-events", "shop-events", "push", "alert-shards"):
        url = f"https://sqs.ap-northeast-1.amazonaws.com/123456789012/musubi-local-{queue}"
        deployed.aws("sqs").send_message(QueueUrl=url, MessageBody="{not json")
    deployed.pump()
    assert len(deployed.quarantined()) == 4


# figures


def test_a_webhook_is_answered_with_at_most_six_requests(deployed: Functions) -> None:
    deployed.warm("line_webhook", "line_events")
    deployed.forget()
    follow(deployed)
    assert words(deployed) == ["reply 友だち追加ありがとうござ"]
    assert deployed.made_by("line_webhook") == 1
    assert 3 <= deployed.made_by("line_webhook", "line_events") <= 6, deployed.requests


def test_the_account_link_is_answered_with_at_most_six_requests(deployed: Functions) -> None:
    """Two loads, one transaction, the reply and its settling; the fact for the bus comes after the reply."""
    follow(deployed)
    deployed.warm("api")
    deployed.forget()
    said = len(words(deployed))
    at_reply: list[int] = []
    answer = deployed.line.next_answer

    def counting(got: Any) -> Say:
        if got.path.endswith("/reply"):
            at_reply.append(deployed.made_by("line_webhook", "line_events"))
        return answer(got)

    deployed.line.next_answer = counting  # type: ignore[method-assign]
    link(deployed)
    assert len(words(deployed)) == said + 2
    offered, confirmed = at_reply[0], at_reply[1] - at_reply[0]
    assert 3 <= offered <= 6
    assert 4 <= confirmed <= 6
    assert deployed.made_by("line_webhook", "line_events") - at_reply[1] == 4, (
        "settle, publish, settle the fact, history"
    )


def test_a_personal_push_costs_at_most_four_requests(deployed: Functions) -> None:
    follow(deployed)
    link(deployed)
    deployed.warm("shop_events", "shop_webhook", "push_sender")
    deployed.forget()
    cart(deployed, "order_placed")
    deployed.pump()
    assert words(deployed)[-1].startswith("push ")
    assert deployed.requests["shop_events", "SendMessageBatch"] == 1, "push job and history in one"
    assert deployed.made_by("push_sender") == 4, "read, claim, settle, history"


def test_a_shop_event_costs_at_most_five_requests_and_its_push_four(deployed: Functions) -> None:
    follow(deployed)
    link(deployed)
    deployed.warm("shop_events", "shop_webhook", "push_sender")
    for name in ("order_placed", "shipment_dispatched", "order_cancelled"):
        deployed.forget()
        cart(deployed, name)
        deployed.pump()
        assert deployed.made_by("shop_webhook") == 1
        assert deployed.made_by("shop_webhook", "shop_events") <= 5, (name, deployed.requests)
        assert deployed.made_by("push_sender") <= 4, (name, deployed.requests)


def test_an_order_of_twenty_lines_costs_no_more(deployed: Functions) -> None:
    """With an open cart that it completes: everything that is counted of its member changes in one transaction."""
    follow(deployed)
    link(deployed)
    deployed.warm("shop_events", "shop_webhook", "push_sender")
    base = of_now(json.loads(sample("shop/cloudevents/order_placed.json")))
    lines = [
        {"product_id": f"P-{n}", "title": f"商品{n}", "quantity": 2, "categories": [f"棚{n % 5}"]} for n in range(20)
    ]
    order = {"order_id": base["data"]["order_id"], "member_id": "1001"}
    story: list[tuple[str, dict[str, Any]]] = [
        ("CheckoutStarted", {"checkout_id": "c-1", "member_id": "1001", "lines": lines}),
        ("CheckoutStarted", {"checkout_id": "c-2", "member_id": "1001", "lines": lines}),
        ("OrderPlaced", {**base["data"], **order, "placed_at": None, "lines": lines, "checkout_id": "c-2"}),
        ("OrderEdited", {**order, "lines": lines[5:]}),
        ("OrderCancelled", {"order_id": order["order_id"]}),
    ]
    for n, (kind, data) in enumerate(story):
        deployed.forget()
        time = datetime.now(UTC).isoformat()
        deployed.cloudevent({**base, "id": f"lines-{n}", "type": kind, "time": time, "data": data})
        deployed.pump()
        assert deployed.made_by("shop_webhook", "shop_events") <= 5, (kind, deployed.requests)
        if kind == "OrderEdited":
            assert len(products(deployed)) == 15
    assert products(deployed) == []
    assert deployed.quarantined() == []


def products(deployed: Functions) -> list[str]:
    """What the member is counted to have bought, categories left aside."""
    items = deployed.aws("dynamodb").scan(TableName=tables.PEOPLE)["Items"]
    return [item["sk"]["S"] for item in items if item["sk"]["S"].startswith("BOUGHT#product/")]


def test_the_threads_end_in_the_history_line_by_line_once(deployed: Functions) -> None:
    follow(deployed)
    link(deployed)
    for name in ("order_placed", "shipment_dispatched", "order_placed"):
        cart(deployed, name)
        deployed.pump()
    lines = deployed.history()
    assert len({line["id"] for line in lines}) == len(lines)
    assert sorted(line["type"] for line in lines if line["kind"] == "event") == sorted(
        ["follow", "postback", "accountLink", "OrderPlaced", "ShipmentDispatched"]
    )
    settled = {(line["send"], line["state"]) for line in lines if line["kind"] == "send"}
    assert settled == {(row["send_id"], row["state"]) for row in sends(deployed)}
    decided = [(line["send"], line["verdict"]) for line in lines if line["kind"] == "decision"]
    assert sorted(decided) == sorted((send, "send") for send, _ in settled)
    text = json.dumps(lines, ensure_ascii=False)
    for personal in ("結城", "https://", "linkToken", "友だち追加"):
        assert personal not in text
    assert not [line for line in lines if "m:" in str(line.get("person")) and FRIEND in json.dumps(line)]


def test_the_history_of_a_push_costs_its_writer_seven_requests_alone_and_less_in_company(deployed: Functions) -> None:
    """Alone: a look at the marks, then a claim and an object for event, decision and Send."""
    follow(deployed)
    link(deployed)
    deployed.forget()
    cart(deployed, "order_placed")
    deployed.pump()
    assert deployed.made_by("log_writer") == 7, deployed.requests
