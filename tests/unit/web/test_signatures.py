"""Signatures: the published vectors hold, anything else is refused and says why."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.web.signatures import (
    SignatureRefused,
    key_bytes,
    verify_body,
    verify_standard_webhook,
)

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
LINE_SECRET = "8c570fa6dd201bb328f1c1eac23a96d8"
LINE_BODY = b'{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'
LINE_SIGNATURE = "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="


def b64_hmac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def refusal(call: object) -> str:
    with pytest.raises(SignatureRefused) as caught:
        call()  # type: ignore[operator]
    return caught.value.reason


def test_the_documented_vector_of_line_holds() -> None:
    verify_body(LINE_BODY, LINE_SIGNATURE, [LINE_SECRET])


def test_the_previous_secret_holds_during_rotation() -> None:
    verify_body(LINE_BODY, LINE_SIGNATURE, ["brand-new", LINE_SECRET])
    verify_body(LINE_BODY, LINE_SIGNATURE, [LINE_SECRET, "older"])


@pytest.mark.parametrize(
    ("header", "secrets", "reason"),
    [
        (None, [LINE_SECRET], "missing"),
        ("", [LINE_SECRET], "missing"),
        ("not base64!", [LINE_SECRET], "malformed"),
        ("署名", [LINE_SECRET], "malformed"),
        (LINE_SIGNATURE + ", " + LINE_SIGNATURE, [LINE_SECRET], "malformed"),
        (LINE_SIGNATURE, ["another"], "mismatch"),
        ("AAAA", [LINE_SECRET], "mismatch"),
        (LINE_SIGNATURE, [], "no_secret"),
    ],
)
def test_line_signatures_that_prove_nothing(header: str | None, secrets: list[str], reason: str) -> None:
    assert refusal(lambda: verify_body(LINE_BODY, header, secrets)) == reason


@given(body=st.binary(max_size=200), position=st.integers(0, 200))
def test_one_changed_byte_is_refused(body: bytes, position: int) -> None:
    changed = bytearray(body + b"x")
    changed[position % len(changed)] ^= 1
    signature = b64_hmac(b"k", body + b"x")
    verify_body(body + b"x", signature, ["k"])
    assert refusal(lambda: verify_body(bytes(changed), signature, ["k"])) == "mismatch"


def standard(
    *, key: str = "shop", at: int | None = None, signatures: str | None = None, message_id: str = "msg_1"
) -> None:
    raw, stamp = b'{"type":"OrderPaid"}', str(at if at is not None else int(NOW.timestamp()))
    signed = b".".join((b"msg_1", stamp.encode(), raw))
    verify_standard_webhook(
        raw,
        message_id=message_id,
        timestamp=stamp,
        signatures=signatures or "v1," + b64_hmac(key_bytes(key), signed),
        secrets=["shop", "whsec_" + base64.b64encode(b"\x00\xff binary").decode()],
        now=NOW,
    )


def test_a_standard_webhook_holds_with_either_kind_of_secret() -> None:
    standard()
    standard(key="whsec_" + base64.b64encode(b"\x00\xff binary").decode())


def test_one_good_signature_among_several_is_enough() -> None:
    stamp = str(int(NOW.timestamp()))
    good = b64_hmac(b"shop", b".".join((b"msg_1", stamp.encode(), b'{"type":"OrderPaid"}')))
    standard(signatures=f"v1a,zzzz v1,{b64_hmac(b'old', b'x')} v1,{good}")


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_timestamp_at_the_edge_of_the_window_holds(seconds: int) -> None:
    standard(at=int(NOW.timestamp()) + seconds)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_timestamp_outside_the_window_is_stale(seconds: int) -> None:
    assert refusal(lambda: standard(at=int(NOW.timestamp()) + seconds)) == "stale"


def test_a_stale_forgery_does_not_learn_about_the_clock() -> None:
    assert refusal(lambda: standard(key="guess", at=0)) == "mismatch"


def test_the_signed_id_can_not_be_swapped() -> None:
    assert refusal(lambda: standard(message_id="msg_2")) == "mismatch"


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "٣", "9" * 13, "soon"])
def test_odd_timestamps_are_refused(timestamp: str) -> None:
    reason = refusal(
        lambda: verify_standard_webhook(
            b"", message_id="a", timestamp=timestamp, signatures="v1,AAAA", secrets=["k"], now=NOW
        )
    )
    assert reason in ("missing", "malformed")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!"])
def test_a_standard_secret_without_a_key_is_an_error(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_bytes(secret)


def test_a_standard_secret_may_lack_its_padding() -> None:
    assert key_bytes("whsec_" + base64.b64encode(b"abcd").decode().rstrip("=")) == b"abcd"
