"""What is clear of a change whose answer never came, whoever's API it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from musubi.adapters.shops.rest import Refused, Rest
from musubi.adapters.shops.square.api import SquareRest
from musubi.domain.errors import Retryable
from musubi.domain.shop_writes import Unclear
from tests.support.square_shop import TOKEN, SquareShop, square_shop
from tests.support.woocommerce_shop import Said

GROUP = {"idempotency_key": "k-1", "group": {"name": "line"}}
GROUPS = "/v2/customers/groups"


@pytest.fixture
def shop() -> Iterator[SquareShop]:
    with square_shop() as running:
        yield running


def test_a_token_that_can_not_be_had_leaves_no_doubt(shop: SquareShop) -> None:
    def bearer(refused: str | None = None) -> str:
        raise Retryable("shop grant: somebody else is renewing it")

    with pytest.raises(Retryable, match="somebody else") as caught:
        SquareRest(replace(shop.api(), bearer=bearer)).write("POST", GROUPS, GROUP)
    assert not isinstance(caught.value, Unclear)
    assert shop.asked == []


def test_a_token_that_was_refused_is_renewed_once_and_the_change_made_once(shop: SquareShop) -> None:
    given: list[str | None] = []

    def bearer(refused: str | None = None) -> str:
        given.append(refused)
        return TOKEN if refused else "spent"

    SquareRest(replace(shop.api(), bearer=bearer)).write("POST", GROUPS, GROUP)
    assert given == [None, "spent"]
    assert list(shop.groups.values()) == ["line"]


def test_a_change_whose_answer_was_lost_is_a_doubt_though_it_was_made(shop: SquareShop) -> None:
    shop.lost = 1
    with pytest.raises(Unclear):
        SquareRest(shop.api()).write("POST", GROUPS, GROUP)
    assert list(shop.groups.values()) == ["line"]


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_answer_may_be_empty(shop: SquareShop, body: bytes) -> None:
    shop.answers.append(Said(200, body))
    assert SquareRest(shop.api()).write("DELETE", f"{GROUPS}/G1") == {}


def test_a_plain_shop_refuses_by_status_alone(shop: SquareShop) -> None:
    shop.answers.append(Said(404))
    with pytest.raises(Refused, match="plain api: 404, check the base URL") as caught:
        Rest("plain", shop.api()).write("PUT", "/nowhere", {})
    assert (caught.value.status, caught.value.code) == (404, "")


def test_an_answer_without_end_is_a_doubt(shop: SquareShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musubi.adapters.shops.rest.LIMIT", 2000)
    shop.answers.append(Said(200, b'{"x": "' + b"y" * 5000 + b'"}'))
    with pytest.raises(Unclear, match="answer can not be read"):
        SquareRest(shop.api()).write("POST", GROUPS, GROUP)
