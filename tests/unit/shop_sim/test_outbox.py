"""Delivery: retries with the original body, duplicates, shuffling, delays and losses on request."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.unit.shop_sim.conftest import CONFIG


def _order(stage: Any, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = stage.call("/orders", 201, member_id="1001", **options)
    return found


def test_a_refused_webhook_comes_again_with_the_same_body_and_ids(stage: Any) -> None:
    stage.product.then(500, 429)
    [message] = _order(stage)["messages"]
    assert [attempt["status"] for attempt in message["attempts"]] == [500, 429, 202]
    first, *again = stage.product.webhooks
    assert all(request.content == first.content for request in again)
    assert all(request.headers["x-shopify-webhook-id"] == first.headers["x-shopify-webhook-id"] for request in again)
    assert message["state"] == "delivered"


def test_a_lost_answer_counts_as_refused(stage: Any) -> None:
    def vanish(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("connection lost", request=request)

    stage.product.answers = [vanish]
    [message] = _order(stage)["messages"]
    assert [attempt["status"] for attempt in message["attempts"]] == [None, 202]
    assert "ReadError" in message["attempts"][0]["error"]


def test_after_eight_retries_the_shop_gives_up(stage: Any) -> None:
    stage.product.then(*[503] * 20)
    [message] = _order(stage)["messages"]
    assert (message["state"], len(message["attempts"])) == ("failed", 9)


def test_cloud_events_are_signed_anew_with_the_same_id(stage: Any) -> None:
    stage.product.then(500)
    stage.call("/members/1001/birthday", birthday="1990-05-05")
    first, again = stage.product.webhooks
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == json.loads(again.content)["id"]
    assert first.content == again.content


def test_duplicates_repeat_the_message_id(stage: Any) -> None:
    _order(stage, duplicate=2)
    ids = [request.headers["x-shopify-webhook-id"] for request in stage.product.webhooks]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_a_second_subscription_sends_the_event_under_another_message_id(stage: Any) -> None:
    _order(stage, duplicate=1, duplicate_as="subscription")
    one, two = stage.product.webhooks
    assert one.headers["x-shopify-webhook-id"] != two.headers["x-shopify-webhook-id"]
    assert one.headers["x-shopify-event-id"] == two.headers["x-shopify-event-id"]
    assert one.content == two.content


def test_dropped_messages_are_recorded_and_can_be_sent_later(stage: Any) -> None:
    [message] = _order(stage, drop=True)["messages"]
    assert message["state"] == "dropped"
    assert stage.product.webhooks == []
    [sent] = stage.call("/resend", serials=[message["serial"]])["messages"]
    assert (sent["state"], sent["message_id"]) == ("delivered", message["message_id"])


def test_held_messages_leave_shuffled_when_released(stage: Any) -> None:
    number = _order(stage, hold=True)["order"]["number"]
    stage.call(f"/orders/{number}/pay", hold=True)
    stage.call(f"/orders/{number}/ship", hold=True)
    stage.call(f"/orders/{number}/cancel", hold=True)
    assert stage.product.webhooks == []
    assert stage.look("/idle?timeout_s=1") == {"idle": True}
    stage.call("/release", shuffle=True, duplicate=1)
    topics = [request.headers["x-shopify-topic"] for request in stage.product.webhooks]
    assert sorted(topics) == sorted(["orders/create", "orders/paid", "fulfillments/create", "orders/cancelled"] * 2)
    assert topics != sorted(topics, key=topics.index), "the seed shuffles this story"


def test_a_delayed_message_is_waited_for(stage: Any) -> None:
    answer = _order(stage, delay_s=0.05, wait=False)
    assert (answer["settled"], answer["messages"][0]["state"]) == (True, "waiting")
    assert stage.look("/idle?timeout_s=5") == {"idle": True}
    assert len(stage.product.webhooks) == 1


def test_the_outbox_shows_state_attempts_and_bodies(stage: Any) -> None:
    number = _order(stage)["order"]["number"]
    stage.call("/members/1001/lots", lots=[])
    everything = stage.look("/outbox")
    assert everything["by_state"] == {"delivered": 2}
    [row] = stage.look(f"/outbox?subject=orders/{number}&bodies=1")["messages"]
    assert json.loads(row["body"])["order_number"] == number
    assert stage.look(f"/outbox?after={row['serial']}")["count"] == 1


def test_a_wrong_request_changes_nothing(stage: Any) -> None:
    before = stage.look("/members/1001")
    for path, body in (
        ("/members/1001/birthday", {"birthday": "1990-01-01", "platform": "shopify"}),
        ("/members/1001/birthday", {"birthday": "2026-02-30"}),
        ("/members/1001/birthday", {}),
        ("/members/9999/leave", {}),
        ("/members/1001/lots", {"lots": [{"points": 1, "expires_on": "明日"}], "platform": "cloudevents"}),
        ("/orders", {"member_id": "1001", "platform": "fax"}),
        ("/orders", {"member_id": "1001", "platform": "bus"}),
        ("/orders", {"member_id": "1001", "items": [{"sku": "NO-SUCH"}]}),
        ("/orders", {"member_id": "1001", "points_used": 10**9}),
        ("/orders/4242/pay", {}),
    ):
        assert "error" in stage.call(path, 400, **body)
    assert stage.look("/members/1001") == before
    assert stage.look("/orders") == {"orders": []}
    assert stage.product.requests == []


def test_order_steps_follow_the_orders_state(stage: Any) -> None:
    number = _order(stage, paid=True)["order"]["number"]
    stage.call(f"/orders/{number}/pay", 400)
    stage.call(f"/orders/{number}/cancel")
    for step in ("pay", "ship", "cancel"):
        stage.call(f"/orders/{number}/{step}", 400)


def test_the_clock_moves_orders_but_not_signatures(stage: Any) -> None:
    moved = stage.call("/clock", offset_s=30 * 86_400)["business_time"]
    order = _order(stage)["order"]
    stage.call("/members/1001/lots", lots=[])
    assert order["placed_at"][:10] == moved[:10]
    stamp = int(stage.product.webhooks[1].headers["webhook-timestamp"])
    assert abs(stamp - stage.look("/outbox")["messages"][1]["attempts"][0]["at"]) <= 1
    assert json.loads(stage.product.webhooks[1].content)["time"][:10] == moved[:10]


def test_the_same_seed_invents_the_same_people(stage: Any) -> None:
    from local.shop.clock import ShopClock
    from local.shop.till import Till

    one, two = (Till(CONFIG, ShopClock()) for _ in range(2))
    shown = [(member.name, member.birthday, member.balance) for member in one.members.values()]
    assert shown == [(member.name, member.birthday, member.balance) for member in two.members.values()]
    born = [member.birthday for member in one.members.values()]
    assert any(day and (day.month, day.day) == (2, 29) for day in born)
    assert any(day and day.year is None for day in born)
    assert None in born


def test_members_in_bulk_are_announced_with_their_points(stage: Any) -> None:
    made = stage.call("/members", 201, count=20, lots=[{"points": 500, "expires_on": "2026-12-24"}], wait=True)
    assert len({row["member_id"] for row in made["members"]}) == 20
    registered = json.loads(stage.product.webhooks[0].content)["data"]["registered_at"]
    assert registered[:10] == stage.look("/health")["business_time"][:10], "registered now, not in the past"
    kinds = [json.loads(request.content)["type"] for request in stage.product.webhooks]
    assert (kinds.count("MemberRegistered"), kinds.count("PointsBalanceChanged")) == (20, 20)


def test_the_first_import_is_marked_as_backfill(stage: Any) -> None:
    stage.call("/members/announce", members=["1001", "1002"], backfill=True)
    assert all(json.loads(request.content)["data"]["is_backfill"] for request in stage.product.webhooks)
