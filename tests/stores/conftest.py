"""The stores under test: the memory twin, and DynamoDB's adapter over tables in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from musubi.adapters import aws
from musubi.adapters.dynamo.store import DynamoStore
from musubi.adapters.memory.store import MemoryStore
from musubi.ports import Store
from tests.support import tables

PAGE = 3
"""Rows per page: small, so that every query that could page does."""


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client with both tables made."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = aws.client("dynamodb")
        tables.create_tables(client)
        yield client


def dynamo_store(client: Any) -> DynamoStore:
    return DynamoStore(client, people_table=tables.PEOPLE, work_table=tables.WORK, page_size=PAGE, sleep=lambda _: None)


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore(page_size=PAGE)
    return dynamo_store(request.getfixturevalue("dynamodb"))
