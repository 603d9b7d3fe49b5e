"""Reads: many keys at once, and queries that page until they have what was asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from musubi.adapters.aws import jittered, retryable
from musubi.adapters.dynamo import codec, keys
from musubi.domain.errors import Retryable
from musubi.domain.store_keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

BATCH = 100
"""Keys per BatchGetItem."""
_TRIES = 6
_FIRST_PAUSE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Query:
    """One access pattern: items under one partition key, with an optional range (`sk_condition` uses `:sk`)."""

    table: keys.Table
    pk: str
    index: str | None = None
    pk_name: str = "pk"
    sk_condition: str | None = None
    sk: str | None = None
    forward: bool = True

    def request(self, table_name: str, limit: int) -> dict[str, Any]:
        """The parameters of the first page; indexes can only be read eventually consistently."""
        condition = "#pk = :pk" + (f" AND {self.sk_condition}" if self.sk_condition else "")
        values = {":pk": {"S": self.pk}} | ({":sk": {"S": self.sk}} if self.sk is not None else {})
        target = {"IndexName": self.index} if self.index else {"ConsistentRead": True}
        return target | {
            "TableName": table_name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {"#pk": self.pk_name},
            "ExpressionAttributeValues": values,
            "ScanIndexForward": self.forward,
            "Limit": limit,
        }


class Reader:
    """All requests that only read."""

    def __init__(
        self,
        client: DynamoDBClient,
        tables: Mapping[keys.Table, str],
        page_size: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._tables = tables
        self._page_size = page_size
        self._sleep = sleep

    def load(self, wanted: Iterable[Key[Any]]) -> dict[Key[Any], Any]:
        """dynamodb:BatchGetItem. Every key of `wanted`, with None where nothing is stored."""
        found: dict[Key[Any], Any] = dict.fromkeys(wanted)
        by_place = {keys.place(key): key for key in found}
        places = list(by_place)
        for start in range(0, len(places), BATCH):
            for place, item in self._batch(places[start : start + BATCH]):
                key = by_place[place]
                found[key] = codec.decode(codec.entity_of(key), item)
        return found

    def raw(self, places: Sequence[keys.Place]) -> list[tuple[keys.Place, dict[str, Any]]]:
        """dynamodb:BatchGetItem. The items at `places` that are there, as they are stored; at most BATCH of them."""
        return list(self._batch(list(places)))

    def _batch(self, places: list[keys.Place]) -> Iterable[tuple[keys.Place, dict[str, Any]]]:
        tables = {name: table for table, name in self._tables.items()}
        pending = self._request(places)
        for attempt in range(_TRIES):
            with retryable("load"):
                answer = self._client.batch_get_item(RequestItems=pending)
            for name, items in answer["Responses"].items():
                for item in items:
                    yield keys.Place(tables[name], item["pk"]["S"], item["sk"]["S"]), item
            pending = answer.get("UnprocessedKeys") or {}
            if not pending:
                return
            # A throttled partition or more than 16 MB: BatchGetItem answers 200 and leaves the rest to us.
            self._sleep(jittered(_FIRST_PAUSE_S * 2**attempt))
        raise Retryable("load: UnprocessedKeys")

    def _request(self, places: list[keys.Place]) -> dict[str, Any]:
        request: dict[str, Any] = {}
        for place in places:
            of_table = request.setdefault(self._tables[place.table], {"Keys": [], "ConsistentRead": True})
            of_table["Keys"].append({"pk": {"S": place.pk}, "sk": {"S": place.sk}})
        return request

    def first(self, query: Query, kind: type[T], limit: int) -> list[T]:
        """dynamodb:Query. The first `limit` of `query`, over as many pages as that takes."""
        rows: list[T] = []
        start: dict[str, Any] | None = None
        while len(rows) < limit:
            items, start = self._page(query, min(self._page_size, limit - len(rows)), start)
            rows += [codec.decode(kind, item) for item in items]
            if start is None:
                break
        return rows

    def all(self, query: Query, kind: type[T]) -> list[T]:
        """dynamodb:Query. Everything under `query`; only for partitions that are small by nature."""
        return self.every(query, lambda item: codec.decode(kind, item))

    def every(self, query: Query, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """dynamodb:Query. The same for rows of several kinds."""
        rows: list[T] = []
        start: dict[str, Any] | None = None
        while True:
            items, start = self._page(query, self._page_size, start)
            rows += [read(item) for item in items]
            if start is None:
                return rows

    def page(self, query: Query, kind: type[T], cursor: str | None) -> tuple[list[T], str | None]:
        """dynamodb:Query. One page after `cursor`, and the cursor behind it."""
        items, last = self._page(query, self._page_size, json.loads(cursor) if cursor else None)
        return [codec.decode(kind, item) for item in items], json.dumps(last) if last else None

    def items(self, query: Query, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """dynamodb:Query. One page after `cursor` as it is stored, for partitions that hold more than one kind."""
        items, last = self._page(query, self._page_size, json.loads(cursor) if cursor else None)
        return items, json.dumps(last) if last else None

    def _page(
        self, query: Query, limit: int, start: dict[str, Any] | None
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        request = query.request(self._tables[query.table], limit)
        if start is not None:
            request["ExclusiveStartKey"] = start
        with retryable("query"):
            answer = self._client.query(**request)
        return list(answer["Items"]), answer.get("LastEvaluatedKey")
