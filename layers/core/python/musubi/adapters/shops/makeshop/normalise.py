"""What a poll found at makeshop, told as everything that it proves; and its notifications, kept as they came but for the
keys that an install notification brings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.makeshop import Basket, Delivery, Member, Order, stamp
from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange, OrderChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Milestone
from musubi.domain.people import Rank

PLATFORM = "makeshop"

SNAPSHOT = "x-musubi-snapshot"
"""Header of what a poll found: `order` or `member`, whose document is the body. No door lets it in."""

Told = list[ShopEvent | UnreadShopEvent]

_SECRETS = frozenset({"token", "client_secret"})
_WAITING, _LEFT, _CANCELLED, _SENT_BACK = "N", "Y", "C", "R"
_KNOWN = frozenset({_WAITING, _LEFT, _CANCELLED, _SENT_BACK})

_NEWEST = ("OrderPlaced", "ShipmentDispatched", "OrderShipped", "OrderCancelled")
"""Of two milestones of one instant, the later in this list names the event."""


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The events of what a poll found, or one unread event of a notification (see `base.Normalise`)."""
    document = parse_json(body, "makeshop body")
    frame = _Frame(shop_id, received_at)
    if SNAPSHOT not in headers:
        if isinstance(document, dict):
            document = {name: value for name, value in document.items() if name not in _SECRETS}
        return (frame.unread("notification", "notification", document),)
    reader = _READERS.get(headers[SNAPSHOT])
    if reader is None or not isinstance(document, dict):
        raise Permanent("makeshop snapshot: not an order or a member")
    return reader(document, frame)


@dataclass(frozen=True)
class _Frame:
    """What a snapshot does not say itself. It names no version: it is as new as the poll that read it."""

    shop_id: str
    seen_at: datetime

    def event(self, entity: str, kind: str, content: Any, **change: Any) -> ShopEvent:
        found = content_hash(content)
        return ShopEvent(
            source=f"{self.shop_id}/{PLATFORM}/{entity}",
            event_id=found,
            content=found,
            type=kind,
            shop_id=self.shop_id,
            platform=PLATFORM,
            occurred_at=change.pop("occurred_at", self.seen_at),
            as_of=self.seen_at,
            received_at=self.seen_at,
            **change,
        )

    def unread(self, entity: str, kind: str, document: Any) -> UnreadShopEvent:
        content = content_hash(document)
        source = f"{self.shop_id}/{PLATFORM}/{entity}"
        return UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(document))


def _order(document: Mapping[str, Any], frame: _Frame) -> Told:
    order = Order.model_validate(document)
    if order.systemOrderNumber is None:
        raise Permanent("order.systemOrderNumber: missing or no id")
    milestones = tuple(_milestones(order, frame.seen_at))
    newest = max(milestones, key=lambda one: (one.at, _NEWEST.index(one.name)), default=None)
    change = OrderChange(
        order_id=order.systemOrderNumber,
        number=order.displayOrderNumber or order.systemOrderNumber,
        member_id=order.memberId,
        total_yen=values.yen(order.sumPrice, "order.sumPrice"),
        milestones=milestones,
        shipments=tuple(shipment(ref, None, one.slipNumber, None) for ref, one in _left(order)),
        lines=lines_of({"lines": [_line(one) for one in _baskets(order)]}) if "deliveryInfos" in document else None,
    )
    at = newest.at if newest else frame.seen_at
    event = frame.event("order", newest.name if newest else "OrderEdited", document, occurred_at=at, order=change)
    return [event, *_unknown(order, frame)]


def _milestones(order: Order, seen_at: datetime) -> Iterator[Milestone]:
    """Nothing but the placing is dated: the rest is as old as our knowledge of it."""
    if placed := stamp(order.orderDate, "order.orderDate"):
        yield Milestone("OrderPlaced", placed)
    yield from (Milestone("ShipmentDispatched", seen_at, ref) for ref, _ in _left(order))
    statuses = [one.deliveryStatus for one in order.deliveryInfos]
    going = [one for one in statuses if one != _CANCELLED]
    if going and all(one == _LEFT for one in going):
        yield Milestone("OrderShipped", seen_at)
    if statuses and not going:
        yield Milestone("OrderCancelled", seen_at)


def _left(order: Order) -> list[tuple[str, Delivery]]:
    """The parcels that have left, by their place in the order: they have no id."""
    return [(str(place), one) for place, one in enumerate(order.deliveryInfos, 1) if one.deliveryStatus == _LEFT]


def _baskets(order: Order) -> list[Basket]:
    """What is not cancelled; of an order that was cancelled whole, what it was."""
    going = [one for one in order.deliveryInfos if one.deliveryStatus != _CANCELLED]
    return list(chain.from_iterable(one.basketInfos for one in going or order.deliveryInfos))


def _line(item: Basket) -> dict[str, Any]:
    return {
        "title": " ".join(name for name in (item.productName, item.variationName) if name),
        "product_id": item.productCode,
        "sku": item.variationCustomCode,
        "quantity": item.amount,
        "unit_price": item.price,
    }


def _unknown(order: Order, frame: _Frame) -> Iterator[UnreadShopEvent]:
    """Statuses that makeshop has added: counted once per order."""
    found = {one.deliveryStatus for one in order.deliveryInfos} - _KNOWN - {None}
    for status in sorted(str(one) for one in found):
        said = {"order": order.systemOrderNumber, "status": status}
        yield frame.unread("order", clean(f"delivery status {status}") or "delivery status", said)


def _member(document: Mapping[str, Any], frame: _Frame) -> Told:
    """A member as the morning's list has them: state, and news to nobody.

    The list dates no change and is read once a day, so the day is part of what makes it another event: a balance that goes up
    and down again is three balances. Nobody may be told of each of them anew.
    """
    member = Member.model_validate(document)
    if member.memberId is None:
        raise Permanent("member.memberId: missing or no id")
    day = tokyo_date(frame.seen_at).isoformat()
    profile = {name: value for name, value in document.items() if name != "shopPoint"}
    told: Told = [frame.event("member", "MemberUpdated", [day, profile], is_backfill=True, member=_profile(member))]
    if member.shopPoint is not None:
        balance = values.points(member.shopPoint, "member.shopPoint")
        change = PointsChange(member_id=member.memberId, balance=balance)
        content = [day, member.memberId, balance]
        told.append(frame.event("points", "PointsBalanceChanged", content, is_backfill=True, points=change))
    return told


def _profile(member: Member) -> MemberChange:
    """Of who has withdrawn makeshop keeps the id where the name was: that is no name."""
    family, given = values.person_name(member.name if member.name != member.memberId else None)
    return MemberChange(
        member_id=member.memberId or "",
        family_name=family,
        given_name=given,
        registered_at=stamp(member.registrationDate, "member.registrationDate"),
        rank=Rank(member.groupId, member.groupName or member.groupId) if member.groupId else None,
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any], _Frame], Told]] = {"order": _order, "member": _member}
