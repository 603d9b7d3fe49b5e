"""Chapters of the busy week (`busy_week`) about a Shopify shop: it is asked, and facts of ours are written back into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from musubi.adapters.shops.http import Answer, Http
from musubi.domain.store_keys import MemberKey, OrderKey
from tests.support.deployed import Deployed
from tests.support.shopify_writes import Customer, ShopifyShop


def facts_are_written_back(house: Deployed, user_id: str) -> None:
    """A tag for a member nobody knew, a wish, an end of the link; a customer who is gone; every fact once more."""
    shop = ShopifyShop(customers={"77": Customer()})
    facts = [
        told_fact(house, user_id, "LinkMade"),
        told_fact(house, user_id, "ConsentChanged", channel="line", purpose="marketing", state="refused"),
        told_fact(house, user_id, "LinkEnded"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Http, "request", _answer(shop))
        for fact in (*facts, *facts):
            house.put("write-back", fact)
            assert house.work_off("write_back") == 0
        house.put("write-back", told_fact(house, user_id, "LinkMade", member_id="78"))
        assert house.work_off("write_back") == 0
    assert [name for name, _ in shop.asked] == ["tagsAdd", "metafieldsSet", "tagsRemove", "tagsAdd"]
    assert (shop.customers["77"].tags, shop.customers["77"].metafields) == (set(), {"line_promo": "false"})
    assert [row.member_id for row in house.store.troubled_writes(9)] == ["78"]
    assert house.quarantined() == ["write-back"]
    member = house.store.load([MemberKey("main", "77")]).get(MemberKey("main", "77"))
    assert member is not None
    assert len(member.own_writes) == 3


def shopify_is_asked(house: Deployed) -> None:
    """A poll of a shop where nothing happened, and an order of which the webhook says no more than its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Http, "request", _answer(ShopifyShop()))
        poll = {"schedule": "poll", "shop_id": "main", "platform": "shopify"}
        assert house.invoke("poll_shop", poll)["reason"] == "orders done, members done"
        assert house.shopify_says("orders/paid", {"id": 8}) == 200
        assert house.work_off("shop_events") == 0
    order = house.store.load([OrderKey("main", "8")]).get(OrderKey("main", "8"))
    assert order is not None
    assert order.number == "#8"


def told_fact(house: Deployed, user_id: str, kind: str, **data: str) -> str:
    """A fact as the rule on the bus puts it on the queue."""
    house.later(minutes=2)
    detail = {"shop_id": "main", "member_id": "77", "user_id": user_id, "at": house.now.isoformat(), **data}
    known = {"id": f"{kind}-{detail['member_id']}", "occurred_at": house.now.isoformat()}
    return json.dumps({"source": "musubi", "detail-type": kind, "detail": {**detail, **known}})


def _answer(shop: ShopifyShop) -> Any:
    """Shopify as its app's secret opens it, whatever its address."""

    def answer(http: Http, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if path == "/admin/oauth/access_token":
            return _found({"access_token": "day-1", "scope": "read_orders", "expires_in": 86399})
        assert headers["X-Shopify-Access-Token"] == "day-1"
        if method == "POST":
            said = shop.answer(json.loads(body or b"{}"))
            return Answer(said.status, {}, said.body)
        resource, _, number = path.partition("?")[0].removesuffix(".json").rpartition("/2026-10/")[2].partition("/")
        if not number:
            return _found({resource: []})
        return _found({"order": {"id": int(number), "name": f"#{number}", "created_at": "2026-11-24T13:00:00+09:00"}})

    return answer


def _found(document: Mapping[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps(document).encode())
