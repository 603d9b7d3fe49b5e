"""A busy week of a deployment: everything that each function can do, so that what it asks of AWS can be compared with its
rights. Each chapter says by an assertion that it came to what it is about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from musubi.adapters.csv import reading
from musubi.domain.linking import nonce_digest
from musubi.domain.operations import Due, DueKind, ShardLease
from musubi.domain.privacy import DONE_SHELF, OPEN_SHELF
from musubi.domain.scenario import Enrolment, EnrolmentState
from musubi.domain.store_keys import LinkOfFriendKey, LinkOfMemberKey, NonceKey, OrderKey
from musubi.domain.writes import Create
from musubi.runtime.bootstrap import imports
from musubi.usecases.control_sends import resume_sends, stop_sends
from musubi.usecases.file_privacy import approve, erase_friend
from tests.support.busy_acts import daily, envelope, go_to, line_event, link_up, nonce_of, order_of, said, told
from tests.support.busy_shopify import facts_are_written_back, shopify_is_asked, told_fact
from tests.support.deployed import ROOT, Deployed
from tests.support.flows_functions import sample
from tests.support.line_stub import Say
from tests.support.woocommerce_shop import WooShop

MIO, REN = "U" + "a" * 32, "U" + "b" * 32
UNREADABLE = {
    "line_events": "line-events",
    "shop_events": "shop-events",
    "push_sender": "push",
    "alert_shard": "alert-shards",
    "log_writer": "log",
    "import_file": "imports",
    "write_back": "write-back",
}


def live(house: Deployed) -> None:
    """The whole week, on one deployment."""
    friends_come(house)
    members_come(house)
    a_friend_links(house)
    orders_are_pushed(house)
    line_has_bad_days(house)
    everything_is_stopped_and_goes_on(house)
    answers_come_late(house)
    dates_come_up(house)
    a_step_can_not_run(house)
    somebody_is_quicker(house)
    what_was_left_lying_is_swept(house)
    a_shop_is_asked(house)
    shopify_is_asked(house)
    tables_are_dropped(house)
    facts_are_written_back(house, REN)
    people_leave(house)
    all_of_it_is_history(house)
    records_are_broken(house)
    aws_is_away(house)
    people_want_to_be_forgotten(house)


def friends_come(house: Deployed) -> None:
    """Follow, a message too long for the queue, one nobody can read, a group, something new."""
    long = {"message": {"type": "text", "text": "あ" * 100_000}}
    group = {"type": "join", "source": {"type": "group", "groupId": "C" + "1" * 32}}
    assert house.line_says(line_event(house, MIO, "follow"), line_event(house, REN, "message", **long), 5) == 200
    assert house.line_says(line_event(house, REN, "brandNew"), {**line_event(house, MIO, "join"), **group}) == 200
    assert house.work_off("line_events") == 0
    assert house.sends() == {("accepted", "accepted")}
    assert house.quarantined() == ["line-events"]


def members_come(house: Deployed) -> None:
    """Members with birthdays and points, from the webhook and from the bus; an unknown type; a long order."""
    birthday = house.now.date() + timedelta(days=1)
    lots = [{"points": 300, "expires_at": (birthday + timedelta(days=days)).isoformat()} for days in (1, 90)]
    member = {"member_id": "1001", "name": {"family": "結城", "given": "澪"}, "birthday": f"--{birthday:%m-%d}"}
    assert house.shop_says(told("MemberRegistered", **member), told("Unheard", x=1)) == 202
    assert house.work_off("shop_events") == 0
    house.later(minutes=1)
    house.shop_says(told("PointsBalanceChanged", member_id="1001", balance=600, lots=lots))
    house.put("shop-events", json.dumps(envelope(house, "MemberRegistered", member_id="1002")))
    assert house.shopify_says("orders/create", {"id": 7, "note": "あ" * 100_000}) == 200
    assert house.work_off("shop_events") == 0
    assert house.store.load([OrderKey("main", "7")]).get(OrderKey("main", "7")) is not None
    house.later(minutes=1)
    house.shop_says(told("PointsBalanceChanged", member_id="1001", balance=300, lots=lots[:1]))
    assert house.work_off("shop_events") == 0


def a_friend_links(house: Deployed) -> None:
    """The offer, at first unanswered by LINE; the nonce; the link; a second offer."""
    house.line_says(line_event(house, MIO, "postback", postback={"data": "v=1&do=start_link"}))
    house.line.answers.append(Say(status=500))
    assert house.work_off("line_events") == 1
    house.line.answers.append(Say(body='{"linkToken":"t0ken"}'))
    assert house.work_off("line_events") == 0
    assert "linkToken=t0ken" in house.line.calls[-1].body.decode()
    link_up(house, MIO, "1001")
    assert house.store.load([LinkOfMemberKey("main", "1001")]).get(LinkOfMemberKey("main", "1001")) is not None
    house.line_says(said(house, MIO, "会員連携"))
    # A failed link names nobody; another one names a nonce that nobody issued.
    failed = line_event(house, MIO, "accountLink", link={"result": "failed", "nonce": nonce_of(house, "1001")})
    house.line_says(
        {**failed, "source": {}}, line_event(house, REN, "accountLink", link={"result": "ok", "nonce": "x"})
    )
    assert house.work_off("line_events") == 0


def orders_are_pushed(house: Deployed) -> None:
    """Thanks, shipping notice, a cancelled follow-up, a repeat."""
    placed = order_of(house, "A-1")
    house.shop_says(placed)
    assert house.work_off("shop_events") == 0
    pushed = len(house.line.calls)
    assert house.work_off("push_sender") == 0
    assert len(house.line.calls) == pushed + 1
    house.later(minutes=1)
    parcel = {"shipment_id": "p1", "carrier": "yamato", "tracking_numbers": ["123456789012"]}
    house.shop_says(told("ShipmentDispatched", order_id="A-1", order_number="A-1", shipment=parcel))
    house.shop_says({**placed, "id": "other"}, told("OrderPaid", order_id="A-1"))
    assert house.work_off("shop_events") == 0
    house.later(minutes=1)
    house.shop_says(told("OrderCancelled", order_id="A-1", cancelled_at=house.now.isoformat()))
    assert house.work_off("shop_events") == 0
    assert house.work_off("push_sender") == 0
    assert ("skipped", "exited:OrderCancelled") in house.sends()


def line_has_bad_days(house: Deployed) -> None:
    """No answer, a rate limit (after which the breaker defers), the month's limit, a clear no."""
    spent = '{"message":"You have reached your monthly limit."}'
    answers = [Say(status=500), Say(status=400), Say(status=429, body=spent), Say(status=429, body="{}")]
    house.line.answers.extend(answers)
    for number in range(2, 7):
        house.later(minutes=1)
        house.shop_says(order_of(house, f"A-{number}"))
        assert house.work_off("shop_events") == 0
    assert house.work_off("push_sender") == 0
    reasons = {reason for _, reason in house.sends()}
    assert reasons >= {"line_500", "line_400", "monthly_limit", "line_429"}
    assert not house.line.answers


