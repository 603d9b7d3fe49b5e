"""A shop's OAuth grant: shared by all workers, renewed by one of them, never lost on the way and never shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from moto import mock_aws

from musubi.adapters import aws
from musubi.adapters.shops.http import Answer, Http
from musubi.adapters.shops.oauth import LEASE, DynamoLease, Grant, SsmGrant, Tokens
from musubi.domain.errors import Retryable
from tests.support import tables
from tests.support.eccube_shop import EccubeShop, Raw, eccube_shop

NAME = "/musubi/test/shops/main/eccube-api"
PASTED = {"client_id": "client-1", "client_secret": "secret-1", "refresh_token": "refresh-0"}


class House:
    """A shop, the account it is asked from, and a clock."""

    def __init__(self, shop: EccubeShop) -> None:
        self.shop = shop
        self.now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
        self.ssm: Any = aws.client("ssm")
        self.dynamodb: Any = aws.client("dynamodb")
        tables.create_tables(self.dynamodb)
        self.store(PASTED)

    def store(self, document: Any) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.ssm.put_parameter(Name=NAME, Value=text, Type="SecureString", Overwrite=True)

    def stored(self) -> Any:
        return json.loads(self.ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"])

    def worker(self, left_s: Callable[[], float] = lambda: 60.0) -> Tokens:
        """A process of its own."""
        return Tokens(
            SsmGrant(self.ssm, NAME),
            DynamoLease(self.dynamodb, tables.WORK, "main", "eccube"),
            lambda: Http(self.shop.url, left_s),
            "/token",
            lambda: self.now,
        )


@pytest.fixture
def house() -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, mock_aws(), eccube_shop() as shop:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield House(shop)


def test_what_the_operator_pasted_becomes_a_token_that_all_share(house: House) -> None:
    assert house.worker()() == "access-1"
    assert house.stored() == {
        **PASTED,
        "refresh_token": "refresh-1",
        "access_token": "access-1",
        "ends_at": "2026-11-24T04:00:00+00:00",
    }
    assert house.worker()() == "access-1"
    assert house.shop.renewals == 1


def test_a_token_is_held_until_a_minute_before_its_end(house: House) -> None:
    worker = house.worker()
    assert worker() == "access-1"
    house.now += timedelta(minutes=58, seconds=59)
    assert worker() == "access-1"
    house.now += timedelta(seconds=1)
    assert worker() == "access-2"


def test_a_token_that_another_worker_renewed_is_found_before_asking(house: House) -> None:
    first, second = house.worker(), house.worker()
    assert first() == second() == "access-1"
    house.now += timedelta(hours=1)
    assert first() == "access-2"
    # Renewing ended the token that the second worker holds: the shop turns it down.
    assert second("access-1") == "access-2"
    assert house.shop.renewals == 2


def test_of_two_at_once_one_renews_and_the_other_comes_back(house: House) -> None:
    first, second = house.worker(), house.worker()
    met: list[Retryable] = []

    def meanwhile() -> None:
        with pytest.raises(Retryable) as refused:
            second()
        met.append(refused.value)

    renewed = {"access_token": "access-9", "refresh_token": "refresh-9", "expires_in": 3600}
    house.shop.laid_out["/token"] = [Raw(200, json.dumps(renewed).encode(), wait=meanwhile)]
    assert first() == "access-9"
    assert (house.shop.renewals, met[0].reason) == (1, "shop grant: another worker renews it")
    assert second() == "access-9"
    assert house.stored()["refresh_token"] == "refresh-9"


def test_who_gets_the_lease_late_sees_what_was_renewed_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    late, early = house.worker(), house.worker()
    lease = late._lease

    def overtaken(now: datetime, until: datetime) -> bool:
        assert early() == "access-1"
        house.now += LEASE
        return lease(house.now, house.now + LEASE)

    monkeypatch.setattr(late, "_lease", overtaken)
    assert late() == "access-1"
    assert house.shop.renewals == 1, "the spent refresh token was not tried"


def test_a_worker_that_died_renewing_blocks_for_a_minute_only(house: House) -> None:
    DynamoLease(house.dynamodb, tables.WORK, "main", "eccube")(house.now, house.now + LEASE)
    with pytest.raises(Retryable, match="another worker"):
        house.worker()()
    house.now += LEASE
    assert house.worker()() == "access-1"


def test_a_shop_that_keeps_its_refresh_token_is_asked_with_it_again(house: House) -> None:
    house.shop.laid_out["/token"] = [Raw(200, b'{"access_token":"a","expires_in":600}')]
    assert house.worker()() == "a"
    assert house.stored()["refresh_token"] == "refresh-0"


def test_a_renewed_grant_that_ssm_does_not_take_is_stored_before_its_next_use(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = house.worker()
    keep, away = worker._grants.keep, aws.client("ssm", connect_s=0.1, attempts=1)

    def down(grant: Grant) -> None:
        away.put_parameter(Name="", Value="x", Type="String")

    monkeypatch.setattr(worker._grants, "keep", down)
    with caplog.at_level(logging.ERROR):
        assert worker() == "access-1"
    assert house.stored() == PASTED
    assert "shop grant not stored" in caplog.text
    monkeypatch.setattr(worker._grants, "keep", keep)
    assert worker() == "access-1"
    assert house.stored()["refresh_token"] == "refresh-1"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_grant_waits_for_the_operator(house: House, caplog: pytest.LogCaptureFixture, status: int) -> None:
    house.shop.laid_out["/token"] = [Raw(status, b'{"error":"invalid_grant"}')]
    with pytest.raises(Retryable, match="grant access anew") as refused:
        house.worker()()
    assert refused.value.after_s == 300
    house.now += LEASE
    house.store({**PASTED, "refresh_token": "refresh-0"})
    assert house.worker()() == "access-2"


@pytest.mark.parametrize(
    "said", [Raw(500), Raw(302), Raw(200, b"<html>"), Raw(200, b'{"access_token":5}'), Raw(200, b"[]")]
)
def test_no_token_no_harm(house: House, said: Raw) -> None:
    house.shop.laid_out["/token"] = [said]
    with pytest.raises(Retryable, match="shop token: HTTP"):
        house.worker()()
    assert house.stored() == PASTED


@pytest.mark.parametrize(
    "wrong", ["", "{", "[]", "{}", {**PASTED, "client_id": ""}, {**PASTED, "ends_at": "2026-11-24"}]
)
def test_what_is_no_grant_is_the_operators_to_mend(house: House, wrong: Any) -> None:
    house.store(wrong or " ")
    with pytest.raises(Retryable, match="shop grant: not a grant"):
        house.worker()()
    assert house.shop.renewals == 0


def test_no_parameter(house: House) -> None:
    house.ssm.delete_parameter(Name=NAME)
    with pytest.raises(Retryable, match="no such parameter"):
        house.worker()()


def test_nothing_is_renewed_that_can_not_be_stored_in_time(house: House) -> None:
    with pytest.raises(Retryable, match="out_of_time"):
        house.worker(lambda: 4.5)()
    assert house.shop.renewals == 0


def test_secrets_appear_nowhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="musubi"):
        worker = house.worker()
        worker()
        house.shop.laid_out["/token"] = [Raw(401, b"{}")]
        house.now += timedelta(hours=2)
        with pytest.raises(Retryable) as refused:
            worker()
    grant = Grant("client-1", "secret-1", "refresh-1", "access-1", house.now)
    shown = f"{caplog.text}{[vars(one) for one in caplog.records]}{refused.value}{grant!r}"
    assert not [secret for secret in ("secret-1", "refresh-", "access-") if secret in shown]


class _Recording(Http):
    """Renews everything, and keeps what it was asked with."""

    def __init__(self, forms: list[dict[str, str]]) -> None:
        super().__init__("http://127.0.0.1:1", lambda: 60.0)
        self._forms = forms

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        self._forms.append(dict(parse_qsl((body or b"").decode())))
        return Answer(200, {}, b'{"access_token": "access-9", "expires_in": 3600, "refresh_token": "refresh-9"}')


@pytest.mark.parametrize("given", [{"redirect_uri": "https://shop.example.jp/back"}, {}])
def test_a_redirect_address_in_the_grant_is_sent_along_and_kept(house: House, given: dict[str, str]) -> None:
    house.store(PASTED | given)
    forms: list[dict[str, str]] = []
    tokens = Tokens(
        SsmGrant(house.ssm, NAME),
        DynamoLease(house.dynamodb, tables.WORK, "main", "base"),
        lambda: _Recording(forms),
        "/1/oauth/token",
        lambda: house.now,
    )
    assert tokens() == "access-9"
    assert [{name: form[name] for name in form if name == "redirect_uri"} for form in forms] == [given]
    assert {name: value for name, value in house.stored().items() if name == "redirect_uri"} == given
