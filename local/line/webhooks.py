"""Delivering webhooks: signed posts with a 2 s deadline, redelivery, and every way of doing it badly on order
(§1.2, §1.3, §9.16, §9.17)."""

from __future__ import annotations

import copy
import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from local.line import ids
from local.line.clock import iso
from local.line.signing import HEADER_NAMES, encode, sign
from local.line.state import World
from local.line.values import Json

DEADLINE_S = 2.0
Post = Callable[[str, bytes, dict[str, str]], int]
"""(url, body, headers) -> status; raises TimeoutError or ConnectionError."""


@dataclass
class Options:
    """How to send: `duplicate` extra copies (isRedelivery false, as network duplicates come), `delay_s`, `batch`,
    `shuffle` over the requests of one order, `bad_signature`, `unsigned`, `secret` (another channel secret),
    `redeliver` (a redelivery right after), `plain` (compact JSON), `extra_fields`, `wait` for the answers."""

    duplicate: int = 0
    delay_s: float = 0.0
    shuffle: bool = False
    batch: bool = True
    bad_signature: bool = False
    unsigned: bool = False
    redeliver: bool = False
    wait: bool = True
    plain: bool = False
    extra_fields: bool = False
    secret: str | None = None

    @classmethod
    def read(cls, want: Json) -> Options:
        """Options out of a control body; unknown keys raise ValueError."""
        given = want.get("options") or {}
        if unknown := set(given) - set(cls.__dataclass_fields__):
            raise ValueError(f"unknown options: {', '.join(sorted(unknown))}")
        return cls(**given)


