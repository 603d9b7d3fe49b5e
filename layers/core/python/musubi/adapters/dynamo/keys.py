"""Every key string of the two tables, each with its rendered example. An access pattern exists here before code uses it.

Both tables: `pk`, `sk`. Indexes: `dates` (`dpk`, `dsk`) and `member` (`mpk`, `msk`; keys only) on people, `open` (`opk`,
`osk`) and `person` (`ppk`, `psk`) on work.
Instants are UTC with microseconds, so that strings sort as times do. Ids come from outside: `part` escapes what separates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from musubi.adapters.dynamo import spelling
from musubi.adapters.dynamo.spelling import LONGEST_PART, part, two
from musubi.domain import store_keys as names

instant = spelling.instant

Table = Literal["people", "work"]

DATES_INDEX = "dates"
MEMBER_INDEX = "member"
OPEN_INDEX = "open"
PERSON_INDEX = "person"

AFTER_HASH = "$"
"""The character after `#`: `instant + AFTER_HASH` sorts behind every key that begins with `instant#`."""


@dataclass(frozen=True)
class Place:
    """Where an item lives."""

    table: Table
    pk: str
    sk: str


# people: primary keys

PERSONS = ("M#", "F#")
"""How the partitions of members and friends begin; everything else in the table has an owner or is a guest's."""


def friend_pk(user_id: str) -> str:
    """`F#U0123456789abcdef0123456789abcdef`"""
    return f"F#{part(user_id)}"


def member_pk(shop_id: str, member_id: str) -> str:
    """`M#main/1001`"""
    return f"M#{part(shop_id)}/{part(member_id)}"


def friend(key: names.FriendKey) -> Place:
    """`F#U01…` / `FRIEND`"""
    return Place("people", friend_pk(key.user_id), "FRIEND")


def link_of_friend(key: names.LinkOfFriendKey) -> Place:
    """`F#U01…` / `LINK`"""
    return Place("people", friend_pk(key.user_id), "LINK")


ENDED_LINKS = "LINKED#"
"""Prefix of a friend's finished links."""


def link_ended(key: names.LinkEndedKey) -> Place:
    """`F#U01…` / `LINKED#2026-03-01T02:03:04.000000Z` (the instant at which it was made)"""
    return Place("people", friend_pk(key.user_id), ENDED_LINKS + instant(key.linked_at))


def link_ended_of_member(key: names.LinkEndedOfMemberKey) -> Place:
    """`M#main/1001` / `LINKED#2026-03-01T02:03:04.000000Z#U01…`"""
    made = f"{ENDED_LINKS}{instant(key.linked_at)}#{part(key.user_id)}"
    return Place("people", member_pk(key.shop_id, key.member_id), made)


PROOF = "PROOF"
STAYING = frozenset({"MEMBER", "FRIEND", PROOF})
"""What is no mere row of somebody's: it is read and taken away by its own key."""


def consent_proof(key: names.ConsentProofKey) -> Place:
    """`M#main/1001` / `PROOF`"""
    return Place("people", member_pk(key.shop_id, key.member_id), PROOF)


def people_row(key: names.PeopleRowKey) -> Place:
    """`O#main/A-5501` / `ORDER`, or any other row by its very place"""
    return Place("people", key.partition, key.row)


def member(key: names.MemberKey) -> Place:
    """`M#main/1001` / `MEMBER`"""
    return Place("people", member_pk(key.shop_id, key.member_id), "MEMBER")


def link_of_member(key: names.LinkOfMemberKey) -> Place:
    """`M#main/1001` / `LINK`"""
    return Place("people", member_pk(key.shop_id, key.member_id), "LINK")


def expiring_points(key: names.ExpiringPointsKey) -> Place:
    """`M#main/1001` / `POINTS#2026-12-31`"""
    return Place("people", member_pk(key.shop_id, key.member_id), f"POINTS#{key.expires_on.isoformat()}")


def order(key: names.OrderKey) -> Place:
    """`O#main/A-5501` / `ORDER`"""
    return Place("people", f"O#{part(key.shop_id)}/{part(key.order_id)}", "ORDER")


def activity(key: names.ActivityKey) -> Place:
    """`M#main/1001` / `ACTIVITY`: counts, first and last times"""
    return Place("people", member_pk(key.shop_id, key.member_id), "ACTIVITY")


def bought(key: names.BoughtKey) -> Place:
    """`M#main/1001` / `BOUGHT#product/P-7` or `BOUGHT#category/和菓子`"""
    return Place("people", member_pk(key.shop_id, key.member_id), f"BOUGHT#{part(key.kind)}/{part(key.ref)}")


def dealing(key: names.CartKey | names.ReservationKey | names.SubscriptionKey) -> Place:
    """`CART#main/c-81` / `CART`, `RESERVATION#main/b-3` / `RESERVATION`, `SUBSCRIPTION#main/s-9` / `SUBSCRIPTION`"""
    return Place("people", f"{key.kind}#{part(key.shop_id)}/{part(key.own_id)}", key.kind)


