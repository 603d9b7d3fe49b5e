"""Facts from the product: deduplicated, ordered, shown; the shop's own queue and rule on the bus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.shop.bus import Bus
from local.shop.facts import FactBook
from local.shop.till import ShopError
from tests.unit.shop_sim.conftest import CONFIG

USER = "U" + "a" * 32


def _message(kind: str, fact_id: str, at: str, user: str = USER, member: str = "1001") -> str:
    detail = {"id": fact_id, "shop_id": "main", "member_id": member, "user_id": user, "occurred_at": at}
    return json.dumps({"source": "musubi", "detail-type": kind, "detail": detail})


def test_a_fact_that_comes_twice_counts_once() -> None:
    book = FactBook()
    made = _message("LinkMade", "f1", "2026-11-24T10:00:00+09:00")
    assert [book.take(made), book.take(made)] == [True, False]
    assert (len(book.facts), book.duplicates) == (1, 1)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_latest_occurrence_wins_in_any_order(reverse: bool) -> None:
    book = FactBook()
    story = [
        _message("LinkMade", "f1", "2026-11-24T10:00:00+09:00"),
        _message("LinkEnded", "f2", "2026-11-24T01:30:00.000001+00:00"),
        _message("LinkMade", "f3", "2026-11-24T11:00:00+09:00", user="U" + "b" * 32),
    ]
    for body in reversed(story) if reverse else story:
        book.take(body)
    link = book.active_link("1001")
    assert link is not None
    assert link.user_id == "U" + "b" * 32
    assert book.as_dict()["linked"] == {"1001": "U" + "b" * 32}
    assert book.active_link("1002") is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"detail-type":"LinkMade","detail":{"id":"x"}}', "null"])
def test_an_unreadable_message_is_noted_not_lost(body: str) -> None:
    book = FactBook()
    assert book.take(body) is False
    assert len(book.unreadable) == 1


def test_my_page_and_control_show_the_link(stage: Any) -> None:
    book = stage.shop.app.state.shop.facts
    book.take(_message("LinkMade", "f1", "2026-11-24T10:00:00+09:00"))
    stage.shop.post("/login", data={"member_id": "1001", "password": "musubi-demo"})
    assert "連携済み" in stage.shop.get("/mypage").text
    assert "2026/11/24 10:00" in stage.shop.get("/mypage").text
    assert stage.look("/members/1001")["linked_to"] == USER
    assert [fact["id"] for fact in stage.look("/facts?count=1&timeout_s=1")["facts"]] == ["f1"]
    book.take(_message("LinkEnded", "f2", "2026-11-24T12:00:00+09:00"))
    assert "未連携" in stage.shop.get("/mypage").text


@pytest.fixture
def bus() -> Iterator[Bus]:
    with mock_aws():
        found = Bus(replace(CONFIG, aws_url=""))
        # moto answers at AWS's own addresses; an endpoint of "" would be refused by botocore.
        for service in ("sqs", "events"):
            found._clients[service] = boto3.client(service, region_name=CONFIG.region)
        yield found


def test_link_facts_reach_the_shops_queue_and_nothing_else_does(bus: Bus) -> None:
    events = boto3.client("events", region_name=CONFIG.region)
    events.create_event_bus(Name=CONFIG.bus_name)
    assert bus.build() == bus.build(), "building twice changes nothing"
    for source, kind in (("musubi", "LinkMade"), ("musubi", "SendSkipped"), ("shop.musubi-shoten", "LinkMade")):
        detail = json.loads(_message(kind, f"{source}-{kind}", "2026-11-24T10:00:00+09:00"))["detail"]
        bus.put({"EventBusName": CONFIG.bus_name, "Source": source, "DetailType": kind, "Detail": json.dumps(detail)})
    book = FactBook()
    for receipt, body in bus.receive(wait_s=0):
        assert book.take(body)
        bus.done(receipt)
    assert list(book.facts) == ["musubi-LinkMade"]
    assert bus.receive(wait_s=0) == []


def test_only_the_rule_may_write_to_the_queue(bus: Bus) -> None:
    boto3.client("events", region_name=CONFIG.region).create_event_bus(Name=CONFIG.bus_name)
    url = bus.build()
    sqs = boto3.client("sqs", region_name=CONFIG.region)
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(":rule/musubi-local/shop-facts")


def test_a_failed_entry_inside_an_answer_200_is_an_error(bus: Bus) -> None:
    class Refusing:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    bus._clients["events"] = Refusing()
    with pytest.raises(ShopError, match="ThrottlingException"):
        bus.put({})
