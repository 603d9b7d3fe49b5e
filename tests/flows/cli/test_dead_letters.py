"""dlq list and redrive: everything that was taken moves, nothing else is deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.flows.cli.conftest import AWS, Desk

Request = dict[str, Any]
Fault = Callable[[str, Request, Callable[[Request], Any]], Any]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Puts a fault between the command and SQS."""
    real = AWS._make_api_call

    def install(fault: Fault) -> None:
        def call(client: Any, operation: str, request: Request) -> Any:
            return fault(operation, request, lambda changed: real(client, operation, changed))

        monkeypatch.setattr(AWS, "_make_api_call", call)

    return install


def visible(desk: Desk) -> dict[str, int]:
    return {row["queue"]: row["visible"] for row in desk.ask("dlq", "list")}


def test_every_dead_letter_queue_is_counted(desk: Desk) -> None:
    desk.fill("push-dlq", "a", "b")
    desk.fill("quarantine", "broken")
    counts = visible(desk)
    assert set(counts) == {
        "line-events-dlq", "shop-events-dlq", "push-dlq", "alert-shards-dlq", "log-dlq", "imports-dlq", "write-back-dlq",
        "schedules-dlq", "bus-dlq", "facts-dlq", "quarantine",
    }  # fmt: skip
    assert {queue: n for queue, n in counts.items() if n} == {"push-dlq": 2, "quarantine": 1}


def test_the_list_as_text_never_shows_a_body(desk: Desk) -> None:
    desk.fill("quarantine", "a customer's name")
    shown = desk.run("dlq", "list").stdout
    assert "quarantine        1        0" in shown
    assert "customer" not in shown


@pytest.mark.parametrize(
    "queue", ["line-events", "shop-events", "push", "alert-shards", "log", "imports", "write-back"]
)
def test_redrive_moves_every_record_back(desk: Desk, queue: str) -> None:
    bodies = [f"record {i:02}" for i in range(23)]
    desk.fill(f"{queue}-dlq", *bodies)
    assert desk.ask("dlq", "redrive", queue) == {"queue": queue, "moved": 23, "refused": 0, "left_behind": 0}
    assert desk.bodies(queue) == bodies
    assert visible(desk)[f"{queue}-dlq"] == 0


def test_events_that_never_left_the_bus_go_to_the_shop_events(desk: Desk) -> None:
    desk.fill("bus-dlq", '{"detail-type":"OrderPaid"}')
    assert "1 records moved from bus" in desk.run("dlq", "redrive", "bus").stdout
    assert desk.bodies("shop-events") == ['{"detail-type":"OrderPaid"}']


def fact(name: str, **changed: Any) -> str:
    """A fact as EventBridge leaves it in a dead-letter queue."""
    detail = {"id": name, "shop_id": "main", "member_id": "1001", "occurred_at": "2026-11-24T01:35:00+00:00"}
    envelope = {"version": "0", "id": "e", "source": "musubi", "detail-type": "LinkMade", "detail": detail, **changed}
    return json.dumps(envelope)


