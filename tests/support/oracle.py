"""A naive oracle: from what happened outside, what each friend should have got. It imports nothing of the product.

It is written as a shopkeeper would reason, day by day and order by order, over plain lists; it knows no queues, shards,
retries or ledgers. Demo, e2e and soak compare it with LINE's ground truth (what the simulator accepted for whom).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

TOKYO = timezone(timedelta(hours=9), "JST")

FOLLOW_UP_DAYS, FOLLOW_UP_AT = 5, time(10)
BIRTHDAY_AT, POINTS_AT = time(10), time(11)
POINT_DAYS = (30, 7, 1)
DAILY_RUN_AT = time(6)

Expected = Counter[tuple[str, str, str]]
"""How often each (user id, kind, key) should have been accepted."""


def tokyo(on: date, at: time) -> datetime:
    """The instant of a Tokyo clock time."""
    return datetime.combine(on, at, TOKYO)


@dataclass
class Span:
    """Something that holds from `begin` until `end` (None: still)."""

    begin: datetime
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


@dataclass
class Person:
    """A LINE user as the story made them."""

    friend: list[Span] = field(default_factory=list)
    refused: list[Span] = field(default_factory=list)
    follows: int = 0


@dataclass
class ShopMember:
    """A member as the shop has them; `known_at` is when the shop first told us."""

    known_at: datetime
    birthday: tuple[int, int] | None = None
    lots: list[tuple[datetime, list[tuple[date, int]]]] = field(default_factory=list)
    links: list[tuple[str, Span]] = field(default_factory=list)

    def user_at(self, at: datetime) -> str | None:
        return next((user for user, span in self.links if span.holds(at)), None)

    def points_at(self, at: datetime) -> dict[date, int]:
        said = [lots for when, lots in self.lots if when <= at]
        totals: dict[date, int] = {}
        for on, points in said[-1] if said else []:
            totals[on] = totals.get(on, 0) + points
        return totals


@dataclass
class ShopOrder:
    """An order as the shop told its story."""

    number: str
    member_id: str | None
    placed_at: datetime
    shipped: list[tuple[str, datetime]] = field(default_factory=list)
    cancelled_at: datetime | None = None


class Oracle:
    """Collects what happened; `expected` says what should have come of it."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.members: dict[str, ShopMember] = {}
        self.orders: dict[str, ShopOrder] = {}
        self.answers: Expected = Counter()

    # --- LINE's side ---------------------------------------------------------------------------------------------

    def follow(self, user: str, at: datetime) -> None:
        person = self.people.setdefault(user, Person())
        person.friend.append(Span(at))
        self.answers[(user, "greeting", "")] += 1

    def block(self, user: str, at: datetime) -> None:
        self.people[user].friend[-1].end = at

    def asked_to_link(self, user: str) -> None:
        self.answers[(user, "link_offer", "")] += 1

    def linked(self, user: str, member_id: str, at: datetime) -> None:
        for member in self.members.values():
            for other, span in member.links:
                if span.end is None and (other == user or member is self.members[member_id]):
                    span.end = at
        self.members[member_id].links.append((user, Span(at)))
        self.answers[(user, "link_confirmation", "")] += 1

    def unlinked(self, user: str, at: datetime) -> None:
        for member in self.members.values():
            for other, span in member.links:
                if other == user and span.end is None:
                    span.end = at
        self.answers[(user, "unlink_confirmation", "")] += 1

    def refused_promo(self, user: str, at: datetime) -> None:
        self.people[user].refused.append(Span(at))
        self.answers[(user, "promo_refused", "")] += 1

    def allowed_promo(self, user: str, at: datetime) -> None:
        self.people[user].refused[-1].end = at
        self.answers[(user, "promo_allowed", "")] += 1

    # --- the shop's side -----------------------------------------------------------------------------------------

    def member(self, member_id: str, at: datetime, birthday: tuple[int, int] | None = None) -> None:
        known = self.members.setdefault(member_id, ShopMember(at))
        known.birthday = birthday or known.birthday

    def points(self, member_id: str, at: datetime, lots: Sequence[tuple[date, int]]) -> None:
        self.members[member_id].lots.append((at, list(lots)))

    def order(self, number: str, member_id: str | None, at: datetime) -> None:
        self.orders[number] = ShopOrder(number, member_id, at)

    def shipped(self, number: str, parcel: str, at: datetime) -> None:
        self.orders[number].shipped.append((parcel, at))

    def cancelled(self, number: str, at: datetime) -> None:
        self.orders[number].cancelled_at = at

    # --- what should have come of it -----------------------------------------------------------------------------

    def expected(self, since: datetime, until: datetime) -> Expected:
        """All messages due in [since, until]."""
        due = Counter(self.answers)
        for order in self.orders.values():
            self._order(order, until, due)
        for member in self.members.values():
            self._dates(member, since, until, due)
        return due

    def _order(self, order: ShopOrder, until: datetime, due: Expected) -> None:
        self._tell(order, order.placed_at, "order_thanks", order.number, due, promo=False)
        for parcel, at in order.shipped:
            self._tell(order, at, "shipping_notice", f"{order.number}/{parcel}", due, promo=False)
        day = order.placed_at.astimezone(TOKYO).date() + timedelta(days=FOLLOW_UP_DAYS)
        at = tokyo(day, FOLLOW_UP_AT)
        if at <= until:
            self._tell(order, at, "order_followup", order.number, due, promo=True)

    def _tell(self, order: ShopOrder, at: datetime, kind: str, key: str, due: Expected, *, promo: bool) -> None:
        if order.cancelled_at is not None and order.cancelled_at <= at:
            return
        member = self.members.get(order.member_id or "")
        self._add(member, at, kind, key, due, promo=promo)

    def _add(self, member: ShopMember | None, at: datetime, kind: str, key: str, due: Expected, *, promo: bool) -> None:
        user = member.user_at(at) if member else None
        if user is None:
            return
        person = self.people[user]
        if not any(span.holds(at) for span in person.friend):
            return
        if promo and any(span.holds(at) for span in person.refused):
            return
        due[(user, kind, key)] += 1

    def _dates(self, member: ShopMember, since: datetime, until: datetime, due: Expected) -> None:
        day, last = since.astimezone(TOKYO).date(), until.astimezone(TOKYO).date()
        while day <= last:
            run = tokyo(day, DAILY_RUN_AT)
            if since <= run <= until and member.known_at <= run:
                self._birthday(member, day, until, due)
                self._points(member, day, run, until, due)
            day += timedelta(days=1)

    def _birthday(self, member: ShopMember, day: date, until: datetime, due: Expected) -> None:
        if member.birthday is None or not _celebrates(member.birthday, day):
            return
        at = tokyo(day, BIRTHDAY_AT)
        if at <= until:
            self._add(member, at, "birthday", str(day.year), due, promo=True)

    def _points(self, member: ShopMember, day: date, run: datetime, until: datetime, due: Expected) -> None:
        at = tokyo(day, POINTS_AT)
        if at > until:
            return
        at_run, now = member.points_at(run), member.points_at(at)
        for days in POINT_DAYS:
            ends = day + timedelta(days=days)
            if at_run.get(ends, 0) > 0 and now.get(ends, 0) > 0:
                self._add(member, at, "point_expiry", f"{ends.month}月{ends.day}日/{now[ends]:,}", due, promo=True)