def dealing_of_member(key: names.DealingOfMemberKey) -> Place:
    """`M#main/1001` / `CART#c-81`, `RESERVATION#b-3` or `SUBSCRIPTION#s-9`: what one query of a member finds"""
    return Place("people", member_pk(key.shop_id, key.member_id), f"{key.kind}#{part(key.own_id)}")


# people: index `dates`; the sort key is the member


def birthday_dpk(month: int, day: int, shard: int) -> str:
    """`BD#12-24#07`"""
    return f"BD#{two(month)}-{two(day)}#{two(shard)}"


def expiry_dpk(on: date, shard: int) -> str:
    """`EXP#2026-12-31#07`"""
    return f"EXP#{on.isoformat()}#{two(shard)}"


def member_dsk(shop_id: str, member_id: str) -> str:
    """`m:main/1001`"""
    return f"m:{part(shop_id)}/{part(member_id)}"


# people: index `member`, what a member has outside of the own partition: orders, carts, bookings, merged members


def member_mpk(shop_id: str, member_id: str) -> str:
    """`M#main/1001`"""
    return member_pk(shop_id, member_id)


# work: primary keys


def nonce(key: names.NonceKey) -> Place:
    """`N#9f86d081…` / `NONCE`"""
    return Place("work", f"N#{part(key.digest)}", "NONCE")


def enrolment(key: names.EnrolmentKey) -> Place:
    """`E#3f0c…` / `ENROLMENT`"""
    return Place("work", f"E#{part(key.enrolment_id)}", "ENROLMENT")


def send(key: names.SendKey) -> Place:
    """`S#8d2b…` / `SEND`"""
    return Place("work", f"S#{part(key.send_id)}", "SEND")


def due_pk(shard: int) -> str:
    """`DUE#07`"""
    return f"DUE#{two(shard)}"


def due(key: names.DueKey) -> Place:
    """`DUE#07` / `2026-12-24T01:00:00.000000Z#3f0c…`"""
    return Place("work", due_pk(key.shard), f"{instant(key.at)}#{part(key.ref)}")


def seen(key: names.SeenKey) -> Place:
    """`SEEN#shopify:main#gid-1` / `SEEN`"""
    return Place("work", f"SEEN#{part(key.source)}#{part(key.event_id)}", "SEEN")


def fact(key: names.FactKey) -> Place:
    """`FACT#77aa…` / `FACT`"""
    return Place("work", f"FACT#{part(key.fact_id)}", "FACT")


def log_mark(key: names.LogMarkKey) -> Place:
    """`LOG#1b9d…` / `LOG`"""
    return Place("work", f"LOG#{part(key.record_id)}", "LOG")


def run_pk(schedule: str) -> str:
    """`RUN#daily`"""
    return f"RUN#{part(schedule)}"


def run(key: names.RunKey) -> Place:
    """`RUN#daily` / `2026-12-24`"""
    return Place("work", run_pk(key.schedule), key.on.isoformat())


def run_shards_pk(schedule: str, on: date) -> str:
    """`RUN#daily#2026-12-24`"""
    return f"{run_pk(schedule)}#{on.isoformat()}"


def run_shard(key: names.RunShardKey) -> Place:
    """`RUN#daily#2026-12-24` / `SHARD#07`"""
    return Place("work", run_shards_pk(key.schedule, key.on), f"SHARD#{two(key.shard)}")


def lease(key: names.ShardLeaseKey) -> Place:
    """`LEASE#07` / `LEASE`"""
    return Place("work", f"LEASE#{two(key.shard)}", "LEASE")


def grant_lease(shop_id: str, platform: str) -> Place:
    """`GRANT#main/eccube` / `LEASE`: who may renew that shop's OAuth grant, `until` when"""
    return Place("work", f"GRANT#{part(shop_id)}/{part(platform)}", "LEASE")


def control(_: names.ControlKey) -> Place:
    """`CONTROL` / `STOP`"""
    return Place("work", "CONTROL", "STOP")


def circuit(_: names.CircuitKey) -> Place:
    """`CONTROL` / `CIRCUIT`"""
    return Place("work", "CONTROL", "CIRCUIT")


def privacy_request(key: names.PrivacyRequestKey) -> Place:
    """`PRIVACY#5f2e…` / `PRIVACY`"""
    return Place("work", f"PRIVACY#{part(key.request_id)}", "PRIVACY")


def poll_pk(shop_id: str, platform: str) -> str:
    """`POLL#main/woocommerce`"""
    return f"POLL#{part(shop_id)}/{part(platform)}"


POLLS = "WHAT#"
MISSED = "MISSED#"
"""Prefixes of a polled shop's rows: how far it is known, and what only polls brought."""


def poll(key: names.PollKey) -> Place:
    """`POLL#main/woocommerce` / `WHAT#orders`"""
    return Place("work", poll_pk(key.shop_id, key.platform), POLLS + part(key.what))


def heard(key: names.HeardKey) -> Place:
    """`POLL#main/woocommerce` / `HEARD`"""
    return Place("work", poll_pk(key.shop_id, key.platform), "HEARD")


