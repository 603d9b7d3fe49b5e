"""Writing back into shops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from musubi.domain.errors import ConfigError
from musubi.runtime import parts, settings
from musubi.runtime.bootstrap.apis import shop_apis

if TYPE_CHECKING:
    from musubi.domain.write_backs import ToldFact, WriteRule
    from musubi.ports import ShopWriter
    from musubi.runtime.work import Worker

_NEEDS_S = 14
"""Seconds that must be left to begin a record: one slow answer, and what comes of it stored."""


def write_back() -> Worker[ToldFact]:
    """The queue write-back (our own facts, by a rule of the bus) → `write_back`."""
    from musubi.adapters.clock import RealClock
    from musubi.adapters.shops.writers import open_writer
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.told import read_fact
    from musubi.domain.gate import Policy
    from musubi.runtime.work import Deadline
    from musubi.usecases.write_back import Deps, write_back

    s = settings.load(settings.WriteBack)
    deadline = Deadline()
    apis = shop_apis(s, deadline)

    @cache
    def writers(shop_id: str, platform: str) -> ShopWriter:
        return open_writer(platform, apis(shop_id, platform))

    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        # Leases and keys are machine time; nothing here is a calendar's.
        clock=RealClock(),
        tokens=RandomTokens(),
        policy=Policy(go_live=s.go_live, testers=frozenset(s.testers)),
        rules=rules_of(s),
        writers=writers,
    )
    return parts.worker(
        "write-back",
        lambda body, sent_at: read_fact(body),
        lambda fact: write_back(fact, deps),
        lambda fact: {"type": fact.type, "fact": fact.fact_id},
        s.quarantine_queue_url,
        needs_s=_NEEDS_S,
        deadline=deadline,
    )


def rules_of(s: settings.WriteBack) -> Mapping[str, Sequence[WriteRule]]:
    """What is written back, by shop; ConfigError naming the setting that asks for what can not be written."""
    from musubi.adapters.shops.writers import written
    from musubi.domain.write_backs import WriteRule

    asked = {"tags": ("LINKED_TAGS", s.linked_tags), "consent": ("CONSENTS_BACK", s.consents_back)}
    for what, (name, shops) in {**asked, "points": ("POINTS_BACK", s.points_back)}.items():
        for shop in shops:
            if what not in written(shop.partition("/")[2]):
                raise ConfigError(f"{name}: {shop}: musubi writes no {what} there")
            if shop not in s.shop_apis:
                raise ConfigError(f"{name}: {shop}: SHOP_APIS does not name it")
    found: dict[str, list[WriteRule]] = {}
    for name in dict.fromkeys((*s.linked_tags, *s.consents_back, *s.points_back)):
        shop, _, platform = name.partition("/")
        rule = WriteRule(
            platform=platform,
            linked_tag=s.linked_tags.get(name),
            consent=name in s.consents_back,
            points=name in s.points_back,
        )
        found.setdefault(shop, []).append(rule)
    return found
