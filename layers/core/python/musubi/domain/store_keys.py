"""Names of stored things, as values. How they are spelled in a table is the adapter's business (`adapters/dynamo/keys.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:  # the entities name their keys, so at run time only that direction is imported
    from musubi.domain.ledger import Send
    from musubi.domain.operations import Circuit, Control, Due, Fact, Run, RunShard, Seen, ShardLease
    from musubi.domain.orders import Order
    from musubi.domain.people import ExpiringPoints, Friend, Link, LinkEnded, Member, Nonce
    from musubi.domain.polling import Heard, Missed, Poll
    from musubi.domain.scenario import Enrolment

T_co = TypeVar("T_co", covariant=True)


class Key(Generic[T_co]):
    """The name of one stored thing; hashable, so that loads can be looked up by it."""


@dataclass(frozen=True)
class FriendKey(Key["Friend"]):
    user_id: str


@dataclass(frozen=True)
class MemberKey(Key["Member"]):
    shop_id: str
    member_id: str


@dataclass(frozen=True)
class LinkOfFriendKey(Key["Link"]):
    user_id: str


@dataclass(frozen=True)
class LinkOfMemberKey(Key["Link"]):
    shop_id: str
    member_id: str


@dataclass(frozen=True)
class LinkEndedKey(Key["LinkEnded"]):
    user_id: str
    linked_at: datetime


@dataclass(frozen=True)
class ExpiringPointsKey(Key["ExpiringPoints"]):
    shop_id: str
    member_id: str
    expires_on: date


@dataclass(frozen=True)
class OrderKey(Key["Order"]):
    shop_id: str
    order_id: str


@dataclass(frozen=True)
class NonceKey(Key["Nonce"]):
    digest: str


@dataclass(frozen=True)
class EnrolmentKey(Key["Enrolment"]):
    enrolment_id: str


@dataclass(frozen=True)
class SendKey(Key["Send"]):
    send_id: str


@dataclass(frozen=True)
class DueKey(Key["Due"]):
    shard: int
    at: datetime
    ref: str


@dataclass(frozen=True)
class SeenKey(Key["Seen"]):
    source: str
    event_id: str


@dataclass(frozen=True)
class FactKey(Key["Fact"]):
    fact_id: str


@dataclass(frozen=True)
class RunKey(Key["Run"]):
    schedule: str
    on: date


@dataclass(frozen=True)
class RunShardKey(Key["RunShard"]):
    schedule: str
    on: date
    shard: int


@dataclass(frozen=True)
class ShardLeaseKey(Key["ShardLease"]):
    shard: int


@dataclass(frozen=True)
class ControlKey(Key["Control"]):
    """The kill switch; one per deployment."""


@dataclass(frozen=True)
class CircuitKey(Key["Circuit"]):
    """The breaker in front of LINE; one per deployment (one channel)."""


@dataclass(frozen=True)
class PollKey(Key["Poll"]):
    """`what`: orders or members."""

    shop_id: str
    platform: str
    what: str


@dataclass(frozen=True)
class HeardKey(Key["Heard"]):
    shop_id: str
    platform: str


@dataclass(frozen=True)
class MissedKey(Key["Missed"]):
    shop_id: str
    platform: str
    at: datetime
    event_id: str