@dataclass
class Delivery:
    """One webhook request and its attempts."""

    number: int
    events: list[Json]
    options: Options
    attempts: list[Json] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether the last attempt was answered with 2xx in time."""
        return bool(self.attempts) and self.attempts[-1]["error"] is None

    def public(self) -> Json:
        """JSON form for /_sim/webhooks."""
        brief = [
            {
                "type": e.get("type"),
                "webhookEventId": e.get("webhookEventId"),
                "userId": (e.get("source") or {}).get("userId"),
            }
            for e in self.events
        ]
        return {"number": self.number, "ok": self.accepted, "events": brief, "attempts": self.attempts}


class Webhooks:
    """The sender. `post` is injected; `start()` adds the worker threads, without them `send` works in line."""

    def __init__(self, world: World, post: Post) -> None:
        self.world, self._post = world, post
        self.deliveries: list[Delivery] = []
        self._rng = ids.dice(world.config.seed)
        self._pool: ThreadPoolExecutor | None = None
        self._due: list[tuple[float, int, Delivery]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        world.probe = self.probe

    def start(self) -> None:
        """Start the workers and the redelivery timer."""
        self._pool = ThreadPoolExecutor(self.world.config.workers, "line-webhook")
        threading.Thread(target=self._timer, name="line-redelivery", daemon=True).start()

    def stop(self) -> None:
        """Stop the timer and drop what waits."""
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def clear(self) -> None:
        """Forget deliveries and pending redeliveries."""
        with self._lock:
            self._due.clear()
        self.deliveries = []

    def send(self, events: list[Json], options: Options | None = None) -> list[Delivery]:
        """Send events as one request, or one each without `batch`; waits for the answers when asked to."""
        chosen = options or Options()
        if not events or not self.world.webhook_url or not self.world.webhook_active:
            return []
        groups = [events] if chosen.batch else [[event] for event in events]
        made: list[Delivery] = []
        with self.world.lock:
            for group in groups * (1 + chosen.duplicate):
                made.append(Delivery(self.world.number(), copy.deepcopy(group), chosen))
            self.deliveries += made
        order = list(made)
        if chosen.shuffle:
            self._rng.shuffle(order)
        if self._pool is None:
            for delivery in order:
                self._first(delivery)
            return made
        running: list[Future[None]] = [self._pool.submit(self._first, delivery) for delivery in order]
        if chosen.wait:
            for future in running:
                future.result(timeout=chosen.delay_s + 60)
        return made

    def pending(self) -> list[Delivery]:
        """Deliveries without an attempt yet, or waiting for their redelivery."""
        with self._lock:
            planned = {number for _, number, _ in self._due}
        return [item for item in list(self.deliveries) if not item.attempts or item.number in planned]

    def redeliver(self, number: int) -> Delivery:
        """Send a delivery again now, as LINE's redelivery does. KeyError for an unknown number."""
        delivery = next((item for item in self.deliveries if item.number == number), None)
        if delivery is None:
            raise KeyError(number)
        self._attempt(delivery, again=True)
        return delivery

    def probe(self, url: str) -> Json:
        """The signed empty webhook of the console's Verify button."""
        body = encode({"destination": self.world.config.bot_user_id, "events": []})
        return self._request(url, body, {"x-line-signature": sign(self.world.config.channel_secret, body)})

    def run_due(self, now: float | None = None) -> int:
        """Redeliver what is due; returns how many. The timer thread calls it, tests too."""
        moment = time.monotonic() if now is None else now
        count = 0
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > moment:
                    return count
                delivery = heapq.heappop(self._due)[2]
            count += 1
            if self._pool is None:
                self._attempt(delivery, again=True)
            else:
                self._pool.submit(self._attempt, delivery, again=True)

    def _timer(self) -> None:
        while not self._stop.wait(0.1):
            self.run_due()

    def _first(self, delivery: Delivery) -> None:
        if delivery.options.delay_s:
            time.sleep(delivery.options.delay_s)
        self._attempt(delivery, again=False)
        if delivery.options.redeliver:
            self._attempt(delivery, again=True)

    def _attempt(self, delivery: Delivery, *, again: bool) -> None:
        world, options = self.world, delivery.options
        with world.lock:
            self._stamp(delivery.events, again=again)
            payload: Json = {"destination": world.config.bot_user_id, "events": delivery.events}
            if options.extra_fields:
                payload = _with_extras(payload)
            plain = options.plain or world.config.plain_json
            body = encode(payload, None if plain else self._rng)
            headers = self._headers(body, options)
            url = world.webhook_url
        outcome = self._request(url, body, headers)
        delivery.attempts.append({**outcome, "redelivery": again, "at": iso(world.clock.now())})
        refused = options.bad_signature or options.unsigned
        if outcome["error"] is not None and world.redelivery and not refused:
            self._plan(delivery)
        if refused and outcome["error"] is None:
            world.violation(
                "unsigned webhook accepted", "a webhook without a valid signature got 2xx", delivery=delivery.number
            )

    def _plan(self, delivery: Delivery) -> None:
        delays = self.world.config.redelivery_delays_s
        done = len(delivery.attempts) - 1
        if done < len(delays):
            with self._lock:
                heapq.heappush(self._due, (time.monotonic() + delays[done], delivery.number, delivery))

    def _stamp(self, events: list[Json], *, again: bool) -> None:
        now = self.world.clock.now()
        for event in events:
            if again and isinstance(event.get("deliveryContext"), dict):
                event["deliveryContext"]["isRedelivery"] = True
            token = self.world.reply_tokens.get(str(event.get("replyToken")))
            if token is not None:
                token.received_at, token.moved_s = now, self.world.clock.offset_s

    def _headers(self, body: bytes, options: Options) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "LineBotWebhook/2.0"}
        if options.unsigned:
            return headers
        secret = options.secret or self.world.config.channel_secret
        signature = sign(secret + "x" if options.bad_signature else secret, body)
        headers[self._rng.choice(HEADER_NAMES)] = signature
        return headers

    def _request(self, url: str, body: bytes, headers: dict[str, str]) -> Json:
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        try:
            status = self._post(url, body, headers)
        except TimeoutError:
            error = "request_timeout"
        except OSError:
            error = "could_not_connect"
        except Exception:  # LINE counts everything else under one name too
            error = "unclassified"
        seconds = time.perf_counter() - started
        if error is None and seconds > DEADLINE_S:
            error = "request_timeout"
        if error is None and not 200 <= (status or 0) < 300:
            error = "error_status_code"
        return {"status": status, "error": error, "seconds": round(seconds, 4), "bytes": len(body)}


def _with_extras(payload: Any) -> Any:
    """Properties that no document names, at every level: a tolerant reader must not mind (§9.16)."""
    grown = copy.deepcopy(payload)
    grown["somethingNew"] = {"since": "2027-01"}
    for event in grown["events"]:
        event["somethingNew"] = True
        for key in ("source", "message", "postback", "link"):
            if isinstance(event.get(key), dict):
                event[key]["somethingNew"] = ["x", 1, None]
    return grown
