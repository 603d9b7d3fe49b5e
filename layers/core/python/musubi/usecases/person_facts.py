"""The counted facts of one member as one event changes them: collected, then written once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from musubi.domain.activity import MAX_OPEN_CARTS, Activity, Share, Stamp, count, count_goods
from musubi.domain.dealings import Cart, dealing_writes
from musubi.domain.people import MemberState
from musubi.domain.store_keys import BoughtKey, CartOfMemberKey
from musubi.domain.writes import Create, Drop, Put, Replace, Write
from musubi.usecases.shop_state import ShopState


@dataclass
class PersonFacts:
    """Begins with what is stored of the event's member. Nothing is counted of nobody, nor of somebody who was erased."""

    state: ShopState
    after: Activity | None = field(init=False)
    _stored: Activity | None = field(init=False, default=None)
    _beside: list[Write] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        member_id, member = self.state.member_id, self.state.member
        gone = member is not None and member.state is MemberState.ERASED
        if member_id is None or gone:
            self.after = None
            return
        shop_id = self.state.event.shop_id
        self.after = self.state.activity or Activity(shop_id=shop_id, member_id=member_id, version=0)
        self._stored = self.after

    def count(self, old: Share | None, new: Share | None) -> None:
        """Put the share `new` in the place of `old`."""
        if self.after is None:
            return
        if self.state.activity is None:
            old = None
        self.after = count(self.after, old, new)
        shop_id, member_id = self.after.shop_id, self.after.member_id
        goods = {*(old.goods if old else ()), *(new.goods if new else ())}
        keys = [BoughtKey(shop_id, member_id, kind.value, ref) for kind, ref in goods]
        rows = {key: self.state.find(key) for key in keys}
        # The activity's own condition protects these rows: nobody changes one without replacing it.
        changed = count_goods(rows, shop_id, member_id, old, new)
        self._beside += [Put(row) if row is not None else Drop(key) for key, row in changed.items()]

    def keep_cart(self, before: Cart | None, after: Cart) -> None:
        """Store a cart, and list it with its member while it is open; beyond MAX_OPEN_CARTS the oldest one makes room."""
        mine = self.after is not None and after.member_id is not None
        listed = mine and not after.over
        self._beside += dealing_writes(before, after, listed=listed)
        if self.after is None or not mine:
            return
        rest = tuple(one for one in self.after.carts if one.id != after.checkout_id)
        if after.as_of is None or after.over:
            self.after = replace(self.after, carts=rest)
            return
        carts = sorted((*rest, Stamp(after.as_of, after.checkout_id)))
        self.after = replace(self.after, carts=tuple(carts[-MAX_OPEN_CARTS:]))
        for old in carts[:-MAX_OPEN_CARTS]:
            self._unlist(old.id, after)

    def _unlist(self, checkout_id: str, newest: Cart) -> None:
        assert newest.member_id is not None
        key = CartOfMemberKey(newest.shop_id, newest.member_id, checkout_id)
        self._beside = [w for w in self._beside if not (isinstance(w, Put) and w.entity.key == key)]
        self._beside.append(Drop(key))

    def writes(self) -> list[Write]:
        """Everything that changed. The activity is replaced whenever one of the rows that it protects is."""
        before, after = self.state.activity, self.after
        protects = any(isinstance(write, Put | Drop) for write in self._beside)
        if after is None or (after == self._stored and not protects):
            return self._beside
        if before is None:
            return [Create(replace(after, version=1)), *self._beside]
        return [Replace(replace(after, version=before.version + 1)), *self._beside]
