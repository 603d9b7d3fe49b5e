"""An order of futureshop as it stands in the shop now, told as everything that it proves; and who placed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.futureshop import Buyer, Order, Parcel, Product, day, instant
from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.domain.calendar import tokyo_date
from musubi.domain.changes import MemberChange, OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone
from musubi.domain.people import Rank

PLATFORM = "futureshop"

QUIET = frozenset({"AWAITING_PAYMENT", "COMPLETED"})
"""Statuses that say nothing that dates do not say."""
_CANCELLED = frozenset({"CANCEL", "CANCELED", "CANCELLED"})

_NEWEST = ("OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped", "OrderCancelled")
"""Of two milestones of one instant, the later in this list names the event."""


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one order (see `base.Normalise`), after what it says of its buyer; a status that nobody knows is kept
    beside it.

    An order says not when it was changed: it is as new as the poll that read it.
    """
    document = parse_json(body, "futureshop body")
    if not isinstance(document, dict):
        raise Permanent("futureshop body: not an object")
    order = Order.model_validate(document)
    if order.orderNo is None:
        raise Permanent("order.orderNo: missing or no id")
    left = _left(order, received_at)
    milestones = tuple(_milestones(order, left, received_at))
    newest = max(milestones, key=lambda one: (one.at, _NEWEST.index(one.name)), default=None)
    # What is said of the buyer is no news of the order; that a day of dispatch has come is, although nothing else is said.
    content = content_hash({**document, "buyerInfo": order.buyerInfo.memberId, "left": [ref for ref, _, _ in left]})
    source = f"{shop_id}/{PLATFORM}/order"
    event = ShopEvent(
        source=source,
        event_id=content,
        content=content,
        type=newest.name if newest else "OrderEdited",
        shop_id=shop_id,
        platform=PLATFORM,
        occurred_at=newest.at if newest else received_at,
        as_of=received_at,
        received_at=received_at,
        order=OrderChange(
            order_id=order.orderNo,
            number=order.orderNo,
            member_id=_member_id(order),
            total_yen=values.yen(order.grandTotal, "order.grandTotal"),
            milestones=milestones,
            shipments=tuple(shipment(ref, one.deliveryServiceName, one.invoiceNo, None) for ref, one, _ in left),
            lines=_lines(order, document),
        ),
    )
    # People first: who is thanked is then known by name.
    return (*_buyer(order, shop_id, received_at), event, *_unknown(order, source))


def _member_id(order: Order) -> str | None:
    return None if order.isMember is False else order.buyerInfo.memberId


_Left = list[tuple[str, Parcel, datetime]]


def _milestones(order: Order, left: _Left, seen_at: datetime) -> Iterator[Milestone]:
    if placed := values.instant(order.date, "order.date"):
        yield Milestone("OrderPlaced", placed)
    if paid := instant(order.receiptDate, "order.receiptDate", seen_at):
        yield Milestone("OrderPaid", paid)
    yield from (Milestone("ShipmentDispatched", at, ref) for ref, _, at in left)
    if left and len(left) == len(order.shipmentList):
        yield Milestone("OrderShipped", max(at for _, _, at in left))
    if order.status in _CANCELLED:
        yield Milestone("OrderCancelled", seen_at)


def _left(order: Order, seen_at: datetime) -> _Left:
    """The parcels whose day of dispatch has come, by number, and when they left: by the end of that day, or by now."""
    found = []
    for place, one in enumerate(order.shipmentList, 1):
        on = day(one.shippingDate, "order.shippingDate")
        at = instant(one.shippingDate, "order.shippingDate", seen_at)
        if on and at and on <= tokyo_date(seen_at):
            found.append((one.shipmentNo or str(place), one, at))
    return found


def _lines(order: Order, document: Mapping[str, Any]) -> tuple[Line, ...] | None:
    if "shipmentList" not in document:
        return None
    products = chain.from_iterable(one.productList for one in order.shipmentList)
    return lines_of({"lines": [_line(one) for one in products]})


def _line(item: Product) -> dict[str, Any]:
    names = (item.name, item.verticalVariationName, item.horizontalVariationName)
    return {
        "title": " ".join(name for name in names if name),
        "product_id": item.skuNo,
        "sku": item.skuNo,
        "quantity": item.count,
        "unit_price": item.price,
    }


def _buyer(order: Order, shop_id: str, received_at: datetime) -> Iterator[ShopEvent]:
    """What the order says of the member who placed it, as of its placing: newer facts from elsewhere stand against it."""
    member_id, placed = _member_id(order), values.instant(order.date, "order.date")
    if member_id is None or placed is None:
        return
    change = _profile(member_id, order.buyerInfo, received_at)
    content = content_hash([order.orderNo, order.buyerInfo.model_dump()])
    yield ShopEvent(
        source=f"{shop_id}/{PLATFORM}/member",
        event_id=content,
        content=content,
        type="MemberUpdated",
        shop_id=shop_id,
        platform=PLATFORM,
        occurred_at=placed,
        as_of=placed,
        received_at=received_at,
        member=change,
    )


def _profile(member_id: str, buyer: Buyer, received_at: datetime) -> MemberChange:
    """An empty birthday is one that the order does not say, not one that was taken back."""
    family, given = values.person_name({"family": buyer.lastName, "given": buyer.firstName})
    stage = buyer.memberStageName
    return MemberChange(
        member_id=member_id,
        family_name=family,
        given_name=given,
        birthday=values.birthday(buyer.birthday, tokyo_date(received_at)),
        rank=Rank(stage, stage) if stage else None,
    )


def _unknown(order: Order, source: str) -> Iterator[UnreadShopEvent]:
    status = order.status
    if status is not None and status not in QUIET | _CANCELLED:
        kind = clean(f"status {status}") or "status"
        said = {"order": order.orderNo, "status": status}
        content = content_hash([kind, said])
        yield UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(said))
