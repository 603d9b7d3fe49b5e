"""Entities ⇄ DynamoDB items: fields by pydantic in JSON mode, plus keys, index attributes and `ttl`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter, ValidationError

from musubi.adapters import rules
from musubi.adapters.dynamo import keys
from musubi.contracts.jobs import fields_of
from musubi.domain import store_keys as names
from musubi.domain.events import DELTAS
from musubi.domain.ids import shard_of
from musubi.domain.ledger import SETTLED, Send
from musubi.domain.operations import Circuit, Control, Due, Fact, FactState, Run, RunShard, RunState, Seen, ShardLease
from musubi.domain.orders import Order
from musubi.domain.people import ExpiringPoints, Friend, Link, LinkEnded, Member, Nonce
from musubi.domain.polling import Heard, Missed, Poll
from musubi.domain.scenario import Enrolment, EnrolmentState
from musubi.domain.writes import Entity

T = TypeVar("T")

Item = dict[str, Any]
"""An item as the low-level client takes and gives it: attribute name → typed value."""

LONG = timedelta(days=400)
"""Longer than a year: the row that keeps a birthday's message from going out twice must outlive the next planning."""
SHORT = timedelta(days=30)
AFTER_NONCE = timedelta(days=1)

_ENTITIES: dict[type[names.Key[Any]], type[Any]] = {
    names.FriendKey: Friend,
    names.LinkOfFriendKey: Link,
    names.LinkOfMemberKey: Link,
    names.LinkEndedKey: LinkEnded,
    names.MemberKey: Member,
    names.ExpiringPointsKey: ExpiringPoints,
    names.OrderKey: Order,
    names.NonceKey: Nonce,
    names.EnrolmentKey: Enrolment,
    names.SendKey: Send,
    names.DueKey: Due,
    names.SeenKey: Seen,
    names.FactKey: Fact,
    names.RunKey: Run,
    names.RunShardKey: RunShard,
    names.ShardLeaseKey: ShardLease,
    names.ControlKey: Control,
    names.CircuitKey: Circuit,
    names.PollKey: Poll,
    names.HeardKey: Heard,
    names.MissedKey: Missed,
}

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(entity: Entity) -> Item:
    """The whole item of `entity`; equal entities give equal items."""
    fields = _adapter(type(entity)).dump_python(entity, mode="json", exclude_none=True)
    attributes = {**fields, **_index(entity), **_primary(entity.key)}
    ends = ttl(entity)
    if ends is not None:
        attributes["ttl"] = ends
    return {name: _serialize(value) for name, value in attributes.items()}


def decode(kind: type[T], item: Mapping[str, Any]) -> T:
    """The entity in `item`; keys and index attributes are left aside. ValueError naming the fields that do not fit."""
    try:
        entity: T = _adapter(cast(Any, kind)).validate_python({n: _deserialize(value) for n, value in item.items()})
    except ValidationError as error:
        # Its own words quote the values. They are people's, and what is raised here ends in a log.
        raise ValueError(f"stored {kind.__name__}: {fields_of(error)}") from None
    return entity


def entity_of(key: names.Key[T]) -> type[T]:
    """The class of what is stored under `key`."""
    kind: type[T] = _ENTITIES[type(key)]
    return kind


def primary(key: names.Key[Any]) -> Item:
    """`pk` and `sk` of `key` as the client takes them."""
    return {name: _serialize(value) for name, value in _primary(key).items()}


def _primary(key: names.Key[Any]) -> dict[str, str]:
    place = keys.place(key)
    return {"pk": place.pk, "sk": place.sk}


def _index(entity: Entity) -> dict[str, str]:
    match entity:
        case Member():
            day = rules.birthday_of(entity)
            return _dates(entity, keys.birthday_dpk(*day, rules.member_shard(entity))) if day else {}
        case ExpiringPoints():
            return _dates(entity, keys.expiry_dpk(entity.expires_on, rules.member_shard(entity)))
        case Send():
            psk = keys.send_psk(entity.planned_at, entity.send_id)
            return {"ppk": keys.person_ppk(entity.person), "psk": psk, **_open_send(entity)}
        case Enrolment():
            psk = keys.enrolment_psk(entity.started_at, entity.enrolment_id)
            return {"ppk": keys.person_ppk(entity.person), "psk": psk}
        case Fact():
            return _open(keys.open_facts_opk(shard_of(entity.fact_id)), rules.fact_look_at(entity))
        case Nonce():
            return _open(keys.nonces_opk(shard_of(entity.digest)), entity.expires_at)
        case _:
            return {}


def _dates(row: Member | ExpiringPoints, dpk: str) -> dict[str, str]:
    return {"dpk": dpk, "dsk": keys.member_dsk(row.shop_id, row.member_id)}


def _open(opk: str, at: datetime | None) -> dict[str, str]:
    return {"opk": opk, "osk": keys.instant(at)} if at else {}


def _open_send(send: Send) -> dict[str, str]:
    return (
        _open(keys.open_sends_opk(send.shard), rules.look_at(send))
        or _open(keys.parked_sends_opk(send.shard), rules.parked_at(send))
        or _open(keys.UNKNOWN, rules.unknown_since(send))
    )


def ttl(entity: Entity) -> int | None:
    """When DynamoDB may forget `entity` (Unix seconds); None while it is not terminal, or is kept for good."""
    ends = _ends(entity)
    return int(ends.timestamp()) if ends else None


def _ends(entity: Entity) -> datetime | None:
    match entity:
        case Send(settled_at=datetime() as at) if entity.state in SETTLED:
            return at + LONG
        case Enrolment(state=EnrolmentState.DONE | EnrolmentState.EXITED):
            return max(entity.started_at, entity.anchor_at) + LONG
        case Seen():
            return entity.at + (LONG if entity.kind in DELTAS else SHORT)
        case Nonce():
            return entity.expires_at + AFTER_NONCE
        case Missed():
            return entity.at + SHORT
        case Fact(state=FactState.PUBLISHED):
            return entity.occurred_at + SHORT
        case Run(state=RunState.DONE, done_at=datetime() as at) | RunShard(done_at=at):
            return at + LONG
        case _:
            return None
