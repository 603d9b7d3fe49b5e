"""What reaches us from shops: three formats, repeats, disorder, people unknown, amounts that can not be."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from local.crowd import Crowd
from local.outside import Outside
from local.stack.aws import Aws
from local.story import Story
from tests.e2e.acting import judge, linked, one_send, sends

pytestmark = pytest.mark.e2e
MEGABYTE = 1024 * 1024
YAMATO = "412345678905"


def quarantined(aws: Aws, mark: str) -> list[dict[str, Any]]:
    """Records of the quarantine queue whose body holds `mark`; they stay where they are."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(20):
        answer = aws.sqs.receive_message(
            QueueUrl=aws.queue_url("quarantine"), MaxNumberOfMessages=10, VisibilityTimeout=1
        )
        rows = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        found |= {row["body"]: row for row in rows if mark in row["body"]}
        if found or not rows:
            break
    return list(found.values())


@pytest.mark.parametrize("platform", ["shopify", "cloudevents", "eccube", "bus"])
def test_each_format_thanks_ships_and_cancels(story: Story, crowd: Crowd, platform: str) -> None:
    ((_, member_id),) = linked(story, crowd)
    kept = story.order(member_id, platform=platform, paid=True)
    story.ship(kept, YAMATO, platform=platform)
    dropped = story.order(member_id, platform=platform)
    story.settle()
    story.cancel(dropped, platform=platform)
    judge(story)
    enrolments = story.musubi("explain", member_id)["enrolments"]
    states = sorted(one["state"] for one in enrolments if one["scenario"] == "order_followup")
    assert states == ["exited", "waiting"]


