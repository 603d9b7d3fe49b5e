"""Orders that make calls fail on purpose (§9.10). What an order causes is never a violation."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from local.line import ids
from local.line.limits import MONTHLY_TEXT, RATE_TEXT
from local.line.values import Answer, Json

BEFORE = ("error_500_before", "drop_before", "rate_429", "monthly_429", "unauthorized_401", "forbidden_403")
AFTER = ("error_500_after", "drop_after", "unreadable_200", "malformed_json")
MODES = (*BEFORE, *AFTER, "slow")
_UNAUTHORIZED = (
    "Authentication failed due to the following reason: invalid token. "
    "Confirm that the access token in the authorization header is valid."
)
_REFUSALS = {
    "error_500_before": (500, "Internal Server Error"),
    "rate_429": (429, RATE_TEXT),
    "monthly_429": (429, MONTHLY_TEXT),
    "unauthorized_401": (401, _UNAUTHORIZED),
    "forbidden_403": (403, "Access to this API is not available for your account"),
}


@dataclass
class Order:
    """One fault order: which calls it meets, what it does to them, how often."""

    number: int
    mode: str
    endpoint: str | None = None
    user: str | None = None
    nth: int | None = None
    probability: float | None = None
    seconds: float = 0.0
    times: int | None = 1
    seen: int = 0
    hits: int = 0
    rng: random.Random = field(default_factory=lambda: ids.dice(0), repr=False)

    def public(self) -> Json:
        """JSON form with its counters."""
        keys = ("number", "mode", "endpoint", "user", "nth", "probability", "seconds", "times", "seen", "hits")
        return {key: getattr(self, key) for key in keys}


class Faults:
    """The queue of orders. The first one that fits a call is taken."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self.orders: list[Order] = []
        self.placed = 0

    def place(self, wish: Json) -> Order:
        """Queue an order; ValueError names what is wrong with it."""
        match: dict[str, Any] = wish.get("match") or {}
        mode = wish.get("mode")
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}")
        if unknown := set(match) - {"endpoint", "user", "nth", "probability", "seed"}:
            raise ValueError(f"unknown match: {', '.join(sorted(unknown))}")
        self.placed += 1
        chance = match.get("probability")
        times = wish.get("times", 1 if chance is None else None)
        order = Order(
            number=self.placed,
            mode=mode,
            endpoint=match.get("endpoint"),
            user=match.get("user"),
            nth=match.get("nth"),
            probability=chance,
            seconds=float(wish.get("seconds", 3.0 if mode == "slow" else 0.0)),
            times=times,
            rng=ids.dice(match.get("seed", self._seed + self.placed)),
        )
        self.orders.append(order)
        return order

    def clear(self) -> None:
        """Withdraw all orders."""
        self.orders.clear()

    def take(self, endpoint: str, users: set[str]) -> Order | None:
        """The order that this call meets, or None."""
        for order in self.orders:
            if order.times is not None and order.hits >= order.times:
                continue
            if order.endpoint not in (None, endpoint) or (order.user is not None and order.user not in users):
                continue
            order.seen += 1
            if order.nth is not None and order.seen != order.nth:
                continue
            if order.probability is not None and order.rng.random() >= order.probability:
                continue
            order.hits += 1
            return order
        return None


def answer_before(order: Order) -> Answer | None:
    """The answer of an order that stops the call before LINE takes it, or None."""
    if order.mode == "drop_before":
        return Answer(drop=True, delay_s=order.seconds)
    if order.mode in _REFUSALS:
        status, message = _REFUSALS[order.mode]
        return Answer(status, {"message": message}, delay_s=order.seconds)
    return None


def spoil(order: Order, answer: Answer) -> Answer:
    """What the client gets to see after LINE has accepted the call."""
    if order.mode == "slow":
        answer.delay_s = order.seconds
        return answer
    if order.mode not in AFTER or not (answer.status < 300 or answer.status == 409):
        return answer
    if order.mode == "drop_after":
        return Answer(answer.status, answer.body, answer.headers, drop=True, delay_s=order.seconds)
    if order.mode == "error_500_after":
        return Answer(500, {"message": "Internal Server Error"}, answer.headers, delay_s=order.seconds)
    if order.mode == "unreadable_200":
        page = b"<html><body>gateway</body></html>"
        return Answer(200, page, answer.headers, "text/html", delay_s=order.seconds)
    cut = answer.payload()
    return Answer(200, cut[: max(1, len(cut) - 1)], answer.headers, delay_s=order.seconds)
