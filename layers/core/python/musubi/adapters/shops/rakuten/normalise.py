"""An order of Rakuten as it stands in RMS now, told as everything that it proves (ec-platforms §2.4, §9.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from musubi.contracts import values
from musubi.contracts.ec_fields import lines_of, shipment
from musubi.contracts.rakuten import Item, Order, Shipping
from musubi.contracts.text import canonical, clean, content_hash, parse_json
from musubi.domain.changes import OrderChange
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone

PLATFORM = "rakuten"

_SETTLED, _CANCELLED = "700", "900"
_LEFT = frozenset({"500", "600", _SETTLED})
"""発送済, 支払手続き中, 支払手続き済: each only follows the one before it."""
_KNOWN = frozenset({"100", "200", "300", "400", *_LEFT, "800", _CANCELLED})
"""注文確認待ち, 楽天処理中, 発送待ち, 変更確定待ち; キャンセル確定待ち proves nothing, for it may be taken back."""

_OPEN_YEN = -9999
_CANCEL_CHANGES = frozenset({"1", "2"})
_CARRIERS = {"1001": "Yamato", "1002": "Sagawa", "1003": "Japan Post", "1004": "Seino", "1006": "Fukuyama"}
"""`deliveryCompany`, where the name beside it is left out."""

_NEWEST = ("OrderPlaced", "ShipmentDispatched", "OrderShipped", "OrderPaid", "OrderCancelled")
"""Of two milestones of one instant, the later in this list names the event."""


def normalise(
    headers: Mapping[str, str], body: bytes, shop_id: str, received_at: datetime
) -> Sequence[ShopEvent | UnreadShopEvent]:
    """The event of one order (see `base.Normalise`); a status that nobody knows is kept beside it.

    An order says not when it was changed. Its version is the newest time that it names.
    """
    document = parse_json(body, "Rakuten body")
    if not isinstance(document, dict):
        raise Permanent("Rakuten body: not an object")
    order = Order.model_validate(document)
    if order.orderNumber is None:
        raise Permanent("order.orderNumber: missing or no id")
    as_of = max(_times(order), default=received_at)
    milestones = tuple(_milestones(order, received_at))
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
            order_id=order.orderNumber,
            number=order.orderNumber,
            total_yen=_total(order),
            milestones=milestones,
            shipments=tuple(
                shipment(
                    ref, one.deliveryCompanyName or _CARRIERS.get(one.deliveryCompany or ""), one.shippingNumber, None
                )
                for ref, one in _parcels(order)
            ),
            lines=_lines(order) if "PackageModelList" in document else None,
        ),
    )
    return (event, *_unknown(order, source))


def _times(order: Order) -> Iterator[datetime]:
    """All times that the order names; Permanent for one that is none."""
    names = (
        "orderDatetime",
        "shopOrderCfmDatetime",
        "orderFixDatetime",
        "shippingInstDatetime",
        "shippingCmplRptDatetime",
    )
    given = [(name, getattr(order, name)) for name in names]
    for change in order.ChangeReasonModelList:
        given += [
            (name, getattr(change, name)) for name in ("changeApplyDatetime", "changeFixDatetime", "changeCmplDatetime")
        ]
    return (found for name, value in given if (found := values.instant(value, f"order.{name}")))


def _milestones(order: Order, seen_at: datetime) -> Iterator[Milestone]:
    """What status and times prove. What they do not date is as old as our knowledge of it."""
    if placed := values.instant(order.orderDatetime, "order.orderDatetime"):
        yield Milestone("OrderPlaced", placed)
    if order.orderProgress in _LEFT:
        left = values.instant(order.shippingCmplRptDatetime, "order.shippingCmplRptDatetime") or seen_at
        yield from (Milestone("ShipmentDispatched", left, ref) for ref, _ in _parcels(order))
        yield Milestone("OrderShipped", left)
    if order.orderProgress == _SETTLED:
        yield Milestone("OrderPaid", seen_at)
    if order.orderProgress == _CANCELLED:
        yield Milestone("OrderCancelled", _cancelled_at(order) or seen_at)


def _cancelled_at(order: Order) -> datetime | None:
    changes = [one for one in order.ChangeReasonModelList if one.changeType in _CANCEL_CHANGES]
    times = [values.instant(one.changeFixDatetime, "order.changeFixDatetime") for one in changes]
    return max((at for at in times if at), default=None)


def _parcels(order: Order) -> list[tuple[str, Shipping]]:
    """The parcels of an order that has left, by id. RMS takes a number long before it."""
    if order.orderProgress not in _LEFT:
        return []
    found = chain.from_iterable(one.ShippingModelList for one in order.PackageModelList)
    return [(one.shippingDetailId, one) for one in found if one.shippingDetailId]


def _total(order: Order) -> int | None:
    """What the customer pays, once it is settled."""
    total = values.yen(order.requestPrice, "order.requestPrice")
    return None if total == _OPEN_YEN else total


def _lines(order: Order) -> tuple[Line, ...] | None:
    items = chain.from_iterable(one.ItemModelList for one in order.PackageModelList)
    return lines_of({"lines": [_line(item) for item in items]})


def _line(item: Item) -> dict[str, Any]:
    sku = item.SkuModelList[0] if item.SkuModelList else None
    return {
        "title": item.itemName,
        "product_id": item.manageNumber or item.itemId,
        "variant_id": sku.variantId if sku else None,
        "sku": (sku.merchantDefinedSkuId if sku else None) or item.itemNumber,
        "quantity": item.units,
        "unit_price": item.price if item.priceTaxIncl is None else item.priceTaxIncl,
    }


def _unknown(order: Order, source: str) -> Iterator[UnreadShopEvent]:
    status = order.orderProgress
    if status is not None and status not in _KNOWN:
        kind = clean(f"status {status}") or "status"
        said = {"order": order.orderNumber, "status": status}
        content = content_hash([kind, said])
        yield UnreadShopEvent(source=source, event_id=content, kind=kind, content=content, raw=canonical(said))
