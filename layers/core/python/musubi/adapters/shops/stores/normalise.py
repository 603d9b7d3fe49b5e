"""An order of STORES as it stands in the shop now, told as everything that it proves (ec-platforms §2.4, §9.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.stores import Delivery, Item, Order, Transaction
from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone

PLATFORM = "stores"

_PARCEL = "shipping"
_HANDED_OVER = frozenset({"counter", "ticket", "download"})
"""What nobody carries: with its `shipped_at` the customer has it."""

_NEWEST = (
    "OrderPlaced",
    "OrderPaid",
    "ShipmentDispatched",
    "OrderShipped",
    "OrderDelivered",
    "OrderRefunded",
    "OrderCancelled",
)
"""Of two milestones of one instant, the later in this list names the event."""


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one order (see `base.Normalise`), and one unread for each kind of delivery that nobody knows.

    An order says not when it was changed. Its version is the newest time that it names: whatever moves it dates itself.
    """
    document = parse_json(body, "STORES body")
    if not isinstance(document, dict):
        raise Permanent("STORES body: not an object")
    order = Order.model_validate(document)
    if order.id is None:
        raise Permanent("order.id: missing or no id")
    as_of = max(_times(order), default=received_at)
    milestones = tuple(_milestones(order, as_of))
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
            order_id=order.id,
            number=order.number,
            total_yen=values.yen(order.payment_amount, "order.payment_amount"),
            milestones=milestones,
            shipments=tuple(
                shipment(one.id, one.delivery_method_name, one.tracking_number, None)
                for one in _going(order)
                if one.id and one.type == _PARCEL and one.shipped_at
            ),
            lines=_lines(order) if "deliveries" in document else None,
        ),
    )
    return (event, *_unknown(order, source))


def _times(order: Order) -> Iterator[datetime]:
    """All times that the order names; Permanent for one that is none."""
    given = [("ordered_at", order.ordered_at), ("readied_at", order.readied_at)]
    given += [("transactions.paid_at", one.paid_at) for one in order.transactions]
    given += [("deliveries.shipped_at", one.shipped_at) for one in order.deliveries]
    given += [("deliveries.canceled_at", one.canceled_at) for one in order.deliveries]
    return (found for name, value in given if (found := values.instant(value, f"order.{name}")))


def _going(order: Order) -> list[Delivery]:
    """What is still to be delivered, or was."""
    return [one for one in order.deliveries if not one.canceled_at]


def _milestones(order: Order, as_of: datetime) -> Iterator[Milestone]:
    if placed := values.instant(order.ordered_at, "order.ordered_at"):
        yield Milestone("OrderPlaced", placed)
    amounts = [(one, values.yen(one.amount, "order.transactions.amount") or 0) for one in order.transactions]
    yield from _paid([one for one, amount in amounts if amount > 0])
    for one, amount in amounts:
        if amount < 0 and one.id:
            at = values.instant(one.paid_at, "order.transactions.paid_at")
            yield Milestone("OrderRefunded", at or as_of, one.id)
    yield from _delivered(_going(order))
    cancelled = [values.instant(one.canceled_at, "order.deliveries.canceled_at") for one in order.deliveries]
    if cancelled and all(cancelled):
        yield Milestone("OrderCancelled", max(at for at in cancelled if at))


def _paid(payments: Sequence[Transaction]) -> Iterable[Milestone]:
    """Paid once every part is: a counter may take a voucher and cash. A later refund does not undo it."""
    times = [values.instant(one.paid_at, "order.transactions.paid_at") for one in payments]
    found = [at for at in times if at]
    return [Milestone("OrderPaid", max(found))] if found and len(found) == len(times) else []


def _delivered(deliveries: Sequence[Delivery]) -> Iterator[Milestone]:
    """A parcel that has left; the whole order once all have; delivered where all of it was handed over without one."""
    dated = [(one, values.instant(one.shipped_at, "order.deliveries.shipped_at")) for one in deliveries]
    left = [(one, at) for one, at in dated if at]
    parcels = [(one, at) for one, at in left if one.type == _PARCEL]
    yield from (Milestone("ShipmentDispatched", at, one.id) for one, at in parcels if one.id)
    if not left or len(left) < len(dated):
        return
    if parcels:
        yield Milestone("OrderShipped", max(at for _, at in parcels))
    elif all(one.type in _HANDED_OVER for one in deliveries):
        yield Milestone("OrderDelivered", max(at for _, at in left))


def _lines(order: Order) -> tuple[Line, ...] | None:
    """Of an order that was cancelled whole, what it was."""
    items = chain.from_iterable(one.items for one in _going(order) or order.deliveries)
    return lines_of({"lines": [_line(item) for item in items]})


def _line(item: Item) -> dict[str, Any]:
    return {
        "title": " ".join(name for name in (item.name, item.variation_name) if name),
        "product_id": item.item_id,
        "variant_id": item.variation_id,
        "sku": item.code,
        "quantity": item.quantity,
        "unit_price": item.regular_price,
    }


def _unknown(order: Order, source: str) -> Iterator[UnreadShopEvent]:
    """Kinds of delivery that STORES has added, by their names: counted once per order, not stored whole again."""
    names = {one.type for one in order.deliveries if one.type not in (_PARCEL, *_HANDED_OVER)}
    for name in sorted(str(name) for name in names):
        kind = clean(f"delivery {name}") or "delivery"
        said = {"order": order.id, "type": name}
        content = content_hash([kind, said])
        yield UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(said))
