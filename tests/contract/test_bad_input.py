"""Bad input at every shop system's door: refused, kept or put aside for the right reason, and never a 5xx or a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from musubi.adapters.shops.platforms import DOORS
from musubi.domain.orders import Order
from musubi.domain.people import Member
from musubi.web.ingress import CLAIM_OVER
from musubi.web.request import MAX_BODY
from tests.support.bodies import EVENTS
from tests.support.intake import Fate, Intake, signed

OLD, NEW = "old-shop-secret", "new-shop-secret"
SPLITTING = frozenset(name for name, one in DOORS.items() if one.splits)
JSON = {"content-type": "application/json"}
BIDI, ZERO = "\u202e", "\u0000"

every_door = pytest.mark.parametrize("platform", sorted(DOORS))


def call(platform: str, raw: bytes, headers: Mapping[str, str] = JSON) -> tuple[int, list[Fate], Intake]:
    intake = Intake()
    status = intake.shop(platform, raw, *signed(platform, raw, headers))["statusCode"]
    return status, intake.work(), intake


# who calls


@every_door
@pytest.mark.parametrize("secret", [OLD, NEW])
def test_two_keys_hold_while_one_is_rotated(platform: str, secret: str) -> None:
    intake = Intake(secrets={f"shops/main/{platform}": [NEW, OLD]})
    response = intake.shop(platform, b"{}", *signed(platform, b"{}", JSON, secret))
    assert response["statusCode"] == DOORS[platform].status


@every_door
@pytest.mark.parametrize("secret", [None, "a guess", OLD])
def test_who_is_not_proven_is_not_taken(platform: str, secret: str | None) -> None:
    intake = Intake(secrets={f"shops/main/{platform}": [NEW]})
    headers, query = signed(platform, b"{}", JSON, secret) if secret else (dict(JSON), {})
    response = intake.shop(platform, b"{}", headers, query)
    assert response["statusCode"] == 401
    assert intake.sent == []
    ((metric, reason),) = intake.counted
    assert (metric, reason.rpartition(":")[0]) == ("SignatureRefused", f"shops/main/{platform}")
    assert not any(word in reason + response["body"] for word in ("guess", OLD, NEW))


@every_door
def test_a_platform_without_a_secret_takes_nobody(platform: str) -> None:
    intake = Intake(secrets={f"shops/main/{platform}": []})
    assert intake.shop(platform, b"{}", *signed(platform, b"{}", JSON, ""))["statusCode"] == 401


# what is no body

UNREADABLE = {
    "not JSON": b'{"id": 1,}',
    "nothing": b"",
    "a word": b"null and void",
    "NaN": b'{"id": 1, "total_price": NaN}',
    "infinity": b'[{"id": Infinity}]',
    "a key twice": b'{"id": 1, "id": 2}',
    "no text": b"\xff\xfe{\x00",
    "half a character": b'{"note": "\xe7\xb5"}',
    "endless nesting": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an endless number": b'{"id": ' + b"9" * 5000 + b"}",
}


@every_door
@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_what_is_not_json_is_put_aside_or_refused(platform: str, name: str) -> None:
    status, fates, _ = call(platform, UNREADABLE[name])
    if status == 400:
        assert platform in SPLITTING, "only a door that must split a body looks into it"
        return
    assert status == DOORS[platform].status
    assert {fate.what for fate in fates} == {"quarantined"}
    assert all("not JSON" in fate.why or "no CloudEvent" in fate.why for fate in fates), fates


SURPRISING = {
    "200 levels": b'{"id":' * 200 + b"1" + b"}" * 200,
    "a lone surrogate": b'{"id": "\\ud83d", "note": "\\udc00"}',
    "a list": b"[]",
    "lists in lists": b"[[[]]]",
    "a number": b"7",
    "nothing known": b'{"hello": "world"}',
    "an id beyond doubles": b'{"id": 9007199254740993}',
    "a huge exponent": b'{"id": 1, "total": 1e99999}',
    "only a null": b"null",
}


@every_door
@pytest.mark.parametrize("name", sorted(SURPRISING))
def test_json_that_nobody_expects_ends_somewhere(platform: str, name: str) -> None:
    status, fates, _ = call(platform, SURPRISING[name])
    assert status in (DOORS[platform].status, 400)
    assert {fate.what for fate in fates} <= {"unread", "quarantined", "accepted", "waits"}
    assert all(fate.why for fate in fates)


# how large


@every_door
def test_a_large_body_waits_in_s3_and_is_read_from_there(platform: str) -> None:
    raw = json.dumps({"hello": "world", "pad": "x" * 4_900_000}).encode()
    intake = Intake()
    assert intake.shop(platform, raw, *signed(platform, raw, JSON))["statusCode"] == DOORS[platform].status
    assert len(intake.claims) == len(intake.sent) == 1
    assert all(len(body) < CLAIM_OVER for body in intake.sent)
    assert [fate.what for fate in intake.work()] in (["unread"], ["quarantined"])


@every_door
def test_a_body_over_five_megabytes_is_refused_before_it_is_proven(platform: str) -> None:
    intake = Intake()
    assert intake.shop(platform, b" " * (MAX_BODY + 1), JSON)["statusCode"] == 413
    assert intake.counted == [("BodiesTooLarge", "over_5_mb")]


# what is in it


@dataclass(frozen=True)
class Case:
    """A sample body with something in it changed, and what must become of it."""

    platform: str
    sample: str
    change: Callable[[Any], Any]
    what: str
    why: str = ""
    headers: Mapping[str, str] | None = None


def put(path: str, value: Any) -> Callable[[Any], Any]:
    """Set what lies at a dotted path of the document."""

    def change(document: Any) -> Any:
        *outer, last = path.split(".")
        place = document
        for part in outer:
            place = place[int(part) if part.isdigit() else part]
        place[int(last) if last.isdigit() else last] = value
        return document

    return change


def in_dollars(order: Any) -> Any:
    """A Shopify order says its currency beside each amount, too."""
    return {name: value for name, value in order.items() if not name.endswith("_set")} | {"currency": "USD"}


def same(document: Any) -> Any:
    return document


CASES = {
    "unknown topic": [
        Case("woocommerce", "order_created", same, "unread", headers={"x-wc-webhook-topic": "order.teleported"}),
        Case("eccube", "order_created", put("0.entity", "teleporter"), "unread"),
        Case("shopify", "orders_create", same, "unread", "orders/teleported", {"x-shopify-topic": "orders/teleported"}),
        Case("square", "booking_created", put("type", "booking.teleported"), "unread", "booking.teleported"),
        Case("segment", "order_completed", put("event", "Order Teleported"), "unread", "Order Teleported"),
        Case("cloudevents", "order_placed", put("type", "OrderTeleported"), "unread", "OrderTeleported"),
        Case("mapping", "ecforce_order_completed", put("event", "order_teleported"), "unread", "unmapped"),
    ],
    "unknown status": [
        Case("woocommerce", "order_created", put("status", "pondering"), "accepted+unread"),
        Case("shopify", "orders_create", put("financial_status", "pondering"), "accepted"),
        Case("shopify", "fulfillments_create", put("status", "pondering"), "unread"),
        Case("square", "booking_created", put("data.object.booking.status", "PONDERING"), "unread"),
        Case("square", "payment_updated", put("data.object.payment.status", "PONDERING"), "unread"),
        Case("cloudevents", "order_placed", put("data.payment_state", "pondering"), "accepted"),
    ],
    "unknown carrier": [
        Case("shopify", "fulfillments_create", put("tracking_company", "鳩便"), "accepted"),
        Case("cloudevents", "shipment_dispatched", put("data.shipment.carrier", "鳩便"), "accepted"),
        Case("mapping", "ecforce_order_shipped", put("shipment.carrier", "鳩便"), "accepted"),
    ],
    "unknown currency": [
        Case("woocommerce", "order_created", put("currency", "XTS"), "accepted"),
        Case("shopify", "orders_create", in_dollars, "accepted"),
        Case("segment", "order_completed", put("properties.currency", "XTS"), "accepted"),
        Case("square", "payment_updated", put("data.object.payment.amount_money.currency", "XTS"), "accepted"),
        Case("cloudevents", "order_placed", put("data.totals.grand", {"amount": 5, "currency": "XTS"}), "accepted"),
    ],
    "unknown version": [
        Case("shopify", "orders_create", same, "accepted", headers={"x-shopify-api-version": "2099-01"}),
        Case("cloudevents", "order_placed", put("specversion", "9.9"), "accepted"),
        Case("square", "booking_created", put("api_version", "2099-01-01"), "accepted"),
    ],
    "an id beyond doubles": [
        Case("woocommerce", "order_created", put("id", 9007199254740993), "accepted"),
        Case("shopify", "orders_create", put("id", 9007199254740993), "accepted"),
        Case("cloudevents", "order_placed", put("data.order_id", 9007199254740993), "accepted"),
        Case("segment", "order_completed", put("properties.order_id", 9007199254740993), "accepted"),
        Case("mapping", "ecforce_order_completed", put("order.id", 9007199254740993), "accepted"),
        Case("square", "payment_updated", put("data.object.payment.order_id", "9007199254740993"), "accepted"),
    ],
    "a fraction of a yen": [
        Case("woocommerce", "order_created_jpy_fraction", same, "quarantined", "a fraction of a yen"),
        Case("shopify", "orders_create_jpy_fraction", same, "quarantined", "a fraction of a yen"),
        Case("cloudevents", "order_placed_jpy_fraction", same, "quarantined", "a fraction of a yen"),
        Case("segment", "order_completed", put("properties.total", 4490.5), "quarantined", "a fraction of a yen"),
        Case("square", "payment_jpy_fraction", same, "quarantined", "a fraction of a yen"),
        Case("mapping", "total_fraction", same, "quarantined", "a fraction of a yen"),
    ],
}
ROWS = [
    pytest.param(name, case, id=f"{name}-{case.platform}-{i}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
]


def changed(case: Case) -> tuple[int, list[Fate], Intake]:
    folder = EVENTS / "shop" / case.platform
    document = case.change(json.loads((folder / f"{case.sample}.json").read_text(encoding="utf-8")))
    kept = json.loads((folder / f"{case.sample}.headers.json").read_text(encoding="utf-8"))
    headers = {name.lower(): value for name, value in kept.items() if not _proof(name.lower())}
    return call(case.platform, json.dumps(document).encode(), {**headers, **(case.headers or {})})


def _proof(header: str) -> bool:
    return any(word in header for word in ("signature", "hmac", "token", "authorization", "webhook-timestamp"))


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_what_is_unknown_is_taken_and_what_is_wrong_put_aside(name: str, case: Case) -> None:
    status, fates, intake = changed(case)
    assert status == DOORS[case.platform].status
    assert {fate.what for fate in fates} == set(case.what.split("+")), fates
    assert all(case.why in fate.why for fate in fates)
    if name == "an id beyond doubles":
        assert {order.order_id for order in intake.world.peek(Order)} == {"9007199254740993"}
    if name == "unknown currency":
        assert {order.total_yen for order in intake.world.peek(Order)} == {None}


HOSTILE = [
    Case("woocommerce", "order_created", put("number", f"{BIDI}#{ZERO}1001\u2066" + "9" * 5000), "accepted"),
    Case("woocommerce", "customer_created", put("last_name", f"{BIDI}結{ZERO}城\ud800" + "長" * 5000), "accepted"),
    Case("cloudevents", "shipment_dispatched", put("data.shipment.tracking_url", "javascript:alert(1)"), "accepted"),
    Case(
        "cloudevents",
        "shipment_dispatched",
        put("data.shipment.tracking_url", "http://k2k.sagawa-exp.co.jp/"),
        "accepted",
    ),
    Case("shopify", "fulfillments_create", put("tracking_url", "javascript:alert(1)"), "accepted"),
    Case(
        "shopify", "fulfillments_create", put("tracking_url", "https://kuronekoyamato.co.jp.evil.example/"), "accepted"
    ),
    Case(
        "shopify", "fulfillments_create", put("tracking_company", f"ヤマト{BIDI}運輸\n{ZERO}" + "長" * 5000), "accepted"
    ),
    Case("shopify", "orders_create", put("name", f"{BIDI}#{ZERO}1001\u2066" + "9" * 5000), "accepted"),
    Case("cloudevents", "order_placed", put("data.order_number", f"{BIDI}A{ZERO}\n-1\ufffe" + "9" * 5000), "accepted"),
    Case("mapping", "ecforce_order_completed", put("order.number", f"{BIDI}A{ZERO}\n-1"), "accepted"),
    Case(
        "cloudevents",
        "member_registered",
        put("data.profile.name.family", f"{BIDI}結{ZERO}城\u200f<b>" + "長" * 5000),
        "accepted",
    ),
    Case(
        "square",
        "customer_created",
        put("data.object.customer.family_name", f"{BIDI}結{ZERO}城\ud800" + "長" * 5000),
        "accepted",
    ),
    Case(
        "segment", "order_completed", put("properties.products.0.name", f"{BIDI}茶{ZERO}\n" + "長" * 5000), "accepted"
    ),
]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: f"{case.platform}-{case.sample}")
def test_nothing_hostile_is_stored_where_messages_take_it_from(case: Case) -> None:
    _, fates, intake = changed(case)
    assert {fate.what for fate in fates} == {"accepted"}, fates
    stored = [*intake.world.peek(Order), *intake.world.peek(Member)]
    assert stored
    texts = list(_texts(stored))
    assert not [
        text for text in texts if any(ord(char) < 32 or char in "\u202e\u2066\u200f\ufffe\ud800" for char in text)
    ]
    assert max(map(len, texts)) <= 500
    links = [one.tracking_url for order in intake.world.peek(Order) for one in order.shipments if one.tracking_url]
    assert all(link.startswith("https://") and ".example" not in link for link in links)


def _texts(value: Any) -> list[str]:
    """Every text in entities, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for one in value for text in _texts(one)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for name in value.__dataclass_fields__ for text in _texts(getattr(value, name))]
    return []
