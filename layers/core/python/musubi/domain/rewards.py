"""Points that a member gets for linking, once: a fact for whoever keeps the shop's points, and a mark that it was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from musubi.domain.ids import derived_id
from musubi.domain.ledger import SWEEP_AFTER
from musubi.domain.operations import Fact
from musubi.domain.people import Link
from musubi.domain.store_keys import RewardMarkKey
from musubi.domain.writes import Create, Put, Write

FIRST_LINK = "first_link"


@dataclass(frozen=True, kw_only=True)
class RewardMark:
    """A reward that was promised. It stays for good, or unlinking would pay again; of the member only the id is in it, and
    that only as a derived one.
    """

    reward_id: str
    at: datetime
    version: int = 1

    @property
    def key(self) -> RewardMarkKey:
        return RewardMarkKey(self.reward_id)


def reward_key(shop_id: str, member_id: str) -> RewardMarkKey:
    """The mark of the reward for a member's first link."""
    return RewardMarkKey(derived_id("reward", shop_id, member_id, FIRST_LINK))


def link_reward(link: Link, points: int, note: str, now: datetime) -> tuple[Sequence[Write], Fact]:
    """`points` for `link`: the fact, and the mark by which no later link brings another one. `note` is for the shop's books."""
    key = reward_key(link.shop_id, link.member_id)
    fact = Fact(
        fact_id=derived_id("fact", "RewardDue", key.reward_id),
        type="RewardDue",
        occurred_at=link.linked_at,
        data={
            "shop_id": link.shop_id,
            "member_id": link.member_id,
            "user_id": link.user_id,
            "reason": FIRST_LINK,
            "points": str(points),
            "note": note,
        },
        look_at=now + SWEEP_AFTER,
    )
    return (Create(RewardMark(reward_id=key.reward_id, at=now)), Create(fact)), fact


def inherited(shop_id: str, kept_id: str, removed: RewardMark | None) -> list[Write]:
    """The mark of a member who is merged into another: the same person is paid once."""
    if removed is None:
        return []
    return [Put(RewardMark(reward_id=reward_key(shop_id, kept_id).reward_id, at=removed.at))]
