"""What only the DynamoDB adapter meets: lost answers, throttles, busy rows, and which requests it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError

from musubi.adapters.dynamo.store import DynamoStore
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.writes import Committed, Conflict, Create, Drop, Put, Remove, Replace, Write
from tests.stores.conftest import dynamo_store
from tests.stores.samples import (
    DUE,
    ENROLMENT,
    FRIEND,
    LEASE,
    NOW,
    SEEN,
    SEND,
    USER,
)


def second(entity: Any, **changes: Any) -> Any:
    return replace(entity, version=2, **changes)


# Lost answers and throttles: a client around the client


class Wrapped:
    """The client, with one method replaced; records which methods were called."""

    def __init__(self, client: Any, **replaced: Callable[..., Any]) -> None:
        self._client = client
        self._replaced = replaced
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            return self._replaced.get(name, getattr(self._client, name))(**request)

        return call


def lose_answers(client: Any, count: int) -> None:
    """The next `count` answers are lost on the wire after DynamoDB did its work: botocore itself tries again."""
    left = [count]

    def lose(response: tuple[AWSResponse, Any] | None, **_: Any) -> None:
        if left[0] > 0 and response is not None:
            left[0] -= 1
            response[0].status_code = 500
            response[1].clear()
            response[1].update({"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}})

    client.meta.events.register_first("needs-retry.dynamodb", lose)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


PAIRS: list[tuple[list[Write], list[Write]]] = [
    ([], [Create(SEND)]),
    ([Create(SEND)], [Replace(second(SEND, owner="o2"))]),
    ([Create(DUE)], [Remove(DUE)]),
    ([], [Put(LEASE)]),
    ([Create(LEASE)], [Drop(LEASE.key)]),
    ([], [Create(SEND), Create(DUE)]),
    ([Create(ENROLMENT), Create(DUE)], [Replace(second(ENROLMENT)), Remove(DUE), Create(SEND), Put(LEASE)]),
]


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(("before", "writes"), PAIRS, ids=lambda ws: "+".join(type(w).__name__ for w in ws))
def test_botocores_own_retry_does_not_lose_against_its_own_write(
    dynamodb: Any, before: list[Write], writes: list[Write]
) -> None:
    store = dynamo_store(dynamodb)
    store.commit(before)
    lose_answers(dynamodb, 1)
    assert store.commit(writes) == Committed()


@pytest.mark.usefixtures("no_backoff")
def test_a_lost_answer_is_no_licence_to_take_somebody_elses_row(dynamodb: Any) -> None:
    store = dynamo_store(dynamodb)
    store.commit([Create(SEND)])
    store.commit([Replace(second(SEND, owner="somebody"))])
    lose_answers(dynamodb, 1)
    assert store.commit([Replace(second(SEND, owner="me"))]) == Conflict((SEND.key,))
    lose_answers(dynamodb, 1)
    assert store.commit([Replace(second(SEND, owner="me")), Put(LEASE)]) == Conflict((SEND.key,))


def timeout(**_: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="http://nowhere")


def test_when_every_answer_is_lost_the_next_delivery_finds_its_own_work(dynamodb: Any) -> None:
    def perform_then_break(method: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            getattr(dynamodb, method)(**request)
            timeout()

        return call

    lossy: Any = Wrapped(
        dynamodb,
        put_item=perform_then_break("put_item"),
        transact_write_items=perform_then_break("transact_write_items"),
    )
    for writes in ([Create(SEND)], [Create(ENROLMENT), Create(DUE)]):
        with pytest.raises(Retryable, match="ReadTimeoutError"):
            dynamo_store(lossy).commit(writes)
        assert dynamo_store(dynamodb).commit(writes) == Committed()


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, "TransactWriteItems")


def raising(*errors: Exception, then: Callable[..., Any]) -> Callable[..., Any]:
    queue: Iterator[Exception] = iter(errors)

    def call(**request: Any) -> Any:
        for error in queue:
            raise error
        return then(**request)

    return call


def test_a_transaction_in_somebodys_way_is_tried_again_and_then_handed_back(dynamodb: Any) -> None:
    busy = cancelled("None", "TransactionConflict")
    writes = [Create(SEND), Create(DUE)]
    twice = raising(busy, busy, then=dynamodb.transact_write_items)
    assert dynamo_store(Wrapped(dynamodb, transact_write_items=twice)).commit(writes) == Committed()
    always = raising(busy, busy, busy, then=dynamodb.transact_write_items)
    with pytest.raises(Retryable, match="TransactionConflict"):
        dynamo_store(Wrapped(dynamodb, transact_write_items=always)).commit(writes)


def test_a_failed_condition_weighs_more_than_a_passing_reason(dynamodb: Any) -> None:
    mixed = raising(cancelled("ConditionalCheckFailed", "TransactionConflict"), then=dynamodb.transact_write_items)
    result = dynamo_store(Wrapped(dynamodb, transact_write_items=mixed)).commit([Create(SEND), Create(DUE)])
    assert result == Conflict((SEND.key,))


def aws_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Any")


@pytest.mark.parametrize(
    "error",
    [aws_error("ProvisionedThroughputExceededException", 400), aws_error("InternalServerError", 500)],
    ids=["throttle", "500"],
)
def test_what_passes_by_itself_is_retryable_everywhere(dynamodb: Any, error: ClientError) -> None:
    def fail(**_: Any) -> Any:
        raise error

    names_ = ("batch_get_item", "query", "put_item", "delete_item", "transact_write_items")
    store = dynamo_store(Wrapped(dynamodb, **dict.fromkeys(names_, fail)))
    calls: list[Callable[[], Any]] = [
        lambda: store.load([SEND.key]),
        lambda: store.parked_sends(0, NOW, 1),
        lambda: store.birthdays(1, 1, 1, None),
        lambda: store.commit([Create(SEND)]),
        lambda: store.commit([Drop(SEND.key)]),
        lambda: store.commit([Create(SEND), Create(DUE)]),
    ]
    for call in calls:
        with pytest.raises(Retryable):
            call()


def test_a_wrong_deployment_is_not_retried_away(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, people_table="no-such", work_table="table")
    with pytest.raises(ClientError):
        store.load([SEND.key])
    with pytest.raises(ClientError):
        store.commit([Create(SEND)])


def test_an_item_that_is_too_large_can_never_succeed(dynamodb: Any) -> None:
    huge = replace(SEEN, raw="x" * 410_000)
    store = dynamo_store(dynamodb)
    for writes in ([Create(huge)], [Create(huge), Create(SEND)]):
        with pytest.raises(Permanent, match="larger"):
            store.commit(writes)
    assert store.load([SEND.key]).get(SEND.key) is None


def test_unprocessed_keys_are_asked_for_again(dynamodb: Any) -> None:
    rows = [replace(LEASE, shard=n) for n in range(5)]
    dynamo_store(dynamodb).commit([Create(row) for row in rows])

    def one_at_a_time(RequestItems: dict[str, Any]) -> Any:
        ((table, request),) = RequestItems.items()
        answer = dynamodb.batch_get_item(RequestItems={table: request | {"Keys": request["Keys"][:1]}})
        rest = request["Keys"][1:]
        return answer | {"UnprocessedKeys": {table: request | {"Keys": rest}} if rest else {}}

    client = Wrapped(dynamodb, batch_get_item=one_at_a_time)
    loaded = dynamo_store(client).load([row.key for row in rows])
    assert [loaded.get(row.key) for row in rows] == rows
    assert len(client.calls) == 5

    def never(RequestItems: dict[str, Any]) -> Any:
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    with pytest.raises(Retryable, match="UnprocessedKeys"):
        dynamo_store(Wrapped(dynamodb, batch_get_item=never)).load([SEND.key])


def test_only_the_granted_requests_are_made(dynamodb: Any) -> None:
    client = Wrapped(dynamodb)
    store = dynamo_store(client)
    store.commit([Create(SEND)])
    store.commit([Create(DUE), Create(LEASE)])
    store.commit([Drop(LEASE.key)])
    store.load([SEND.key, FRIEND.key])
    store.due_before(7, NOW, 9)
    store.birthdays(12, 24, 7, None)
    store.points_expiring(date(2026, 12, 31), 7, None)
    store.open_sends(7, NOW, 9)
    store.parked_sends(0, NOW, 9)
    store.unknown_sends(9)
    store.open_facts(7, NOW, 9)
    store.overdue_nonces(7, NOW, 9)
    store.latest_runs("daily", 9)
    store.run_shards("daily", date(2026, 12, 24))
    store.history_of("m:main/1001", 9)
    store.ended_links(USER)
    store.polls_of("main", "woocommerce")
    store.latest_missed("main", "woocommerce", 9)
    made = set(client.calls)
    assert made == {"batch_get_item", "query", "put_item", "delete_item", "transact_write_items"}
    assert {
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
    } == DynamoStore.ACTIONS


def test_reads_by_key_and_of_due_items_are_strongly_consistent(dynamodb: Any) -> None:
    asked: list[dict[str, Any]] = []

    def note(method: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            asked.append(request)
            return getattr(dynamodb, method)(**request)

        return call

    store = dynamo_store(Wrapped(dynamodb, query=note("query"), batch_get_item=note("batch_get_item")))
    store.load([SEND.key, FRIEND.key])
    assert all(one["ConsistentRead"] for one in asked[0]["RequestItems"].values())
    store.due_before(7, NOW, 9)
    assert asked[1]["ConsistentRead"] is True
