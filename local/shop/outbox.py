"""Sends what the shop announces as real shop systems do: late, twice, out of order, or not at all on request.

Every message is kept with its attempts, so that a story can compare what was sent with what came of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from local.shop import canonical, eccube, shopify, signing
from local.shop.clock import ShopClock
from local.shop.config import ShopConfig
from local.shop.till import ShopError, Signal

MAX_RETRIES = 8
CONNECT_LIMIT_S = 1.0
TOTAL_LIMIT_S = 5.0
LONGEST_WAIT_S = 15.0
PLATFORMS = ("shopify", "cloudevents", "eccube", "bus")


@dataclass(frozen=True)
class Handling:
    """How the messages of one call are treated on their way.

    `duplicate` extra copies each (`duplicate_as` retry = same message id, subscription = another message id
    for the same event); `shuffle` sends in seeded random order; `delay_s` waits before the first attempt;
    `drop` sends nothing; `hold` keeps everything until it is released.
    """

    duplicate: int = 0
    duplicate_as: str = "retry"
    shuffle: bool = False
    delay_s: float = 0.0
    drop: bool = False
    hold: bool = False


@dataclass
class Delivery:
    """One message and everything that happened to it. `state`: waiting, held, delivered, failed, dropped."""

    platform: str
    topic: str
    subject: str
    message_id: str
    event_ids: tuple[str, ...]
    body: bytes
    fixed_headers: dict[str, str]
    bus_entry: dict[str, Any] | None = None
    serial: int = 0
    state: str = "waiting"
    delay_s: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self, *, with_body: bool = False) -> dict[str, Any]:
        """The row that `GET /_shop/outbox` shows."""
        row: dict[str, Any] = {
            "serial": self.serial,
            "platform": self.platform,
            "topic": self.topic,
            "subject": self.subject,
            "message_id": self.message_id,
            "event_ids": list(self.event_ids),
            "state": self.state,
            "status": self.attempts[-1]["status"] if self.attempts else None,
            "attempts": self.attempts,
        }
        if with_body:
            row["headers"] = self.fixed_headers
            row["body"] = self.body.decode()
        return row


class Outbox:
    """Renders signals once and delivers them with retries, at most `concurrency` requests at a time."""

    def __init__(
        self,
        config: ShopConfig,
        client: httpx.AsyncClient | None = None,
        put_events: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.config = config
        self.deliveries: list[Delivery] = []
        self._client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(TOTAL_LIMIT_S, connect=CONNECT_LIMIT_S),
            limits=httpx.Limits(max_connections=config.concurrency * 2),
        )
        self._put_events = put_events
        self._slots = asyncio.Semaphore(config.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._rng = random.Random(config.seed)  # noqa: S311 - repeatable stories, no secret

    async def aclose(self) -> None:
        """Stop what is under way and close the connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    # -- accepting ---

    def check(self, platform: str, *, about_members: bool = False) -> None:
        """Refuse a platform that cannot carry a change before the change is made; raises ShopError."""
        if platform == "bus" and self._put_events is None:
            raise ShopError("no event bus: start the shop with --aws-url")
        if platform == "shopify" and about_members:
            raise ShopError("Shopify has no webhook for members' birthdays and points: use cloudevents or bus")

    def announce(
        self, signals: Iterable[Signal], platform: str, handling: Handling | None = None, batch_size: int = 1
    ) -> list[Delivery]:
        """Render every signal now, as the state is, and start the deliveries. Raises ShopError."""
        how = handling or Handling()
        made = self._render(list(signals), platform, batch_size)
        copies = [self._copy(delivery, how.duplicate_as) for delivery in made for _ in range(how.duplicate)]
        return self._dispatch(made + copies, how)

    def release(self, handling: Handling) -> list[Delivery]:
        """Let all held messages go, treated as `handling` says."""
        held = [delivery for delivery in self.deliveries if delivery.state == "held"]
        copies = [self._copy(delivery, handling.duplicate_as) for delivery in held for _ in range(handling.duplicate)]
        return self._dispatch(held + copies, handling)

    def resend(self, serials: Iterable[int]) -> list[Delivery]:
        """Send recorded messages again under their old ids: a manual "resend", or the end of a drop."""
        wanted = set(serials)
        found = [delivery for delivery in self.deliveries if delivery.serial in wanted]
        return self._dispatch([self._copy(delivery, "retry") for delivery in found], Handling())

    async def settle(self, deliveries: Iterable[Delivery] | None = None, timeout_s: float = 20.0) -> bool:
        """Wait until the given (default: all) messages are settled; False when time ran out."""
        watched = list(self.deliveries if deliveries is None else deliveries)
        deadline = time.monotonic() + timeout_s
        while any(delivery.state == "waiting" for delivery in watched):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    # -- rendering ---

    def _render(self, signals: list[Signal], platform: str, batch_size: int) -> list[Delivery]:
        if platform == "shopify":
            return [self._shopify(signal) for signal in signals]
        if platform == "bus":
            return [self._bus(signal) for signal in signals]
        if platform == "eccube":
            return [self._eccube(signal) for signal in signals]
        if platform == "cloudevents":
            size = max(1, batch_size)
            groups = [signals[start : start + size] for start in range(0, len(signals), size)]
            return [self._cloudevents(group, batch=size > 1) for group in groups]
        raise ShopError(f"unknown platform {platform}")

    def _shopify(self, signal: Signal) -> Delivery:
        message_id, event_id = canonical.new_event_id(), canonical.new_event_id()
        body = canonical.to_body(shopify.body_of(signal))
        headers = shopify.headers_of(signal, message_id, event_id)
        headers["X-Shopify-Hmac-Sha256"] = signing.shopify_hmac(self.config.webhook_secret, body)
        return self._keep(
            Delivery(
                platform="shopify",
                topic=shopify.topic_of(signal),
                subject=signal.subject,
                message_id=message_id,
                event_ids=(event_id,),
                body=body,
                fixed_headers=headers,
            )
        )

    def _cloudevents(self, signals: list[Signal], *, batch: bool) -> Delivery:
        ids = tuple(canonical.new_event_id() for _ in signals)
        events = [
            canonical.cloud_event(signal, event_id, self.config.shop_id)
            for signal, event_id in zip(signals, ids, strict=True)
        ]
        kind = "application/cloudevents-batch+json" if batch else "application/cloudevents+json"
        return self._keep(
            Delivery(
                platform="cloudevents",
                topic=",".join(dict.fromkeys(signal.type for signal in signals)),
                subject=signals[0].subject if len(signals) == 1 else f"{len(signals)} events",
                message_id=canonical.new_event_id() if batch else ids[0],
                event_ids=ids,
                body=canonical.to_body(events if batch else events[0]),
                fixed_headers={"Content-Type": f"{kind}; charset=utf-8"},
            )
        )

    def _eccube(self, signal: Signal) -> Delivery:
        entries = eccube.entries_of(signal)
        body = canonical.to_body(entries)
        return self._keep(
            Delivery(
                platform="eccube",
                topic=f"{entries[0]['entity']} {entries[0]['action']}",
                subject=signal.subject,
                message_id=canonical.new_event_id(),
                event_ids=(),
                body=body,
                fixed_headers={
                    "Content-Type": "application/json",
                    "X-ECCUBE-URL": "https://musubi-shoten.example/",
                    "X-ECCUBE-Signature": signing.eccube_hmac(self.config.webhook_secret, body),
                },
            )
        )

    def _bus(self, signal: Signal) -> Delivery:
        event_id = canonical.new_event_id()
        entry = canonical.bus_entry(signal, event_id, self.config.shop_id, self.config.bus_name)
        return self._keep(
            Delivery(
                platform="bus",
                topic=signal.type,
                subject=signal.subject,
                message_id=event_id,
                event_ids=(event_id,),
                body=entry["Detail"].encode(),
                fixed_headers={},
                bus_entry=entry,
            )
        )

    def _copy(self, original: Delivery, kind: str) -> Delivery:
        message_id, headers = original.message_id, dict(original.fixed_headers)
        if kind == "subscription" and original.platform != "bus":
            message_id = canonical.new_event_id()
            if original.platform == "shopify":
                headers["X-Shopify-Webhook-Id"] = message_id
        return self._keep(replace(original, message_id=message_id, fixed_headers=headers, state="waiting", attempts=[]))

    def _keep(self, delivery: Delivery) -> Delivery:
        delivery.serial = len(self.deliveries) + 1
        self.deliveries.append(delivery)
        return delivery

    # -- delivering ---

    def _dispatch(self, deliveries: list[Delivery], handling: Handling) -> list[Delivery]:
        order = list(deliveries)
        if handling.shuffle:
            self._rng.shuffle(order)
        for delivery in order:
            delivery.delay_s = handling.delay_s
            delivery.state = "dropped" if handling.drop else "held" if handling.hold else "waiting"
            if delivery.state == "waiting":
                task = asyncio.get_running_loop().create_task(self._deliver(delivery))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return deliveries

    async def _deliver(self, delivery: Delivery) -> None:
        await asyncio.sleep(delivery.delay_s)
        # EC-CUBE sends once, whatever comes of it.
        for attempt in range(1 if delivery.platform == "eccube" else MAX_RETRIES + 1):
            if attempt:
                await asyncio.sleep(min(self.config.retry_base_s * 2 ** (attempt - 1), LONGEST_WAIT_S))
            async with self._slots:
                accepted = await self._attempt(delivery)
            if accepted:
                delivery.state = "delivered"
                return
        delivery.state = "failed"

    async def _attempt(self, delivery: Delivery) -> bool:
        started = time.monotonic()
        status, error = None, None
        try:
            status = await asyncio.wait_for(self._send(delivery), TOTAL_LIMIT_S)
        except (httpx.HTTPError, OSError, TimeoutError, ShopError) as problem:
            error = f"{type(problem).__name__}: {problem}"[:200]
        ms = round((time.monotonic() - started) * 1000)
        delivery.attempts.append({"at": int(time.time()), "ms": ms, "status": status, "error": error})
        return status is not None and 200 <= status < 300

    async def _send(self, delivery: Delivery) -> int:
        if delivery.bus_entry is not None and self._put_events is not None:
            await asyncio.to_thread(self._put_events, delivery.bus_entry)
            return 200
        headers = dict(delivery.fixed_headers)
        if delivery.platform == "cloudevents":
            # Signed anew for each attempt: a retry after five minutes must not fail by its timestamp.
            headers |= signing.standard_headers(
                self.config.webhook_secret, delivery.message_id, ShopClock.machine_seconds(), delivery.body
            )
        url = f"{self.config.api_url}/shops/{self.config.shop_id}/{delivery.platform}"
        answer = await self._client.post(url, content=delivery.body, headers=headers)
        return answer.status_code
