"""Write-back in a world: the bus's rule puts our facts on a queue, and a shop's books or its real writer are written to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from musubi.adapters.content import FileCatalog
from musubi.adapters.memory.queues import MemoryBus
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.writers import open_writer
from musubi.contracts.told import read_fact
from musubi.domain.operations import Fact
from musubi.domain.people import Member
from musubi.domain.scenario import EventEntry, KeyKind, Scenario
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction
from musubi.domain.write_backs import ShopWrite, WriteRule, WriteState
from musubi.ports import ShopWriter
from musubi.usecases import write_back
from tests.support.flows_acts import MEMBER
from tests.support.flows_world import World

TAG, POINTS = "LINE連携", 300
RULE = WriteRule(platform="shopify", linked_tag=TAG, consent=True, points=True)
WRITTEN = ("LinkMade", "LinkEnded", "ConsentChanged", "RewardDue")
"""Facts that the rule puts on the queue."""


def envelope(fact: Fact) -> str:
    """`fact` as EventBridge hands it on."""
    detail = {**fact.data, "id": fact.fact_id, "occurred_at": fact.occurred_at.isoformat()}
    return json.dumps({"version": "0", "source": "musubi", "detail-type": fact.type, "detail": detail})


@dataclass
class RuledBus(MemoryBus):
    """The bus with the rule that leads to the queue `write-back`."""

    world: World | None = None

    def publish(self, facts: Sequence[Fact]) -> set[str]:
        taken = super().publish(facts)
        for fact in facts:
            if fact.fact_id in taken and fact.type in WRITTEN and self.world is not None:
                self.world.put("write-back", envelope(fact))
        return taken


@dataclass
class Books:
    """A shop's records: what it was told in which order, and a second try of a key known by it. Implements `ShopWriter`."""

    tags: set[str] = field(default_factory=set)
    allowed: bool | None = None
    points: Counter[str] = field(default_factory=Counter)
    keys: dict[str, ShopAction] = field(default_factory=dict)
    calls: list[tuple[str, ShopAction, str]] = field(default_factory=list)
    answers: list[Exception | None] = field(default_factory=list)

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        self.calls.append((member_id, action, key))
        assert self.keys.setdefault(key, action) == action, "one key, two wishes"
        error = self.answers.pop(0) if self.answers else None
        if error is not None:
            raise error
        match action:
            case AddTag(tag):
                self.tags.add(f"{member_id}:{tag}")
            case RemoveTag(tag):
                self.tags.discard(f"{member_id}:{tag}")
            case SetConsent(allowed):
                self.allowed = allowed
            case GrantPoints(points):
                # A shop that knows the key gives once.
                self.points[key] = points

    @property
    def granted(self) -> int:
        return self.points.total()


class Open(Protocol):
    """A shop with an API."""

    def api(self) -> ShopApi: ...


@dataclass
class WritingWorld(World):
    """A world of a shop into which is written back."""

    rules: Mapping[str, Sequence[WriteRule]] = field(default_factory=lambda: {"main": (RULE,)})
    books: ShopWriter = field(default_factory=Books)
    link_points: int = 0

    def _wire(self) -> None:
        self.bus = RuledBus(world=self)
        super()._wire()
        self._line_deps = replace(self._line_deps, link_points={"main": self.link_points})
        writer: Any = self.points.wire(self.books, "writer")

        def writers(shop_id: str, platform: str, /) -> ShopWriter:
            found: ShopWriter = writer
            return found

        store, clock = self.wired_store, self.clock
        self.write_deps = write_back.Deps(store, clock, self.tokens, self.policy, self.rules, writers)

    def write_by(self, *rules: WriteRule) -> None:
        """From now on the shop `main` is written to by `rules`."""
        self.write_deps = replace(self.write_deps, rules={"main": rules})

    def _use(self, queue: str, body: str) -> None:
        if queue != "write-back":
            super()._use(queue, body)
            return
        for outcome in write_back.write_back(read_fact(body), self.write_deps):
            self.counts.update(outcome.counts)
            self.counts[f"write:{outcome.reason}"] += 1

    def written(self) -> list[ShopWrite]:
        return self.peek(ShopWrite)

    def states(self) -> list[WriteState]:
        return [row.state for row in self.written()]

    def told(self, kind: str) -> list[Fact]:
        """The facts of `kind` that the bus took, each once."""
        return list({fact.fact_id: fact for fact in self.bus.published if fact.type == kind}.values())


def linked(world: WritingWorld, member: str = MEMBER) -> None:
    """A friend links, by the whole way."""
    world.follow()
    world.settle()
    world.links(member=member)
    world.settle(2)


class Curious(FileCatalog):
    """musubi's own catalogue with a scenario on every event as which our own write could come back."""

    def __init__(self) -> None:
        super().__init__()
        base = next(s for s in super().scenarios() if s.id == "order_thanks")
        names = ("MemberUpdated", "MemberTagsChanged", "MemberConsentChanged")
        self._more = [replace(base, id=f"on_{name}", entry=EventEntry(name, KeyKind.EVENT), exits=()) for name in names]

    def scenarios(self) -> list[Scenario]:
        return [*super().scenarios(), *self._more]


def begun(world: World) -> list[str]:
    """What of `Curious` has begun."""
    return [one.scenario for one in world.enrolments() if one.scenario.startswith("on_")]


def world_of(shop: Open, rule: WriteRule, member_id: str) -> WritingWorld:
    """A world with a member of 40 points, whose shop is written to by its real writer."""
    books = open_writer(rule.platform, shop.api())
    made = WritingWorld(books=books, catalog=Curious(), link_points=POINTS if rule.points else 0)
    made.apis = lambda *_: shop.api()
    made.write_by(rule)
    made.keep(Member(shop_id="main", member_id=member_id, family_name="結城", joined=True, points=40))
    return made
