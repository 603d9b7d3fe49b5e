"""The Store over DynamoDB. Which item lives where is in `keys`, what is in it in `codec`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from musubi.adapters.dynamo import codec, keys
from musubi.adapters.dynamo.commit import Committer
from musubi.adapters.dynamo.reads import Query, Reader
from musubi.domain.ledger import Send
from musubi.domain.operations import Due, Fact, Run, RunShard
from musubi.domain.people import ExpiringPoints, LinkEnded, Member, Nonce
from musubi.domain.person import PersonView, person_of
from musubi.domain.polling import Missed, Poll
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import Key, MemberKey
from musubi.domain.write_backs import ShopWrite
from musubi.domain.writes import CommitResult, Write
from musubi.ports import Loaded, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAGE = 200


class DynamoStore:
    """Implements `Store`. Each method names the actions and tables that it needs; nothing else is ever called."""

    ACTIONS: ClassVar[set[str]] = {
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
    }

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        people_table: str,
        work_table: str,
        page_size: int = _PAGE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        tables: dict[keys.Table, str] = {"people": people_table, "work": work_table}
        self._reader = Reader(client, tables, page_size, sleep)
        self._committer = Committer(client, tables, sleep)

    def load(self, keys: Iterable[Key[Any]]) -> Loaded:
        """BatchGetItem on the tables of `keys`: one request per 100 of them, strongly consistent."""
        return Loaded(self._reader.load(keys))

    def commit(self, writes: Sequence[Write]) -> CommitResult:
        """PutItem (Create, Replace, Put), DeleteItem (Remove, Drop) on their tables."""
        return self._committer.commit(writes)

    def due_before(self, shard: int, until: datetime, limit: int) -> Sequence[Due]:
        """Query on work, strongly consistent: an item written a moment ago must not be missed by the tick."""
        return self._reader.first(
            Query(
                table="work",
                pk=keys.due_pk(shard),
                sk_condition="sk < :sk",
                sk=keys.instant(until) + keys.AFTER_HASH,
            ),
            Due,
            limit,
        )

    def birthdays(self, month: int, day: int, shard: int, cursor: str | None) -> Page[MemberKey]:
        """Query on people/index/dates."""
        query = Query(
            table="people",
            index=keys.DATES_INDEX,
            pk_name="dpk",
            pk=keys.birthday_dpk(month, day, shard),
        )
        members, last = self._reader.page(query, Member, cursor)
        return Page(tuple(member.key for member in members), last)

    def points_expiring(self, on: date, shard: int, cursor: str | None) -> Page[MemberKey]:
        """Query on people/index/dates."""
        query = Query(table="people", index=keys.DATES_INDEX, pk_name="dpk", pk=keys.expiry_dpk(on, shard))
        rows, last = self._reader.page(query, ExpiringPoints, cursor)
        return Page(tuple(MemberKey(row.shop_id, row.member_id) for row in rows), last)

    def open_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        """Query on work/index/open."""
        return self._reader.first(_open(keys.open_sends_opk(shard), look_before), Send, limit)

    def parked_sends(self, shard: int, look_before: datetime, limit: int) -> Sequence[Send]:
        """Query on work/index/open; oldest first."""
        return self._reader.first(_open(keys.parked_sends_opk(shard), look_before), Send, limit)

    def unknown_sends(self, limit: int) -> Sequence[Send]:
        """Query on work/index/open; oldest first."""
        return self._reader.first(_open(keys.UNKNOWN), Send, limit)

    def troubled_writes(self, limit: int) -> Sequence[ShopWrite]:
        """Query on work/index/open; oldest first."""
        return self._reader.first(_open(keys.TROUBLED_WRITES), ShopWrite, limit)

    def open_facts(self, shard: int, look_before: datetime, limit: int) -> Sequence[Fact]:
        """Query on work/index/open."""
        return self._reader.first(_open(keys.open_facts_opk(shard), look_before), Fact, limit)

    def overdue_nonces(self, shard: int, now: datetime, limit: int) -> Sequence[Nonce]:
        """Query on work/index/open."""
        return self._reader.first(_open(keys.nonces_opk(shard), now), Nonce, limit)

    def latest_runs(self, schedule: str, limit: int) -> Sequence[Run]:
        """Query on work."""
        return self._reader.first(Query(table="work", pk=keys.run_pk(schedule), forward=False), Run, limit)

    def run_shards(self, schedule: str, on: date) -> Sequence[RunShard]:
        """Query on work; by shard."""
        return self._reader.all(Query(table="work", pk=keys.run_shards_pk(schedule, on)), RunShard)

    def history_of(self, person: str, limit: int) -> tuple[Sequence[Send], Sequence[Enrolment]]:
        """Query on work/index/person, twice."""
        sends = self._reader.first(_history(person, keys.SENDS), Send, limit)
        return sends, self._reader.first(_history(person, keys.ENROLMENTS), Enrolment, limit)

    def ended_links(self, user_id: str) -> Sequence[LinkEnded]:
        """Query on people; oldest first."""
        query = Query(
            table="people",
            pk=keys.friend_pk(user_id),
            sk_condition="begins_with(sk, :sk)",
            sk=keys.ENDED_LINKS,
        )
        return self._reader.all(query, LinkEnded)

    def person(self, member: MemberKey) -> PersonView:
        """Query on people; a page holds up to 1 MB, which is some thousand products."""
        query = Query(table="people", pk=keys.member_pk(member.shop_id, member.member_id))
        return person_of(row for row in self._reader.every(query, codec.of_member) if row is not None)

    def polls_of(self, shop_id: str, platform: str) -> Sequence[Poll]:
        """Query on work; by kind of thing."""
        return self._reader.all(_of_shop(shop_id, platform, keys.POLLS), Poll)

    def latest_missed(self, shop_id: str, platform: str, limit: int) -> Sequence[Missed]:
        """Query on work; newest first."""
        return self._reader.first(_of_shop(shop_id, platform, keys.MISSED, forward=False), Missed, limit)


def _open(opk: str, until: datetime | None = None) -> Query:
    if until is None:
        return Query(table="work", index=keys.OPEN_INDEX, pk_name="opk", pk=opk)
    return Query(
        table="work",
        index=keys.OPEN_INDEX,
        pk_name="opk",
        pk=opk,
        sk_condition="osk <= :sk",
        sk=keys.instant(until),
    )


def _history(person: str, prefix: str) -> Query:
    return Query(
        table="work",
        index=keys.PERSON_INDEX,
        pk_name="ppk",
        pk=keys.person_ppk(person),
        sk_condition="begins_with(psk, :sk)",
        sk=prefix,
        forward=False,
    )


def _of_shop(shop_id: str, platform: str, prefix: str, *, forward: bool = True) -> Query:
    return Query(
        table="work",
        pk=keys.poll_pk(shop_id, platform),
        sk_condition="begins_with(sk, :sk)",
        sk=prefix,
        forward=forward,
    )
