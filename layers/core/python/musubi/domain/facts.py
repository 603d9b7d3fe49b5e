"""The words that templates may use, collected from what a scenario is about."""

from __future__ import annotations

from datetime import date

from musubi.domain.calendar import japanese_date
from musubi.domain.orders import Milestone, Order
from musubi.domain.people import Member
from musubi.domain.rendering import NOT_KNOWN, yen
from musubi.domain.scenario import Enrolment


def order_facts(order: Order, milestone: Milestone, nth: int | None = None) -> dict[str, str]:
    """`order.id`, `order.number`, `order.total`, `order.nth` (which purchase of its member it is), and of the parcel that
    `milestone` is about `shipment.carrier`, `shipment.numbers`, `shipment.url` (absent when there is no safe page to show).
    """
    facts = {"order.id": order.order_id, "order.number": order.number or order.order_id}
    if order.total_yen is not None:
        facts["order.total"] = yen(order.total_yen)
    if nth is not None:
        facts["order.nth"] = str(nth)
    shipment = order.shipment(milestone.ref) if milestone.ref else None
    if shipment is not None:
        facts["shipment.carrier"] = shipment.carrier_name or NOT_KNOWN
        facts["shipment.numbers"] = "、".join(shipment.tracking_numbers) or NOT_KNOWN
        if shipment.tracking_url:
            facts["shipment.url"] = shipment.tracking_url
    return facts


def parcel_facts(order: Order, enrolment: Enrolment) -> dict[str, str]:
    """What `order` says now of the parcel that `enrolment` is about: numbers often come minutes after the dispatch."""
    ref = enrolment.key_value.removeprefix(f"{order.order_id}/")
    facts = order_facts(order, Milestone("ShipmentDispatched", enrolment.anchor_at, ref))
    return {name: value for name, value in facts.items() if name.startswith("shipment.")}


def points_facts(member: Member, expires_on: date) -> dict[str, str]:
    """`points.expiring`, `points.expires_on` as they are now: points may have been used since the alert was planned."""
    return {
        "points.expiring": yen(member.points_expiring(expires_on)),
        "points.expires_on": japanese_date(expires_on),
    }
