"""How the calls of Square, Segment and senders of their own JSON are proven, computed here with the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from musubi.adapters.shops.base import adapter_for
from musubi.adapters.shops.platform import Call
from musubi.adapters.shops.platforms import DOORS, opened, warn_of_assumed
from musubi.domain.events import UnreadShopEvent
from musubi.web.signatures import SignatureRefused

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://hooks.shop.example/shops/main/square"
BODY = '{"type":"booking.created","note":"予約"}'.encode()
OLD, NEW = "old-key", "new-key"


def call(platform: str, headers: dict[str, str], raw: bytes = BODY, query: dict[str, str] | None = None) -> None:
    verify = DOORS[platform].verify
    assert verify is not None
    verify(Call(raw, headers, [URL.replace("hooks", "api"), URL], query or {}, NOW), [NEW, OLD])


def refusal(platform: str, headers: dict[str, str], raw: bytes = BODY, query: dict[str, str] | None = None) -> str:
    with pytest.raises(SignatureRefused) as refused:
        call(platform, headers, raw, query)
    return refused.value.reason


def square(key: str, url: str = URL, raw: bytes = BODY) -> dict[str, str]:
    digest = hmac.digest(key.encode(), url.encode() + raw, "sha256")
    return {"x-square-hmacsha256-signature": base64.b64encode(digest).decode()}


def standard(key: str, raw: bytes = BODY) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    digest = hmac.digest(key.encode(), b".".join((b"m1", stamp.encode(), raw)), hashlib.sha256)
    return {
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


@pytest.mark.parametrize("key", [OLD, NEW])
def test_square_signs_its_address_and_the_body_with_either_key_of_a_rotation(key: str) -> None:
    call("square", square(key))


def test_square_is_refused_for_another_address_body_or_key() -> None:
    assert refusal("square", square(NEW, URL + "?x=1")) == "mismatch"
    assert refusal("square", square(NEW), BODY + b" ") == "mismatch"
    assert refusal("square", square("guess")) == "mismatch"
    assert refusal("square", {}) == "missing"
    assert refusal("square", {"x-square-hmacsha256-signature": "%%%"}) == "malformed"


@pytest.mark.parametrize("header", ["x-segment-signature", "x-signature"])
@pytest.mark.parametrize("key", [OLD, NEW])
def test_segment_signs_the_body_with_sha1_in_hex(header: str, key: str) -> None:
    call("segment", {header: hmac.new(key.encode(), BODY, "sha1").hexdigest()})


def test_segments_older_signature_does_not_cover_a_batch() -> None:
    first, batch = b'{"type":"track"}', b'[{"type":"track"},{"type":"track"}]'
    signature = hmac.new(NEW.encode(), first, "sha1").hexdigest()
    assert refusal("segment", {"x-signature": signature}, batch) == "mismatch"
    call("segment", {"x-segment-signature": hmac.new(NEW.encode(), batch, "sha1").hexdigest()}, batch)


@pytest.mark.parametrize("platform", ["segment", "mapping"])
def test_neutral_senders_may_sign_as_standard_webhooks(platform: str) -> None:
    call(platform, standard(OLD))
    assert refusal(platform, standard("guess")) == "mismatch"


def test_who_tries_to_sign_is_held_to_it() -> None:
    assert refusal("mapping", {**standard("guess"), "x-musubi-token": NEW}) == "mismatch"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": f"Bearer {NEW}"}, {}),
        ({"authorization": f"bearer  {OLD}"}, {}),
        ({"x-musubi-token": NEW}, {}),
        ({}, {"token": OLD}),
    ],
)
def test_a_sender_that_can_not_sign_repeats_its_token(headers: dict[str, str], query: dict[str, str]) -> None:
    call("mapping", headers, query=query)


def test_a_token_is_exact() -> None:
    assert refusal("mapping", {"x-musubi-token": NEW + " "}) == "mismatch"
    assert refusal("mapping", {"authorization": f"Basic {NEW}"}) == "missing"
    assert refusal("mapping", {}, query={"token": ""}) == "missing"
    assert refusal("mapping", {}, query={"token": "新しい鍵"}) == "mismatch"


def test_no_token_is_handed_on() -> None:
    assert not any("authorization".startswith(one) or "x-musubi".startswith(one) for one in DOORS["mapping"].keeps)


def test_makeshop_only_knows_an_address_with_a_token() -> None:
    call("makeshop", {}, query={"token": NEW})
    assert refusal("makeshop", {"x-musubi-token": NEW}) == "missing"
    assert refusal("makeshop", {}, query={"token": "guess"}) == "mismatch"


def test_the_keys_of_an_install_notification_are_not_stored() -> None:
    (event,) = adapter_for("makeshop")({}, b'{"app_id":1,"token":"t0p","client_secret":"s3c"}', "main", NOW)
    assert isinstance(event, UnreadShopEvent)
    assert (event.kind, event.raw) == ("notification", '{"app_id":1}')


def test_what_is_only_assumed_says_so_when_it_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    assert set(opened(["cloudevents", "makeshop"])) == {"cloudevents", "makeshop"}
    (said,) = caplog.messages
    assert said.startswith("platform makeshop is open and only assumed: signature, retries")


def test_what_is_only_assumed_says_so_when_it_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_assumed(["main/rakuten", "second/rakuten", "main/stores", "main/nobody", "main/cloudevents"])
    (said,) = caplog.messages
    assert said.startswith("platform rakuten is asked and only assumed: how late")
