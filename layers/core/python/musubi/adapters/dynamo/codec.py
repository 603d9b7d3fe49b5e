"""Entities ⇄ DynamoDB items: fields by pydantic in JSON mode, plus keys, index attributes and `ttl`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter, ValidationError

from musubi.adapters import rules
from musubi.adapters.dynamo import keys
from musubi.contracts.jobs import fields_of
from musubi.domain import store_keys as names
from musubi.domain.activity import Activity, Bought
from musubi.domain.changes import SubscriptionState
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.events import DELTAS
from musubi.domain.forgetting import ERASED
from musubi.domain.history import LogMark
from musubi.domain.ids import MemberPerson, shard_of
from musubi.domain.imports import Import
from musubi.domain.ledger import SETTLED, Send
from musubi.domain.operations import Circuit, Control, Due, Fact, FactState, Run, RunShard, RunState, Seen, ShardLease
from musubi.domain.orders import Order
from musubi.domain.people import ExpiringPoints, Friend, Link, LinkEnded, Member, Nonce
from musubi.domain.polling import Heard, Missed, Poll
from musubi.domain.privacy import ConsentProof, PrivacyRequest, RequestState
from musubi.domain.rewards import RewardMark
from musubi.domain.scenario import Enrolment, EnrolmentState
from musubi.domain.write_backs import ShopWrite, WriteState
from musubi.domain.writes import Entity

T = TypeVar("T")

Item = dict[str, Any]
"""An item as the low-level client takes and gives it: attribute name → typed value."""

LONG = timedelta(days=400)
"""Longer than a year: the row that keeps a birthday's message from going out twice must outlive the next planning."""
SHORT = timedelta(days=30)
TWICE_DEAD = timedelta(days=60)
"""Longer than two stays in dead-letter queues: first the rule's, then the worker's."""
AFTER_NONCE = timedelta(days=1)
UNTOUCHED_CART = timedelta(days=90)
"""A cart that nobody has touched for so long is over; the shop's link into it mostly is before."""

_OF_MEMBER: tuple[tuple[str, type[Any]], ...] = (
    ("MEMBER", Member),
    ("LINK", Link),
    ("POINTS#", ExpiringPoints),
    ("ACTIVITY", Activity),
    ("BOUGHT#", Bought),
    ("CART#", Cart),
    ("RESERVATION#", Reservation),
    ("SUBSCRIPTION#", Subscription),
)
"""What lies in a member's partition, by the beginning of its sort key (or all of it)."""

_ENTITIES: dict[type[names.Key[Any]], type[Any]] = {
    names.FriendKey: Friend,
    names.LinkOfFriendKey: Link,
    names.LinkOfMemberKey: Link,
    names.LinkEndedKey: LinkEnded,
    names.LinkEndedOfMemberKey: LinkEnded,
    names.PrivacyRequestKey: PrivacyRequest,
    names.ConsentProofKey: ConsentProof,
    names.MemberKey: Member,
    names.ExpiringPointsKey: ExpiringPoints,
    names.OrderKey: Order,
    names.ActivityKey: Activity,
    names.BoughtKey: Bought,
    names.CartKey: Cart,
    names.CartOfMemberKey: Cart,
    names.ReservationKey: Reservation,
    names.ReservationOfMemberKey: Reservation,
    names.SubscriptionKey: Subscription,
    names.SubscriptionOfMemberKey: Subscription,
    names.NonceKey: Nonce,
    names.EnrolmentKey: Enrolment,
    names.SendKey: Send,
    names.DueKey: Due,
    names.SeenKey: Seen,
    names.FactKey: Fact,
    names.LogMarkKey: LogMark,
    names.RunKey: Run,
    names.RunShardKey: RunShard,
    names.ShardLeaseKey: ShardLease,
    names.ControlKey: Control,
    names.CircuitKey: Circuit,
    names.ImportKey: Import,
    names.PollKey: Poll,
    names.HeardKey: Heard,
    names.MissedKey: Missed,
    names.ShopWriteKey: ShopWrite,
    names.RewardMarkKey: RewardMark,
}

_FILING = frozenset({"pk", "sk", "dpk", "dsk", "mpk", "msk", "opk", "osk", "ppk", "psk", "ttl", "version"})

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(entity: Entity) -> Item:
    """The whole item of `entity`; equal entities give equal items."""
    fields = _adapter(type(entity)).dump_python(entity, mode="json", exclude_none=True)
    if isinstance(entity, Member):
        fields["attributes"] = [
            _dated(one, each.value) for one, each in zip(fields["attributes"], entity.attributes, strict=True)
        ]
    attributes = {**fields, **_index(entity), **_owner(entity), **_primary(entity.key)}
    ends = ttl(entity)
    if ends is not None:
        attributes["ttl"] = ends
    return {name: _serialize(value) for name, value in attributes.items()}


def decode(kind: type[T], item: Mapping[str, Any]) -> T:
    """The entity in `item`; keys and index attributes are left aside. ValueError naming the fields that do not fit."""
    fields = {name: _deserialize(value) for name, value in item.items()}
    if kind is Member:
        fields["attributes"] = [_undated(one) for one in fields.get("attributes", ())]
    try:
        entity: T = _adapter(cast(Any, kind)).validate_python(fields)
    except ValidationError as error:
        # Its own words quote the values. They are people's, and what is raised here ends in a log.
        raise ValueError(f"stored {kind.__name__}: {fields_of(error)}") from None
    return entity


