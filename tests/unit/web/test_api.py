"""The API: signed before anything else, described by its own document."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.domain.errors import Retryable
from musubi.web.api import Api

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@dataclass
class World:
    """An API over two shops with a key each."""

    counted: list[tuple[str, str]] = field(default_factory=list)
    issued: list[tuple[str, str]] = field(default_factory=list)
    store_down: bool = False
    rotated: bool = False

    def keys(self, name: str, *, fresh: bool = False) -> Sequence[str]:
        shop = name.split("/")[1]
        return [f"{shop}-new"] if self.rotated and fresh else [f"{shop}-key"]

    def issue(self, shop_id: str, member_id: str) -> tuple[str, datetime]:
        if self.store_down:
            raise Retryable("store", after_s=3)
        self.issued.append((shop_id, member_id))
        return "nonce-1", NOW + timedelta(minutes=10)

    def call(
        self, method: str, path: str, body: str = "", *, key: str | None = None, base64_flag: bool = False
    ) -> tuple[int, Any]:
        api = Api(
            issue=self.issue,
            keys=self.keys,
            shops=["main", "outlet"],
            now=lambda: NOW,
            count=lambda metric, reason: self.counted.append((metric, reason)),
        )
        headers = {"content-type": "application/json"}
        if key is not None:
            stamp = str(int(NOW.timestamp()))
            digest = hmac.new(key.encode(), f"m1.{stamp}.{body}".encode(), hashlib.sha256).digest()
            signature = f"v1,{base64.b64encode(digest).decode()}"
            headers |= {"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": signature}
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default", "requestId": "r"},
            "body": base64.b64encode(body.encode()).decode() if base64_flag else body,
            "isBase64Encoded": base64_flag,
        }
        answer = api(event, None)
        return int(answer["statusCode"]), json.loads(answer["body"])


NONCES = ("POST", "/v1/link/nonces")


def test_a_nonce_is_issued_for_a_member_of_the_shop_that_signed() -> None:
    world = World()
    status, body = world.call(*NONCES, '{"member_id":"1001"}', key="outlet-key")
    assert (status, body["nonce"]) == (201, "nonce-1")
    assert datetime.fromisoformat(body["expires_at"]) == NOW + timedelta(minutes=10)
    assert world.issued == [("outlet", "1001")]


def test_a_base64_body_and_a_numeric_id_are_the_same_request() -> None:
    world = World()
    assert world.call(*NONCES, '{"member_id":1001}', key="main-key", base64_flag=True)[0] == 201
    assert world.issued == [("main", "1001")]


def test_a_key_rotated_a_moment_ago_is_looked_up_again() -> None:
    assert World(rotated=True).call(*NONCES, '{"member_id":"1"}', key="main-new")[0] == 201


@pytest.mark.parametrize("key", [None, "guess"])
@pytest.mark.parametrize("body", ['{"member_id":"1001"}', "{", ""])
def test_nobody_unproven_gets_anything_or_learns_what_is_valid(key: str | None, body: str) -> None:
    world = World()
    status, answer = world.call(*NONCES, body, key=key)
    assert (status, set(answer)) == (401, {"message"})
    assert world.issued == []
    assert world.counted[0][0] == "SignatureRefused"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{}", "body.member_id: Field required"),
        ("{", "JSON"),
        ("[]", "body"),
        ('{"member_id":""}', "body.member_id"),
        ('{"member_id":"a b"}', "no blanks"),
        ('{"member_id":null}', "body.member_id"),
        ('{"member_id":"1","shop_id":"x"}', "body.shop_id"),
        ('{"member_id":"' + "1" * 129 + '"}', "body.member_id"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(body: str, words: str) -> None:
    world = World()
    status, answer = world.call(*NONCES, body, key="main-key")
    assert status == 422
    assert words in answer["message"]
    assert world.issued == []


def test_a_store_that_does_not_answer_is_503() -> None:
    assert World(store_down=True).call(*NONCES, '{"member_id":"1"}', key="main-key")[0] == 503


def test_health_and_unknown_routes() -> None:
    world = World()
    assert world.call("GET", "/healthz") == (200, {"status": "ok"})
    assert world.call("GET", "/nowhere")[0] == 404
    assert world.call("GET", "/v1/link/nonces")[0] == 404
    assert world.call("POST", "/nowhere", "{}")[0] == 401


def test_the_document_describes_the_routes() -> None:
    status, document = World().call("GET", "/v1/openapi.json")
    assert (status, document["openapi"][:3], document["info"]["title"]) == (200, "3.1", "musubi")
    assert set(document["paths"]) == {"/healthz", "/v1/link/nonces"}
    assert {"201", "401", "422", "503"} <= set(document["paths"]["/v1/link/nonces"]["post"]["responses"])
