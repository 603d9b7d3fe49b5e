"""The sample events hold together: they parse, have a provenance row, and their signatures verify.

Signatures are checked with the standard library alone and LINE bodies with LINE's own parser: nothing of ours
judges itself here.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from linebot.v3.webhook import WebhookParser

EVENTS = Path(__file__).parents[2] / "events"
CHANNEL_SECRET = b"local-channel-secret"
SHOP_SECRET = b"local-shop-secret"

HEADER_FILES = sorted(EVENTS.rglob("*.headers.json"))
BODY_FILES = sorted(set(EVENTS.rglob("*.json")) - set(HEADER_FILES))
TABLES = sorted((EVENTS / "csv").iterdir())
LINE_FILES = sorted(path for path in (EVENTS / "line").glob("*.json") if path not in HEADER_FILES)

# What LINE's own parser makes of an unusual body; every other event becomes its typed class.
SDK_UNKNOWN = {"follow_without_detail", "standby_follow", "unknown_type", "unknown_message_type"}
SDK_RAISES = {"unknown_mode", "batch_one_broken"}


def _name(path: Path) -> str:
    return path.relative_to(EVENTS).as_posix()


def _headers_of(path: Path) -> dict[str, str]:
    found = json.loads(path.with_name(f"{path.stem}.headers.json").read_text(encoding="utf-8"))
    return {name.lower(): value for name, value in found.items()}


def _hmac(secret: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, message, hashlib.sha256)).decode()


def _signature_holds(headers: dict[str, str], body: bytes) -> bool:
    if "x-line-signature" in headers:
        return hmac.compare_digest(headers["x-line-signature"], _hmac(CHANNEL_SECRET, body))
    for name in ("x-shopify-hmac-sha256", "shopify-hmac-sha256", "x-wc-webhook-signature"):
        if name in headers:
            return hmac.compare_digest(headers[name], _hmac(SHOP_SECRET, body))
    if "x-eccube-signature" in headers:
        return hmac.compare_digest(headers["x-eccube-signature"], hmac.digest(SHOP_SECRET, body, "sha256").hex())
    if "x-square-hmacsha256-signature" in headers:
        address = f"https://{headers['host']}/shops/main/square".encode()
        return hmac.compare_digest(headers["x-square-hmacsha256-signature"], _hmac(SHOP_SECRET, address + body))
    for name in ("x-segment-signature", "x-signature"):
        if name in headers:
            return hmac.compare_digest(headers[name], hmac.digest(SHOP_SECRET, body, "sha1").hex())
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return f"v1,{_hmac(SHOP_SECRET, signed)}" in headers["webhook-signature"].split(" ")


@pytest.mark.parametrize("path", BODY_FILES + HEADER_FILES, ids=_name)
def test_every_file_is_utf8_json(path: Path) -> None:
    json.loads(path.read_bytes().decode("utf-8"))


def test_every_file_has_one_provenance_row_and_every_row_a_file() -> None:
    rows = re.findall(
        r"^\| `([^`]+\.(?:json|csv|tsv))` \| (.+?) \| (.+) \| (.+) \|$", (EVENTS / "README.md").read_text("utf-8"), re.M
    )
    assert sorted(row[0] for row in rows) == sorted(_name(path) for path in [*BODY_FILES, *TABLES])
    assert all(cell.strip() for row in rows for cell in row)


@pytest.mark.parametrize("path", TABLES, ids=_name)
def test_tables_are_what_python_reads_as_one(path: Path) -> None:
    """By the standard library alone. The broken ones break where their row in README.md says."""
    encoding = "cp932" if path.stem in {"members_cp932", "orders"} else "utf-8-sig"
    text = path.read_bytes().decode(encoding)
    rows = list(csv.reader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ","))
    assert (len({len(row) for row in rows}) == 1) == (path.stem != "members_broken_rows")
    assert ("会員ID" in rows[0]) == (path.stem != "members_without_id")


def test_headers_lie_beside_exactly_the_bodies_that_come_over_http() -> None:
    over_http = {
        path for path in BODY_FILES if path.is_relative_to(EVENTS / "line") or path.is_relative_to(EVENTS / "shop")
    }
    assert {path.with_name(f"{path.stem}.headers.json") for path in over_http} == set(HEADER_FILES)


@pytest.mark.parametrize("headers_file", HEADER_FILES, ids=_name)
def test_signature_verifies_over_the_file_as_it_is(headers_file: Path) -> None:
    body_file = headers_file.with_name(headers_file.name.replace(".headers.json", ".json"))
    headers, body = _headers_of(body_file), body_file.read_bytes()
    if token := headers.get("x-musubi-token") or headers.get("authorization", "").removeprefix("Bearer "):
        assert token.encode() == SHOP_SECRET, "a token proves the sender, whatever the body"
        return
    assert _signature_holds(headers, body)
    assert not _signature_holds(headers, body.rstrip(b"\n")), "the last newline is part of what is signed"


@pytest.mark.parametrize("path", LINE_FILES, ids=_name)
def test_lines_own_parser_reads_the_body(path: Path) -> None:
    text, signature = path.read_text(encoding="utf-8"), _headers_of(path)["x-line-signature"]
    parser = WebhookParser(CHANNEL_SECRET.decode())
    if path.stem in SDK_RAISES:
        with pytest.raises(ValueError, match="validation error"):
            parser.parse(text, signature)
        return
    events: list[Any] = parser.parse(text, signature)
    assert len(events) == len(json.loads(text)["events"])
    unknown = {type(event).__name__ for event in events if type(event).__name__ == "UnknownEvent"}
    assert bool(unknown) == (path.stem in SDK_UNKNOWN)


def test_line_user_ids_have_lines_form() -> None:
    for path in LINE_FILES:
        body = json.loads(path.read_text(encoding="utf-8"))
        ids = [body["destination"], *(event.get("source", {}).get("userId") for event in body["events"])]
        assert all(re.fullmatch("U[0-9a-f]{32}", one) for one in ids if one is not None), path.name


def test_redelivery_repeats_the_follow_but_for_its_flag() -> None:
    first, again = (
        json.loads((EVENTS / "line" / name).read_text(encoding="utf-8"))["events"][0]
        for name in ("follow.json", "redelivered.json")
    )
    assert again["deliveryContext"] == {"isRedelivery": True}
    assert {**again, "deliveryContext": first["deliveryContext"]} == first


@pytest.mark.parametrize("path", sorted((EVENTS / "aws").glob("http_api_v2_*.json")), ids=_name)
def test_http_wrapper_carries_a_signed_sample(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    assert event["isBase64Encoded"] == path.stem.endswith("_base64")
    assert all(name == name.lower() for name in event["headers"])
    assert int(event["headers"]["content-length"]) == len(body)
    assert _signature_holds(event["headers"], body)
    assert body in {sample.read_bytes() for sample in BODY_FILES}


@pytest.mark.parametrize("path", sorted((EVENTS / "aws").glob("sqs_*.json")), ids=_name)
def test_queue_wrapper_names_its_records_and_their_digest(path: Path) -> None:
    records = json.loads(path.read_text(encoding="utf-8"))["Records"]
    assert len({record["messageId"] for record in records}) == len(records) > 1
    for record in records:
        digest = hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["md5OfBody"] == digest


def test_bus_and_webhook_samples_of_one_event_share_its_id() -> None:
    for path in sorted((EVENTS / "bus").glob("*.json")):
        twin = EVENTS / "shop" / "cloudevents" / path.name
        envelope = json.loads(path.read_text(encoding="utf-8"))
        if not twin.exists() or path.stem == "unknown_type":
            continue
        event = json.loads(twin.read_text(encoding="utf-8"))
        detail = envelope["detail"]
        assert (detail["id"], detail["time"], detail["data"]) == (event["id"], event["time"], event["data"])
        assert envelope["detail-type"] == event["type"]
