"""member show, friend show, explain: the support desk's questions, and no more of a person than was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from musubi.domain.ledger import SendState
from tests.flows.cli.conftest import Desk
from tests.stores.samples import (
    ACTIVITY,
    BOUGHT,
    CART,
    CATEGORY,
    ENDED,
    ENROLMENT,
    FRIEND,
    LINK,
    MEMBER,
    RESERVATION,
    SEND,
    SUBSCRIPTION,
    USER,
)

ACCEPTED = replace(SEND, state=SendState.ACCEPTED, reason="accepted", line_request_id="r-9")
SKIPPED = replace(
    SEND,
    send_id="8d2b0000-0000-5000-8000-000000000002",
    person=f"f:{USER}",
    scenario="welcome",
    state=SendState.SKIPPED,
    reason="blocked",
    messages=None,
)


@pytest.fixture
def linked(desk: Desk) -> Desk:
    desk.put(MEMBER, FRIEND, LINK, LINK.mirrored(), ENDED, ACCEPTED, SKIPPED, ENROLMENT)
    return desk


def test_a_member_is_shown_with_the_friend_linked_to_them(linked: Desk) -> None:
    shown = linked.run("member", "show", "1001").stdout
    assert "main/1001" in shown
    assert "結城 はな" in shown
    assert "1200" in shown
    assert USER in shown


def test_a_member_as_json_leaves_out_what_proved_the_link(linked: Desk) -> None:
    found = linked.ask("member", "show", "1001")
    assert {"member", "friend", "link", "ended_links", "purchases", "bought", "carts"} <= set(found)
    assert found["member"]["birthday"] == {"month": 12, "day": 24, "year": 1990}
    assert found["member"]["lots"][0] == {"expires_on": "2026-12-31", "points": 300}
    assert found["link"]["linked_at"] == "2026-12-24T10:00:00+09:00"
    assert "evidence" not in found["link"]


def test_what_a_member_is_and_has_done(linked: Desk) -> None:
    held = (CART, RESERVATION, SUBSCRIPTION)
    linked.put(ACTIVITY, BOUGHT, CATEGORY, *(replace(one, of_member=True) for one in held))
    shown = linked.run("member", "show", "1001").stdout
    for said in (
        "rank    ゴールド (gold) until 2027-03-31",
        "tags    ギフト, vip",
        "consent line marketing: refused",
        "field   anniversary = 2020-02-29",
        "bought  2 orders, 12,800 yen, 1 cancelled",
        "last A-2 at 2026-12-24T10:00:00+09:00",
        "events  OrderPlaced 3",
        "cart    c/81  480 yen",
        "https://shop.example.jp/cart/c81",
        "booking b-3  cancelled",
        "subscr. s-9  paused  next 2027-01-10  2,980 yen",
        "どら焼き 6個入り",
    ):
        assert said in shown
    found = linked.ask("member", "show", "1001")
    assert found["member"]["attributes"][0]["value"] == "2020-02-29"
    assert found["purchases"]["spent_yen"] == 12800
    assert found["purchases"]["last"] == {"at": "2026-12-24T10:00:00+09:00", "id": "A-2"}
    assert [(row["kind"], row["ref"], row["quantity"]) for row in found["bought"]] == [
        ("product", "P#7", 2),
        ("category", "和菓子", 2),
    ]
    assert found["carts"][0]["recovery_url"] == "https://shop.example.jp/cart/c81"
    assert found["reservations"][0]["service"] == "カット"
    assert found["subscriptions"][0]["next_on"] == "2027-01-10"


def test_a_friend_is_shown_with_the_member_linked_to_them(linked: Desk) -> None:
    assert linked.ask("friend", "show", USER)["member"]["member_id"] == "1001"
    shown = linked.run("friend", "show", USER).stdout
    assert "blocked" in shown
    assert "promo refused" in shown
    assert "asked" in shown


def test_a_member_who_is_linked_but_never_announced_is_shown(desk: Desk) -> None:
    desk.put(LINK, LINK.mirrored())
    assert desk.run("member", "show", "1001").exit_code == 0
    assert desk.ask("friend", "show", USER)["friend"] is None


def test_points_nobody_told_of_are_unknown_not_nought(desk: Desk) -> None:
    desk.put(replace(MEMBER, points=None, lots=(), family_name=None, given_name=None))
    shown = desk.run("member", "show", "1001").stdout
    assert "name unknown  points unknown" in shown


@pytest.mark.parametrize("who", ["1001", "m:main/1001", USER, f"f:{USER}"])
def test_explain_tells_of_both_sides_of_a_link(linked: Desk, who: str) -> None:
    found = linked.ask("explain", who)
    states = {(send["scenario"], send["state"], send["reason"]) for send in found["sends"]}
    assert states == {("birthday", "accepted", "accepted"), ("welcome", "skipped", "blocked")}
    assert [enrolment["ended_reason"] for enrolment in found["enrolments"]] == ["none yet"]


def test_explain_prints_reason_and_text(linked: Desk) -> None:
    shown = linked.run("explain", "1001").stdout
    assert "お誕生日おめでとうございます🎉" in shown
    row = next(line for line in shown.splitlines() if "welcome" in line)
    assert row.split()[-3:] == ["skipped", "blocked", "-"]


def test_explain_gives_no_personal_data_that_was_not_asked_for(linked: Desk) -> None:
    done = linked.run("explain", "1001", "--json").stdout + linked.run("explain", "1001").stdout
    for private in ("結城", "はな", "1990", "ab12", "空"):
        assert private not in done


def test_explain_finds_sends_of_a_member_who_was_never_announced(desk: Desk) -> None:
    desk.put(ACCEPTED)
    found = desk.ask("explain", "1001")
    assert found["member"] is None
    assert len(found["sends"]) == 1


def test_another_shop_has_other_members(linked: Desk) -> None:
    done = linked.run("explain", "1001", "--shop", "outlet")
    assert (done.exit_code, done.stdout) == (1, "")


def test_the_shop_may_come_from_the_environment(linked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    linked.put(replace(MEMBER, shop_id="outlet", given_name="えま"))
    monkeypatch.setenv("MUSUBI_SHOP_ID", "outlet")
    assert "えま" in linked.run("member", "show", "1001").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("member", "show", "9999"), "no member 9999"),
        (("friend", "show", "U" + "f" * 32), "no friend U" + "f" * 32),
        (("explain", "9999"), "nothing is known of 9999"),
        (("explain", "U123"), "nothing is known of U123"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_unknown_person_is_an_error(desk: Desk, words: tuple[str, ...], told: str, form: tuple[str, ...]) -> None:
    done = desk.run(*words, *form)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == f"musubi: {told}\n"


def test_a_person_that_cannot_be_read_is_misuse(desk: Desk) -> None:
    assert desk.run("explain", "m:1001").exit_code == 2