def everything_is_stopped_and_goes_on(house: Deployed) -> None:
    """The kill switch parks a push and an answer; the sweeper releases them."""
    clock = _Clock(house)
    stop_sends(house.store, clock, "wrong coupon")
    house.shop_says(order_of(house, "B-1"))
    assert house.work_off("shop_events") == 0
    assert house.work_off("push_sender") == 0
    house.line_says(said(house, MIO, "配信停止"))
    assert house.work_off("line_events") == 0
    assert ("parked", "kill_switch") in house.sends()
    house.invoke("sweeper", {})
    resume_sends(house.store, clock, "mended")
    house.invoke("sweeper", {})
    assert ("planned", "released") in house.sends()
    assert house.work_off("push_sender") == 0
    assert ("parked", "kill_switch") not in house.sends()


def answers_come_late(house: Deployed) -> None:
    """Reply tokens that are used up or too old become pushes; a repeat finds its own row."""
    resumed = said(house, MIO, "配信再開")
    house.line_says(resumed)
    house.line.answers.append(Say(status=400, body='{"message":"Invalid reply token"}'))
    assert house.work_off("line_events") == 0
    assert ("planned", "reply_token_refused") in house.sends()
    house.line_says(resumed, said(house, REN, "配信再開"))
    house.later(minutes=2)
    assert house.work_off("line_events") == 0
    assert house.work_off("push_sender") == 0
    assert house.line.calls[-1].path.endswith("/push")


def dates_come_up(house: Deployed) -> None:
    """The daily run, the catch-up of its second day, steps at their clock time, quiet hours and their end."""
    day = house.now.date() + timedelta(days=1)
    go_to(house, day, 6)
    assert daily(house, "daily") == "run_started"
    assert house.work_off("alert_shard") == 0
    assert daily(house, "catch_up") == "nothing_missing"
    go_to(house, day, 11)
    house.invoke("due_steps", {})
    go_to(house, day, 22)
    assert house.work_off("push_sender") == 0
    assert ("held", "quiet_hours") in house.sends()
    go_to(house, day + timedelta(days=1), 9)
    house.invoke("due_steps", {})
    assert house.work_off("push_sender") == 0
    assert ("held", "quiet_hours") not in house.sends()
    assert daily(house, "catch_up") == "caught_up"
    assert house.work_off("alert_shard") == 0


