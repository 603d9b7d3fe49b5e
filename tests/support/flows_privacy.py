"""Somebody of whom much is known, and what must not be found of them any more. All words of theirs are here."""

from __future__ import annotations

import json
from typing import Any

from tests.support.flows_acts import MEMBER, USER
from tests.support.flows_world import World

OTHER_MEMBER, OTHER_USER = "1002", "U" + "d" * 32
EARLIER_USER = "U" + "e" * 32

WORDS = (
    *("結城", "さくら", "sakura@mail.example", "アレルギー", "ゴールド会員", "会員タグ壱"),
    *("白桃ジャム", "旬の果物", "ハーブティー", "ヘッドスパ", "担当の森", "渋谷店", "990011"),
)
"""What the shop and the person said of them, each word once in `much_is_known`."""


def much_is_known(world: World, member: str = MEMBER, user: str = USER) -> None:
    """A member with everything there is: profile, points, an order that waits for its follow-up, a cart, a booking, a
    contract, a link, and an earlier one with another phone.
    """
    world.shop("MemberRegistered", {"member_id": member, **_profile(), "registered_at": world.now.isoformat()})
    lots = [{"points": 300, "expires_at": "2026-12-31"}]
    world.shop("PointsBalanceChanged", {"member_id": member, "balance": 990011, "lots": lots})
    world.settle()
    world.follow(EARLIER_USER)
    world.settle()
    world.links(EARLIER_USER, member)
    world.settle()
    world.follow(user)
    world.settle()
    world.links(user, member)
    world.settle()
    line = {"product_id": "P-1", "title": "白桃ジャム", "quantity": 2, "categories": ["旬の果物"]}
    world.placed(f"A-{member}", member, lines=[line], totals={"grand": 3200})
    world.shipped(f"A-{member}", f"P-{member}")
    world.settle()
    cart = {"checkout_id": f"C-{member}", "member_id": member, "last_activity_at": world.now.isoformat()}
    world.shop("CheckoutStarted", cart | {"lines": [{"product_id": "P-2", "title": "ハーブティー", "quantity": 1}]})
    booking = {"reservation_id": f"R-{member}", "member_id": member, "start_at": "2026-12-20T10:00:00+09:00"}
    world.shop("ReservationMade", booking | {"service": "ヘッドスパ", "staff": "担当の森", "location": "渋谷店"})
    contract = {"subscription_id": f"S-{member}", "member_id": member, "next_date": "2026-12-20", "cycle_no": 2}
    world.shop("SubscriptionStarted", contract)
    world.settle()


def _profile() -> dict[str, Any]:
    consents = [
        {"channel": "line", "purpose": "marketing", "state": "granted", "at": "2026-01-05T10:00:00+09:00"},
        {"channel": "email", "purpose": "marketing", "state": "granted", "at": "2026-01-05T10:00:00+09:00"},
    ]
    return {
        "name": {"family": "結城", "given": "さくら"},
        "birthday": "1992-12-24",
        "rank": {"code": "gold", "name": "ゴールド会員"},
        "tags": ["会員タグ壱"],
        "attributes": {"email": "sakura@mail.example", "note": "アレルギーあり"},
        "consents": consents,
    }


def dump(world: World) -> str:
    """Everything that is stored, as text."""
    return json.dumps([repr(row) for row in world.peek(object)], ensure_ascii=False)
