"""Names of stored things, as values. How they are spelled in a table is the adapter's business (`adapters/dynamo/keys.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:  # the entities name their keys, so at run time only that direction is imported
    from musubi.domain.activity import Activity, Bought
    from musubi.domain.dealings import Cart, Reservation, Subscription
    from musubi.domain.history import LogMark
    from musubi.domain.imports import Import
    from musubi.domain.ledger import Send
    from musubi.domain.operations import Circuit, Control, Due, Fact, Run, RunShard, Seen, ShardLease
    from musubi.domain.orders import Order
    from musubi.domain.people import ExpiringPoints, Friend, Link, LinkEnded, Member, Nonce
    from musubi.domain.polling import Heard, Missed, Poll
    from musubi.domain.privacy import ConsentProof, PrivacyRequest
    from musubi.domain.rewards import RewardMark
    from musubi.domain.scenario import Enrolment
    from musubi.domain.write_backs import ShopWrite

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
class ActivityKey(Key["Activity"]):
    shop_id: str
    member_id: str


@dataclass(frozen=True)
class BoughtKey(Key["Bought"]):
    """`kind` is product or category."""

    shop_id: str
    member_id: str
    kind: str
    ref: str


@dataclass(frozen=True)
class CartKey(Key["Cart"]):
    kind: ClassVar[str] = "CART"
    shop_id: str
    own_id: str


@dataclass(frozen=True)
class CartOfMemberKey(Key["Cart"]):
    kind: ClassVar[str] = "CART"
    shop_id: str
    member_id: str
    own_id: str


@dataclass(frozen=True)
class ReservationKey(Key["Reservation"]):
    kind: ClassVar[str] = "RESERVATION"
    shop_id: str
    own_id: str


@dataclass(frozen=True)
class ReservationOfMemberKey(Key["Reservation"]):
    kind: ClassVar[str] = "RESERVATION"
    shop_id: str
    member_id: str
    own_id: str


@dataclass(frozen=True)
class SubscriptionKey(Key["Subscription"]):
    kind: ClassVar[str] = "SUBSCRIPTION"
    shop_id: str
    own_id: str


@dataclass(frozen=True)
class SubscriptionOfMemberKey(Key["Subscription"]):
    kind: ClassVar[str] = "SUBSCRIPTION"
    shop_id: str
    member_id: str
    own_id: str


DealingOfMemberKey = CartOfMemberKey | ReservationOfMemberKey | SubscriptionOfMemberKey


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
class LogMarkKey(Key["LogMark"]):
    record_id: str


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


@dataclass(frozen=True)
class LinkEndedOfMemberKey(Key["LinkEnded"]):
    """The member's side of a finished link, by which an erasure finds every friend the member was tied to."""

    shop_id: str
    member_id: str
    linked_at: datetime
    user_id: str


@dataclass(frozen=True)
class PrivacyRequestKey(Key["PrivacyRequest"]):
    request_id: str


@dataclass(frozen=True)
class ConsentProofKey(Key["ConsentProof"]):
    shop_id: str
    member_id: str


@dataclass(frozen=True)
class PeopleRowKey(Key[Any]):
    """Any row of the table of people by where a listing found it: what is erased need not be understood."""

    partition: str
    row: str


@dataclass(frozen=True)
class ImportKey(Key["Import"]):
    import_id: str


@dataclass(frozen=True)
class ShopWriteKey(Key["ShopWrite"]):
    write_id: str


@dataclass(frozen=True)
class RewardMarkKey(Key["RewardMark"]):
    reward_id: str
