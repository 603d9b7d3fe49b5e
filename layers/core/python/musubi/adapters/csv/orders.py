"""Rows of orders: one row an order, or one row a line of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from musubi.adapters.csv import cells
from musubi.adapters.csv.layout import fold
from musubi.adapters.csv.rows import Row
from musubi.contracts.ec import shipment
from musubi.contracts.imports import ImportedRow
from musubi.contracts.text import bounded_id
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.orders import Line, LineKind, Milestone, Shipment

_DATED = {
    "ordered_at": "OrderPlaced",
    "paid_at": "OrderPaid",
    "shipped_at": "OrderShipped",
    "delivered_at": "OrderDelivered",
    "cancelled_at": "OrderCancelled",
    "returned_at": "OrderReturned",
}
_STATUSES = {
    "paid": "OrderPaid",
    "payment_failed": "OrderPaymentFailed",
    "payment_overdue": "OrderPaymentOverdue",
    "dispatched": "OrderShipped",
    "ready_for_pickup": "OrderReadyForPickup",
    "delivered": "OrderDelivered",
    "cancelled": "OrderCancelled",
    "returned": "OrderReturned",
}
"""What a status proves. `placed` proves nothing that has a time: that is the order's date."""
_SENT = frozenset({"OrderShipped", "OrderDelivered"})
_NO_NUMBER = "parcel"


def read_order(rows: Sequence[Row]) -> Iterable[ImportedRow]:
    """One order with all milestones that its rows prove."""
    first = rows[0]
    number = first.text("order_number")
    order_id = first.id("order_id") or first.needed_id("order_number")
    as_of = max(row.version() for row in rows)
    status = _status(rows)
    if status == "skip":
        return ()
    milestones = _milestones(rows, status, as_of)
    parcels = _parcels(rows)
    sent = next((m for m in milestones if m.name in _SENT), None)
    if sent is not None:
        milestones += [Milestone("ShipmentDispatched", sent.at, parcel.shipment_id) for parcel in parcels]
    lines = tuple(line for row in rows for line in _line(row))
    change = OrderChange(
        order_id=order_id,
        number=number,
        member_id=next((found for row in rows if (found := row.id("member_id"))), None),
        total_yen=next((total for row in rows if (total := row.whole("total")) is not None), None),
        milestones=tuple(milestones),
        shipments=tuple(parcels),
        lines=lines or None,
    )
    told = max(milestones, key=lambda m: m.at, default=None)
    return (
        ImportedRow(
            type=told.name if told else "OrderEdited",
            occurred_at=told.at if told else as_of,
            as_of=as_of,
            is_test=any(row.flag("is_test") for row in rows),
            order=change,
        ),
    )


def _status(rows: Sequence[Row]) -> str | None:
    found = next((found for row in rows if (found := row.text("status"))), None)
    if found is None:
        return None
    word = rows[0].about.layout.statuses.get(fold(found))
    if word is None:
        rows[0].leave_out("status")
    return word


def _milestones(rows: Sequence[Row], status: str | None, as_of: datetime) -> list[Milestone]:
    found: dict[str, Milestone] = {}
    for field, name in _DATED.items():
        dates = [at for row in rows if (at := row.instant(field))]
        past = [at for at in dates if at <= rows[0].about.latest]
        if past:
            found[name] = Milestone(name, min(past))
        elif dates:
            rows[0].leave_out(field)  # a plan: it has not happened
    proven = _STATUSES.get(status or "")
    if proven is not None and proven not in found:
        found[proven] = Milestone(proven, as_of)
    return list(found.values())


def _parcels(rows: Sequence[Row]) -> list[Shipment]:
    found: dict[str, Shipment] = {}
    for row in rows:
        carrier, number = row.text("carrier"), row.text("tracking_number", 40)
        if carrier or number:
            parcel = shipment(_NO_NUMBER, carrier, number, None)
            parcel_id = bounded_id(parcel.tracking_numbers[0]) if parcel.tracking_numbers else _NO_NUMBER
            found[parcel_id] = replace(parcel, shipment_id=parcel_id)
    return list(found.values())


def _line(row: Row) -> Iterator[Line]:
    title, sku, product_id = row.text("title"), row.text("sku"), row.text("product_id")
    name = title or sku or product_id
    quantity = _quantity(row)
    if name is None or quantity is None:
        return
    category = row.text("category")
    yield Line(
        title=name,
        quantity=quantity,
        product_id=product_id,
        sku=sku,
        categories=(category,) if category else (),
        unit_yen=row.lenient("unit_price", cells.whole),
        kind=_kind(row),
    )


def _quantity(row: Row) -> int | None:
    if row.text("quantity") is None:
        return 1
    return row.lenient("quantity", _positive)


def _positive(text: str) -> int:
    found = cells.whole(text)
    if not 0 < found < 10**6:
        raise Permanent("not a number of things")
    return found


def _kind(row: Row) -> LineKind:
    found = row.text("line_kind")
    if found is None:
        return LineKind.PRODUCT
    return row.about.layout.line_kinds.get(fold(found), LineKind.PRODUCT)
