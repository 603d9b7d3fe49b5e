"""The control API under `/_shop`: stories tell the shop what happens. See README.md for every call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.shop.clock import parse_moment, rfc3339
from local.shop.model import Birthday, Member, Order
from local.shop.outbox import PLATFORMS, Delivery, Handling
from local.shop.till import ShopError, Signal

Body = dict[str, Any]
MAX_BULK = 100_000


async def health(request: Request) -> Response:
    """GET /_shop/health: the shop answers."""
    shop = request.app.state.shop
    return JSONResponse({"ok": True, "shop_id": shop.config.shop_id, "business_time": rfc3339(shop.clock.now())})


async def set_clock(request: Request) -> Response:
    """POST /_shop/clock {offset_s}: move business time; signatures keep machine time."""
    shop, body = request.app.state.shop, await _json(request)
    shop.clock.offset_s = float(body["offset_s"])
    return JSONResponse({"offset_s": shop.clock.offset_s, "business_time": rfc3339(shop.clock.now())})


async def create_members(request: Request) -> Response:
    """POST /_shop/members {count, birthday?, points?, with_points?, announce?}: invent members in bulk."""
    shop, body = request.app.state.shop, await _json(request)
    count = int(body.get("count", 1))
    if not 1 <= count <= MAX_BULK:
        raise ShopError(f"count out of range: {count}")
    birthday = Birthday.parse(body["birthday"]) if body.get("birthday") else None
    shop.outbox.check(_platform(body, "cloudevents"), about_members=True)
    members: list[Member] = []
    for _ in range(count):
        member = shop.till.invent_member(
            with_points=bool(body.get("with_points")),
            birthday=birthday,
            long_ago=bool(body.get("backfill")),
        )
        members.append(member)
        if body.get("lots"):
            shop.till.set_lots(member.member_id, _lots(body["lots"]))
    signals: list[Signal] = []
    if body.get("announce", True):
        for member in members:
            signals += shop.till.announce_member(member, backfill=bool(body.get("backfill")))
    return await _announce(
        request,
        body,
        signals,
        {"members": [_member_row(request, member) for member in members]},
        default="cloudevents",
        status=201,
    )


async def announce_members(request: Request) -> Response:
    """POST /_shop/members/announce {members?: [ids], backfill?}: first import of members the shop has."""
    shop, body = request.app.state.shop, await _json(request)
    wanted = body.get("members") or list(shop.till.members)
    signals: list[Signal] = []
    for member_id in wanted:
        signals += shop.till.announce_member(shop.till.member(str(member_id)), backfill=bool(body.get("backfill")))
    return await _announce(request, body, signals, {"announced": len(wanted)}, default="cloudevents")


async def list_members(request: Request) -> Response:
    """GET /_shop/members: every member with points and link state."""
    members = request.app.state.shop.till.members.values()
    return JSONResponse({"members": [_member_row(request, member) for member in members]})


async def show_member(request: Request) -> Response:
    """GET /_shop/members/{id}."""
    member = request.app.state.shop.till.member(request.path_params["member_id"])
    return JSONResponse(_member_row(request, member))


async def set_birthday(request: Request) -> Response:
    """POST /_shop/members/{id}/birthday {birthday: "YYYY-MM-DD" | "--MM-DD" | null}."""
    return await _member_step(
        request,
        lambda till, member_id, body: till.set_birthday(
            member_id, Birthday.parse(body["birthday"]) if body["birthday"] else None
        ),
    )


async def set_lots(request: Request) -> Response:
    """POST /_shop/members/{id}/lots {lots: [{points, expires_on}]}: replace all point lots."""
    return await _member_step(request, lambda till, member_id, body: till.set_lots(member_id, _lots(body["lots"])))


async def grant_points(request: Request) -> Response:
    """POST /_shop/members/{id}/points {points, expires_on, reason?}: add one lot."""
    return await _member_step(
        request,
        lambda till, member_id, body: till.grant_points(
            member_id,
            int(body["points"]),
            date.fromisoformat(body["expires_on"]),
            str(body.get("reason", "manual")),
        ),
    )


async def leave(request: Request) -> Response:
    """POST /_shop/members/{id}/leave {erase?}: withdraw, or delete the record."""
    return await _member_step(
        request, lambda till, member_id, body: till.leave(member_id, erase=bool(body.get("erase")))
    )


async def place_order(request: Request) -> Response:
    """POST /_shop/orders {member_id?, items?, paid?, payment?, points_used?, source?, is_test?, …}"""
    shop, body = request.app.state.shop, await _json(request)
    member_id = body.get("member_id")
    shop.outbox.check(_platform(body))
    order = shop.till.place_order(
        str(member_id) if member_id is not None else None,
        _items(body.get("items") or [{"sku": "TEA-SEN-100"}]),
        source=str(body.get("source", "web")),
        payment=str(body.get("payment", "card")),
        points_used=int(body.get("points_used", 0)),
        is_test=bool(body.get("is_test")),
        placed_at=parse_moment(body["placed_at"]) if body.get("placed_at") else None,
    )
    # Rendered before the payment: orders/create of an order paid a moment later says "pending" in real life.
    placed = shop.outbox.announce(shop.till.placed(order), _platform(body), _handling(body))
    signals = shop.till.pay(order.number) if body.get("paid") else []
    return await _announce(request, body, signals, {"order": _order_row(order)}, earlier=placed, status=201)


async def list_orders(request: Request) -> Response:
    """GET /_shop/orders."""
    return JSONResponse({"orders": [_order_row(order) for order in request.app.state.shop.till.orders.values()]})


async def pay(request: Request) -> Response:
    """POST /_shop/orders/{number}/pay."""
    return await _order_step(request, lambda till, ref, body: till.pay(ref))


async def ship(request: Request) -> Response:
    """POST /_shop/orders/{number}/ship {carrier?, number?, items?}: no number = invented, "" = none yet."""
    return await _order_step(
        request,
        lambda till, ref, body: till.ship(
            ref, str(body.get("carrier", "yamato")), body.get("number"), _items(body.get("items") or [])
        ),
    )


async def cancel(request: Request) -> Response:
    """POST /_shop/orders/{number}/cancel {reason?}."""
    return await _order_step(request, lambda till, ref, body: till.cancel(ref, str(body.get("reason", "customer"))))


async def outbox(request: Request) -> Response:
    """GET /_shop/outbox ?state= &subject= &after= &bodies=1: every message sent, with its attempts."""
    query = request.query_params
    rows = [
        delivery.as_dict(with_body=query.get("bodies") == "1")
        for delivery in request.app.state.shop.outbox.deliveries
        if delivery.serial > int(query.get("after", 0))
        and query.get("state") in (None, delivery.state)
        and query.get("subject") in (None, delivery.subject)
    ]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return JSONResponse({"count": len(rows), "by_state": counts, "messages": rows})


async def release(request: Request) -> Response:
    """POST /_shop/release {shuffle?, duplicate?, delay_s?, drop?}: let held messages go."""
    shop, body = request.app.state.shop, await _json(request)
    return await _sent(request, body, shop.outbox.release(_handling({**body, "hold": False})), {})


async def resend(request: Request) -> Response:
    """POST /_shop/resend {serials: [n]}: send recorded messages again under their old ids."""
    shop, body = request.app.state.shop, await _json(request)
    return await _sent(request, body, shop.outbox.resend(int(serial) for serial in body["serials"]), {})


async def idle(request: Request) -> Response:
    """GET /_shop/idle ?timeout_s=30: answers when no message is on its way (held ones do not count)."""
    limit = float(request.query_params.get("timeout_s", 30))
    done = await request.app.state.shop.outbox.settle(timeout_s=limit)
    return JSONResponse({"idle": done}, status_code=200 if done else 504)


async def facts(request: Request) -> Response:
    """GET /_shop/facts ?count= &timeout_s=: what the product told the shop; waits for `count` facts."""
    book, query = request.app.state.shop.facts, request.query_params
    deadline = time.monotonic() + float(query.get("timeout_s", 0))
    while len(book.facts) < int(query.get("count", 0)) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return JSONResponse(book.as_dict())


async def refuse(_: Request, problem: Exception) -> Response:
    """A refused or malformed control call: 400 with the reason."""
    return JSONResponse({"error": f"{type(problem).__name__}: {problem}"}, status_code=400)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = dict.fromkeys(
    (ShopError, ValueError, KeyError, TypeError), refuse
)


def routes() -> list[Route]:
    """All control routes."""
    get, post = ["GET"], ["POST"]
    return [
        Route("/_shop/health", health, methods=get),
        Route("/_shop/clock", set_clock, methods=post),
        Route("/_shop/members", list_members, methods=get),
        Route("/_shop/members", create_members, methods=post),
        Route("/_shop/members/announce", announce_members, methods=post),
        Route("/_shop/members/{member_id}", show_member, methods=get),
        Route("/_shop/members/{member_id}/birthday", set_birthday, methods=post),
        Route("/_shop/members/{member_id}/lots", set_lots, methods=post),
        Route("/_shop/members/{member_id}/points", grant_points, methods=post),
        Route("/_shop/members/{member_id}/leave", leave, methods=post),
        Route("/_shop/orders", list_orders, methods=get),
        Route("/_shop/orders", place_order, methods=post),
        Route("/_shop/orders/{number}/pay", pay, methods=post),
        Route("/_shop/orders/{number}/ship", ship, methods=post),
        Route("/_shop/orders/{number}/cancel", cancel, methods=post),
        Route("/_shop/outbox", outbox, methods=get),
        Route("/_shop/release", release, methods=post),
        Route("/_shop/resend", resend, methods=post),
        Route("/_shop/idle", idle, methods=get),
        Route("/_shop/facts", facts, methods=get),
    ]


async def _json(request: Request) -> Body:
    raw = await request.body()
    body = await request.json() if raw else {}
    if not isinstance(body, dict):
        raise ShopError("the body must be a JSON object")
    return body


def _platform(body: Body, default: str = "shopify") -> str:
    platform = str(body.get("platform", default))
    if platform not in PLATFORMS:
        raise ShopError(f"unknown platform {platform}: one of {', '.join(PLATFORMS)}")
    return platform


def _handling(body: Body) -> Handling:
    kind = str(body.get("duplicate_as", "retry"))
    if kind not in ("retry", "subscription"):
        raise ShopError(f"unknown duplicate_as {kind}")
    return Handling(
        duplicate=int(body.get("duplicate", 0)),
        duplicate_as=kind,
        shuffle=bool(body.get("shuffle")),
        delay_s=float(body.get("delay_s", 0)),
        drop=bool(body.get("drop")),
        hold=bool(body.get("hold")),
    )


def _items(rows: list[Body]) -> list[tuple[str, int]]:
    return [(str(row["sku"]), int(row.get("quantity", 1))) for row in rows]


def _lots(rows: list[Body]) -> list[tuple[int, date]]:
    return [(int(row["points"]), date.fromisoformat(row["expires_on"])) for row in rows]


async def _order_step(request: Request, step: Callable[[Any, str, Body], list[Signal]]) -> Response:
    shop, body = request.app.state.shop, await _json(request)
    ref = request.path_params["number"]
    shop.outbox.check(_platform(body))  # a wrong platform is refused before the order changes
    signals = step(shop.till, ref, body)
    return await _announce(request, body, signals, {"order": _order_row(shop.till.order(ref))})


async def _member_step(request: Request, step: Callable[[Any, str, Body], list[Signal]]) -> Response:
    shop, body = request.app.state.shop, await _json(request)
    member_id = request.path_params["member_id"]
    shop.outbox.check(_platform(body, "cloudevents"), about_members=True)
    signals = step(shop.till, member_id, body)
    member = shop.till.member(member_id)
    return await _announce(request, body, signals, {"member": _member_row(request, member)}, default="cloudevents")


async def _announce(
    request: Request,
    body: Body,
    signals: list[Signal],
    extra: Body,
    *,
    default: str = "shopify",
    earlier: list[Delivery] | None = None,
    status: int = 200,
) -> Response:
    made = request.app.state.shop.outbox.announce(
        signals, _platform(body, default), _handling(body), int(body.get("batch_size", 1))
    )
    return await _sent(request, body, [*(earlier or []), *made], extra, status)


async def _sent(request: Request, body: Body, made: list[Delivery], extra: Body, status: int = 200) -> Response:
    settled = True
    if body.get("wait", True):
        settled = await request.app.state.shop.outbox.settle(made, float(body.get("timeout_s", 20)))
    rows = [delivery.as_dict() for delivery in made]
    return JSONResponse({**extra, "settled": settled, "messages": rows}, status_code=status)


def _member_row(request: Request, member: Member) -> Body:
    link = request.app.state.shop.facts.active_link(member.member_id)
    return {
        "member_id": member.member_id,
        "name": member.name,
        "state": member.state,
        "email": member.email,
        "birthday": member.birthday.as_data() if member.birthday else None,
        "balance": member.balance,
        "lots": [
            {"lot_id": lot.lot_id, "points": lot.points, "expires_on": lot.expires_on.isoformat()}
            for lot in member.lots
        ],
        "linked_to": link.user_id if link else None,
    }


def _order_row(order: Order) -> Body:
    return {
        "number": order.number,
        "order_id": str(order.order_id),
        "total": order.total,
        "state": order.state_label,
        "member_id": order.member.member_id if order.member else None,
        "placed_at": rfc3339(order.placed_at),
        "paid_at": rfc3339(order.paid_at) if order.paid_at else None,
        "cancelled_at": rfc3339(order.cancelled_at) if order.cancelled_at else None,
        "parcels": [
            {
                "shipment_id": str(parcel.shipment_id),
                "carrier": parcel.carrier.code,
                "numbers": list(parcel.numbers),
            }
            for parcel in order.parcels
        ],
    }
