"""Writing into Square: points once, groups for tags and consents, and what is clear of a call that got no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from musubi.adapters.shops.platforms import PLATFORMS
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.square.writer import SquareWriter, open_writer
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.shop_writes import REFUSED_TAG, AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction, Unclear
from musubi.ports import ShopWriter
from tests.support.square_shop import TOKEN, SquareShop, refused, square_shop
from tests.support.woocommerce_shop import Said

SAKURA = "CSAKURA1001EXAMPLE"
KEY, OTHER = "0f0b5a1e-6f9d-5a54-9a57-1d8b4a3a5c01", "0f0b5a1e-6f9d-5a54-9a57-1d8b4a3a5c02"
POINTS = GrantPoints(50, "LINE連携ありがとうございます")


@pytest.fixture
def shop() -> Iterator[SquareShop]:
    with square_shop() as running:
        running.customers[SAKURA] = {"id": SAKURA, "group_ids": ["GOLD"]}
        running.groups = {"GOLD": "ゴールド会員"}
        running.accounts["A1"] = {"id": "A1", "customer_id": SAKURA, "balance": 640}
        yield running


def write(shop: SquareShop, action: ShopAction, key: str = KEY, *keys: str, member: str = SAKURA) -> None:
    writer: ShopWriter = open_writer(shop.api(*keys))
    writer.write(member, action, key)


def mine(shop: SquareShop) -> list[str]:
    """The names of her groups."""
    return [shop.groups[one] for one in shop.customers[SAKURA]["group_ids"]]


def test_what_is_described_is_what_the_writer_does(shop: SquareShop) -> None:
    assert PLATFORMS["square"].writes == ("tags", "consent", "points")
    assert isinstance(open_writer(shop.api()), SquareWriter)


# points


def test_points_are_given_with_their_reason(shop: SquareShop) -> None:
    write(shop, POINTS)
    assert shop.accounts["A1"]["balance"] == 690
    _, path, said = shop.asked[-1]
    assert path == "/v2/loyalty/accounts/A1/adjust"
    assert said == {"idempotency_key": KEY, "adjust_points": {"points": 50, "reason": "LINE連携ありがとうございます"}}


def test_a_repeat_with_the_same_key_gives_them_once(shop: SquareShop) -> None:
    write(shop, POINTS)
    write(shop, POINTS)
    assert shop.accounts["A1"]["balance"] == 690
    write(shop, POINTS, OTHER)
    assert shop.accounts["A1"]["balance"] == 740


def test_an_answer_that_was_lost_is_unclear_and_the_repeat_gives_nothing_more(shop: SquareShop) -> None:
    shop.lost = 1
    with pytest.raises(Unclear):
        write(shop, POINTS)
    assert shop.accounts["A1"]["balance"] == 690
    write(shop, POINTS)
    assert shop.accounts["A1"]["balance"] == 690


def test_a_key_that_was_used_for_something_else_is_refused_for_good(shop: SquareShop) -> None:
    write(shop, POINTS)
    with pytest.raises(Permanent, match="400 IDEMPOTENCY_KEY_REUSED"):
        write(shop, GrantPoints(60, "別の理由"))
    assert shop.accounts["A1"]["balance"] == 690


def test_a_customer_without_a_loyalty_account_gets_none(shop: SquareShop) -> None:
    shop.accounts.clear()
    with pytest.raises(Permanent, match="loyalty account: this customer has none"):
        write(shop, POINTS)
    assert shop.changes() == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(429, "RATE_LIMITED", "RATE_LIMIT_ERROR"), Retryable),
        (refused(500, "INTERNAL_SERVER_ERROR", "API_ERROR"), Unclear),
        (Said(502, b"<html>"), Unclear),
        (refused(504, "GATEWAY_TIMEOUT", "API_ERROR"), Unclear),
        (refused(408, "REQUEST_TIMEOUT", "API_ERROR"), Unclear),
        (refused(409, "CONFLICT"), Unclear),
        (Said(200, b"<html>please wait</html>"), Unclear),
        (refused(404, "NOT_FOUND"), Permanent),
        (refused(400, "BAD_REQUEST"), Permanent),
        (refused(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"), Permanent),
        (Said(301, headers={"Location": "https://elsewhere.example.jp/"}), Permanent),
    ],
)
def test_what_the_answer_to_an_adjustment_means(shop: SquareShop, answer: Said, kind: type[Exception]) -> None:
    """Once the adjustment was sent, only a clear no is one."""
    account = Said(200, json.dumps({"loyalty_accounts": [{"id": "A1"}]}).encode())
    shop.answers.extend([account, answer])
    with pytest.raises(kind) as caught:
        write(shop, POINTS)
    assert isinstance(caught.value, Unclear) is (kind is Unclear)
    assert TOKEN not in str(caught.value)
    assert "https://" not in str(caught.value)
    assert len(shop.asked) == 2, "nothing is followed or repeated"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_before_anything_was_sent_is_no_doubt(shop: SquareShop, status: int) -> None:
    shop.answers.append(Said(status))
    with pytest.raises(Retryable) as caught:
        write(shop, POINTS)
    assert not isinstance(caught.value, Unclear)


def test_a_shop_that_can_not_be_reached_has_done_nothing() -> None:
    gone = open_writer(ShopApi("main", "http://127.0.0.1:1", lambda: (TOKEN,), lambda: 100))
    for action in (POINTS, AddTag("line")):
        with pytest.raises(Retryable) as caught:
            gone.write(SAKURA, action, KEY)
        assert not isinstance(caught.value, Unclear)


def test_a_write_is_not_begun_when_the_time_is_up(shop: SquareShop) -> None:
    with pytest.raises(Retryable, match="out_of_time") as caught:
        open_writer(shop.api(left_s=3)).write(SAKURA, POINTS, KEY)
    assert (type(caught.value) is not Unclear, shop.asked) == (True, [])


# keys


def test_the_next_line_of_the_secret_is_tried_and_then_no_other(shop: SquareShop) -> None:
    write(shop, POINTS, KEY, "EAAA-old", TOKEN)
    assert shop.accounts["A1"]["balance"] == 690
    with pytest.raises(Permanent, match="401 UNAUTHORIZED, check the token"):
        write(shop, POINTS, OTHER, "EAAA-old", "EAAA-older")
    with pytest.raises(Permanent, match="shops/main/square-api: no such secret"):
        SquareWriter(ShopApi("main", shop.url, tuple, lambda: 100)).write(SAKURA, POINTS, OTHER)


# tags and consents


def test_a_tag_is_a_group_that_is_made_when_it_is_missing(shop: SquareShop) -> None:
    write(shop, AddTag("LINE連携済み"))
    assert mine(shop) == ["ゴールド会員", "LINE連携済み"]
    assert [method for method, _ in shop.changes()] == ["POST", "PUT"]
    write(shop, AddTag("LINE連携済み"), OTHER)
    assert len(shop.changes()) == 2, "who has the tag is not written again"
    write(shop, RemoveTag("LINE連携済み"), OTHER)
    assert mine(shop) == ["ゴールド会員"]
    write(shop, RemoveTag("LINE連携済み"), OTHER)
    write(shop, RemoveTag("nothing of the kind"), OTHER)
    assert len(shop.changes()) == 3


def test_a_group_is_found_by_its_name_on_any_page(shop: SquareShop) -> None:
    shop.groups = {f"G{number}": f"グループ{number}" for number in range(120)}
    shop.customers[SAKURA]["group_ids"] = []
    write(shop, AddTag("グループ117"))
    assert shop.changes() == [("PUT", f"/v2/customers/{SAKURA}/groups/G117")]


def test_groups_of_one_name_are_one_tag(shop: SquareShop) -> None:
    shop.groups |= {"G2": "line", "G1": "line"}
    shop.customers[SAKURA]["group_ids"] = ["G2"]
    write(shop, AddTag("line"))
    assert shop.changes() == []
    shop.customers[SAKURA]["group_ids"] = ["G1", "GOLD", "G2"]
    write(shop, RemoveTag("line"))
    assert mine(shop) == ["ゴールド会員"]


def test_two_who_make_a_group_at_once_make_one(shop: SquareShop) -> None:
    shop.customers["C2"] = {"id": "C2"}
    write(shop, AddTag("line"))
    known = dict(shop.groups)
    shop.groups.clear()  # the list of the second was read before the first had made it
    shop.before = lambda: shop.groups.update(known) if shop.asked[-1][0] != "GET" else None
    write(shop, AddTag("line"), OTHER, member="C2")
    assert list(shop.groups.values()).count("line") == 1
    assert shop.customers["C2"]["group_ids"] == [key for key, name in shop.groups.items() if name == "line"]


def test_a_group_that_somebody_removed_is_made_anew(shop: SquareShop) -> None:
    """Square answers the key of a group with the group that it made for it, whether or not it is still there."""
    write(shop, AddTag("line"))
    shop.groups = {"GOLD": "ゴールド会員"}
    shop.customers[SAKURA]["group_ids"] = ["GOLD"]
    write(shop, AddTag("line"), OTHER)
    assert mine(shop) == ["ゴールド会員", "line"]


def test_who_refuses_is_in_the_group_that_says_so(shop: SquareShop) -> None:
    write(shop, SetConsent(allowed=True))
    assert shop.changes() == [], "nobody is in it who never refused"
    write(shop, SetConsent(allowed=False))
    assert mine(shop) == ["ゴールド会員", REFUSED_TAG]
    write(shop, SetConsent(allowed=True), OTHER)
    assert mine(shop) == ["ゴールド会員"]


def test_a_lost_answer_to_a_tag_is_unclear_and_the_repeat_is_no_news(shop: SquareShop) -> None:
    shop.groups["L"] = "line"
    shop.lost = 1
    with pytest.raises(Unclear):
        write(shop, AddTag("line"))
    write(shop, AddTag("line"))
    assert mine(shop) == ["ゴールド会員", "line"]
    assert len(shop.changes()) == 1


def test_what_the_shop_does_not_have_is_named(shop: SquareShop) -> None:
    for nobody in ("CNOBODY", "", "..", "C1/groups", "客"):
        with pytest.raises(Permanent, match="customer: the shop has none of this id"):
            write(shop, AddTag("line"), member=nobody)
    for tag in ("", " line", "二\n行", "長" * 101):
        with pytest.raises(Permanent, match="tag: not a plain text"):
            write(shop, AddTag(tag))
    assert shop.changes() == []
