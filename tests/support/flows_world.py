"""The whole system in one process: queues with visibility, schedules, two clocks, a strict LINE, one store.

Use cases and contracts are the real ones; what crosses a queue is the JSON that crosses SQS. Time stands still until the
test or a delayed message moves it. A crash hands the message back after its visibility, as a dead Lambda does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from musubi.adapters.content import FileCatalog
from musubi.adapters.memory.archive import MemoryArchive
from musubi.adapters.memory.clock import MemoryClock, MemoryTokens
from musubi.adapters.memory.exports import MemoryExports
from musubi.adapters.memory.person_rows import MemoryPersonRows
from musubi.adapters.memory.queues import MemoryBus, MemoryQuarantine
from musubi.adapters.memory.store import MemoryStore
from musubi.adapters.shops.base import adapter_for, no_apis
from musubi.adapters.shops.bus import read_envelope
from musubi.adapters.shops.mapping.files import read_mappings
from musubi.adapters.shops.source import Apis, marked
from musubi.contracts import jobs
from musubi.contracts.line import read_line_event
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.gate import Policy
from musubi.domain.ids import SHARDS, MemberPerson, shard_of
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import Due, Fact, FactState, PushRef, Run, RunState
from musubi.domain.people import Friend, Link, Nonce
from musubi.domain.scenario import Enrolment
from musubi.domain.store_keys import FriendKey, LinkOfFriendKey
from musubi.ports import Catalog, PersonRows, Store
from musubi.usecases import (
    answer_friend,
    control_sends,
    deliver_send,
    enrol_shard,
    note_source,
    run_due_steps,
    run_privacy_requests,
    start_daily_run,
    sweep,
    take_line_event,
    take_shop_event,
    write_log,
)
from tests.support.flows_acts import MEMBER, USER, Acts
from tests.support.flows_ending import Ending, Peek, ending_of
from tests.support.flows_faults import Crash, Points
from tests.support.flows_history import check_history
from tests.support.flows_line import StrictLine
from tests.support.flows_queues import LogLines, Message, PushJobs, ShardJobs
from tests.support.markdown import ROOT

T = TypeVar("T")

DEPLOYMENT = "musubi-test"
START = datetime.fromisoformat("2026-11-24T12:00+09:00")
CATALOG = FileCatalog()
MAPPINGS = read_mappings(str(ROOT / "layers" / "content"), ("main",))
PARTNER_SOURCES = {"aws.partner/shopify.com/": "main"}

VISIBILITY = {"line-events": 36, "shop-events": 180, "push": 120, "alert-shards": 360, "log": 360, "write-back": 180}
RECEIVES = {"line-events": 5, "shop-events": 5, "push": 10, "alert-shards": 5, "log": 10, "write-back": 10}
LINE_CRASH_S = 5

assert answer_friend.REPLY_LIFE.total_seconds() > VISIBILITY["line-events"]


@dataclass
class World(Acts):
    """`duplicate` delivers every message twice; `shuffle` (a seed) picks any visible message instead of the oldest."""

    store: Store = field(default_factory=MemoryStore)
    peek: Peek = None  # type: ignore[assignment]
    points: Points = field(default_factory=Points)
    policy: Policy = field(default_factory=lambda: Policy(go_live=True))
    catalog: Catalog = CATALOG
    duplicate: bool = False
    shuffle: int | None = None
    queue_down: bool = False
    apis: Apis = no_apis
    """The shops that can be asked."""
    all_shards: bool = True
    shop_hosts: frozenset[str] = frozenset()
    rows: PersonRows | None = None
    polled: frozenset[tuple[str, str]] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.store, MemoryStore):
            self.peek = self.store.all_of
            self.rows = MemoryPersonRows(self.store, page_size=3)
        self.clock = MemoryClock(START.astimezone(UTC))
        self.line = StrictLine(self.clock.machine)
        self.bus: MemoryBus = MemoryBus()
        self.quarantine = MemoryQuarantine()
        self.archive = MemoryArchive()
        self.exports = MemoryExports()
        self.tokens = MemoryTokens()
        self.queue: list[Message] = []
        self._random = random.Random(self.shuffle)
        self._events = 0
        self._wire()

    def _wire(self) -> None:
        wire, clock, tokens = self.points.wire, self.clock, self.tokens
        store: Any = wire(self.store, "store")
        push: Any = wire(PushJobs(self), "push_queue")
        bus: Any = wire(self.bus, "bus")
        line: Any = wire(self.line, "line")
        quarantine: Any = wire(self.quarantine, "quarantine")
        log: Any = wire(LogLines(self), "log")
        archive: Any = wire(self.archive, "archive")
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
            log=log,
        )
        self._shop_deps = take_shop_event.Deps(store, clock, self.catalog, push, DEPLOYMENT, log, self.shop_hosts)
        self._notes = note_source.SourceNotes(store, clock, self.polled)
        self._push_deps = deliver_send.Deps(
            store, clock, self.catalog, push, line, tokens, self.policy, "結び商店", log
        )
        self._log_deps = write_log.Deps(store, clock, archive, tokens)
        self._shard_deps = enrol_shard.Deps(store, clock, self.catalog, DEPLOYMENT)
        self._daily_deps = start_daily_run.Deps(store, clock, wire(ShardJobs(self), "shard_queue"))
        self.sweep_deps = sweep.Deps(store, clock, push, bus)
        self.due_deps = run_due_steps.Deps(
            store=store,
            clock=clock,
            catalog=self.catalog,
            push_queue=push,
            quarantine=quarantine,
            tokens=tokens,
            deployment=DEPLOYMENT,
            on_error=lambda ref, error: self.errors.append(f"due {ref}: {error!r}"),
        )
        self._privacy_deps = run_privacy_requests.Deps(
            store=store,
            rows=wire(self.rows, "rows"),
            exports=wire(self.exports, "exports"),
            clock=clock,
            on_error=lambda ref, error: self.errors.append(f"privacy {ref}: {error!r}"),
        )
        self.wired_store = store

    # time

    def to(self, tokyo: str) -> None:
        """Let both clocks run to a Tokyo clock time; nothing happens on the way."""
        ahead = datetime.fromisoformat(f"{tokyo}+09:00") - self.now
        assert ahead >= timedelta(), f"{tokyo} is over"
        self.clock.pass_time(ahead)

    # schedules

    def tick(self) -> None:
        self._scheduled(
            lambda: run_due_steps.run_due_steps(self.due_deps, self._busy({d.shard for d in self.peek(Due)}))
        )

    def sweep(self) -> None:
        opened = [s.shard for s in self.peek(Send)] + [shard_of(f.fact_id) for f in self.peek(Fact)]
        shards = self._busy({*opened, *(shard_of(n.digest) for n in self.peek(Nonce))})
        self._scheduled(lambda: sweep.sweep(self.sweep_deps, shards=shards))

    def _busy(self, shards: set[int]) -> Sequence[int]:
        """Where time matters a schedule only looks at shards that have rows at all."""
        return range(SHARDS) if self.all_shards else sorted(shards)

    def daily(self, on: date | None = None) -> None:
        day = on or start_daily_run.date_of(self.now)
        self._scheduled(lambda: start_daily_run.start_daily_run(day, self._daily_deps))

    def privacy(self) -> Counter[str]:
        """The job behind privacy requests; what it counted."""
        counted = Counter[str]()
        self._scheduled(lambda: counted.update(run_privacy_requests.run_privacy_requests(self._privacy_deps).counts))
        return counted

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
        self.queue.append(Message(queue, body, self.clock.machine() + timedelta(seconds=delay_s)))
        if self.duplicate:
            late = self._random.choice([0, 0, 1, 40, 400]) if self.shuffle is not None else 0
            self.queue.append(Message(queue, body, self.queue[-1].visible_at + timedelta(seconds=late)))

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
            if all(m.queue == "log" for m in visible):
                self._write_log(visible)
                continue
            work = [m for m in visible if m.queue != "log"]
            first = min(work, key=lambda m: m.visible_at)
            self._receive(self._random.choice(work) if self.shuffle is not None else first)

    def _write_log(self, visible: list[Message]) -> None:
        """A batch as its window collects one; with a seed, any part of what lies there."""
        batch = [m for m in visible if self.shuffle is None or self._random.random() < 0.7] or visible[:1]
        for message in batch:
            self.queue.remove(message)
            message.receives += 1
        taken = [m for m in batch if m.receives <= RECEIVES["log"]]
        self.dead += [m for m in batch if m not in taken]
        told = [jobs.read_log(m.body) for m in taken]
        try:
            late = write_log.write_log([record for records in told for record in records], self._log_deps).late
        except Crash:
            for message in taken:
                self._back(message, VISIBILITY["log"])
            return
        for message, records in zip(taken, told, strict=True):
            reasons = [late[record.record_id].after_s for record in records if record.record_id in late]
            if reasons:
                self._back(message, min(900, max(reasons) * 3 ** (message.receives - 1)))

    def restless(self) -> list[str]:
        """What the system still has to do by itself, now."""
        rows = [f"send {s.scenario} {s.state}" for s in self.peek(Send) if s.state in _MOVING]
        rows += [f"due {d.kind} {d.at}" for d in self.peek(Due) if d.at <= self.now]
        rows += [f"fact {f.type}" for f in self.peek(Fact) if f.state is FactState.PLANNED]
        rows += [f"run {r.on}" for r in self.peek(Run) if r.state is RunState.STARTED]
        return rows + [f"message {m.queue}" for m in self.queue]

    def _receive(self, message: Message) -> None:
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

    def _back(self, message: Message, after_s: int) -> None:
        message.visible_at = self.clock.machine() + timedelta(seconds=after_s)
        self.queue.append(message)

    def _use(self, queue: str, body: str) -> None:
        match queue:
            case "line-events":
                message = jobs.read_line(body)
                take_line_event.take_line_event(read_line_event(message.event, message.received_at), self._line_deps)
            case "shop-events":
                for event in self._shop_events(body):
                    outcome = take_shop_event.take_shop_event(event, self._shop_deps)
                    self.counts.update(self._notes.note(event, outcome).counts)
            case "push":
                ref, riders = jobs.read_push(body)
                deliver_send.deliver_send(ref, self._push_deps, riders)
            case "alert-shards":
                enrol_shard.enrol_shard(jobs.read_shard(body), self._shard_deps)

    def _shop_events(self, body: str) -> Iterable[Any]:
        ahead = self.clock.business() - self.clock.machine()
        if jobs.is_bus_envelope(body):
            return read_envelope(body, ("main",), self.clock.business(), PARTNER_SOURCES, self.apis)
        message = jobs.read_shop(body)
        normalise = adapter_for(message.platform, MAPPINGS, self.apis)
        events = normalise(message.headers, jobs.shop_payload(message), message.shop_id, message.received_at + ahead)
        return marked(events, message.mode, backfill=message.backfill)

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
        """What this world came to."""
        return ending_of(self.peek, self.line, self.archive.lines())

    def check(self, errors: bool = True) -> None:
        """What holds at the end of every story, whatever happened in it; `errors` False where some were ordered."""
        assert self.line.flaws == []
        assert self.dead == []
        assert not errors or self.errors == []
        once = Counter(one.key for one in self.line.accepted)
        assert max(once.values(), default=0) <= 1, "LINE accepted something twice"
        arrived = {one.key for one in self.line.accepted}
        for send in self.peek(Send):
            assert send.reason
            if send.state is SendState.SKIPPED and send.first_unclear_at is None:
                assert send.send_id not in arrived, f"skipped and sent: {send}"
        check_history(self.archive.lines(), self.peek(Send))


_MOVING = frozenset({SendState.PLANNED, SendState.CLAIMED})


def person(member: str = MEMBER) -> str:
    return str(MemberPerson("main", member))


def at(tokyo: str) -> datetime:
    return datetime.fromisoformat(f"{tokyo}+09:00")


def tokyo_time(instant: datetime) -> time:
    return instant.astimezone(START.tzinfo).time()
