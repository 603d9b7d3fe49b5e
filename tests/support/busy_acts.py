"""What is said to a deployment in its busy week, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tests.support.deployed import Deployed


def line_event(house: Deployed, user_id: str, kind: str, **more: Any) -> dict[str, Any]:
    """A LINE event of its own second."""
    house.later(seconds=1)
    stamp = int(house.now.timestamp() * 1000)
    source = {"type": "user", "userId": user_id}
    known = {"type": kind, "mode": "active", "timestamp": stamp, "webhookEventId": f"e{stamp}", "source": source}
    return {**known, "replyToken": f"r{stamp}", **more}


def said(house: Deployed, user_id: str, text: str) -> dict[str, Any]:
    return line_event(house, user_id, "message", message={"type": "text", "text": text})


def nonce_of(house: Deployed, member_id: str) -> str:
    answer = house.ask_nonce(member_id)
    assert answer["statusCode"] == 201
    return str(json.loads(answer["body"])["nonce"])


def link_up(house: Deployed, user_id: str, member_id: str) -> None:
    nonce = nonce_of(house, member_id)
    house.line_says(line_event(house, user_id, "accountLink", link={"result": "ok", "nonce": nonce}))
    assert house.work_off("line_events") == 0


def told(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def envelope(house: Deployed, kind: str, **data: Any) -> dict[str, Any]:
    """What the rule on the bus puts on the queue."""
    detail = {"shop_id": "main", "data": data}
    return {"id": kind, "detail-type": kind, "source": "shop", "time": house.now.isoformat(), "detail": detail}


def order_of(house: Deployed, order_id: str) -> Mapping[str, Any]:
    placed = {"order_id": order_id, "order_number": order_id, "placed_at": house.now.isoformat(), "member_id": "1001"}
    return told("OrderPlaced", **placed, total={"amount": 12800, "currency": "JPY"})


def go_to(house: Deployed, day: date, hour: int) -> None:
    """Until `hour` o'clock in Tokyo."""
    tokyo = timedelta(hours=9)
    house.now = house.now.replace(year=day.year, month=day.month, day=day.day, hour=0, minute=0, second=0)
    house.later(hours=hour)
    house.now -= tokyo


def daily(house: Deployed, schedule: str) -> str:
    answer = house.invoke("daily_alerts", {"schedule": schedule, "scheduled_at": house.now.isoformat()})
    return str(answer["reason"])
