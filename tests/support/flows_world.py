"""The whole system in one process: queues with visibility, schedules, two clocks, a strict LINE, one store.

Use cases and contracts are the real ones; what crosses a queue is the JSON that crosses SQS. Time stands still until the
test or a delayed message moves it. A crash hands the message back after its visibility, as a dead Lambda does.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeVar

from musubi.adapters.content import FileCatalog
from musubi.adapters.memory.clock import MemoryClock, MemoryTokens
from musubi.adapters.memory.queues import MemoryBus, MemoryQuarantine
from musubi.adapters.memory.store import MemoryStore
from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.bus import read_envelope
from musubi.contracts import jobs
from musubi.contracts.line import read_line_event
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.gate import Policy
from musubi.domain.ids import MemberPerson
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Due, Fact, FactState, PushRef, Run, RunState
from musubi.domain.people import Friend, Link, Member, Reach, Side
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import FriendKey, LinkOfFriendKey
from musubi.domain.writes import Committed, Create, Entity
from musubi.ports import Catalog, ShardJob, Store
from musubi.usecases import (
    answer_friend,
    control_sends,
    deliver_send,
    enrol_shard,
    issue_nonce,
    run_due_steps,
    start_daily_run,
    sweep,
    take_line_event,
    take_shop_event,
)
from tests.support.flows_faults import Crash, Points
from tests.support.flows_line import Accepted, StrictLine, link_token_in

T = TypeVar("T")

DEPLOYMENT = "musubi-test"
START = datetime.fromisoformat("2026-11-24T12:00+09:00")
USER = "U" + "a" * 32
MEMBER = "1001"
CATALOG = FileCatalog()

VISIBILITY = {"line-events": 36, "shop-events": 180, "push": 120, "alert-shards": 360}
RECEIVES = {"line-events": 5, "shop-events": 5, "push": 10, "alert-shards": 5}
LINE_CRASH_S = 5

assert answer_friend.REPLY_LIFE.total_seconds() > VISIBILITY["line-events"]


class Peek(Protocol):
    def __call__(self, kind: type[T]) -> list[T]:
        """All stored rows of `kind`: for assertions, no access pattern of the system."""
        ...


@dataclass
class _Message:
    queue: str
    body: str
    visible_at: datetime
    receives: int = 0


@dataclass
class _PushQueue:
    world: World

    def send(self, refs: Sequence[PushRef], delay_s: int = 0) -> None:
        if self.world.queue_down:
            raise Retryable(f"{len(refs)} of {len(refs)} messages not enqueued")
        for ref in refs:
            self.world.put("push", jobs.push_body(ref), delay_s)


@dataclass
class _ShardQueue:
    world: World

    def send(self, jobs_: Sequence[ShardJob]) -> None:
        for job in jobs_:
            self.world.put("alert-shards", jobs.shard_body(job))


@dataclass(frozen=True)
class Ending:
    """What a story came to. Two runs with the same ending did the same for everybody."""

    accepted: Counter[tuple[str, str]]
    sends: dict[str, tuple[str, str, str]]
    enrolments: dict[str, tuple[str, str | None]]
    pairs: frozenset[tuple[str, str]]
    facts: Counter[tuple[str, str]]

    def minus(self, other: Ending) -> list[str]:
        """In words, where this ending differs from `other`."""
        return [
            f"{name}: {mine} instead of {theirs}"
            for name in ("accepted", "sends", "enrolments", "pairs", "facts")
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        ]


@dataclass
class World:
    """`duplicate` delivers every message twice; `shuffle` (a seed) picks any visible message instead of the oldest."""

    store: Store = field(default_factory=MemoryStore)
    peek: Peek = None  # type: ignore[assignment]
    points: Points = field(default_factory=Points)
    policy: Policy = field(default_factory=lambda: Policy(go_live=True))
    catalog: Catalog = CATALOG
    duplicate: bool = False
    shuffle: int | None = None
    queue_down: bool = False
    errors: list[str] = field(default_factory=list)
    dead: list[_Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.store, MemoryStore):
            self.peek = self.store.all_of
        self.clock = MemoryClock(START.astimezone(UTC))
        self.line = StrictLine(self.clock.machine)
        self.bus = MemoryBus()
        self.quarantine = MemoryQuarantine()
        self.tokens = MemoryTokens()
        self.queue: list[_Message] = []
        self._random = random.Random(self.shuffle)
        self._events = 0
        self._wire()

    def _wire(self) -> None:
        wire, clock, tokens = self.points.wire, self.clock, self.tokens
        store: Any = wire(self.store, "store")
        push: Any = wire(_PushQueue(self), "push_queue")
        bus: Any = wire(self.bus, "bus")
        line: Any = wire(self.line, "line")
        quarantine: Any = wire(self.quarantine, "quarantine")
        self._line_deps = take_line_event.Deps(
            store=store,
            clock=clock,
            catalog=self.catalog,
            push_queue=push,
            bus=bus,
            line=line,
            tokens=tokens,
            policy=self.policy,
            deployment=DEPLOYMENT,
            shop_name="結び商店",
            login_url="https://shop.example.jp/login",
        )
        self._shop_deps = take_shop_event.Deps(store, clock, self.catalog, push, DEPLOYMENT)
        self._push_deps = deliver_send.Deps(store, clock, self.catalog, push, line, tokens, self.policy, "結び商店")
        self._shard_deps = enrol_shard.Deps(store, clock, self.catalog, DEPLOYMENT)
        self._daily_deps = start_daily_run.Deps(store, clock, wire(_ShardQueue(self), "shard_queue"))
        self._sweep_deps = sweep.Deps(store, clock, push, bus)
        self._due_deps = run_due_steps.Deps(
            store=store,
            clock=clock,
            catalog=self.catalog,
            push_queue=push,
            quarantine=quarantine,
            tokens=tokens,
            deployment=DEPLOYMENT,
            on_error=lambda ref, error: self.errors.append(f"due {ref}: {error!r}"),
        )
        self._wired_store = store

    # time

    @property
    def now(self) -> datetime:
        return self.clock.business()

    def pass_time(self, **span: float) -> None:
        self.clock.pass_time(timedelta(**span))

    def to(self, tokyo: str) -> None:
        """Let both clocks run to a Tokyo clock time; nothing happens on the way."""
        ahead = datetime.fromisoformat(f"{tokyo}+09:00") - self.now
        assert ahead >= timedelta(), f"{tokyo} is over"
        self.clock.pass_time(ahead)

    # the state before a story

    def keep(self, *entities: Entity) -> None:
        """Store rows behind the system's back."""
        for entity in entities:
            assert isinstance(self.store.commit([Create(entity)]), Committed)

    def given_friend(self, user: str = USER, **known: Any) -> None:
        at = self.clock.machine() - timedelta(days=9)
        fields: dict[str, Any] = {"user_id": user, "reach": Reach.REACHABLE, "reach_at": at, "first_seen_at": at}
        self.keep(Friend(**(fields | known)))

    def given_linked(
        self, user: str = USER, member: str = MEMBER, friend: dict[str, Any] | None = None, **known: Any
    ) -> None:
        """A member (with the fields `known`), a friend, and their link of last week."""
        self.given_friend(user, **(friend or {}))
        at = self.clock.machine() - timedelta(days=7)
        self.keep(Member(**({"shop_id": "main", "member_id": member, "family_name": "結城"} | known)))
        link = Link(
            side=Side.FRIEND,
            user_id=user,
            shop_id="main",
            member_id=member,
            linked_at=at,
            method="account_link",
            entrance="direct",
            evidence=f"digest-{user}",
        )
        self.keep(link, link.mirrored())

    # LINE's webhooks

    def line_event(self, kind: str, user: str | None = USER, *, token: bool = True, **more: Any) -> dict[str, Any]:
        """A raw event of now; a second passes before the next one."""
        self._events += 1
        at = self.clock.machine()
        event: dict[str, Any] = {
            "type": kind,
            "mode": "active",
            "timestamp": int(at.timestamp() * 1000),
            "webhookEventId": f"01EVENT{self._events:04d}",
            "deliveryContext": {"isRedelivery": False},
            **({"source": {"type": "user", "userId": user}} if user else {}),
            **more,
        }
        if token and user and event["mode"] == "active" and kind != "unfollow":
            event["replyToken"] = f"token-{event['webhookEventId']}"
        self.pass_time(seconds=1)
        return event

    def webhook(self, *events: dict[str, Any]) -> None:
        """LINE calls; each event becomes a message, as `line_webhook` makes it."""
        for event in events:
            if "replyToken" in event:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                user = event["source"]["userId"]
                assert self.line.reply_token(user, event["webhookEventId"], at) == event["replyToken"]
            self.put(
                "line-events",
                json.dumps(
                    {
                        "v": 1,
                        "destination": "U" + "0" * 32,
                        "received_at": self.clock.machine().isoformat(),
                        "event": event,
                    }
                ),
            )

    def redelivered(self, event: dict[str, Any]) -> None:
        self.webhook({**event, "deliveryContext": {"isRedelivery": True}})

    def follow(self, user: str = USER) -> dict[str, Any]:
        self.line.blocked.discard(user)
        self.webhook(event := self.line_event("follow", user, follow={"isUnblocked": False}))
        return event

    def unfollow(self, user: str = USER) -> dict[str, Any]:
        self.line.blocked.add(user)
        self.webhook(event := self.line_event("unfollow", user))
        return event

    def says(self, text: str, user: str = USER, **more: Any) -> dict[str, Any]:
        message = {"type": "text", "id": str(self._events), "text": text}
        self.webhook(event := self.line_event("message", user, message=message, **more))
        return event

    def taps_link(self, user: str = USER) -> dict[str, Any]:
        """Taps 「会員連携」."""
        self.webhook(event := self.line_event("postback", user, postback={"data": "v=1&do=start_link"}))
        return event

    def logs_in(self, member: str = MEMBER) -> str:
        """The shop's login page asks for a nonce, and asks again when it hears nothing."""
        for _ in range(5):
            try:
                nonce, _stored = issue_nonce.issue_nonce(
                    self._wired_store, self.tokens, shop_id="main", member_id=member, now=self.clock.machine()
                )
            except (Crash, Retryable):
                self.pass_time(seconds=2)
                continue
            return nonce
        raise AssertionError("no nonce")

    def account_linked(self, nonce: str, user: str = USER, **more: Any) -> dict[str, Any]:
        self.webhook(event := self.line_event("accountLink", user, link={"result": "ok", "nonce": nonce}, **more))
        return event

    def offer(self, user: str = USER) -> Accepted:
        """The last message to `user` that leads to the login page."""
        return next(one for one in reversed(self.line.accepted) if one.to == user and "linkToken=" in str(one.messages))

    def links(self, user: str = USER, member: str = MEMBER) -> dict[str, Any]:
        """The whole way: tap, log in, LINE's dialog."""
        self.taps_link(user)
        self.settle()
        assert self.line.owner_of(link_token_in(self.offer(user))) == user
        return self.account_linked(self.logs_in(member), user)

    # shop events

    def shop(self, kind: str, data: dict[str, Any], *, event_id: str | None = None, at: datetime | None = None) -> None:
        """One CloudEvent, as `shop_webhook` hands it on."""
        self._events += 1
        event = {
            "specversion": "1.0",
            "id": event_id or f"ce-{self._events}",
            "source": "cart",
            "type": kind,
            "time": (at or self.now).isoformat(),
            "data": data,
        }
        self.put_shop("cloudevents", {"content-type": "application/cloudevents+json"}, json.dumps(event))
        self.pass_time(seconds=1)

    def put_shop(self, platform: str, headers: dict[str, str], body: str) -> None:
        message = {
            "v": 1,
            "shop_id": "main",
            "platform": platform,
            "received_at": self.clock.machine().isoformat(),
            "headers": headers,
            "body": body,
        }
        self.put("shop-events", json.dumps(message))

    def on_bus(self, kind: str, data: dict[str, Any], event_id: str) -> None:
        """The same event put on our EventBridge bus."""
        detail = {"id": event_id, "shop_id": "main", "time": self.now.isoformat(), "data": data}
        self.put("shop-events", json.dumps({"detail-type": kind, "source": "shop.cart", "detail": detail}))

    def placed(self, order: str = "A-1", member: str | None = MEMBER, **more: Any) -> None:
        data = {"order_id": order, "order_number": f"#{order}", "placed_at": self.now.isoformat(), **more}
        self.shop("OrderPlaced", data | ({"member_id": member} if member else {}))

    def paid(self, order: str = "A-1") -> None:
        self.shop("OrderPaid", {"order_id": order, "paid_at": self.now.isoformat()})

    def shipped(self, order: str = "A-1", parcel: str = "P-1", **more: Any) -> None:
        shipment = {"shipment_id": parcel, "carrier": "ヤマト運輸", "tracking_numbers": ["1234-5678-9012"]}
        self.shop("ShipmentDispatched", {"order_id": order, "shipment": shipment, **more})

    def cancelled(self, order: str = "A-1", **more: Any) -> None:
        self.shop("OrderCancelled", {"order_id": order, "cancelled_at": self.now.isoformat()}, **more)

    # schedules

    def tick(self) -> None:
        self._scheduled(lambda: run_due_steps.run_due_steps(self._due_deps))

    def sweep(self) -> None:
        self._scheduled(lambda: sweep.sweep(self._sweep_deps))

    def daily(self, on: date | None = None) -> None:
        day = on or start_daily_run.date_of(self.now)
        self._scheduled(lambda: start_daily_run.start_daily_run(day, self._daily_deps))

    def catch_up(self) -> None:
        self._scheduled(lambda: start_daily_run.catch_up(self.now, self._daily_deps))

    def _scheduled(self, job: Callable[[], object]) -> None:
        """Lambda repeats an asynchronous invocation that failed twice, a minute and two later."""
        for _ in range(3):
            try:
                job()
            except (Crash, Retryable):
                self.pass_time(seconds=90)
                continue
            return

    def stop(self) -> None:
        control_sends.stop_sends(self.store, self.clock, "test")

    def resume(self) -> None:
        control_sends.resume_sends(self.store, self.clock, "test")

    # queues

    def put(self, queue: str, body: str, delay_s: int = 0) -> None:
        assert 0 <= delay_s <= 900, "SQS delays at most 15 minutes"
        self.queue.append(_Message(queue, body, self.clock.machine() + timedelta(seconds=delay_s)))
        if self.duplicate:
            late = self._random.choice([0, 0, 1, 40, 400]) if self.shuffle is not None else 0
            self.queue.append(_Message(queue, body, self.queue[-1].visible_at + timedelta(seconds=late)))

    def put_again(self, row: Send) -> None:
        """One more push job for `row`: SQS delivers at least once, and operators redrive."""
        self.put("push", jobs.push_body(PushRef(row.send_id, row.person, row.enrolment_id, row.hint_user)))

    def settle(self, hours: float = 1) -> None:
        """Until everything that is on its way has arrived; the schedules help when something got stuck."""
        for _ in range(12):
            self.drain(hours)
            if not self.restless():
                return
            self.pass_time(minutes=3)
            self.tick()
            self.sweep()
            if any(run.state is RunState.STARTED for run in self.peek(Run)):
                self.catch_up()
        raise AssertionError(f"never quiet: {self.restless()}")

    def drain(self, hours: float = 1) -> None:
        """Work off the queues, waiting up to `hours` for what is delayed."""
        until = self.clock.machine() + timedelta(hours=hours)
        while self.queue:
            visible = [m for m in self.queue if m.visible_at <= self.clock.machine()]
            if not visible:
                soonest = min(m.visible_at for m in self.queue)
                if soonest > until:
                    return
                self.clock.pass_time(soonest - self.clock.machine())
                continue
            first = min(visible, key=lambda m: m.visible_at)
            self._receive(self._random.choice(visible) if self.shuffle is not None else first)

    def restless(self) -> list[str]:
        """What the system still has to do by itself, now."""
        rows = [f"send {s.scenario} {s.state}" for s in self.peek(Send) if s.state in _MOVING]
        rows += [f"due {d.kind} {d.at}" for d in self.peek(Due) if d.at <= self.now]
        rows += [f"fact {f.type}" for f in self.peek(Fact) if f.state is FactState.PLANNED]
        rows += [f"run {r.on}" for r in self.peek(Run) if r.state is RunState.STARTED]
        return rows + [f"message {m.queue}" for m in self.queue]

    def _receive(self, message: _Message) -> None:
        self.queue.remove(message)
        message.receives += 1
        if message.receives > RECEIVES[message.queue]:
            self.dead.append(message)
            return
        try:
            self._use(message.queue, message.body)
        except Permanent as error:
            self.quarantine.put(message.queue, error.reason, message.body)
        except Retryable as error:
            self._back(message, min(900, error.after_s * 3 ** (message.receives - 1)))
        except Crash:
            self._back(message, VISIBILITY[message.queue])
        except Exception as error:
            self.errors.append(f"{message.queue}: {error!r}")
            self._back(message, LINE_CRASH_S if message.queue == "line-events" else VISIBILITY[message.queue])

    def _back(self, message: _Message, after_s: int) -> None:
        message.visible_at = self.clock.machine() + timedelta(seconds=after_s)
        self.queue.append(message)

    def _use(self, queue: str, body: str) -> None:
        match queue:
            case "line-events":
                message = jobs.read_line(body)
                take_line_event.take_line_event(read_line_event(message.event, message.received_at), self._line_deps)
            case "shop-events":
                for event in self._shop_events(body):
                    take_shop_event.take_shop_event(event, self._shop_deps)
            case "push":
                deliver_send.deliver_send(jobs.read_push(body), self._push_deps)
            case "alert-shards":
                enrol_shard.enrol_shard(jobs.read_shard(body), self._shard_deps)

    def _shop_events(self, body: str) -> Iterable[Any]:
        ahead = self.clock.business() - self.clock.machine()
        if jobs.is_bus_envelope(body):
            return read_envelope(body, ("main",), self.clock.business())
        message = jobs.read_shop(body)
        normalise = adapter_for(message.platform)
        return normalise(message.headers, jobs.shop_payload(message), message.shop_id, message.received_at + ahead)

    # what came of it

    def send(self, scenario: str, **where: Any) -> Send:
        """The one Send of `scenario` with these fields; fails when there are none or several."""
        (found,) = self.sends(scenario, **where)
        return found

    def sends(self, scenario: str | None = None, **where: Any) -> list[Send]:
        rows = self.peek(Send)
        return [
            row
            for row in rows
            if scenario in (None, row.scenario) and all(getattr(row, name) == value for name, value in where.items())
        ]

    def enrolments(self) -> list[Enrolment]:
        return self.peek(Enrolment)

    def verdict(self, scenario: str, **where: Any) -> tuple[str, str]:
        """State and reason of the one Send of `scenario`."""
        found = self.send(scenario, **where)
        return found.state.value, found.reason

    def friend(self, user: str = USER) -> Friend:
        found = self.store.load([key := FriendKey(user)]).get(key)
        assert found is not None
        return found

    def link(self, user: str = USER) -> Link | None:
        return self.store.load([key := LinkOfFriendKey(user)]).get(key)

    def ending(self) -> Ending:
        """What this world came to, without what may differ between two good runs (attempts, times, request ids)."""
        sends = {s.send_id: (f"{s.scenario}/{s.step}", s.state.value, _plain(s.reason)) for s in self.peek(Send)}
        links = self.peek(Link)
        friends, members = ({(x.user_id, x.member_id) for x in links if x.side is side} for side in Side)
        assert friends == members, "one side of a link is missing"
        return Ending(
            accepted=Counter((one.to, _plain_text(one)) for one in self.line.accepted),
            sends=sends,
            enrolments={e.enrolment_id: (e.state.value, e.ended_reason) for e in self.peek(Enrolment)},
            pairs=frozenset(friends),
            facts=Counter((f.type, f.fact_id) for f in self.peek(Fact) if f.state is FactState.PUBLISHED),
        )

    def check(self) -> None:
        """What holds at the end of every story, whatever happened in it."""
        assert self.line.flaws == []
        assert self.dead == []
        assert self.errors == []
        once = Counter(one.key for one in self.line.accepted)
        assert max(once.values(), default=0) <= 1, "LINE accepted something twice"
        arrived = {one.key for one in self.line.accepted}
        for send in self.peek(Send):
            assert send.reason
            if send.state is SendState.SKIPPED and send.first_unclear_at is None:
                assert send.send_id not in arrived, f"skipped and sent: {send}"


_MOVING = frozenset({SendState.PLANNED, SendState.CLAIMED})


def _plain(reason: str) -> str:
    return "accepted" if reason.startswith("accepted") else reason


def _plain_text(one: Accepted) -> str:
    return re.sub(r'linkToken=[^"&]+', "linkToken=*", json.dumps(one.messages, ensure_ascii=False))


def person(member: str = MEMBER) -> str:
    return str(MemberPerson("main", member))


def at(tokyo: str) -> datetime:
    return datetime.fromisoformat(f"{tokyo}+09:00")


def tokyo_time(instant: datetime) -> time:
    return instant.astimezone(START.tzinfo).time()
