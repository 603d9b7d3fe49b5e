"""Square's webhooks with its API at hand: what is fetched, what is told of it, and what an answer that is none means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from musubi.adapters.shops import base
from musubi.adapters.shops.source import NoApi
from musubi.adapters.shops.square.api import SNAPSHOT
from musubi.adapters.shops.square.normalise import normalise
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import MemberState
from tests.support.square_shop import SquareShop, refused, square_shop
from tests.support.woocommerce_shop import Said
from tests.unit.shops.test_square_orders import PAID, TENDER, order, yen

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
UPDATED = "2026-11-24T02:59:57Z"
PAYMENT = {"id": "P1", "order_id": "O1", "customer_id": "C1", "status": "COMPLETED", "updated_at": PAID}
REFUND = {"id": "R1", "order_id": "O9", "status": "COMPLETED", "updated_at": UPDATED}


@pytest.fixture
def shop() -> Iterator[SquareShop]:
    with square_shop() as running:
        yield running


def read(shop: SquareShop | None, kind: str, **things: Any) -> list[ShopEvent | UnreadShopEvent]:
    """The events of one webhook; `shop` None: the stage names no API."""
    body = {"type": kind, "event_id": "e-1", "created_at": UPDATED, "data": {"object": things}}
    apis = base.no_apis if shop is None else lambda *_: shop.api()
    return list(normalise({}, json.dumps(body).encode(), "main", NOW, apis=apis))


def thin(kind: str, **more: Any) -> dict[str, Any]:
    return {f"order_{kind}": {"order_id": "O1", "version": 4, "state": "OPEN", "updated_at": UPDATED, **more}}


def whole(events: list[ShopEvent | UnreadShopEvent]) -> list[tuple[str, str, str | None, list[str]]]:
    """(type, order, member, milestones) of each."""
    found = [(one, one.order) for one in events if isinstance(one, ShopEvent)]
    return [
        (one.type, change.order_id, change.member_id, [m.id for m in change.milestones])
        for one, change in found
        if change is not None
    ]


@pytest.mark.parametrize("kind", ["created", "updated", "fulfillment_updated"])
def test_an_order_that_an_event_names_is_fetched(shop: SquareShop, kind: str) -> None:
    shop.orders["O1"] = order()
    events = read(shop, f"order.{kind.replace('_', '.')}", **thin(kind))
    assert whole(events) == [("OrderPaid", "O1", "C1", ["OrderPlaced", "OrderPaid"])]
    assert [path for _, path, _ in shop.asked] == ["/v2/orders/O1"]


def test_three_events_about_one_state_are_one_event(shop: SquareShop) -> None:
    shop.orders["O1"] = order()
    ids = {
        (event.source, event.event_id, event.content)
        for kind in ("created", "updated")
        for event in read(shop, f"order.{kind}", **thin(kind))
    }
    (found,) = normalise({SNAPSHOT: "order"}, json.dumps(order()).encode(), "main", NOW, apis=base.no_apis)
    assert ids == {(found.source, found.event_id, found.content)}, "and the poll's is the same"


def test_without_an_api_it_is_kept_unread_and_nothing_waits() -> None:
    for kind in ("created", "updated", "fulfillment_updated"):
        (event,) = read(None, f"order.{kind.replace('_', '.')}", **thin(kind))
        assert isinstance(event, UnreadShopEvent)
    (paid,) = read(None, "payment.updated", payment=PAYMENT)
    assert whole([paid]) == [("OrderPaid", "O1", "C1", ["OrderPaid"])]


def test_an_order_that_is_not_there_leaves_what_the_event_says(shop: SquareShop) -> None:
    (event,) = read(shop, "order.created", **thin("created"))
    assert isinstance(event, UnreadShopEvent)
    (paid,) = read(shop, "payment.updated", payment=PAYMENT)
    assert whole([paid]) == [("OrderPaid", "O1", "C1", ["OrderPaid"])]


@pytest.mark.parametrize("odd", ["..", "O1/../../locations", "注文", "?x=1"])
def test_what_is_no_id_of_squares_is_not_asked_for(shop: SquareShop, odd: str) -> None:
    (event,) = read(shop, "order.created", **thin("created", order_id=odd))
    assert isinstance(event, UnreadShopEvent)
    assert shop.asked == []


def test_an_answer_of_a_lagging_copy_is_asked_for_again(shop: SquareShop) -> None:
    shop.orders["O1"] = order(version=3)
    with pytest.raises(Retryable, match="older than its webhook"):
        read(shop, "order.updated", **thin("updated"))
    shop.orders["O1"] = order(version=7)
    assert whole(read(shop, "order.updated", **thin("updated")))
    shop.orders["O1"] = order(version=None)
    assert whole(read(shop, "order.updated", **thin("updated"))), "orders of a till have no version"


def test_a_payment_leads_to_its_order(shop: SquareShop) -> None:
    shop.orders["O1"] = order()
    events = read(shop, "payment.updated", payment=PAYMENT)
    assert whole(events) == [("OrderPaid", "O1", "C1", ["OrderPlaced", "OrderPaid"])]


def test_a_part_of_a_payment_does_not_pay_the_order(shop: SquareShop) -> None:
    shop.orders["O1"] = order(net_amount_due_money=yen(1000))
    assert whole(read(shop, "payment.updated", payment=PAYMENT)) == [("OrderPlaced", "O1", "C1", ["OrderPlaced"])]


def test_a_payment_says_who_bought_at_a_till(shop: SquareShop) -> None:
    shop.orders["O1"] = order(customer_id=None, tenders=[{**TENDER, "customer_id": None}])
    assert whole(read(shop, "payment.updated", payment=PAYMENT)) == [
        ("OrderPaid", "O1", None, ["OrderPlaced", "OrderPaid"]),
        ("OrderEdited", "O1", "C1", []),
    ]


def test_a_payment_that_failed_is_told_beside_the_order(shop: SquareShop) -> None:
    shop.orders["O1"] = order(tenders=[], net_amount_due_money=yen(4980))
    events = read(shop, "payment.updated", payment={**PAYMENT, "status": "FAILED"})
    assert whole(events) == [
        ("OrderEdited", "O1", "C1", []),
        ("OrderPaymentFailed", "O1", "C1", ["OrderPaymentFailed"]),
    ]


def test_a_refund_is_told_of_the_order_that_it_is_about(shop: SquareShop) -> None:
    gives_back: dict[str, Any] = {"line_items": None, "tenders": [], "state": "COMPLETED"}
    listed = [{"id": "r-1", "status": "APPROVED", "created_at": UPDATED}]
    shop.orders["O9"] = order(id="O9", returns=[{"source_order_id": "O1"}], refunds=listed, **gives_back)
    assert whole(read(shop, "refund.updated", refund=REFUND)) == [("OrderRefunded", "O1", None, ["OrderRefunded/r-1"])]
    shop.orders["O9"] = order(id="O9", returns=[{"source_order_id": "O1"}], **gives_back)
    assert whole(read(shop, "refund.updated", refund=REFUND)) == [("OrderRefunded", "O1", None, ["OrderRefunded/R1"])]


def test_a_refund_that_the_order_itself_lists_is_one(shop: SquareShop) -> None:
    shop.orders["O9"] = order(id="O9", refunds=[{"id": "R1", "status": "APPROVED", "created_at": UPDATED}])
    (found,) = whole(read(shop, "refund.updated", refund=REFUND))
    assert found[3] == ["OrderPlaced", "OrderPaid", "OrderRefunded/R1"]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Said(401), Retryable, "401, check the token"),
        (refused(403, "INSUFFICIENT_SCOPES"), Retryable, "403 INSUFFICIENT_SCOPES, check the token's rights"),
        (Said(302, headers={"Location": "https://elsewhere.example.jp/"}), Retryable, "302, check the base URL"),
        (refused(429, "RATE_LIMITED"), Retryable, "429 RATE_LIMITED"),
        (Said(503), Retryable, "503"),
        (refused(400, "BAD_REQUEST"), Permanent, "400 BAD_REQUEST"),
        (Said(200, b"<html>"), Permanent, "answer: not JSON"),
        (Said(200, b"{}"), Permanent, "answer has no order"),
        (Said(200, b'{"order": {"id": "O1", "updated_at": "soon"}}'), Permanent, "order.updated_at: not a time"),
    ],
)
def test_what_an_answer_that_is_no_order_means(
    shop: SquareShop, answer: Said, kind: type[Exception], words: str
) -> None:
    """What somebody has to mend waits, and lies in the dead letters until it is mended; what can not be read does not."""
    shop.answers.append(answer)
    with pytest.raises(kind, match=words):
        read(shop, "order.created", **thin("created"))


def test_only_what_needs_the_api_asks_it(shop: SquareShop) -> None:
    booking = {"id": "b1", "status": "ACCEPTED", "updated_at": UPDATED}
    read(shop, "booking.created", booking=booking)
    read(shop, "loyalty.account.updated", loyalty_account={"customer_id": "C1", "balance": 5})
    read(shop, "customer.updated", customer={"id": "C1"})
    read(shop, "customer.deleted", customer={"id": "C1", "group_ids": ["G1"]})
    read(shop, "payment.updated", payment={**PAYMENT, "status": "APPROVED"})
    read(shop, "webhooks.test_notification")
    assert shop.asked == []


def test_groups_are_told_by_name_where_they_can_be_asked_for(shop: SquareShop) -> None:
    shop.groups = {"G1": "ゴールド会員", "G2": "LINE連携済み"}
    customer = {"id": "C1", "updated_at": UPDATED, "group_ids": ["G2", "G1", "GONE"]}
    (event,) = read(shop, "customer.updated", customer=customer)
    assert isinstance(event, ShopEvent)
    assert event.member is not None
    assert event.member.tags == ("LINE連携済み", "ゴールド会員", "GONE")
    (event,) = read(None, "customer.updated", customer=customer)
    assert isinstance(event, ShopEvent)
    assert event.member is not None
    assert event.member.tags == ("G2", "G1", "GONE")


def test_a_customer_that_a_poll_found_registered_if_that_is_news() -> None:
    body = {
        "customer": {"id": "C1", "created_at": "2026-11-24T02:00:00Z", "updated_at": UPDATED, "group_ids": ["G1"]},
        "groups": {"G1": "ゴールド会員"},
    }

    def found(at: datetime) -> list[ShopEvent | UnreadShopEvent]:
        return list(normalise({SNAPSHOT: "customer"}, json.dumps(body).encode(), "main", at, apis=base.no_apis))

    new, profile = found(NOW)
    assert isinstance(new, ShopEvent)
    assert isinstance(profile, ShopEvent)
    assert new.member is not None
    assert profile.member is not None
    assert (new.type, new.member.state) == ("MemberRegistered", MemberState.ACTIVE)
    assert (profile.type, profile.member.state, profile.member.tags) == ("MemberUpdated", None, ("ゴールド会員",))
    later = found(datetime(2026, 11, 26, tzinfo=UTC))
    assert [one.event_id for one in later] == [profile.event_id], "the same profile is the same event"


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(Permanent, match="not an order or a customer"):
        normalise({SNAPSHOT: "invoice"}, b"{}", "main", NOW, apis=base.no_apis)
    with pytest.raises(Permanent, match="id: missing"):
        normalise({SNAPSHOT: "customer"}, b'{"customer": 5}', "main", NOW, apis=base.no_apis)


def test_a_shop_that_the_stage_does_not_name_waits_if_its_reader_can_not_do_without() -> None:
    with pytest.raises(NoApi, match="shop_apis: main/eccube is not named") as caught:
        base.no_apis("main", "eccube")
    assert isinstance(caught.value, Retryable)
