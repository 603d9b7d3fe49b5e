"""One spec for both stores: everything of one member in one query, and how long each part of it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from musubi.adapters.dynamo import codec, keys
from musubi.domain.activity import Activity
from musubi.domain.changes import CartState, ReservationState, SubscriptionState
from musubi.domain.person import PersonView
from musubi.domain.store_keys import MemberKey
from musubi.domain.writes import Committed, Create, Entity, Put, Replace
from musubi.ports import Store
from tests.stores.conftest import dynamo_store
from tests.stores.samples import (
    ACTIVITY,
    BOUGHT,
    CART,
    CATEGORY,
    ENDED,
    LINK,
    MEMBER,
    NOW,
    ORDER,
    POINTS,
    RESERVATION,
    SUBSCRIPTION,
    at,
)

ME = MemberKey("main", "1001")


def keep(store: Store, *rows: Entity) -> None:
    assert store.commit([Put(row) for row in rows]) == Committed()


def of_member(row: Any) -> Any:
    return replace(row, of_member=True)


def test_a_member_nobody_knows_has_nothing(store: Store) -> None:
    assert store.person(ME) == PersonView()


def test_all_that_is_known_of_a_member_over_several_pages(store: Store) -> None:
    others: list[Entity] = [
        replace(MEMBER, member_id="10011"),
        replace(ACTIVITY, member_id="100"),
        replace(BOUGHT, member_id="2"),
    ]
    done = replace(CART, checkout_id="c-2", state=CartState.COMPLETED, of_member=True)
    keep(store, MEMBER, LINK, LINK.mirrored(), POINTS, ORDER, ACTIVITY, BOUGHT, CATEGORY, ENDED.mirrored(), *others)
    keep(store, CART, of_member(CART), done, of_member(RESERVATION), of_member(SUBSCRIPTION))
    assert store.person(ME) == PersonView(
        member=MEMBER,
        link=LINK.mirrored(),
        activity=ACTIVITY,
        products=(BOUGHT,),
        categories=(CATEGORY,),
        carts=(of_member(CART),),
        reservations=(of_member(RESERVATION),),
        subscriptions=(of_member(SUBSCRIPTION),),
    )


def test_products_come_in_the_order_of_their_ids(store: Store) -> None:
    rows = [replace(BOUGHT, ref=f"P-{n}") for n in (3, 1, 2, 9, 7)]
    keep(store, *rows)
    assert [row.ref for row in store.person(ME).products] == ["P-1", "P-2", "P-3", "P-7", "P-9"]


def test_facts_are_guarded_by_their_version(store: Store) -> None:
    first = Activity(shop_id="main", member_id="1001")
    assert store.commit([Create(first)]) == Committed()
    assert store.commit([Create(replace(first, cancelled=1))]) != Committed()
    assert store.commit([Replace(replace(first, cancelled=1, version=2))]) == Committed()
    assert store.commit([Replace(replace(first, cancelled=9, version=2))]) != Committed()
    assert store.person(ME).activity == replace(first, cancelled=1, version=2)


def test_one_query_is_one_request(dynamodb: Any) -> None:
    store = dynamo_store(dynamodb)
    keep(store, MEMBER, ACTIVITY, BOUGHT)
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb.*", lambda model, **_: asked.append(model.name))
    assert store.person(ME).activity == ACTIVITY
    assert asked.count("Query") == len(asked) <= 2, "three rows a page here"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (ACTIVITY.key, ("M#main/1001", "ACTIVITY")),
        (BOUGHT.key, ("M#main/1001", "BOUGHT#product/P%237")),
        (CATEGORY.key, ("M#main/1001", "BOUGHT#category/和菓子")),
        (CART.key, ("CART#main/c%2F81", "CART")),
        (of_member(CART).key, ("M#main/1001", "CART#c%2F81")),
        (RESERVATION.key, ("RESERVATION#main/b-3", "RESERVATION")),
        (of_member(RESERVATION).key, ("M#main/1001", "RESERVATION#b-3")),
        (SUBSCRIPTION.key, ("SUBSCRIPTION#main/s-9", "SUBSCRIPTION")),
        (of_member(SUBSCRIPTION).key, ("M#main/1001", "SUBSCRIPTION#s-9")),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else "",
)
def test_where_things_live(key: Any, place: tuple[str, str]) -> None:
    assert keys.place(key) == keys.Place("people", *place)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("row", "until"),
    [
        (ACTIVITY, None),
        (BOUGHT, None),
        (ORDER, None),
        (CART, at(5) + 90 * DAY),
        (replace(CART, state=CartState.COMPLETED, closed_at=at(60)), at(60) + 30 * DAY),
        (replace(CART, state=CartState.GONE), at(5) + 30 * DAY),
        (RESERVATION, at(90_000) + 400 * DAY),
        (replace(RESERVATION, end_at=None), at(86_400) + 400 * DAY),
        (replace(RESERVATION, start_at=None, end_at=None, as_of=NOW), NOW + 400 * DAY),
        (replace(RESERVATION, state=ReservationState.BOOKED, start_at=None, end_at=None, cancelled_at=None), None),
        (SUBSCRIPTION, None),
        (replace(SUBSCRIPTION, state=SubscriptionState.CANCELLED), at(-30) + 400 * DAY),
    ],
)
def test_what_is_over_may_go_and_what_goes_on_stays(row: Entity, until: Any) -> None:
    expected = None if until is None else int(until.timestamp())
    assert codec.ttl(row) == expected
    if getattr(row, "member_id", None) and hasattr(row, "of_member"):
        assert codec.ttl(of_member(row)) == expected