@pytest.fixture
def told(desk: Desk) -> Callable[[], list[dict[str, Any]]]:
    """What the bus was handed, as a rule would pass it on."""
    events = boto3.client("events")
    events.create_event_bus(Name="musubi-test")
    heard = desk.sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = desk.sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventBusName="musubi-test", EventPattern=json.dumps({"source": ["musubi"]}))
    events.put_targets(Rule="all", EventBusName="musubi-test", Targets=[{"Id": "heard", "Arn": arn}])

    def read() -> list[dict[str, Any]]:
        found = desk.sqs.receive_message(QueueUrl=heard, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    return read


def test_facts_that_an_endpoint_did_not_take_go_back_to_the_bus(
    desk: Desk, told: Callable[[], list[dict[str, Any]]]
) -> None:
    desk.fill("facts-dlq", fact("a"), fact("b"))
    assert desk.ask("dlq", "redrive", "facts") == {"queue": "facts", "moved": 2, "refused": 0, "left_behind": 0}
    again = told()
    assert {(each["source"], each["detail-type"]) for each in again} == {("musubi", "LinkMade")}
    # The id by which receivers know a fact stays; the envelope's is the bus's own.
    assert sorted(each["detail"]["id"] for each in again) == ["a", "b"]
    assert visible(desk)["facts-dlq"] == 0


@pytest.mark.parametrize("body", ["not json", "[]", "1", "{}", fact("x", source="somebody")])
def test_what_is_no_fact_stays_where_it_is(desk: Desk, told: Callable[[], list[dict[str, Any]]], body: str) -> None:
    desk.fill("facts-dlq", body)
    done = desk.run("dlq", "redrive", "facts")
    assert done.exit_code == 1
    assert "1 were not taken and stay dead" in done.stderr
    assert told() == []


def test_a_fact_that_the_bus_refuses_stays_dead(
    desk: Desk, told: Callable[[], list[dict[str, Any]]], faulty: Callable[[Fault], None]
) -> None:
    desk.fill("facts-dlq", fact("a"))

    def refuse(operation: str, request: Request, call: Callable[[Request], Any]) -> Any:
        if operation != "PutEvents":
            return call(request)
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    faulty(refuse)
    assert desk.run("dlq", "redrive", "facts").exit_code == 1
    assert told() == []


def test_an_empty_queue_is_no_error(desk: Desk) -> None:
    assert desk.ask("dlq", "redrive", "push")["moved"] == 0


def test_a_limit_is_kept(desk: Desk) -> None:
    desk.fill("push-dlq", *(f"{i}" for i in range(15)))
    assert desk.ask("dlq", "redrive", "push", "--limit", "12")["moved"] == 12
    assert len(desk.bodies("push")) == 12
    assert len(desk.bodies("push-dlq")) == 3


def test_long_records_go_in_requests_that_sqs_takes(desk: Desk, faulty: Callable[[Fault], None]) -> None:
    sizes = []

    def measure(operation: str, request: Request, call: Callable[[Request], Any]) -> Any:
        if operation == "SendMessageBatch":
            sizes.append(sum(len(entry["MessageBody"].encode()) for entry in request["Entries"]))
        return call(request)

    desk.fill("shop-events-dlq", *(str(i) + "結" * 60_000 for i in range(4)))
    faulty(measure)
    assert desk.ask("dlq", "redrive", "shop-events")["moved"] == 4
    assert len(sizes) == 4
    assert max(sizes) <= 262_144


def test_what_the_queue_refuses_stays_dead(desk: Desk, faulty: Callable[[Fault], None]) -> None:
    desk.fill("push-dlq", "good 1", "bad", "good 2")

    def refuse_bad(operation: str, request: Request, call: Callable[[Request], Any]) -> Any:
        if operation != "SendMessageBatch":
            return call(request)
        good = [entry for entry in request["Entries"] if entry["MessageBody"] != "bad"]
        answer = call({**request, "Entries": good}) if good else {"Successful": []}
        return {**answer, "Failed": [{"Id": "x", "Code": "InternalError", "SenderFault": False}]}

    faulty(refuse_bad)
    done = desk.run("dlq", "redrive", "push", "--json")
    assert done.exit_code == 1
    assert '"moved": 2' in done.stdout
    assert "1 were not taken and stay dead" in done.stderr
    assert desk.bodies("push") == ["good 1", "good 2"]
    counts = desk.ask("dlq", "list")
    assert next(row for row in counts if row["queue"] == "push-dlq") == {
        "queue": "push-dlq",
        "visible": 0,
        "in_flight": 1,
    }


def test_a_queue_that_refuses_all_ends_the_redrive(desk: Desk, faulty: Callable[[Fault], None]) -> None:
    desk.fill("push-dlq", *(f"{i}" for i in range(12)))
    calls = []

    def refuse(operation: str, request: Request, call: Callable[[Request], Any]) -> Any:
        calls.append(operation)
        return {"Failed": [{"Id": "0"}]} if operation == "SendMessageBatch" else call(request)

    faulty(refuse)
    assert desk.run("dlq", "redrive", "push").exit_code == 1
    assert calls.count("SendMessageBatch") == 1
    assert "DeleteMessageBatch" not in calls


def test_records_that_could_not_be_deleted_are_told(desk: Desk, faulty: Callable[[Fault], None]) -> None:
    desk.fill("push-dlq", "a")

    def keep(operation: str, request: Request, call: Callable[[Request], Any]) -> Any:
        return {"Failed": [{"Id": "0"}]} if operation == "DeleteMessageBatch" else call(request)

    faulty(keep)
    done = desk.run("dlq", "redrive", "push")
    assert done.exit_code == 0
    assert "1 of them could not be deleted" in done.stderr


@pytest.mark.parametrize("queue", ["quarantine", "schedules", "push-dlq", "nothing"])
def test_there_is_no_way_back_for_other_queues(desk: Desk, queue: str) -> None:
    done = desk.run("dlq", "redrive", queue)
    assert done.exit_code == 2
    assert "one of line-events, shop-events, push, alert-shards, log, imports, write-back, bus, facts" in done.stderr


def test_a_limit_below_one_is_misuse(desk: Desk) -> None:
    assert desk.run("dlq", "redrive", "push", "--limit", "0").exit_code == 2