def a_step_can_not_run(house: Deployed) -> None:
    """An enrolment without the facts of its scenario fails for the fifth time; a due item has outlived its enrolment."""
    broken = Enrolment(
        enrolment_id="broken", scenario="birthday", scenario_version=1, person="m:main/1001", key_value="x",
        state=EnrolmentState.WAITING, anchor_at=house.now, started_at=house.now, due_at=house.now,
    )  # fmt: skip
    kind = DueKind.ENROLMENT
    house.store.commit([Create(broken), Create(Due(shard=1, at=house.now, kind=kind, ref="broken", failures=4))])
    house.store.commit([Create(Due(shard=2, at=house.now, kind=kind, ref="gone"))])
    house.quarantined()
    house.invoke("due_steps", {})
    assert house.quarantined() == ["due_steps"]


def somebody_is_quicker(house: Deployed) -> None:
    """Conditions that do not hold when the write comes: a shard's lease, a friend."""
    house.store.commit([Create(Due(shard=5, at=house.now, kind=DueKind.ENROLMENT, ref="gone"))])
    lease = ShardLease(shard=5, owner="another tick", until=house.now + timedelta(seconds=50))
    house.calls.before_next_write(lambda: house.store.commit([Create(lease)]))
    house.invoke("due_steps", {})
    assert house.store.due_before(5, house.now, 1)
    house.line_says(line_event(house, REN, "unfollow"))
    house.line_says(line_event(house, REN, "follow"))
    assert house.work_off("line_events") == 0


def what_was_left_lying_is_swept(house: Deployed) -> None:
    """Facts the bus did not take, a nonce nobody used, a Send of whose fate LINE never told."""
    nonce = nonce_of(house, "1002")
    house.line_says(said(house, MIO, "連携解除"))
    with house.calls.away("events"):
        assert house.work_off("line_events") == 0
    house.shop_says(order_of(house, "C-1"))
    assert house.work_off("shop_events") == 0
    house.later(hours=25)
    house.invoke("sweeper", {})
    assert house.store.load([NonceKey(nonce_digest(nonce))]).get(NonceKey(nonce_digest(nonce))) is None
    assert not [fact for shard in range(32) for fact in house.store.open_facts(shard, house.now, 1)]
    assert ("unknown", "retry_key_expired") in house.sends()
    assert house.work_off("push_sender") == 0
    assert ("skipped", "not_linked") in house.sends()


def a_shop_is_asked(house: Deployed) -> None:
    """A first poll, an order that no webhook brought, one too long for the queue."""
    shop, poll = WooShop(), {"schedule": "poll", "shop_id": "main", "platform": "woocommerce"}
    house.shop_answers(shop)
    assert house.invoke("poll_shop", poll)["reason"] == "orders done, members done"
    house.later(hours=1)
    shop.order(901, house.now - timedelta(minutes=30))
    shop.order(902, house.now - timedelta(minutes=20), customer_note="あ" * 100_000)
    assert house.invoke("poll_shop", poll)["verdict"] == "done"
    assert house.work_off("shop_events") == 0
    assert {one.type for one in house.store.latest_missed("main", "woocommerce", 9)} == {"OrderPaid"}
    assert house.store.load([OrderKey("main", "902")]).get(OrderKey("main", "902")) is not None


def tables_are_dropped(house: Deployed) -> None:
    """A table of each kind, one of which takes two invocations; one that can not be read."""
    for key, name in (
        ("main/members/november.csv", "members_cp932.csv"),
        ("main/orders/november.csv", "orders.csv"),
        ("main/points/november.tsv", "points.tsv"),
        ("main/members/broken.csv", "members_without_id.csv"),
    ):
        house.drop(key, (ROOT / "events" / "csv" / name).read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "_STOP_S", 10_000)
        patch.setattr(reading, "PAGE_RECORDS", 2)
        assert house.work_off("import_file") == 0
    for _ in range(5):
        assert house.work_off("import_file") == 0
    assert house.work_off("shop_events") == 0
    assert {key: report["state"] for key, report in house.reports().items()} == {
        "reports/main/members/november.csv.json": "done",
        "reports/main/orders/november.csv.json": "done",
        "reports/main/points/november.tsv.json": "done",
        "reports/main/members/broken.csv.json": "refused",
    }
    assert house.store.load([OrderKey("main", "C-7001")]).get(OrderKey("main", "C-7001")) is not None