def _celebrates(birthday: tuple[int, int], day: date) -> bool:
    leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    if birthday == (2, 29) and not leap:
        return (day.month, day.day) == (2, 28)
    return (day.month, day.day) == birthday


# --- reading what LINE accepted --------------------------------------------------------------------------------------

_NUMBER = re.compile(r"ご注文番号：(\S+)")
_FOLLOWED_UP = re.compile(r"先日はご注文（(.+?)）")
_POINTS = re.compile(r"([\d,]+)ポイントの有効期限が(\d+月\d+日)まで")
_PARCEL = re.compile(r"お問い合わせ番号：(\S+)")
_MARKS = (
    ("greeting", "友だち追加ありがとうございます"),
    ("link_confirmation", "会員情報との連携が完了しました"),
    ("unlink_confirmation", "連携を解除しました"),
    ("promo_refused", "お得なご案内の配信を停止しました"),
    ("promo_allowed", "お得なご案内の配信を再開しました"),
    ("link_refused", "すでに会員情報と連携されています"),
    ("not_linked", "会員情報とは連携されていません"),
    ("link_failed", "連携できませんでした"),
    ("birthday", "お誕生日おめでとうございます"),
)


def classify(messages: Iterable[Mapping[str, Any]], business_year: int | None = None) -> tuple[str, str]:
    """The (kind, key) that a friend reads out of a request's messages; ("other", first text) if it is none of ours."""
    text = "\n".join(str(m.get("text") or m.get("altText") or "") for m in messages)
    if (found := _FOLLOWED_UP.search(text)) is not None:
        return "order_followup", found.group(1)
    if (found := _POINTS.search(text)) is not None:
        return "point_expiry", f"{found.group(2)}/{found.group(1)}"
    if "ご注文の商品を発送しました" in text and (number := _NUMBER.search(text)) and (parcel := _PARCEL.search(text)):
        return "shipping_notice", f"{number.group(1)}/{parcel.group(1)}"
    if "ご注文ありがとうございます" in text and (number := _NUMBER.search(text)):
        return "order_thanks", number.group(1)
    if "会員連携はこちらから" in text:
        return "link_offer", ""
    for kind, mark in _MARKS:
        if mark in text:
            return kind, str(business_year) if kind == "birthday" and business_year else ""
    return "other", text[:60]


@dataclass(frozen=True)
class Difference:
    """What LINE accepted too little or too much of; both empty when the story went as it should."""

    missing: Expected
    surplus: Expected

    def __bool__(self) -> bool:
        return bool(self.missing) or bool(self.surplus)

    def lines(self) -> list[str]:
        return [
            *(f"missing {n} × {kind} {key} to …{user[-4:]}" for (user, kind, key), n in sorted(self.missing.items())),
            *(f"surplus {n} × {kind} {key} to …{user[-4:]}" for (user, kind, key), n in sorted(self.surplus.items())),
        ]


def compare(expected: Expected, accepted: Expected) -> Difference:
    """Counts both ways; birthdays are compared without the year when the reader could not know it."""
    return Difference(expected - accepted, accepted - expected)
