"""WooCommerce's orders: status and dates decide, whatever the topic says, and whenever it arrives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops.platform import Call
from musubi.adapters.shops.woocommerce import PLATFORM
from musubi.adapters.shops.woocommerce.normalise import normalise
from musubi.contracts import jobs
from musubi.domain.errors import Permanent
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.orders import Line, Milestone, Order
from musubi.domain.projection import apply_order, is_silent
from musubi.web import ingress
from musubi.web.signatures import SignatureRefused
from tests.unit.contracts.strategies import JSON, objects_with
from tests.unit.shops.woocommerce_bodies import (
    CREATED_AT,
    DONE,
    DONE_AT,
    MODIFIED_AT,
    NOW,
    PAID,
    PAID_AT,
    call,
    item,
    names,
    order,
    read,
    tracked,
    tracking,
)

SECRET = "local-shop-secret"
NAMES = [
    "id", "number", "status", "currency", "total", "customer_id", "payment_method", "date_created_gmt", "date_modified_gmt",
    "date_paid_gmt", "date_completed_gmt", "next_payment_date_gmt", "line_items", "refunds", "meta_data", "key", "value",
    "name", "quantity", "subtotal", "subtotal_tax", "price", "product_id", "sku", "_wc_shipment_tracking_items",
    "date_shipped", "tracking_number", "first_name", "last_name", "billing", "role", "billing_birthday",
]  # fmt: skip
TOPICS = ["order.created", "order.updated", "order.deleted", "customer.created", "customer.updated", "customer.deleted",
          "subscription.updated", "product.updated"]  # fmt: skip


def webhook(raw: bytes, secret: str = SECRET, **headers: str) -> Call:
    signature = base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()
    return Call(raw, {"x-wc-webhook-signature": signature, **headers}, [], {}, NOW)


def prove(call: Call, secrets: Sequence[str] = (SECRET,)) -> None:
    assert PLATFORM.verify is not None
    PLATFORM.verify(call, secrets)


def test_the_signature_is_over_the_raw_body_and_a_rotated_secret_holds_too() -> None:
    prove(webhook(b'{"id": 1}'))
    prove(webhook(b'{"id": 1}', secret="old"), ["new", "old"])
    with pytest.raises(SignatureRefused):
        prove(replace(webhook(b'{"id": 1}'), raw=b'{"id": 2}'))
    with pytest.raises(SignatureRefused, match="missing"):
        prove(Call(b"{}", {}, [], {}, NOW))


@pytest.mark.parametrize(
    ("raw", "headers", "expected"),
    [
        (b"webhook_id=12", {}, True),
        (b"webhook_id=12\n", {}, True),
        (b"webhook_id=12&id=3", {}, False),
        (b"webhook_id=", {}, False),
        (b"x=1&webhook_id=12", {}, False),
        (b"webhook_id=" + b"1" * 30, {}, False),
        (b"webhook_id=12", {"x-wc-webhook-signature": "x"}, False),
    ],
)
def test_only_the_ping_of_an_activation_may_come_unsigned(raw: bytes, headers: dict[str, str], expected: bool) -> None:
    assert PLATFORM.greeting is not None
    assert PLATFORM.greeting(Call(raw, headers, [], {}, NOW)) is expected
    assert PLATFORM.status == 200


def test_the_door_answers_the_ping_and_keeps_what_the_worker_needs_of_a_delivery() -> None:
    queued: list[str] = []
    counted: list[str] = []
    door = ingress.Door(
        keys=lambda name, *, fresh=False: [SECRET],
        queue=queued.extend,
        claim=lambda payload: "",
        count=lambda metric, reason: counted.append(metric),
        now=lambda: NOW,
    )

    def calls(body: str, **headers: str) -> int:
        event = {
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "body": body,
            "isBase64Encoded": False,
            "pathParameters": {"shop_id": "main", "platform": "woocommerce"},
        }
        return int(ingress.shop_webhook(event, door, ["main"], {"woocommerce": PLATFORM})["statusCode"])

    assert calls("webhook_id=12", content_type="application/x-www-form-urlencoded") == 200
    assert (queued, counted) == ([], [])
    assert calls('{"id": 1}') == 401
    assert counted == ["SignatureRefused"]
    signature = webhook(b'{"id": 1}').headers["x-wc-webhook-signature"]
    assert calls('{"id": 1}', x_wc_webhook_signature=signature, x_wc_webhook_topic="order.deleted", cookie="c") == 200
    message = jobs.read_shop(queued[0])
    assert message.headers["x-wc-webhook-topic"] == "order.deleted"
    assert "cookie" not in message.headers


def test_a_placed_order() -> None:
    event = call("order.created", order())
    assert (event.type, event.source) == ("OrderPlaced", "main/woocommerce/order.created")
    assert (event.occurred_at, event.as_of) == (CREATED_AT, MODIFIED_AT)
    assert event.order is not None
    assert (event.order.order_id, event.order.number, event.order.member_id) == ("727", "727", "1001")
    assert event.order.total_yen == 5900
    assert event.order.milestones == (Milestone("OrderPlaced", CREATED_AT),)
    assert event.order.lines == (
        Line(title="知覧茶 – 100g", quantity=2, product_id="93", sku="TEA-100", unit_yen=1500),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "pending"}, ["OrderPlaced"]),
        ({"status": "on-hold"}, ["OrderPlaced"]),
        ({"status": "processing", "date_paid_gmt": PAID}, ["OrderPlaced", "OrderPaid"]),
        ({"status": "wc-processing"}, ["OrderPlaced", "OrderPaid"]),
        ({"status": "completed", "date_paid_gmt": PAID}, ["OrderPlaced", "OrderPaid", "OrderShipped"]),
        ({"status": "processing", "date_paid_gmt": PAID, "payment_method": "cod"}, ["OrderPlaced"]),
        ({"status": "completed", "payment_method": "cod"}, ["OrderPlaced", "OrderPaid", "OrderShipped"]),
        ({"status": "cancelled"}, ["OrderPlaced", "OrderCancelled"]),
        ({"status": "failed"}, ["OrderPlaced", "OrderPaymentFailed"]),
        ({"status": "ready-for-pickup", "date_paid_gmt": PAID}, ["OrderPlaced", "OrderPaid", "OrderReadyForPickup"]),
        ({"status": "refunded", "date_paid_gmt": PAID}, ["OrderPlaced", "OrderPaid", "OrderRefunded"]),
        (
            {"status": "refunded", "date_paid_gmt": PAID, "refunds": [{"id": 9, "total": "-5900"}]},
            ["OrderPlaced", "OrderPaid", "OrderRefunded/9"],
        ),
        ({"status": None, "date_created_gmt": None}, []),
    ],
)
def test_the_status_proves_everything_before_it(changes: dict[str, Any], expected: list[str]) -> None:
    assert names(call("order.updated", order(**changes))) == expected


def test_each_milestone_has_its_own_date() -> None:
    event = call("order.created", order(status="completed", date_paid_gmt=PAID, date_completed_gmt=DONE))
    assert event.order is not None
    assert event.order.milestones == (
        Milestone("OrderPlaced", CREATED_AT), Milestone("OrderPaid", PAID_AT), Milestone("OrderShipped", DONE_AT),
    )  # fmt: skip
    assert event.type == "OrderPlaced"
    assert call("order.updated", order(status="completed")).type == "OrderShipped"


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft"])
def test_a_draft_is_no_order_yet(status: str) -> None:
    (event,) = read("order.created", order(status=status))
    assert isinstance(event, UnreadShopEvent)
    assert event.kind == "order.created draft"


def test_of_a_plugins_status_what_is_proven_is_told_and_the_rest_kept() -> None:
    told, kept = read("order.updated", order(status="partial-shipped", date_paid_gmt=PAID))
    assert isinstance(told, ShopEvent)
    assert (told.type, names(told)) == ("OrderEdited", ["OrderPlaced", "OrderPaid"])
    assert isinstance(kept, UnreadShopEvent)
    assert kept.kind == "order.updated status partial-shipped"
    assert (told.source, told.event_id) != (kept.source, kept.event_id)


@pytest.mark.parametrize("guest", [0, "0", None, {}])
def test_customer_zero_is_a_guest(guest: Any) -> None:
    event = call("order.created", order(customer_id=guest))
    assert event.order is not None
    assert event.order.member_id is None


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"total": "5900.00"}, 5900),
        ({"refunds": [{"id": 1, "total": "-900"}, {"id": 2, "total": "-1000.00"}]}, 4000),
        ({"total": "29.35", "currency": "USD"}, None),
        ({"total": None}, None),
    ],
)
def test_the_total_is_what_refunds_leave_of_it(changes: dict[str, Any], total: int | None) -> None:
    event = call("order.updated", order(**changes))
    assert event.order is not None
    assert event.order.total_yen == total


def test_half_a_yen_goes_to_quarantine() -> None:
    with pytest.raises(Permanent, match="total: a fraction"):
        call("order.created", order(total="5900.5"))


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({}, 1500),
        ({"quantity": 7}, None),
        ({"subtotal": None, "price": 1200}, 1200),
        ({"subtotal": "x", "price": None}, None),
        ({"subtotal": "1E+999", "price": 333.3333}, None),
    ],
)
def test_one_piece_costs_what_the_shop_shows(changes: dict[str, Any], unit: int | None) -> None:
    event = call("order.created", order(line_items=[item(**changes)]))
    assert event.order is not None
    assert event.order.lines is not None
    assert [line.unit_yen for line in event.order.lines] == [unit]


def test_parcels_come_from_the_tracking_plugin() -> None:
    second = tracked(tracking_id=None, tracking_provider="結び便", custom_tracking_provider="", tracking_number="X-9",
                     custom_tracking_link="https://evil.example/", date_shipped=None)  # fmt: skip
    body = order(status="completed", date_completed_gmt=DONE, meta_data=tracking(tracked(), second, {"x": 1}))
    event = call("order.updated", body)
    assert names(event)[-2:] == ["ShipmentDispatched/3f2a", "ShipmentDispatched/X-9"]
    assert event.order is not None
    first, other = event.order.shipments
    assert (first.carrier, first.tracking_numbers) == ("yamato", ("400012345672",))
    assert (other.carrier_name, other.tracking_numbers, other.tracking_url) == ("結び便", ("X9",), None)
    assert [m.at for m in event.order.milestones[-2:]] == [MODIFIED_AT, DONE_AT]


def test_a_parcel_of_last_week_is_no_news_today() -> None:
    old = str(int((NOW - timedelta(days=7)).timestamp()))
    event = call("order.updated", order(meta_data=tracking(tracked(date_shipped=old))))
    assert event.order is not None
    assert event.order.milestones[-1].at < NOW - timedelta(days=5)


@pytest.mark.parametrize(
    "value", [{"0": tracked(), "2": tracked(tracking_id="b")}, [tracked(), tracked(tracking_id="b")]]
)
def test_php_writes_a_list_with_gaps_as_an_object(value: Any) -> None:
    meta = [{"key": "_wc_shipment_tracking_items", "value": value}, {"key": None}, "x"]
    event = call("order.updated", order(meta_data=meta))
    assert names(event)[1:] == ["ShipmentDispatched/3f2a", "ShipmentDispatched/b"]


def test_a_deleted_order_ends_and_nobody_is_told() -> None:
    event = call("order.deleted", {"id": 727})
    assert names(event) == ["OrderCancelled"]
    assert is_silent(event)


def test_times_are_gmt_unless_they_say_otherwise() -> None:
    for text in ("2026-11-24T03:00:00", "2026-11-24T03:00:00Z", "2026-11-24T12:00:00+09:00", "2026-11-24 03:00:00"):
        assert call("order.created", order(date_created_gmt=text)).occurred_at == CREATED_AT
    with pytest.raises(Permanent, match="date_paid_gmt"):
        call("order.created", order(date_paid_gmt="soon"))
    never = call("order.updated", order(date_paid_gmt="0000-00-00T00:00:00"))
    assert names(never) == ["OrderPlaced"]


def test_what_is_said_is_what_identifies_a_delivery() -> None:
    first = call("order.updated", order(), delivery_id="one")
    again = call("order.updated", order(), delivery_id="two")
    other = call("order.updated", order(status="processing"), delivery_id="one")
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    "topic", ["product.updated", "coupon.created", "action.woocommerce_add_to_cart", "order.approved", ""]
)
def test_other_topics_are_stored_as_they_came(topic: str) -> None:
    (event,) = read(topic, {"id": 5, "name": "あ"})
    assert isinstance(event, UnreadShopEvent)
    assert (event.kind, json.loads(event.raw)) == (topic or "unknown", {"id": 5, "name": "あ"})


def test_resource_and_event_stand_in_for_the_topic() -> None:
    (event,) = normalise({"x-wc-webhook-resource": "order", "x-wc-webhook-event": "updated"}, b'{"id": 1}', "main", NOW)
    assert event.source == "main/woocommerce/order.updated"


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"id":0}', b'{"id":NaN}', b'{"id":1,"id":2}', b"\xff"])
@pytest.mark.parametrize("topic", ["order.updated", "customer.deleted", "subscription.updated"])
def test_what_names_nothing_can_never_be_read(topic: str, body: bytes) -> None:
    with pytest.raises(Permanent):
        read(topic, body)


@given(value=JSON | objects_with(NAMES))
def test_no_json_value_raises_anything_but_permanent(value: Any) -> None:
    for topic in TOPICS:
        try:
            events = read(topic, value)
        except Permanent:
            continue
        repr(events).encode()


def _story() -> list[ShopEvent]:
    def at(minutes: int) -> str:
        return (CREATED_AT + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()

    paid = {"date_paid_gmt": at(10)}
    sent = {**paid, "meta_data": tracking(tracked())}
    done = {**sent, "status": "completed", "date_completed_gmt": at(25)}
    bodies = [
        ("order.created", order(date_modified_gmt=at(0))),
        ("order.created", order(status="processing", date_modified_gmt=at(10), **paid)),
        ("order.updated", order(status="processing", date_modified_gmt=at(10), **paid)),
        ("order.updated", order(status="processing", date_modified_gmt=at(20), **sent)),
        ("order.updated", order(date_modified_gmt=at(25), **done)),
        ("order.updated", order(date_modified_gmt=at(40), refunds=[{"id": 9, "total": "-900"}], **done)),
        ("order.updated", order(date_modified_gmt=at(50), **{**done, "status": "cancelled"})),
    ]
    return [call(topic, body) for topic, body in bodies]


def _settled(events: Sequence[ShopEvent]) -> Order:
    known: Order | None = None
    for event in events:
        assert event.order is not None
        known = apply_order(known, event.order, "main", event.as_of) or known
    assert known is not None
    return replace(known, version=1)


STORY = _story()


@given(st.lists(st.integers(0, len(STORY) - 1), max_size=5).flatmap(lambda extra: st.permutations([*range(7), *extra])))
def test_whatever_arrives_when_and_how_often_the_order_is_the_same(arrival: list[int]) -> None:
    assert len(STORY) == 7
    settled = _settled([STORY[i] for i in arrival])
    assert settled == _settled(STORY)
    assert {m.id: m.at for m in settled.milestones}["ShipmentDispatched/3f2a"] == datetime(
        2026, 11, 24, 3, 20, tzinfo=UTC
    )