def missed(key: names.MissedKey) -> Place:
    """`POLL#main/woocommerce` / `MISSED#2026-12-24T01:00:00.000000Z#9f86d081…`"""
    return Place("work", poll_pk(key.shop_id, key.platform), f"{MISSED}{instant(key.at)}#{part(key.event_id)}")


def shop_write(key: names.ShopWriteKey) -> Place:
    """`WRITE#4c1d…` / `WRITE`"""
    return Place("work", f"WRITE#{part(key.write_id)}", "WRITE")


def reward_mark(key: names.RewardMarkKey) -> Place:
    """`REWARD#0b7e…` / `REWARD`"""
    return Place("work", f"REWARD#{part(key.reward_id)}", "REWARD")


def import_of(key: names.ImportKey) -> Place:
    """`IMPORT#5a1e…` / `IMPORT`"""
    return Place("work", f"IMPORT#{part(key.import_id)}", "IMPORT")


CLOCK = Place("work", "CONTROL", "CLOCK")
"""`CONTROL` / `CLOCK`: `offset_s`, how far business time is ahead of machine time. Local stage only."""


# work: index `open`, what a sweep has to look at; the sort key is the instant


def open_sends_opk(shard: int) -> str:
    """`OPEN#07`: planned and claimed Sends by `look_at`"""
    return f"OPEN#{two(shard)}"


def parked_sends_opk(shard: int) -> str:
    """`PARKED#07`: parked Sends by the instant from which they may go on; sharded, since a kill switch parks by the thousand"""
    return f"PARKED#{two(shard)}"


UNKNOWN = "UNKNOWN"
"""Unknown Sends by the instant at which they were given up."""


TROUBLED_WRITES = "WRITES"
"""Writes into shops that were refused, are unknown, or may have been done without our knowing; by when that began."""


def open_facts_opk(shard: int) -> str:
    """`FACT#07`: facts to publish by `look_at`"""
    return f"FACT#{two(shard)}"


def nonces_opk(shard: int) -> str:
    """`NONCE#07`: link attempts by `expires_at`"""
    return f"NONCE#{two(shard)}"


def privacy_opk(shelf: str) -> str:
    """`PRIVACY#OPEN` by deadline, `PRIVACY#WAITING` by the instant from which they are open, `PRIVACY#DONE` by when they
    were done, `PRIVACY#OF#5f2e…` the parts of a shop's erasure
    """
    return f"PRIVACY#{shelf}"


# work: index `person`, the history of one person, newest last

SENDS = "S#"
ENROLMENTS = "E#"
WRITES = "W#"


def person_ppk(person: str) -> str:
    """`m:main/1001` or `f:U01…`"""
    return person if len(person.encode()) <= LONGEST_PART else part(person)


def send_psk(planned_at: datetime, send_id: str) -> str:
    """`S#2026-12-24T01:00:00.000000Z#8d2b…`"""
    return f"{SENDS}{instant(planned_at)}#{part(send_id)}"


def enrolment_psk(started_at: datetime, enrolment_id: str) -> str:
    """`E#2026-12-24T01:00:00.000000Z#3f0c…`"""
    return f"{ENROLMENTS}{instant(started_at)}#{part(enrolment_id)}"


def write_psk(planned_at: datetime, write_id: str) -> str:
    """`W#2026-12-24T01:00:00.000000Z#4c1d…`"""
    return f"{WRITES}{instant(planned_at)}#{part(write_id)}"


_PLACES: dict[type[names.Key[Any]], Callable[[Any], Place]] = {
    names.FriendKey: friend,
    names.LinkOfFriendKey: link_of_friend,
    names.LinkEndedKey: link_ended,
    names.LinkEndedOfMemberKey: link_ended_of_member,
    names.ConsentProofKey: consent_proof,
    names.PeopleRowKey: people_row,
    names.PrivacyRequestKey: privacy_request,
    names.MemberKey: member,
    names.LinkOfMemberKey: link_of_member,
    names.ExpiringPointsKey: expiring_points,
    names.OrderKey: order,
    names.ActivityKey: activity,
    names.BoughtKey: bought,
    **dict.fromkeys((names.CartKey, names.ReservationKey, names.SubscriptionKey), dealing),
    **dict.fromkeys(get_args(names.DealingOfMemberKey), dealing_of_member),
    names.NonceKey: nonce,
    names.EnrolmentKey: enrolment,
    names.SendKey: send,
    names.DueKey: due,
    names.SeenKey: seen,
    names.FactKey: fact,
    names.LogMarkKey: log_mark,
    names.RunKey: run,
    names.RunShardKey: run_shard,
    names.ShardLeaseKey: lease,
    names.ControlKey: control,
    names.CircuitKey: circuit,
    names.ImportKey: import_of,
    names.PollKey: poll,
    names.HeardKey: heard,
    names.MissedKey: missed,
    names.ShopWriteKey: shop_write,
    names.RewardMarkKey: reward_mark,
}


def place(key: names.Key[Any]) -> Place:
    """Where the item under `key` lives."""
    return _PLACES[type(key)](key)
