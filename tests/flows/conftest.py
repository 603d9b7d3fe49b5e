"""Worlds over DynamoDB in this process (moto)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar

import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from musubi.adapters import aws
from musubi.adapters.dynamo import codec
from musubi.adapters.dynamo.person_rows import DynamoPersonRows
from musubi.adapters.dynamo.store import DynamoStore
from musubi.domain.ledger import Send
from musubi.domain.operations import Due, Fact, Run, RunShard
from musubi.domain.people import Link, Nonce
from musubi.domain.scenario import Enrolment
from tests.support import tables
from tests.support.flows_faults import Points
from tests.support.flows_world import World

T = TypeVar("T")

_PLACES: dict[type[Any], tuple[str, str, str]] = {
    Send: (tables.WORK, "S#", "SEND"),
    Enrolment: (tables.WORK, "E#", "ENROLMENT"),
    Due: (tables.WORK, "DUE#", ""),
    Fact: (tables.WORK, "FACT#", "FACT"),
    Run: (tables.WORK, "RUN#", "2"),
    RunShard: (tables.WORK, "RUN#", "SHARD#"),
    Nonce: (tables.WORK, "N#", "NONCE"),
    Link: (tables.PEOPLE, "", "LINK"),
}
"""Kind → table, beginning of `pk`, beginning of `sk`: where a test looks without the adapter's help."""


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield aws.client("dynamodb")


_numbers = count()


@pytest.fixture
def dynamo_world(dynamodb: Any) -> Callable[[Points], World]:
    """A world on empty tables of its own."""
    backend: Any = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][dynamodb.meta.region_name]

    def make(points: Points) -> World:
        names = {table: f"{table}-{next(_numbers)}" for table in (tables.PEOPLE, tables.WORK)}
        for table, name in names.items():
            dynamodb.create_table(**{**tables.schema(table), "TableName": name})

        def peek(kind: type[T]) -> list[T]:
            table, pk, sk = _PLACES[kind]
            # Straight from moto's tables: a Scan through its serialiser takes longer than the story.
            items = [row.to_json()["Attributes"] for row in backend.tables[names[table]].all_items()]
            found = [item for item in items if item["pk"]["S"].startswith(pk) and item["sk"]["S"].startswith(sk)]
            return [codec.decode(kind, item) for item in found if "LINKED#" not in item["sk"]["S"]]

        store = DynamoStore(
            dynamodb, people_table=names[tables.PEOPLE], work_table=names[tables.WORK], sleep=lambda _: None
        )
        rows = DynamoPersonRows(dynamodb, people_table=names[tables.PEOPLE], work_table=names[tables.WORK], page_size=3)
        return World(store=store, rows=rows, peek=peek, points=points, all_shards=False)

    return make
