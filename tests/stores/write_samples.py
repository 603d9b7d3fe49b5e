"""Samples of what is written back into shops; see `samples`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from musubi.domain.people import OwnWrite
from musubi.domain.rewards import RewardMark
from musubi.domain.write_backs import ShopWrite, WriteKind, WriteState

_NOW = datetime(2026, 12, 24, 1, 0, 0, 123456, UTC)

SHOP_WRITE = ShopWrite(
    write_id="4c1d0000-0000-5000-8000-000000000001",
    shop_id="main",
    platform="square",
    member_id="1001",
    kind=WriteKind.GRANT_POINTS,
    value="500",
    note="LINE連携の特典",
    said_at=_NOW - timedelta(seconds=9),
    planned_at=_NOW + timedelta(seconds=3),
    state=WriteState.CLAIMED,
    reason="claimed",
    owner="o1",
    lease_until=_NOW + timedelta(seconds=63),
    claimed_at=_NOW + timedelta(seconds=3),
    attempts=2,
    first_unclear_at=_NOW + timedelta(seconds=1),
    settled_at=_NOW + timedelta(seconds=5),
)
OWN_WRITE = OwnWrite(
    slot="square/points",
    effect="points",
    value="500",
    write_id=SHOP_WRITE.write_id,
    said_at=SHOP_WRITE.said_at,
    rank=1,
    at=SHOP_WRITE.planned_at,
    seen=True,
)
REWARD = RewardMark(reward_id="0b7e0000-0000-5000-8000-000000000001", at=_NOW)
