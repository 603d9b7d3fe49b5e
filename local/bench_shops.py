"""How many of Shopify's orders one core reads a second, beside `json.loads` and plain pydantic models of the same bodies.

Run by `make bench` in a process of its own, with musubi on its path; prints one JSON document. BENCH_SECONDS (3) is how long
each side is measured. Bodies are `events/shop/shopify/orders_*.json` written compactly, as Shopify sends them.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from musubi.adapters.shops.shopify.normalise import normalise

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "events" / "shop" / "shopify"

LEAST_A_SECOND = 2000
MOST_TIMES = 3.0
"""Goals: orders a second, and how many times as long as the plain models it may take."""

_AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_ROUNDS = 7


class _Money(BaseModel):
    amount: Decimal
    currency_code: str


class _Prices(BaseModel):
    shop_money: _Money
    presentment_money: _Money


class _Line(BaseModel):
    id: int
    product_id: int | None
    variant_id: int | None
    title: str
    name: str
    sku: str | None
    quantity: int
    current_quantity: int
    price: Decimal
    price_set: _Prices


class _Parcel(BaseModel):
    id: int
    order_id: int
    name: str
    status: str
    shipment_status: str | None = None
    created_at: datetime
    updated_at: datetime
    tracking_company: str | None
    tracking_number: str | None
    tracking_numbers: list[str]
    tracking_url: str | None
    tracking_urls: list[str]


class _Customer(BaseModel):
    id: int


class _Order(BaseModel):
    """The fields that our reader uses, typed as Shopify documents them; nothing is checked beyond that."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime
    processed_at: datetime
    cancelled_at: datetime | None
    currency: str
    financial_status: str | None
    fulfillment_status: str | None
    total_price: Decimal
    total_price_set: _Prices
    current_total_price: Decimal
    current_total_price_set: _Prices
    customer: _Customer | None
    checkout_token: str | None
    cart_token: str | None
    test: bool
    payment_gateway_names: list[str]
    fulfillments: list[_Parcel]
    refunds: list[dict[str, Any]]
    line_items: list[_Line]


Call = tuple[Mapping[str, str], bytes]


def calls() -> Sequence[Call]:
    """Headers and compact body of every sample that holds a whole order of whole yen."""
    found = []
    for path in sorted(FOLDER.glob("orders_*.json")):
        if path.name.endswith(".headers.json") or "fraction" in path.name:
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        if "line_items" not in document:
            continue
        headers = json.loads(path.with_name(f"{path.stem}.headers.json").read_text(encoding="utf-8"))
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        found.append(({name.lower(): value for name, value in headers.items()}, body))
    return found


def ours(call: Call) -> None:
    """Verified bytes to canonical events."""
    headers, body = call
    normalise(headers, body, "main", _AT)


def plain(call: Call) -> None:
    """The same bytes into plain models."""
    _Order.model_validate(json.loads(call[1]))


def per_second(read: Callable[[Call], None], bodies: Sequence[Call], seconds: float) -> float:
    """Orders a second of CPU time: what else runs on the machine is not counted."""
    done, started = 0, time.process_time()
    while (passed := time.process_time() - started) < seconds:
        for call in bodies:
            read(call)
        done += len(bodies)
    return done / passed


def measure(seconds: float) -> dict[str, Any]:
    """What was measured, and whether the goals are met.

    Both sides in turn, the median of several rounds: another process on the machine then slows both.
    """
    bodies = calls()
    for read in (ours, plain):
        per_second(read, bodies, 0.3)
    rounds: list[tuple[float, float]] = []
    gc.disable()
    for _ in range(_ROUNDS):
        rounds.append((per_second(ours, bodies, seconds / _ROUNDS), per_second(plain, bodies, seconds / _ROUNDS)))
        gc.collect()
    a_second = round(statistics.median(one for one, _ in rounds))
    times = round(statistics.median(other / one for one, other in rounds), 2)
    return {
        "bodies": len(bodies),
        "bytes": round(statistics.mean(len(body) for _, body in bodies)),
        "orders_a_second": a_second,
        "plain_a_second": round(statistics.median(other for _, other in rounds)),
        "times_plain": times,
        "goals": f"{LEAST_A_SECOND:,} a second, at most {MOST_TIMES:g} x",
        "met": a_second >= LEAST_A_SECOND and times <= MOST_TIMES,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(float(os.environ.get("BENCH_SECONDS", "3")))) + "\n")
