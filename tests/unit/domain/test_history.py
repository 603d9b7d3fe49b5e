"""Lines of the history: the same for the same thing, and nobody's data in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.contracts import jobs
from musubi.domain import ledger
from musubi.domain.answers import Answer, AnswerKind
from musubi.domain.changes import (
    CartChange,
    CartState,
    MemberChange,
    MergeChange,
    OrderChange,
    PointsChange,
    PrivacyChange,
    PrivacyKind,
    ReservationChange,
    ReservationState,
    SubscriptionChange,
    SubscriptionState,
)
from musubi.domain.errors import Permanent
from musubi.domain.events import LineEventType, ShopEvent
from musubi.domain.history import MAX_LINES, SHARDS, Record, RecordKind, of_line_event, of_send, of_shop_event, safe_id
from musubi.domain.intents import Intent
from musubi.domain.ledger import Send, SendState
from musubi.domain.operations import PushRef
from musubi.domain.orders import Line, Milestone, Shipment
from musubi.domain.people import Attribute, Birthday, Consent, PointLot, Rank
from tests.support import made
from tests.support.made import NOON, after

SECRETS = (
    "結城",
    "さくら",
    "東京都",
    "sakura@example.jp",
    "https://",
    "1234-5678",
    "身長",
    "クレーマー",
    "指輪",
    "tok-1",
)
"""What the events below carry of a person, or as the key to something."""

LINE_ITEM = Line(title="名入れの指輪 さくらへ", quantity=2, product_id="P-9", sku="R-1", unit_yen=4800)
PARTS: dict[str, Any] = {
    "member": MemberChange(
        member_id="1001",
        family_name="結城",
        given_name="さくら",
        birthday=Birthday(12, 24, 1992),
        rank=Rank("gold", "ゴールド会員"),
        tags=("クレーマー",),
        attributes=(Attribute("身長", 160, "csv", NOON),),
        consents=(Consent("email", "marketing", allowed=False, source="https://shop.example.jp/form", at=NOON),),
    ),
    "merge": MergeChange(kept_id="1001", removed_id="1002"),
    "points": PointsChange(member_id="1001", balance=500, lots=(PointLot(date(2026, 12, 31), 500),)),
    "order": OrderChange(
        order_id="A-1",
        number="#A-1 結城様",
        member_id="1001",
        total_yen=9600,
        milestones=(Milestone("OrderPlaced", NOON), Milestone("ShipmentDispatched", NOON, "P-1")),
        shipments=(
            Shipment(shipment_id="P-1", carrier="yamato", carrier_name="ヤマト", tracking_numbers=("1234-5678",)),
        ),
        lines=(LINE_ITEM,),
        checkout_ids=("tok-1",),
    ),
    "cart": CartChange(
        checkout_id="tok-1", state=CartState.OPEN, member_id="1001", recovery_url="https://shop.example.jp/r/tok-1"
    ),
    "reservation": ReservationChange(
        reservation_id="R-1",
        state=ReservationState.BOOKED,
        member_id="1001",
        start_at=NOON,
        staff="さくら",
        party_size=2,
    ),
    "subscription": SubscriptionChange(
        subscription_id="S-1", member_id="1001", state=SubscriptionState.ACTIVE, next_on=date(2026, 12, 24)
    ),
    "privacy": PrivacyChange(request_id="q-1", kind=PrivacyKind.ERASURE, deadline_at=NOON, member_id="1001"),
}


def shop_event(**given: Any) -> ShopEvent:
    known: dict[str, Any] = {
        "source": "main/shopify/orders",
        "event_id": "w-1",
        "type": "OrderPlaced",
        "shop_id": "main",
        "platform": "shopify",
        "occurred_at": NOON,
        "as_of": NOON,
        "received_at": after(seconds=2),
        "content": "c0ffee",
    }
    return ShopEvent(**(known | given))


@pytest.mark.parametrize("part", PARTS)
def test_a_shop_event_is_told_without_anything_of_the_person(part: str) -> None:
    line = of_shop_event(shop_event(**{part: PARTS[part]})).line()
    assert [word for word in SECRETS if word in line] == []
    assert "1992" not in line
    assert line.isascii()
    told = json.loads(line)
    assert told[part]["member"] == "1001"
    assert (told["kind"], told["type"], told["event"]) == ("event", "OrderPlaced", "w-1")


def test_every_part_of_an_event_has_its_words() -> None:
    parts = {name for name, kind in ShopEvent.__annotations__.items() if "Change" in str(kind)}
    assert set(PARTS) == parts


def test_what_an_order_is_told_with() -> None:
    told = of_shop_event(shop_event(order=PARTS["order"])).body["order"]
    assert told == {
        "order": "A-1",
        "member": "1001",
        "total_yen": 9600,
        "milestones": [
            {"name": "OrderPlaced", "at": NOON.isoformat()},
            {"name": "ShipmentDispatched", "at": NOON.isoformat(), "ref": "P-1"},
        ],
        "shipments": [{"id": "P-1", "carrier": "yamato"}],
        "lines": [{"kind": "product", "product": "P-9", "sku": "R-1", "quantity": 2, "unit_yen": 4800}],
    }
    many = replace(PARTS["order"], lines=(LINE_ITEM,) * (MAX_LINES + 5))
    told = of_shop_event(shop_event(order=many)).body["order"]
    assert (len(told["lines"]), told["lines_left_out"]) == (MAX_LINES, 5)


def test_a_consent_is_kept_as_its_proof() -> None:
    (told,) = of_shop_event(shop_event(member=PARTS["member"])).body["member"]["consents"]
    assert told == {"channel": "email", "purpose": "marketing", "allowed": False, "at": NOON.isoformat()}


def test_an_event_is_one_line_however_often_it_comes() -> None:
    first = of_shop_event(shop_event(member=PARTS["member"]))
    again = of_shop_event(shop_event(member=PARTS["member"], received_at=after(days=3)))
    other = of_shop_event(shop_event(member=PARTS["member"], event_id="w-2"))
    assert first.record_id == again.record_id != other.record_id
    assert first.shard == again.shard == other.shard, "a member's lines lie in one shard"


@pytest.mark.parametrize(
    "text",
    [
        "sakura@example.jp",
        "https://shop.example.jp/o/1",
        "結城さくら",
        "a b",
        "x" * 129,
        "",
        "sakura%40example.jp",
    ],
)
def test_an_id_that_is_more_than_an_id_is_a_digest(text: str) -> None:
    assert safe_id(text) == safe_id(text)
    assert str(safe_id(text)).startswith("~")
    assert len(str(safe_id(text))) == 33
    line = of_shop_event(shop_event(points=PointsChange(member_id=text, balance=1), source=text, event_id=text)).line()
    assert not text or text not in line


@pytest.mark.parametrize("text", ["1001", "gid:1", "A-5501/P-1", "f:U0", "main/shopify/orders"])
def test_a_plain_id_stays_as_it_is(text: str) -> None:
    assert safe_id(text) == text


@given(st.text(), st.text())
def test_different_ids_stay_different(one: str, other: str) -> None:
    assert (safe_id(one) == safe_id(other)) is (one == other)


def test_what_a_friend_said_is_not_told() -> None:
    event = made.line_event(LineEventType.MESSAGE, text="配信停止 結城さくら 東京都", raw='{"text":"結城"}')
    line = of_line_event(event, Intent.REFUSE_PROMO).line()
    assert [word for word in SECRETS if word in line] == []
    told = json.loads(line)
    assert (told["source"], told["person"], told["intent"]) == ("line", f"f:{event.user_id}", "refuse_promo")


# Sends


def settled(state: SendState = SendState.ACCEPTED) -> Send:
    row = ledger.decided(made.send(), "hold", "quiet_hours", NOON, after(hours=9))
    row = ledger.decided(row, "send", "gate_passed", after(hours=9))
    row = ledger.claim(
        row, owner="o", user_id=made.USER, messages='["さくら様"]', now=after(hours=9), reason="gate_passed"
    )
    answer = {SendState.ACCEPTED: AnswerKind.ACCEPTED, SendState.REJECTED: AnswerKind.REFUSED}[state]
    return ledger.settle(row, Answer(answer, "accepted", 200, "req-1", "結城さくら"), after(hours=9, seconds=1))


def test_a_settled_send_and_its_decisions_are_told_without_whom_it_reached() -> None:
    row = settled()
    records = of_send(row)
    assert [record.kind for record in records] == [RecordKind.DECISION, RecordKind.DECISION, RecordKind.SEND]
    held, passed, end = (record.body for record in records)
    assert (held["verdict"], held["reason"], held["until"]) == ("hold", "quiet_hours", after(hours=9).isoformat())
    assert (passed["verdict"], passed["reason"]) == ("send", "gate_passed")
    assert (end["state"], end["line_status"], end["line_request"], end["attempts"]) == ("accepted", 200, "req-1", 1)
    assert end["occurrence"] == "A-1"
    text = "".join(record.line() for record in records)
    assert made.USER not in text
    assert [word for word in SECRETS if word in text] == []
    assert len({record.shard for record in records}) == 1


def test_nothing_is_told_of_a_send_on_its_way() -> None:
    row = ledger.decided(made.send(), "send", "gate_passed", NOON)
    assert of_send(row) == ()
    claimed = ledger.claim(row, owner="o", user_id=made.USER, messages="[]", now=NOON, reason="gate_passed")
    assert of_send(claimed) == ()


def test_a_send_that_waits_is_told_with_its_decisions_only() -> None:
    row = ledger.decided(made.send(), "park", "kill_switch", NOON)
    assert [record.kind for record in of_send(ledger.park(row, "kill_switch", NOON))] == [RecordKind.DECISION]
    unknown = ledger.give_up(row, NOON)
    assert of_send(unknown)[-1].body["state"] == "unknown"


def test_the_same_answer_of_the_gate_is_one_decision() -> None:
    row = ledger.decided(made.send(), "park", "kill_switch", NOON)
    assert ledger.decided(row, "park", "kill_switch", after(hours=1)) is row
    later = ledger.decided(row, "hold", "quiet_hours", NOON, after(hours=1))
    assert len(ledger.decided(later, "hold", "quiet_hours", NOON, after(hours=25)).decisions) == 3


# On the way


@given(
    body=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.none(), max_size=4),
    shard=st.integers(0, SHARDS - 1),
    kind=st.sampled_from(RecordKind),
)
def test_lines_survive_the_queue(body: dict[str, Any], shard: int, kind: RecordKind) -> None:
    record = Record(record_id="r-1", kind=kind, at=NOON.astimezone(UTC), shard=shard, body=body)
    (text,) = jobs.log_bodies([record, replace(record, record_id="r-2")])
    read = jobs.read_log(text)
    assert read == (record, replace(record, record_id="r-2"))
    assert "\n" not in read[0].line()
    ref = PushRef("s", "m:main/1", "e")
    assert jobs.read_push(jobs.push_body(ref, [record])) == (ref, (record,))


def test_lines_that_do_not_fit_one_message_go_in_several() -> None:
    records = [
        Record(record_id=str(n), kind=RecordKind.EVENT, at=NOON, shard=0, body={"x": "y" * 60_000}) for n in range(7)
    ]
    texts = jobs.log_bodies(records)
    assert [len(jobs.read_log(text)) for text in texts] == [3, 3, 1]
    assert max(len(text) for text in texts) < 210 * 1024
    assert jobs.log_bodies([]) == []


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"v":1,"lines":[]}',
        '{"v":1,"lines":[{"id":"a","kind":"event","at":"2026-11-22T03:00:00","shard":0,"body":{}}]}',
        '{"v":1,"lines":[{"id":"a","kind":"event","at":"2026-11-22T03:00:00Z","shard":99,"body":{}}]}',
        '{"v":1,"lines":[{"id":"a","kind":"secret","at":"2026-11-22T03:00:00Z","shard":0,"body":{}}]}',
    ],
)
def test_a_log_body_that_is_not_ours_can_never_be_read(body: str) -> None:
    with pytest.raises(Permanent, match="LogMessage"):
        jobs.read_log(body)


def test_lines_lie_under_the_tokyo_day() -> None:
    late = datetime(2026, 12, 23, 15, 0, tzinfo=UTC)
    record = Record(record_id="r", kind=RecordKind.SEND, at=late, shard=3, body={})
    assert record.folder == "history/send/2026/12/24/03"