def test_members_and_points_come_over_the_bus_too(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    lots = {"platform": "bus", "lots": [{"points": 450, "expires_on": "2031-03-31"}]}
    story.shop("POST", f"/_shop/members/{member_id}/lots", lots)
    story.shop("POST", f"/_shop/members/{member_id}/birthday", {"platform": "bus", "birthday": "1990-05-05"})
    story.settle()
    member = story.musubi("member", "show", member_id)["member"]
    assert member["points"] == 450
    assert (member["birthday"]["month"], member["birthday"]["day"]) == (5, 5)


def test_an_eccube_is_asked_for_what_its_webhook_only_names(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    lots = {"platform": "eccube", "lots": [{"points": 450, "expires_on": "2031-03-31"}]}
    story.shop("POST", f"/_shop/members/{member_id}/lots", lots)
    story.shop("POST", f"/_shop/members/{member_id}/birthday", {"platform": "eccube", "birthday": "1990-05-05"})
    story.settle()
    member = story.musubi("member", "show", member_id)["member"]
    assert (member["points"], member["lots"]) == (450, [])
    assert (member["birthday"]["month"], member["birthday"]["day"]) == (5, 5)
    judge(story)


@pytest.mark.parametrize("kind", ["retry", "subscription"])
def test_repeats_are_one_order(story: Story, crowd: Crowd, kind: str) -> None:
    ((_, member_id),) = linked(story, crowd)
    again: dict[str, Any] = {"duplicate": 3, "duplicate_as": kind, "shuffle": True}
    number = story.order(member_id, paid=True, **again)
    story.shop("POST", f"/_shop/orders/{number}/ship", {"number": YAMATO, **again})
    story.oracle.shipped(f"#{number}", YAMATO, story.now())
    story.order(member_id, platform="cloudevents", **again)
    judge(story)


def test_the_parcel_may_be_told_before_its_order(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    late = story.shop("POST", "/_shop/orders", {"member_id": member_id, "paid": True, "drop": True})
    number = str(late["order"]["number"])
    story.oracle.order(f"#{number}", member_id, story.now())
    story.ship(number, YAMATO)
    story.settle()
    serials = [message["serial"] for message in late["messages"]]
    story.shop("POST", "/_shop/resend", {"serials": serials[::-1]})
    judge(story)


def test_a_cancellation_that_overtakes_its_order_silences_it(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    late = story.shop("POST", "/_shop/orders", {"member_id": member_id, "platform": "cloudevents", "drop": True})
    number = str(late["order"]["number"])
    story.shop("POST", f"/_shop/orders/{number}/cancel", {"platform": "cloudevents"})
    story.settle()
    story.shop("POST", "/_shop/resend", {"serials": [message["serial"] for message in late["messages"]]})
    judge(story)  # the oracle never hears of the order: nobody is to be thanked for it
    assert sends(story, member_id, "order_thanks") == []


def test_unknown_members_and_guests_get_nothing_and_the_reason_is_kept(story: Story, outside: Outside) -> None:
    story.order(None)
    stranger, number = f"9{uuid.uuid4().int % 10**9}", f"S-{uuid.uuid4().hex[:8]}"
    data = {"order_id": number, "order_number": number, "member_id": stranger, "total": 1200}
    event = outside.cloudevent("OrderPlaced", story.now(), {**data, "placed_at": story.now().isoformat()})
    assert outside.cloudevents(event).status_code == 202
    judge(story)
    assert one_send(story, stranger, "order_thanks")["reason"] == "not_linked"


def test_a_fraction_of_a_yen_goes_to_quarantine(story: Story, crowd: Crowd, outside: Outside, aws: Aws) -> None:
    ((_, member_id),) = linked(story, crowd)
    number = f"F-{uuid.uuid4().hex[:8]}"
    data = {"order_id": number, "order_number": number, "member_id": member_id, "placed_at": story.now().isoformat()}
    event = outside.cloudevent("OrderPlaced", story.now(), {**data, "total": {"amount": "12.5", "currency": "JPY"}})
    assert outside.cloudevents(event).status_code == 202
    judge(story)
    (record,) = quarantined(aws, number)
    assert (record["source"], record["reason"].endswith("a fraction of a yen")) == ("shop-events", True)
    depth = {row["queue"]: row["visible"] + row["in_flight"] for row in story.musubi("dlq", "list")}
    assert depth["quarantine"] >= 1


def test_one_broken_cloudevent_does_not_take_its_batch_down(story: Story, crowd: Crowd, outside: Outside) -> None:
    ((_, member_id),) = linked(story, crowd)
    number = f"B-{uuid.uuid4().hex[:8]}"
    data = {"order_id": number, "order_number": number, "member_id": member_id, "placed_at": story.now().isoformat()}
    at = story.now()
    batch = [
        5,
        {"specversion": "1.0"},
        outside.cloudevent("PointsBalanceChanged", at, {"member_id": member_id, "balance": "many"}),
        outside.cloudevent("SomethingNew", at, {"x": 1}),
        outside.cloudevent("OrderPlaced", at, {**data, "total": 900}),
    ]
    answer = outside.cloudevents(batch)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 5)
    story.oracle.order(number, member_id, story.now())
    judge(story)


def test_imports_tests_and_till_receipts_are_silent(story: Story, crowd: Crowd) -> None:
    ((_, member_id),) = linked(story, crowd)
    story.shop("POST", "/_shop/orders", {"member_id": member_id, "is_test": True})
    story.shop("POST", "/_shop/members/announce", {"members": [member_id], "backfill": True})
    judge(story)
    assert sends(story, member_id, "order_thanks") == []


def test_two_megabytes_are_taken_and_more_than_five_refused(story: Story, crowd: Crowd, outside: Outside) -> None:
    ((_, member_id),) = linked(story, crowd)
    number = f"L-{uuid.uuid4().hex[:8]}"
    data = {"order_id": number, "order_number": number, "member_id": member_id, "placed_at": story.now().isoformat()}
    large = outside.cloudevent("OrderPlaced", story.now(), {**data, "total": 900, "note": "あ" * (2 * MEGABYTE // 3)})
    assert outside.cloudevents(large).status_code == 202
    assert outside.cloudevents({}, raw=b"[" + b" " * (5 * MEGABYTE) + b"]").status_code == 413
    assert outside.shopify("orders/create", b'{"note":"' + b"x" * (5 * MEGABYTE) + b'"}').status_code == 413
    story.oracle.order(number, member_id, story.now())
    judge(story)


def test_wrong_hands_and_wrong_doors(story: Story, outside: Outside) -> None:
    event = outside.cloudevent("MemberDeleted", story.now(), {"member_id": "1001"})
    assert outside.cloudevents(event, secret="wrong").status_code == 401
    assert outside.cloudevents(event, timestamp=1_700_000_000).status_code == 401
    assert outside.shopify("orders/create", b"{}", secret="wrong").status_code == 401
    assert httpx.post(outside.shop_path("shopify"), content=b"{}", timeout=20).status_code == 401
    assert httpx.post(outside.shop_path("faxes"), content=b"{}", timeout=20).status_code == 404
    elsewhere = outside.shop_path("shopify").replace("/shops/main/", "/shops/other/")
    assert httpx.post(elsewhere, content=b"{}", timeout=20).status_code == 404