def _dated(attribute: dict[str, Any], value: object) -> dict[str, Any]:
    """A day is marked as one: as text it would come back as text."""
    return attribute | {"value": {"day": value.isoformat()}} if isinstance(value, date) else attribute


def _undated(attribute: dict[str, Any]) -> dict[str, Any]:
    value = attribute.get("value")
    return attribute | {"value": date.fromisoformat(value["day"])} if isinstance(value, dict) else attribute


def of_member(item: Mapping[str, Any]) -> Any:
    """The entity that a row of a member's partition is; None for what only others read."""
    sk = _deserialize(item["sk"])
    kind = next((k for name, k in _OF_MEMBER if sk == name or (name.endswith("#") and sk.startswith(name))), None)
    return decode(kind, item) if kind else None


def plain_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item of any kind says, as JSON types: without how it is filed, and whether or not anybody here knows it."""
    said = {name: _deserialize(value) for name, value in item.items() if name not in _FILING}
    return {name: _plain(value) for name, value in said.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


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
        case ShopWrite():
            return {**_of_whom(entity), **_open(keys.TROUBLED_WRITES, rules.troubled_since(entity))}
        case PrivacyRequest(shelf=(shelf, at)):
            return _open(keys.privacy_opk(shelf), at)
        case Fact():
            return _open(keys.open_facts_opk(shard_of(entity.fact_id)), rules.fact_look_at(entity))
        case Nonce():
            return _open(keys.nonces_opk(shard_of(entity.digest)), entity.expires_at)
        case _:
            return {}


def _owner(entity: Entity) -> dict[str, str]:
    """Whatever names a member and lies outside of the member's own rows is listed under the member: an order, a cart, what
    is added later, and the members that were merged into this one.
    """
    place, member_id = keys.place(entity.key), getattr(entity, "member_id", None)
    if isinstance(entity, Member):
        member_id = entity.merged_into
    elif place.table != "people" or place.pk.startswith(keys.PERSONS):
        return {}
    if member_id is None:
        return {}
    shop_id: str = getattr(entity, "shop_id")  # noqa: B009 - a member is one of a shop
    return {"mpk": keys.member_mpk(shop_id, member_id), "msk": f"{place.pk}#{place.sk}"}


def _dates(row: Member | ExpiringPoints, dpk: str) -> dict[str, str]:
    return {"dpk": dpk, "dsk": keys.member_dsk(row.shop_id, row.member_id)}


def _open(opk: str, at: datetime | None) -> dict[str, str]:
    return {"opk": opk, "osk": keys.instant(at)} if at else {}


def _of_whom(write: ShopWrite) -> dict[str, str]:
    """A write of somebody who was forgotten is nobody's."""
    if not write.member_id:
        return {}
    person = str(MemberPerson(write.shop_id, write.member_id))
    return {"ppk": keys.person_ppk(person), "psk": keys.write_psk(write.planned_at, write.write_id)}


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
        case Send(settled_at=datetime() as at) if entity.state in SETTLED or entity.reason == ERASED:
            return at + LONG
        case ConsentProof():
            return entity.kept_until
        case PrivacyRequest(state=RequestState.DONE, done_at=datetime() as at):
            return at + LONG
        case Enrolment(state=EnrolmentState.DONE | EnrolmentState.EXITED):
            return max(entity.started_at, entity.anchor_at) + LONG
        case Seen():
            return entity.at + (LONG if entity.kind in DELTAS else SHORT)
        case LogMark():
            # Longer than a record can come back: two weeks in a dead-letter queue, or a repeat of its event.
            return entity.claimed_at + SHORT
        case Nonce():
            return entity.expires_at + AFTER_NONCE
        case Missed():
            return entity.at + SHORT
        case Fact(state=FactState.PUBLISHED):
            return entity.occurred_at + SHORT
        case Import(ended_at=datetime() as at):
            return at + SHORT
        case Run(state=RunState.DONE, done_at=datetime() as at) | RunShard(done_at=at):
            return at + LONG
        case _:
            return _over_at(entity)


def _over_at(entity: Entity) -> datetime | None:
    """When what was going on between a member and the shop is over, and long enough ago."""
    match entity:
        case ShopWrite(settled_at=datetime() as at) if (
            entity.state is not WriteState.UNKNOWN or entity.reason == ERASED
        ):
            # A fact can come back from dead-letter queues for weeks; a grant is never given twice.
            return at + (LONG if entity.is_grant else TWICE_DEAD)
        case Cart(as_of=datetime() as at):
            return max(at, entity.closed_at or at) + (SHORT if entity.over else UNTOUCHED_CART)
        case Reservation():
            over = entity.end_at or entity.start_at or entity.cancelled_at
            return max(over, entity.as_of or over) + LONG if over else None
        case Subscription(state=SubscriptionState.CANCELLED, as_of=datetime() as at):
            return at + LONG
        case _:
            return None
