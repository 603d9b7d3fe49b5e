"""An order of BASE as it stands in the shop now, told as everything that it proves (ec-platforms §2.4, §9.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from musubi.contracts import values
from musubi.contracts.base_ec import Item, Order, unix
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone, Shipment

PLATFORM = "base"

_UNPAID = "unpaid"
_SETTLED = frozenset({"ordered", "shipping", "dispatched"})
_KNOWN = frozenset({_UNPAID, *_SETTLED, "cancelled", "unshippable"})
"""`dispatch_status`. What is `unshippable` waits for its goods, paid or not."""

_AT_ONCE = frozenset({"creditcard", "carrier_01", "carrier_02", "carrier_03", "paypal", "coin", "amazon_pay"})
_BEFOREHAND = frozenset({"cvs", "base_bt"})
"""Ways of paying without which nothing is dispatched. 代金引換 and 後払い prove nothing."""

_NEWEST = ("OrderPlaced", "OrderPaid", "ShipmentDispatched", "OrderShipped", "OrderCancelled")
"""Of two milestones of one instant, the later in this list names the event."""


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one order (see `base.Normalise`), as the list or as the detail has it; a status that nobody knows is kept
    beside it.
    """
    document = parse_json(body, "BASE body")
    if not isinstance(document, dict):
        raise Permanent("BASE body: not an object")
    order = Order.model_validate(document)
    if order.unique_key is None:
        raise Permanent("order.unique_key: missing or no id")
    stamps = {name: unix(getattr(order, name), f"order.{name}") for name in ("ordered", "dispatched", "cancelled")}
    as_of = unix(order.modified, "order.modified") or max((at for at in stamps.values() if at), default=received_at)
    milestones = tuple(_milestones(order, as_of, **stamps))
    newest = max(milestones, key=lambda one: (one.at, _NEWEST.index(one.name)), default=None)
    content, source = content_hash(document), f"{shop_id}/{PLATFORM}/order"
    event = ShopEvent(
        source=source,
        event_id=content,
        content=content,
        type=newest.name if newest else "OrderEdited",
        shop_id=shop_id,
        platform=PLATFORM,
        occurred_at=newest.at if newest else as_of,
        as_of=as_of,
        received_at=received_at,
        order=OrderChange(
            order_id=order.unique_key,
            number=order.unique_key,
            total_yen=values.yen(order.total, "order.total"),
            milestones=milestones,
            shipments=_parcel(order, order.unique_key) if stamps["dispatched"] else (),
            lines=_lines(order.order_items),
        ),
    )
    return (event, *_unknown(order, source))


def _milestones(
    order: Order, as_of: datetime, *, ordered: datetime | None, dispatched: datetime | None, cancelled: datetime | None
) -> Iterator[Milestone]:
    if ordered:
        yield Milestone("OrderPlaced", ordered)
    if order.dispatch_status in _SETTLED and (paid := _paid_at(order.payment, ordered, as_of)):
        yield Milestone("OrderPaid", paid)
    if dispatched:
        yield Milestone("ShipmentDispatched", dispatched, order.unique_key or "")
        yield Milestone("OrderShipped", dispatched)
    if cancelled or order.dispatch_status == "cancelled":
        yield Milestone("OrderCancelled", cancelled or as_of)


def _paid_at(payment: str | None, ordered: datetime | None, as_of: datetime) -> datetime | None:
    """BASE dates no payment: a card is charged with the order, a transfer was paid when the order was first seen settled."""
    if payment in _AT_ONCE:
        return ordered or as_of
    return as_of if payment in _BEFOREHAND else None


def _parcel(order: Order, key: str) -> tuple[Shipment, ...]:
    """BASE dispatches an order as a whole, with one number. Its method of shipping is the shop's own text."""
    return (shipment(key, order.shipping_method, order.tracking_number, None),)


def _lines(items: Sequence[Item] | None) -> tuple[Line, ...] | None:
    """What is not cancelled; of an order that was cancelled whole, what it was. None where the body is the list's."""
    if items is None:
        return None
    kept = [one for one in items if one.status != "cancelled"] or items
    return lines_of({"lines": [_line(one) for one in kept]})


def _line(item: Item) -> dict[str, Any]:
    return {
        "title": " ".join(name for name in (item.title, item.variation) if name),
        "product_id": item.item_id,
        "quantity": item.amount,
        "unit_price": item.price,
    }


def _unknown(order: Order, source: str) -> Iterator[UnreadShopEvent]:
    status = order.dispatch_status
    if status is not None and status not in _KNOWN:
        kind = clean(f"status {status}") or "status"
        said = {"order": order.unique_key, "status": status}
        content = content_hash([kind, said])
        yield UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(said))
