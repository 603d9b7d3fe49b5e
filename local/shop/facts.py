"""Outward facts of the product as the shop keeps them: deduplicated by id, ordered by when they occurred."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.shop.bus import FACT_TYPES, Bus
from local.shop.clock import parse_moment
from local.shop.till import ShopError

log = logging.getLogger("local.shop.facts")


@dataclass(frozen=True)
class LinkState:
    """Whether one LINE user is linked to one member, and since when."""

    user_id: str
    linked: bool
    since: datetime


class FactBook:
    """What the product told the shop. Facts may come twice and in any order."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[str, Any]] = {}
        self.duplicates = 0
        self.unreadable: list[str] = []

    def take(self, body: str) -> bool:
        """Keep the fact of one queue message; False when it was known already or cannot be read."""
        try:
            envelope = json.loads(body)
            fact = {"type": envelope["detail-type"], **envelope["detail"]}
            fact_id = str(fact["id"])
            parse_moment(str(fact["occurred_at"]))
            fact["member_id"], fact["user_id"] = str(fact["member_id"]), str(fact["user_id"])
        except (ValueError, KeyError, TypeError) as problem:
            self.unreadable.append(f"{type(problem).__name__}: {problem} in {body[:500]}")
            return False
        if fact_id in self.facts:
            self.duplicates += 1
            return False
        self.facts[fact_id] = fact
        return True

    def links_of(self, member_id: str) -> list[LinkState]:
        """Current state per LINE user of a member; the latest fact wins, at a tie the end."""
        states: dict[str, LinkState] = {}
        for fact in sorted(self._link_facts(member_id), key=_occurrence):
            user_id = fact["user_id"]
            states[user_id] = LinkState(user_id, fact["type"] == "LinkMade", parse_moment(fact["occurred_at"]))
        return list(states.values())

    def active_link(self, member_id: str) -> LinkState | None:
        """The member's current link, or None."""
        return next((state for state in self.links_of(member_id) if state.linked), None)

    def as_dict(self) -> dict[str, Any]:
        """What `GET /_shop/facts` shows."""
        members = sorted({fact["member_id"] for fact in self.facts.values()})
        return {
            "facts": list(self.facts.values()),
            "duplicates": self.duplicates,
            "unreadable": self.unreadable,
            "linked": {member: state.user_id for member in members if (state := self.active_link(member))},
        }

    def _link_facts(self, member_id: str) -> list[dict[str, Any]]:
        return [fact for fact in self.facts.values() if fact["type"] in FACT_TYPES and fact["member_id"] == member_id]


async def listen(bus: Bus, book: FactBook, pause_s: float = 1.0) -> None:
    """Build the queue, then poll it for ever; AWS that is away, or a bus not deployed yet, is tried again."""
    from botocore.exceptions import BotoCoreError, ClientError

    ready = False
    while True:
        try:
            if not ready:
                await asyncio.to_thread(bus.build)
                ready = True
            for receipt, body in await asyncio.to_thread(bus.receive):
                book.take(body)
                await asyncio.to_thread(bus.done, receipt)
        except (BotoCoreError, ClientError, ShopError, OSError) as problem:
            log.info("facts: %s", str(problem)[:200])
            # A rebuilt stack has neither the queue nor the rule: build both again.
            ready = False
            await asyncio.sleep(pause_s)


def _occurrence(fact: dict[str, Any]) -> tuple[datetime, bool]:
    return parse_moment(fact["occurred_at"]), fact["type"] == "LinkEnded"
