"""What a member is and has done, for `member show`: as text for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from musubi.cli import views
from musubi.domain.activity import Activity, Bought, Tally
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.people import Member
from musubi.domain.person import PersonView

BOUGHT_COLUMNS = ("kind", "ref", "title", "orders", "quantity", "first", "last")


def facts_view(person: PersonView) -> dict[str, Any]:
    """The counted facts of a member; the member's own fields are shown beside them."""
    activity = person.activity
    return {
        "purchases": _purchases(activity) if activity else None,
        "events": {name: _tally(tally) for name, tally in sorted(activity.events.items())} if activity else {},
        "recent": [views.entity(one) for one in reversed(activity.recent)] if activity else [],
        "bought": [bought_view(row) for row in (*person.products, *person.categories)],
        "carts": [_dealing(one) for one in person.carts],
        "reservations": [_dealing(one) for one in person.reservations],
        "subscriptions": [_dealing(one) for one in person.subscriptions],
    }


def bought_view(row: Bought) -> dict[str, Any]:
    """One product or category: in how many orders, how many, when first and last."""
    tally = row.tally
    return {
        "kind": row.kind.value,
        "ref": row.ref,
        "title": row.title,
        "orders": tally.count,
        "quantity": tally.quantity,
        "first": views.plain(tally.first.at) if tally.first else None,
        "last": views.plain(tally.last.at) if tally.last else None,
    }


def _purchases(activity: Activity) -> dict[str, Any]:
    return {**_tally(activity.purchases), "spent_yen": activity.purchases.yen, "cancelled": activity.cancelled}


def _tally(tally: Tally) -> dict[str, Any]:
    ends = {"first": tally.first, "last": tally.last}
    return {"count": tally.count, **{name: views.entity(stamp) for name, stamp in ends.items()}}


def _dealing(one: Cart | Reservation | Subscription) -> dict[str, Any]:
    shown: dict[str, Any] = views.entity(one)
    return {name: value for name, value in shown.items() if name not in ("shop_id", "of_member", "version")}


def lines(person: PersonView) -> Iterator[str]:
    """The same as text: what there is nothing of is left out."""
    if person.member is not None:
        yield from _member(person.member)
    if person.activity is not None:
        yield from _activity(person.activity)
    for cart in person.carts:
        held = "、".join(f"{line.title} × {line.quantity}" for line in cart.lines)
        yield f"cart    {cart.checkout_id}  {_yen(cart.total_yen)}  {views.plain(cart.as_of)}  {held}"
        yield from _indented([cart.recovery_url] if cart.recovery_url else [])
    for booking in person.reservations:
        what = "  ".join(part for part in (booking.service, booking.staff, booking.location) if part)
        yield f"booking {booking.reservation_id}  {booking.state.value}  {views.plain(booking.start_at) or '-'}  {what}"
    for contract in person.subscriptions:
        told = f"next {views.plain(contract.next_on) or '-'}  {_yen(contract.amount_yen)}"
        yield f"subscr. {contract.subscription_id}  {contract.state.value}  {told}"
    rows = [bought_view(row) for row in (*person.products, *person.categories)]
    if rows:
        yield f"\n{views.table(rows, BOUGHT_COLUMNS)}"


def _member(member: Member) -> Iterator[str]:
    if member.rank is not None:
        until = f" until {member.rank.valid_until}" if member.rank.valid_until else ""
        yield f"rank    {member.rank.name} ({member.rank.code}){until}"
    if member.tags:
        yield f"tags    {', '.join(member.tags)}"
    for consent in member.consents:
        said = "allowed" if consent.allowed else "refused"
        since = views.plain(consent.at)
        yield f"consent {consent.channel} {consent.purpose}: {said} since {since} ({consent.source})"
    for one in member.attributes:
        yield f"field   {one.name} = {views.plain(one.value)} (as of {views.plain(one.as_of)}, {one.source})"
    if member.merged_into is not None:
        yield f"merged  into {member.merged_into}"


def _activity(activity: Activity) -> Iterator[str]:
    bought = activity.purchases
    first, last = (f"{s.id} at {views.plain(s.at)}" if s else "-" for s in (bought.first, bought.last))
    yield f"bought  {bought.count} orders, {_yen(bought.yen)}, {activity.cancelled} cancelled; first {first}; last {last}"
    counts = (f"{name} {tally.count}" for name, tally in sorted(activity.events.items()))
    yield f"events  {', '.join(counts) or '-'}"


def _indented(texts: Sequence[str]) -> Iterator[str]:
    return (f"        {text}" for text in texts)


def _yen(amount: int | None) -> str:
    return "-" if amount is None else f"{amount:,} yen"
