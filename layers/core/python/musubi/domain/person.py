"""Everything that is known of one member, as conditions and the support desk ask for it: the rows of one partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from musubi.domain.activity import Activity, Bought, BoughtKind
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.people import Link, Member


@dataclass(frozen=True, kw_only=True)
class PersonView:
    """One member with all counted facts. `carts` are the open ones; bookings and subscriptions also those that are over,
    as long as they are kept.
    """

    member: Member | None = None
    link: Link | None = None
    activity: Activity | None = None
    products: tuple[Bought, ...] = ()
    categories: tuple[Bought, ...] = ()
    carts: tuple[Cart, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()


def person_of(rows: Iterable[Any]) -> PersonView:
    """The view that the rows of one member's partition give; rows of other kinds are left aside."""
    known: dict[type[Any], list[Any]] = {}
    for row in rows:
        known.setdefault(type(row), []).append(row)
    bought: list[Bought] = known.get(Bought, [])
    return PersonView(
        member=_only(known, Member),
        link=_only(known, Link),
        activity=_only(known, Activity),
        products=tuple(b for b in bought if b.kind is BoughtKind.PRODUCT),
        categories=tuple(b for b in bought if b.kind is BoughtKind.CATEGORY),
        carts=tuple(c for c in known.get(Cart, []) if not c.over),
        reservations=tuple(known.get(Reservation, [])),
        subscriptions=tuple(known.get(Subscription, [])),
    )


def _only(known: dict[type[Any], list[Any]], kind: type[Any]) -> Any:
    return next(iter(known.get(kind, [])), None)
