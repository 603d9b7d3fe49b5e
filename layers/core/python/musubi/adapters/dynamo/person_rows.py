"""Reads that only erasing and exporting may make: all rows of one person, and the Scan over a shop that is given up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from musubi.adapters.aws import retryable
from musubi.adapters.dynamo import codec, keys
from musubi.adapters.dynamo.reads import Query, Reader
from musubi.domain.ledger import Send
from musubi.domain.people import LinkEnded
from musubi.domain.privacy import PrivacyRequest
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import EnrolmentKey, MemberKey, PeopleRowKey, SendKey, ShopWriteKey
from musubi.domain.write_backs import ShopWrite
from musubi.ports import Page, Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAGE = 100
_SCANNED = 500
"""Items that one page of the Scan looks at: a fraction of a second, so that a run can stop cleanly."""


class DynamoPersonRows:
    """Implements `PersonRows`."""

    ACTIONS: ClassVar[set[str]] = {"dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan"}

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        people_table: str,
        work_table: str,
        page_size: int = _PAGE,
        scanned: int = _SCANNED,
    ) -> None:
        self._client = client
        self._people = people_table
        self._scanned = scanned
        self._reader = Reader(client, {"people": people_table, "work": work_table}, page_size)

    def of_member(self, shop_id: str, member_id: str, cursor: str | None) -> Page[Row]:
        """Query on people."""
        return self._rows(keys.member_pk(shop_id, member_id), cursor)

    def of_friend(self, user_id: str, cursor: str | None) -> Page[Row]:
        """Query on people."""
        return self._rows(keys.friend_pk(user_id), cursor)

    def owned_by(self, shop_id: str, member_id: str, cursor: str | None) -> Page[PeopleRowKey]:
        """Query on people/index/member."""
        mpk = keys.member_mpk(shop_id, member_id)
        items, last = self._reader.items(Query(table="people", index=keys.MEMBER_INDEX, pk_name="mpk", pk=mpk), cursor)
        return Page(tuple(_key(item) for item in items), last)

    def fetch(self, keys_: Sequence[PeopleRowKey]) -> Sequence[Row]:
        """BatchGetItem on people."""
        return [_row(item) for _, item in self._reader.raw([keys.place(key) for key in keys_])]

    def links_of_member(self, shop_id: str, member_id: str) -> Sequence[LinkEnded]:
        """Query on people; oldest first."""
        query = Query(
            table="people",
            pk=keys.member_pk(shop_id, member_id),
            sk_condition="begins_with(sk, :sk)",
            sk=keys.ENDED_LINKS,
        )
        return self._reader.all(query, LinkEnded)

    def marks_of(self, person: str, cursor: str | None) -> Page[SendKey | EnrolmentKey | ShopWriteKey]:
        """Query on work/index/person."""
        query = Query(table="work", index=keys.PERSON_INDEX, pk_name="ppk", pk=keys.person_ppk(person))
        items, last = self._reader.items(query, cursor)
        return Page(tuple(_mark(item) for item in items), last)

    def of_shop(self, shop_id: str, cursor: str | None) -> Page[MemberKey | PeopleRowKey]:
        """Scan on people, one page of it. Every row says itself whose it is."""
        request: dict[str, Any] = {
            "TableName": self._people,
            "Limit": self._scanned,
            "ConsistentRead": True,
            "ProjectionExpression": "pk, sk, member_id",
            "FilterExpression": "shop_id = :shop",
            "ExpressionAttributeValues": {":shop": {"S": shop_id}},
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = json.loads(cursor)
        with retryable("scan"):
            answer = self._client.scan(**request)
        last = answer.get("LastEvaluatedKey")
        found = dict.fromkeys(_owner(shop_id, item) for item in answer["Items"])
        return Page(tuple(found), json.dumps(last) if last else None)

    def requests(self, shelf: str, until: datetime | None, limit: int) -> Sequence[PrivacyRequest]:
        """Query on work/index/open."""
        query = Query(table="work", index=keys.OPEN_INDEX, pk_name="opk", pk=keys.privacy_opk(shelf))
        if until is not None:
            query = replace(query, sk_condition="osk <= :sk", sk=keys.instant(until))
        return self._reader.first(query, PrivacyRequest, limit)

    def _rows(self, pk: str, cursor: str | None) -> Page[Row]:
        items, last = self._reader.items(Query(table="people", pk=pk), cursor)
        return Page(tuple(_row(item) for item in items if item["sk"]["S"] not in keys.STAYING), last)


def _row(item: Mapping[str, Any]) -> Row:
    return Row(_key(item), codec.plain_fields(item))


def _key(item: Mapping[str, Any]) -> PeopleRowKey:
    return PeopleRowKey(item["pk"]["S"], item["sk"]["S"])


def _owner(shop_id: str, item: Mapping[str, Any]) -> MemberKey | PeopleRowKey:
    return MemberKey(shop_id, item["member_id"]["S"]) if "member_id" in item else _key(item)


def _mark(item: Mapping[str, Any]) -> SendKey | EnrolmentKey | ShopWriteKey:
    psk = item["psk"]["S"]
    if psk.startswith(keys.SENDS):
        return codec.decode(Send, item).key
    if psk.startswith(keys.WRITES):
        return codec.decode(ShopWrite, item).key
    return codec.decode(Enrolment, item).key