def people_leave(house: Deployed) -> None:
    """A newer link takes over from an older one of both sides; two members become one; the shop ends a membership."""
    link_up(house, MIO, "1001")
    link_up(house, REN, "1001")
    link_up(house, REN, "1002")
    assert house.store.load([LinkOfFriendKey(MIO)]).get(LinkOfFriendKey(MIO)) is None
    house.shop_says(told("MemberMerged", kept_id="1002", removed_id="1003"))
    assert house.work_off("shop_events") == 0
    house.later(minutes=1)
    house.shop_says(told("MemberWithdrawn", member_id="1002"), told("MemberDeleted", member_id="1001"))
    assert house.work_off("shop_events") == 0
    assert house.store.load([LinkOfFriendKey(REN)]).get(LinkOfFriendKey(REN)) is None


def people_want_to_be_forgotten(house: Deployed) -> None:
    """What is held of one is exported; one is erased after a long life, a friend too, and then the whole shop."""
    house.later(minutes=1)
    house.shop_says(
        told("PersonalDataRequested", request_id="r-1", member_id="1002"),
        told("PersonalDataErasureRequested", request_id="r-2", member_id="1001"),
        told("ShopErasureRequested", request_id="r-3"),
    )
    assert house.work_off("shop_events") == 0
    assert erase_friend(house.store, _Clock(house), REN) is not None
    for _ in range(2):
        house.later(minutes=11)
        assert house.invoke("privacy_requests", {})["reason"] == "worked_off"
    requests = house.rows.requests(OPEN_SHELF, None, 9)
    assert [one.kind.value for one in requests] == ["shop_erasure"]
    approve(house.store, _Clock(house), requests[0].request_id)
    for _ in range(3):
        house.invoke("privacy_requests", {})
        house.later(minutes=11)
    assert house.rows.requests(OPEN_SHELF, None, 9) == []
    assert {one.outcome for one in house.rows.requests(DONE_SHELF, None, 9)} == {"exported", "erased"}


def all_of_it_is_history(house: Deployed) -> None:
    """Everything so far has its line; one that comes again is known."""
    assert house.work_off("log_writer") == 0
    lines = house.history()
    assert {line["kind"] for line in lines} == {"event", "decision", "send"}
    (record,) = json.loads(sample("aws/sqs_log.json"))["Records"][1:]
    for _ in range(2):
        house.put("log", record["body"])
        assert house.work_off("log_writer") == 0
    assert len(house.history()) == len(lines) + 1
    assert len({line["id"] for line in house.history()}) == len(lines) + 1


def records_are_broken(house: Deployed) -> None:
    """Every worker puts aside what nobody can read."""
    for function, queue in UNREADABLE.items():
        house.put(queue, "{")
        assert house.work_off(function) == 0
    assert sorted(house.quarantined()) == sorted(UNREADABLE.values())


def aws_is_away(house: Deployed) -> None:
    """Every worker hands back what it can not do now; the doors and the API ask the caller to come again."""
    push = {"v": 1, "send_id": "s", "person": "m:main/1001", "enrolment_id": "e", "hint_user": None}
    house.put("push", json.dumps(push))
    house.put("write-back", told_fact(house, MIO, "LinkMade"))
    house.put("alert-shards", '{"v":1,"date":"2026-11-30","shard":1}')
    house.put("log", json.loads(sample("aws/sqs_log.json"))["Records"][0]["body"])
    house.drop("main/points/december.csv", "会員ID,残高\n1001,5\n".encode())
    house.shop_says(order_of(house, "D-1"))
    house.line_says(line_event(house, MIO, "follow"))
    with house.calls.away("dynamodb"):
        assert [house.work_off(function) for function in UNREADABLE] == [1] * len(UNREADABLE)
        assert house.ask_nonce("1001")["statusCode"] == 503
    assert [house.work_off(function) for function in UNREADABLE] == [0] * len(UNREADABLE)
    with house.calls.away("sqs"):
        assert house.line_says(line_event(house, MIO, "follow")) == 500
        assert house.shop_says(order_of(house, "D-2")) == 500


class _Clock:
    """The deployment's time, for what an operator does to it."""

    def __init__(self, house: Deployed) -> None:
        self.machine = self.business = lambda: house.now
