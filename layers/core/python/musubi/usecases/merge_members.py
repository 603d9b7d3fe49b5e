"""Two member records became one: load both, decide, one commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from musubi.domain.changes import MergeChange
from musubi.domain.events import ShopEvent
from musubi.domain.merging import Merge, merge_writes, moved_goods
from musubi.domain.operations import Seen
from musubi.domain.rewards import reward_key
from musubi.domain.store_keys import (
    ActivityKey,
    BoughtKey,
    LinkOfFriendKey,
    LinkOfMemberKey,
    MemberKey,
    SeenKey,
)
from musubi.domain.writes import Write
from musubi.ports import Store


@dataclass(frozen=True)
class MergeState:
    event: ShopEvent
    merge: Merge
    seen: Seen | None


def load_merge(store: Store, event: ShopEvent, change: MergeChange) -> MergeState:
    """Two requests: all of the removed member in one query, then the one that is kept and the other side of the link."""
    shop = event.shop_id
    removed = store.person(MemberKey(shop, change.removed_id))
    seen_key, kept_key = SeenKey(event.source, event.event_id), MemberKey(shop, change.kept_id)
    link_key, activity_key = LinkOfMemberKey(shop, change.kept_id), ActivityKey(shop, change.kept_id)
    bought = [BoughtKey(shop, change.kept_id, row.kind.value, row.ref) for row in moved_goods(removed)]
    friend_key = LinkOfFriendKey(removed.link.user_id) if removed.link else None
    friend_keys = [friend_key] if friend_key else []
    reward = reward_key(shop, change.removed_id)
    loaded = store.load([seen_key, kept_key, link_key, activity_key, reward, *bought, *friend_keys])
    merge = Merge(
        shop_id=shop,
        kept_id=change.kept_id,
        removed_id=change.removed_id,
        kept=loaded.get(kept_key),
        kept_link=loaded.get(link_key),
        kept_activity=loaded.get(activity_key),
        kept_bought={key: loaded.get(key) for key in bought},
        removed=removed,
        friend_side=loaded.get(friend_key) if friend_key else None,
        removed_reward=loaded.get(reward),
    )
    return MergeState(event, merge, loaded.get(seen_key))


def merge_members(state: MergeState, now: datetime) -> tuple[list[Write], list[str]]:
    """Writes and reasons; `now` is machine time."""
    writes = merge_writes(state.merge, state.event.as_of, state.event.occurred_at, now)
    return writes, ["merged"] if writes else []
