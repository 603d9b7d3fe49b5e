"""The webhook doors: what is taken, what is refused, and that the queue gets one message per event."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from musubi.adapters.shops.platforms import DOORS
from musubi.contracts import jobs
from musubi.web import ingress
from musubi.web.request import MAX_BODY, Response

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SECRET = "local-channel-secret"
BOT = "U" + "b" * 32


@dataclass
class World:
    """A door over lists, with switches for what may go wrong."""

    secrets: dict[str, list[str]] = field(
        default_factory=lambda: {
            ingress.CHANNEL_SECRET: [SECRET],
            "shops/main/shopify": ["shp"],
            "shops/main/cloudevents": ["shp"],
        }
    )
    rotated: dict[str, list[str]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    claims: dict[str, str] = field(default_factory=dict)
    counted: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def keys(self, name: str, *, fresh: bool = False) -> Sequence[str]:
        if fresh and name in self.rotated:
            return self.rotated[name]
        return self.secrets.get(name, [])

    def queue(self, bodies: Sequence[str]) -> None:
        if self.broken:
            raise OSError("no route")
        self.sent.extend(bodies)

    def claim(self, payload: str) -> str:
        key = f"claim-{len(self.claims)}"
        self.claims[key] = payload
        return key

    def door(self) -> ingress.Door:
        return ingress.Door(
            self.keys,
            self.queue,
            self.claim,
            lambda metric, reason: self.counted.append((metric, reason)),
            lambda: NOW,
        )

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.sent]

    def line(self, raw: bytes, *, signature: str | None = None, base64_flag: bool = False, name: str = "") -> int:
        header = signature if signature is not None else sign(SECRET, raw)
        event = {
            "headers": {name or "x-line-signature": header},
            "body": base64.b64encode(raw).decode() if base64_flag else raw.decode(),
            "isBase64Encoded": base64_flag,
        }
        return int(ingress.line_webhook(event, self.door())["statusCode"])

    def shop(
        self, platform: str, raw: bytes, headers: dict[str, str], shop_id: str = "main", flag: bool = False
    ) -> Response:
        event = {
            "pathParameters": {"shop_id": shop_id, "platform": platform},
            "headers": headers,
            "body": base64.b64encode(raw).decode() if flag else raw.decode(),
            "isBase64Encoded": flag,
        }
        return ingress.shop_webhook(event, self.door(), ["main", "outlet"], DOORS)


@pytest.fixture
def world() -> World:
    return World()


def sign(secret: str, raw: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def line_body(*events: Any) -> bytes:
    return json.dumps({"destination": BOT, "events": list(events)}, ensure_ascii=False).encode()


def standard(raw: bytes, content_type: str = "application/cloudevents+json", **more: str) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    signature = sign("shp", b".".join((b"msg_1", stamp.encode(), raw)))
    return {
        "Content-Type": content_type,
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
        **more,
    }


# --- LINE


def test_each_event_becomes_one_message(world: World) -> None:
    assert world.line(line_body({"type": "follow"}, {"type": "何か新しい", "x": [1]})) == 200
    first, second = (jobs.read_line(body) for body in world.sent)
    assert (first.destination, first.received_at, first.event) == (BOT, NOW, {"type": "follow"})
    assert second.event == {"type": "何か新しい", "x": [1]}


def test_the_verify_button_of_the_console_gets_its_200(world: World) -> None:
    assert world.line(line_body()) == 200
    assert world.sent == []


@pytest.mark.parametrize("name", ["X-Line-Signature", "x-line-signature", "X-LINE-SIGNATURE"])
def test_header_names_have_no_case(world: World, name: str) -> None:
    assert world.line(line_body({"type": "follow"}), name=name) == 200


def test_a_base64_body_is_the_same_body(world: World) -> None:
    raw = line_body({"type": "message", "message": {"type": "text", "text": "こんにちは"}})
    assert world.line(raw, base64_flag=True) == 200
    assert world.messages[0]["event"]["message"]["text"] == "こんにちは"


@pytest.mark.parametrize("signature", ["", "AAAA", "???"])
def test_a_wrong_or_missing_signature_is_refused_and_counted(world: World, signature: str) -> None:
    assert world.line(line_body({"type": "follow"}), signature=signature) == 401
    assert world.sent == []
    assert world.counted[0][0] == "SignatureRefused"


def test_a_request_without_headers_or_body_is_refused(world: World) -> None:
    assert ingress.line_webhook({}, world.door())["statusCode"] == 401


def test_a_secret_rotated_a_moment_ago_is_looked_up_again(world: World) -> None:
    world.rotated[ingress.CHANNEL_SECRET] = ["brand-new"]
    raw = line_body({"type": "follow"})
    assert world.line(raw, signature=sign("brand-new", raw)) == 200


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b'{"events":{}}', b"{", b"\xff", b"[" * 100_000])
def test_a_signed_body_that_is_no_webhook_is_400_and_counted(world: World, raw: bytes) -> None:
    assert world.line(raw, base64_flag=True) == 400
    assert world.counted[0][0] == "BodiesUnreadable"


def test_a_body_that_is_not_the_base64_it_claims_to_be_is_400(world: World) -> None:
    event = {"headers": {}, "body": "***", "isBase64Encoded": True}
    assert ingress.line_webhook(event, world.door())["statusCode"] == 400


def test_five_megabytes_are_taken_and_one_byte_more_is_not(world: World) -> None:
    frame = len(line_body({"pad": ""}))
    fits = line_body({"pad": "x" * (MAX_BODY - frame)})
    assert len(fits) == MAX_BODY
    assert world.line(fits) == 200
    assert world.line(fits + b" ") == 413
    assert len(world.sent) == 1


def test_a_large_event_goes_through_the_claim_check(world: World) -> None:
    large = {"type": "message", "message": {"type": "text", "text": "あ" * 70_000}}
    assert world.line(line_body({"type": "follow"}, large)) == 200
    small, claimed = (jobs.read_line(body) for body in world.sent)
    assert small.event == {"type": "follow"}
    assert claimed.event is None
    assert json.loads(world.claims[claimed.claim or ""]) == large
    assert all(len(body) <= ingress.CLAIM_OVER for body in world.sent)


def test_escaped_lone_surrogates_and_nulls_survive(world: World) -> None:
    raw = b'{"events":[{"type":"message","message":{"type":"text","text":"\\ud800 \\u0000"}}]}'
    assert world.line(raw) == 200
    assert world.sent[0].isascii()
    assert world.messages[0]["event"]["message"]["text"] == "\ud800 \u0000"


def test_a_queue_that_fails_asks_for_redelivery(world: World) -> None:
    world.broken = True
    assert world.line(line_body({"type": "follow"})) == 500
    assert world.counted == [("EnqueueFailed", "OSError")]


# --- shops


def test_a_shopify_order_is_queued_whole_with_the_headers_that_matter(world: World) -> None:
    raw = '{"id": 820982911946154508, "note":"こんにちは"}'.encode()
    headers = {
        "X-Shopify-Hmac-SHA256": sign("shp", raw),
        "X-Shopify-Topic": "orders/create",
        "Content-Type": "application/json",
        "Authorization": "secret",
        "Cookie": "x",
    }
    answer = world.shop("shopify", raw, headers)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"accepted": 1})
    message = jobs.read_shop(world.sent[0])
    assert jobs.shop_payload(message) == raw
    assert sorted(message.headers) == ["content-type", "x-shopify-hmac-sha256", "x-shopify-topic"]
    assert (message.shop_id, message.platform, message.received_at) == ("main", "shopify", NOW)


@pytest.mark.parametrize(("shop_id", "platform"), [("nobody", "shopify"), ("main", "carrier-pigeon"), ("main", "")])
def test_unknown_shops_and_platforms_are_404(world: World, shop_id: str, platform: str) -> None:
    assert world.shop(platform, b"{}", {}, shop_id=shop_id)["statusCode"] == 404
    assert world.sent == []


def test_a_request_without_a_path_is_404(world: World) -> None:
    assert ingress.shop_webhook({"headers": {}}, world.door(), ["main"], DOORS)["statusCode"] == 404


@pytest.mark.parametrize("platform", ["shopify", "cloudevents"])
def test_unsigned_shop_calls_are_401(world: World, platform: str) -> None:
    assert world.shop(platform, b"{}", {})["statusCode"] == 401
    assert world.counted == [("SignatureRefused", f"shops/main/{platform}:missing")]


def test_a_shop_without_a_secret_lets_nobody_in(world: World) -> None:
    raw = b"{}"
    headers = {"x-shopify-hmac-sha256": sign("", raw)}
    assert world.shop("shopify", raw, headers, shop_id="outlet")["statusCode"] == 401


@pytest.mark.parametrize("raw", [b"not json", b"", b"\xff\xfe\x00", b"[1,2"])
def test_no_shopify_content_is_refused_once_it_is_signed(world: World, raw: bytes) -> None:
    answer = world.shop("shopify", raw, {"x-shopify-hmac-sha256": sign("shp", raw)}, flag=True)
    assert answer["statusCode"] == 200
    assert jobs.shop_payload(jobs.read_shop(world.sent[0])) == raw


def test_a_two_megabyte_order_goes_through_the_claim_check_whole(world: World) -> None:
    raw = json.dumps({"id": 1, "note": "x" * 2_000_000}).encode()
    assert world.shop("shopify", raw, {"x-shopify-hmac-sha256": sign("shp", raw)})["statusCode"] == 200
    message = jobs.read_shop(world.sent[0])
    assert jobs.shop_payload(message, world.claims[message.claim or ""]) == raw


def test_a_body_over_five_megabytes_is_413(world: World) -> None:
    assert world.shop("shopify", b"x" * (MAX_BODY + 1), {})["statusCode"] == 413


def test_one_structured_cloudevent_is_202(world: World) -> None:
    raw = b'{"specversion":"1.0","id":"1","source":"/s","type":"OrderPaid","data":{}}'
    answer = world.shop("cloudevents", raw, standard(raw))
    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"accepted": 1})
    assert jobs.shop_payload(jobs.read_shop(world.sent[0])) == raw


def test_a_batch_is_split_so_that_one_broken_event_stands_alone(world: World) -> None:
    raw = '[{"id":"1","type":"OrderPaid","data":{"x":"発送"}}, 5, {"id":"2"}]'.encode()
    answer = world.shop("cloudevents", raw, standard(raw, "application/cloudevents-batch+json"))
    assert json.loads(answer["body"]) == {"accepted": 3}
    messages = [jobs.read_shop(body) for body in world.sent]
    assert [json.loads(jobs.shop_payload(m)) for m in messages][1:] == [5, {"id": "2"}]
    assert {m.headers["content-type"] for m in messages} == {"application/cloudevents+json"}


def test_a_batch_that_can_not_be_queued_in_time_is_413(world: World) -> None:
    fits = json.dumps([{"id": str(i)} for i in range(ingress.MAX_BATCH)]).encode()
    assert world.shop("cloudevents", fits, standard(fits))["statusCode"] == 202
    over = json.dumps([{"id": str(i)} for i in range(ingress.MAX_BATCH + 1)]).encode()
    assert world.shop("cloudevents", over, standard(over))["statusCode"] == 413
    assert len(world.sent) == ingress.MAX_BATCH


def test_a_binary_cloudevent_keeps_its_headers_and_body(world: World) -> None:
    raw = b'{"member_id":"1001"}'
    headers = standard(raw, "application/json", **{"ce-id": "1", "ce-type": "MemberDeleted", "ce-source": "/s"})
    assert world.shop("cloudevents", raw, headers)["statusCode"] == 202
    message = jobs.read_shop(world.sent[0])
    assert message.headers["ce-type"] == "MemberDeleted"
    assert jobs.shop_payload(message) == raw


@pytest.mark.parametrize("raw", [b"nope", b"5", b'"x"', b"null"])
def test_what_is_no_cloudevent_is_400(world: World, raw: bytes) -> None:
    assert world.shop("cloudevents", raw, standard(raw))["statusCode"] == 400
    assert world.sent == []


def test_an_old_signature_is_401(world: World) -> None:
    raw = b"{}"
    headers = {**standard(raw), "webhook-timestamp": str(int(NOW.timestamp()) - 301)}
    assert world.shop("cloudevents", raw, headers)["statusCode"] == 401
