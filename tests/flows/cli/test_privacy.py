"""privacy: what is open until when, exports, approvals, erasures by word of an operator."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import boto3

from musubi.domain.people import MemberState
from musubi.domain.privacy import PrivacyRequest, RequestKind, RequestState
from musubi.domain.store_keys import FriendKey, LinkOfMemberKey, MemberKey, PrivacyRequestKey
from tests.flows.cli.conftest import Desk
from tests.stores.samples import FRIEND, LINK, MEMBER, NOW, ORDER, SEND, USER, at

SHOP = PrivacyRequest(
    request_id="shop-1",
    kind=RequestKind.SHOP,
    shop_id="main",
    received_at=NOW,
    deadline_at=at(900),
    look_at=NOW,
)
ACCESS = replace(
    SHOP,
    request_id="access-1",
    kind=RequestKind.ACCESS,
    member_id="1001",
    state=RequestState.DONE,
    done_at=at(5),
    export="s3://musubi-test-claims/privacy-exports/access-1.json",
)


def test_open_requests_are_listed_with_what_they_need(desk: Desk) -> None:
    later = replace(SHOP, request_id="later", kind=RequestKind.ERASURE, member_id="1", deadline_at=at(9000))
    waiting = replace(later, request_id="waiting", state=RequestState.WAITING)
    desk.put(later, waiting, SHOP, ACCESS)
    found = desk.ask("privacy", "list")
    assert [one["request_id"] for one in found] == ["shop-1", "later", "waiting"]
    assert found[0]["needs"] == "musubi privacy approve shop-1"
    assert found[1]["needs"] is None
    (done,) = desk.ask("privacy", "list", "--done")
    assert done["needs"] == "musubi privacy export access-1"
    assert "shop_erasure" in desk.run("privacy", "list").stdout


def test_one_request_is_shown_and_one_that_is_not_there_is_said(desk: Desk) -> None:
    desk.put(SHOP)
    assert json.loads(desk.run("privacy", "show", "shop-1").stdout)["deadline_at"] == "2026-12-24T10:15:00+09:00"
    missing = desk.run("privacy", "show", "nothing")
    assert (missing.exit_code, "no request nothing" in missing.stderr) == (1, True)


def test_the_export_of_a_request_is_fetched(desk: Desk, tmp_path: Path) -> None:
    desk.put(ACCESS, SHOP)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="musubi-test-claims", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="musubi-test-claims", Key="privacy-exports/access-1.json", Body=b'{"member_id": "1001"}')
    assert desk.run("privacy", "export", "access-1").stdout == '{"member_id": "1001"}\n'
    out = tmp_path / "export.json"
    assert desk.run("privacy", "export", "access-1", "--out", str(out)).exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8")) == {"member_id": "1001"}
    none = desk.run("privacy", "export", "shop-1")
    assert (none.exit_code, "has no export" in none.stderr) == (1, True)


def test_what_is_held_now_is_exported_without_a_request(desk: Desk) -> None:
    desk.put(MEMBER, FRIEND, LINK, LINK.mirrored(), ORDER, SEND)
    document = json.loads(desk.run("privacy", "export", "--member", "1001").stdout)
    assert document["profile"]["family_name"] == "結城"
    assert [order["order_id"] for order in document["orders_carts_bookings"]] == [ORDER.order_id]
    assert [send["send_id"] for send in document["messages"]] == [SEND.send_id]
    assert document["line"][0]["friend"]["user_id"] == USER
    assert desk.run("privacy", "export").exit_code == 2


def test_a_shop_is_approved_once_and_nothing_else_is(desk: Desk) -> None:
    desk.put(SHOP, ACCESS)
    assert desk.run("privacy", "approve", "shop-1", "--yes").exit_code == 0
    approved = desk.store.load([PrivacyRequestKey("shop-1")]).get(PrivacyRequestKey("shop-1"))
    assert approved is not None
    assert approved.approved_at is not None
    assert desk.run("privacy", "approve", "shop-1", "--yes").exit_code == 2
    assert desk.run("privacy", "approve", "access-1", "--yes").exit_code == 2


def test_who_does_not_say_yes_changes_nothing(desk: Desk) -> None:
    desk.put(MEMBER, SHOP)
    for words in (("approve", "shop-1"), ("erase", "1001"), ("erase-friend", USER)):
        refused = desk.run("privacy", *words)
        assert refused.exit_code != 0, words
    assert desk.store.load([MEMBER.key]).get(MEMBER.key) == MEMBER
    assert desk.store.load([SHOP.key]).get(SHOP.key) == SHOP


def test_an_erasure_by_an_operator_takes_effect_at_once_and_is_one_however_often_it_is_said(desk: Desk) -> None:
    desk.put(MEMBER, FRIEND, LINK, LINK.mirrored())
    first = desk.ask("privacy", "erase", "1001", "--yes")
    again = desk.ask("privacy", "erase", "1001", "--yes")
    assert first["request_id"] == again["request_id"]
    loaded = desk.store.load([MemberKey("main", "1001"), LinkOfMemberKey("main", "1001")])
    member = loaded.get(MemberKey("main", "1001"))
    assert member is not None
    assert (member.state, member.family_name) == (MemberState.ERASED, None)
    assert loaded.get(LinkOfMemberKey("main", "1001")) is None
    (waiting,) = desk.ask("privacy", "list")
    assert (waiting["kind"], waiting["state"]) == ("erasure", "waiting")


def test_a_friend_is_forgotten_by_an_operator(desk: Desk) -> None:
    desk.put(replace(FRIEND, erased=False))
    assert "filed as" in desk.run("privacy", "erase-friend", USER, "--yes").stdout
    friend = desk.store.load([FriendKey(USER)]).get(FriendKey(USER))
    assert friend is not None
    assert friend.erased
    unknown = desk.run("privacy", "erase-friend", "U" + "7" * 32, "--yes")
    assert (unknown.exit_code, "no friend" in unknown.stderr) == (1, True)
