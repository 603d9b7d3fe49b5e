"""§2.1, §5, §9.1-§9.4, §9.26, §9.30, §9.32: hosts, paths, tokens, bodies, and the smaller endpoints."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local.line.config import Config, UnsafeStart
from local.line.values import Answer, Call, Host
from tests.unit.line_sim.rig import KEY, SECRET, TEXT, Check, Rig, Rules, body_of, said

rule = Rules()
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def assertion(rig: Rig, header: dict[str, Any] | None = None, **claims: Any) -> str:
    numbers = PRIVATE.public_key().public_numbers()
    rig.sim("POST", "/jwks", {"kid": "key-1", "n": b64(numbers.n.to_bytes(256, "big")), "e": b64(b"\x01\x00\x01")})
    head = {"alg": "RS256", "typ": "JWT", "kid": "key-1", **(header or {})}
    channel = rig.config.channel_id
    body = {
        "iss": channel,
        "sub": channel,
        "aud": "https://api.line.me/",
        "exp": int(rig.time) + 1700,
        "token_exp": 86_400,
        **claims,
    }
    signed = ".".join(b64(json.dumps(part).encode()) for part in (head, body))
    return f"{signed}.{b64(PRIVATE.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def ask(rig: Rig, path: str, proof: str) -> Answer:
    return rig.form(path, grant_type="client_credentials", client_assertion_type=ASSERTION_TYPE, client_assertion=proof)


def with_secret(rig: Rig, path: str, **change: str) -> Answer:
    fields = {"grant_type": "client_credentials", "client_id": rig.config.channel_id, "client_secret": SECRET}
    return rig.form(path, **{**fields, **change})


def as_bearer(rig: Rig, token: Any) -> Answer:
    return rig.call("GET", "/v2/bot/info", headers={"authorization": f"Bearer {token}"})


@rule("§9.1 exact path: no trailing slash, nothing superfluous, methods by the book")
def _(rig: Rig) -> None:
    cases = [
        ("GET", "/v2/bot/info/", 404),
        ("GET", "//v2/bot/info", 404),
        ("GET", "/v2/bot/inf", 404),
        ("POST", "/v2/bot/info", 405),
        ("GET", "/v2/bot/message/push", 405),
        ("GET", "/v2/bot/info", 200),
    ]
    for method, path, status in cases:
        assert rig.call(method, path).status == status, path


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("data", "/v2/bot/info", 404),
        ("access", "/v2/bot/info", 404),
        ("api", "/v2/bot/message/1/content", 404),
        ("api", "/v2/bot/info", 200),
    ],
)
def test_each_host_serves_its_own(rig: Rig, host: Host, path: str, status: int) -> None:
    assert rig.call("GET", path, host=host).status == status
    assert rig.unordered() == ([] if status == 200 else ["wrong host"])


@rule("§9.1 what LINE has and this simulator has not is 501, never a false 404")
def _(rig: Rig) -> None:
    for path in ("/v2/bot/message/narrowcast", "/v2/bot/richmenu", "/v2/bot/coupon", "/v2/bot/audienceGroup/upload"):
        assert rig.call("POST", path, {}).status == 501
    assert set(rig.unordered()) == {"not simulated"}


@rule("§9.2 401 without a token, by another scheme, with an unknown one")
def _(rig: Rig) -> None:
    scheme = "Authorization header required. Must follow the scheme, 'Authorization: Bearer <ACCESS TOKEN>'"
    for value in ("", "Basic abc", "Bearer "):
        answer = rig.call("GET", "/v2/bot/info", headers={"authorization": value})
        assert (answer.status, said(answer)) == (401, scheme)
    assert "Authentication failed due to the following reason" in said(as_bearer(rig, "nonsense"))


@rule("§9.2 a stateless token lives 15 minutes")
def _(rig: Rig) -> None:
    token = rig.token()
    rig.time += 15 * 60 - 1
    assert as_bearer(rig, token).status == 200
    rig.time += 1
    assert as_bearer(rig, token).status == 401
    assert rig.unordered() == ["expired access token"]


@rule("§9.2 an expiry by a jump of LINE's clock is the story's doing")
def _(rig: Rig) -> None:
    token = rig.token()
    rig.sim("POST", "/clock", {"offset_s": 86_400})
    assert as_bearer(rig, token).status == 401
    assert rig.unordered() == []


@rule("§9.2 the business clock leaves tokens alone")
def _(rig: Rig) -> None:
    token = rig.token()
    rig.sim("POST", "/clock", {"business_at": "2026-12-24T09:00:00+09:00"})
    assert as_bearer(rig, token).status == 200


@rule("§9.2 another channel's token is 401")
def _(rig: Rig) -> None:
    token = rig.sim("POST", "/tokens", {"kind": "long", "channel_id": "2000000002"})["access_token"]
    assert as_bearer(rig, token).status == 401


@rule("§5 stateless by secret: expires_in 899, any number; wrong secret refused")
def _(rig: Rig) -> None:
    for _ in range(40):
        assert body_of(with_secret(rig, "/oauth2/v3/token"))["expires_in"] == 899
    assert body_of(with_secret(rig, "/oauth2/v3/token", client_secret="x"))["error"] == "invalid_client"
    assert with_secret(rig, "/oauth2/v3/token", grant_type="password").status == 400


@rule("§9.4 the token endpoint takes forms only")
def _(rig: Rig) -> None:
    call = Call("api", "POST", "/oauth2/v3/token", {"content-type": "application/json"}, body=b"{}")
    assert rig.line.handle(call).status == 415


@rule("§9.2 JWT: stateless and v2.1 by RS256")
def _(rig: Rig) -> None:
    for path in ("/oauth2/v3/token", "/oauth2/v2.1/token"):
        answer = ask(rig, path, assertion(rig))
        assert answer.status == 200, answer
        assert as_bearer(rig, body_of(answer)["access_token"]).status == 200


@pytest.mark.parametrize(
    ("name", "header", "claims"),
    [
        ("kid", {"kid": "other"}, {}),
        ("alg", {"alg": "HS256"}, {}),
        ("iss", {}, {"iss": "1"}),
        ("sub", {}, {"sub": "1"}),
        ("aud", {}, {"aud": "https://api.line.me"}),
        ("exp over 30 min", {}, {"exp": 1_795_305_600 + 1801}),
        ("exp past", {}, {"exp": 1_795_305_599}),
        ("token_exp over 30 d", {}, {"token_exp": 2_592_001}),
    ],
)
def test_jwt_checks(rig: Rig, name: str, header: dict[str, Any], claims: dict[str, Any]) -> None:
    assert ask(rig, "/oauth2/v2.1/token", assertion(rig, header, **claims)).status == 400


@rule("§9.2 JWT: a changed signature")
def _(rig: Rig) -> None:
    proof = assertion(rig)
    head, body, signature = proof.split(".")
    assert ask(rig, "/oauth2/v3/token", f"{head}.{body}.{signature[:-8]}AAAAAAAA").status == 400


@rule("§9.2 v2.1: the 31st is refused")
def _(rig: Rig) -> None:
    proof = assertion(rig)
    assert {ask(rig, "/oauth2/v2.1/token", proof).status for _ in range(30)} == {200}
    refused = ask(rig, "/oauth2/v2.1/token", proof)
    assert body_of(refused)["error_description"] == "The maximum number of access tokens has already been issued"


@rule("§9.2 short-lived: the 31st drops the oldest")
def _(rig: Rig) -> None:
    tokens = [body_of(with_secret(rig, "/v2/oauth/accessToken"))["access_token"] for _ in range(31)]
    assert "The access token revoked" in said(as_bearer(rig, tokens[0]))
    assert as_bearer(rig, tokens[1]).status == 200


@rule("§5 stateless tokens cannot be revoked, others can")
def _(rig: Rig) -> None:
    stateless = rig.token()
    short = body_of(with_secret(rig, "/v2/oauth/accessToken"))["access_token"]
    for token in (stateless, short):
        assert rig.form("/v2/oauth/revoke", access_token=token).status == 200
    assert as_bearer(rig, stateless).status == 200
    assert as_bearer(rig, short).status == 401


@rule("§9.3 every answer has its own request id, errors too")
def _(rig: Rig) -> None:
    answers = [rig.call("GET", path) for path in ("/v2/bot/info", "/v2/bot/info", "/nothing")]
    assert len({answer.headers["x-line-request-id"] for answer in answers}) == 3


@rule("§9.3 error texts are no contract")
def _(rig: Rig) -> None:
    fuzzy = Rig(Config(fuzz_errors=True))
    texts = {repr(fuzzy.push("U1").body) for _ in range(40)}
    assert "{}" in texts
    assert "{'message': None}" in texts
    assert len(texts) == 4


@rule("§9.4 413 over 2 MB, 415 for another type, 400 for broken JSON")
def _(rig: Rig) -> None:
    path = "/v2/bot/message/push"
    assert rig.call("POST", path, b" " * (2 * 1024 * 1024 + 1)).status == 413
    assert rig.call("POST", path, b"{}", headers={"content-type": "text/plain"}).status == 415
    broken = rig.call("POST", path, b'{"to":\n oops}')
    assert said(broken) == "The request body could not be parsed as JSON (line: 2, column: 2)"


@rule("§9.26 profile: 404 for blocked, unknown and non-friends; no violation")
def _(rig: Rig) -> None:
    friend = rig.friend("花子")
    profile = body_of(rig.call("GET", f"/v2/bot/profile/{friend.user_id}"))
    assert (profile["displayName"], profile["language"]) == ("花子", "ja")
    for user_id in (rig.friend(relation="blocked").user_id, rig.friend(relation="none").user_id, "U" + "1" * 32):
        answer = rig.call("GET", f"/v2/bot/profile/{user_id}")
        assert (answer.status, said(answer)) == (404, "Not found")
    assert rig.unordered() == []


@rule("§9.26 loading animation: 202, 5 to 60 in steps of 5, users only")
def _(rig: Rig) -> None:
    friend = rig.friend()
    path = "/v2/bot/chat/loading/start"
    assert rig.call("POST", path, {"chatId": friend.user_id, "loadingSeconds": 5}).status == 202
    assert rig.call("POST", path, {"chatId": friend.user_id}).status == 202
    for seconds, text in (
        (3, "Must be between 5 and 60"),
        (65, "Must be between 5 and 60"),
        (12, "must be a multiple of five"),
    ):
        answer = rig.call("POST", path, {"chatId": friend.user_id, "loadingSeconds": seconds})
        assert (answer.status, body_of(answer)["details"][0]["message"]) == (400, text)
    assert rig.call("POST", path, {"chatId": "C" + "0" * 32}).status == 400


@rule("§9.26 markAsRead: only this bot's tokens")
def _(rig: Rig) -> None:
    event = rig.act(rig.friend(), "text", text="a")["events"][0]
    path = "/v2/bot/chat/markAsRead"
    token = event["message"]["markAsReadToken"]
    assert rig.call("POST", path, {"markAsReadToken": token}).status == 200
    assert rig.call("POST", path, {"markAsReadToken": "other"}).status == 400


@rule("§9.25 followers: short pages while next exists; 403 when unverified")
def _(rig: Rig) -> None:
    everyone = {rig.friend(str(n)).user_id for n in range(5)}
    seen: list[str] = []
    start: tuple[tuple[str, str], ...] = ()
    while True:
        page = body_of(rig.call("GET", "/v2/bot/followers/ids", query=(("limit", "3"), *start)))
        seen += page["userIds"]
        if "next" not in page:
            break
        start = (("start", page["next"]),)
    assert len(seen) == 5
    assert set(seen) == everyone
    assert Rig(Config(verified=False)).call("GET", "/v2/bot/followers/ids").status == 403


@rule("§9.19 content: 202, then 200 on the data host, 410 after unsend, 404 later and elsewhere")
def _(rig: Rig) -> None:
    friend = rig.friend()
    event = rig.act(friend, "message", kind="video", ready_after_s=10)["events"][0]
    path = f"/v2/bot/message/{event['message']['id']}/content"
    assert rig.call("GET", path, host="data").status == 202
    assert body_of(rig.call("GET", f"{path}/transcoding", host="data")) == {"status": "processing"}
    rig.time += 10
    ready = rig.call("GET", path, host="data")
    assert (ready.status, ready.content_type) == (200, "video/mp4")
    rig.act(friend, "unsend")
    assert rig.call("GET", path, host="data").status == 410
    rig.time += 8 * 86_400
    rig.fresh()
    assert rig.call("GET", path, host="data").status == 404


@rule("§1.6 webhook endpoint: get, put, test; 404 without one")
def _(rig: Rig) -> None:
    path = "/v2/bot/channel/webhook/endpoint"
    assert body_of(rig.call("GET", path)) == {"endpoint": "http://127.0.0.1:9/hook", "active": True}
    assert rig.call("PUT", path, {"endpoint": "https://shop.example/line/webhook"}).status == 200
    assert rig.call("PUT", path, {"endpoint": "http://shop.example/"}).status == 400
    assert rig.call("PUT", path, {"endpoint": "https://shop.example/" + "x" * 500}).status == 400
    assert body_of(rig.call("POST", "/v2/bot/channel/webhook/test", {}))["reason"] == "OK"
    rig.answers.append(500)
    tested = body_of(rig.call("POST", "/v2/bot/channel/webhook/test", {}))
    assert (tested["success"], tested["reason"], tested["statusCode"]) == (False, "ERROR_STATUS_CODE", 500)
    assert rig.got[0].payload == {"destination": rig.config.bot_user_id, "events": []}
    assert Rig(Config()).call("GET", path).status == 404


@rule("§9.20 bot info names the destination")
def _(rig: Rig) -> None:
    assert body_of(rig.call("GET", "/v2/bot/info"))["userId"] == rig.config.bot_user_id


@rule("§9.30 service messages: the token changes with every use, five uses, one session per LIFF token")
def _(rig: Rig) -> None:
    liff = rig.sim("POST", "/liff-tokens", {"user_id": rig.friend().user_id})["access_token"]
    rig.sim("POST", "/service-templates", {"names": ["shipped_ja"]})
    session = body_of(rig.call("POST", "/message/v3/notifier/token", {"liffAccessToken": liff}))
    assert session["remainingCount"] == 5
    assert rig.call("POST", "/message/v3/notifier/token", {"liffAccessToken": liff}).status == 401
    token = session["notificationToken"]

    def send(name: str) -> Answer:
        body = {"templateName": name, "params": {}, "notificationToken": token}
        return rig.call("POST", "/message/v3/notifier/send", body, query=(("target", "service"),))

    assert send("other_ja").status == 403
    for left in (4, 3, 2, 1, 0):
        renewed = body_of(send("shipped_ja"))
        assert send("shipped_ja").status == 401
        assert renewed["remainingCount"] == left
        token = renewed["notificationToken"]
    assert send("shipped_ja").status == 401
    assert len(rig.world.accepted) == 5


@rule("§9.30 no quota, and only stateless or short-lived tokens")
def _(rig: Rig) -> None:
    token = rig.sim("POST", "/tokens", {"kind": "long"})["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert rig.call("POST", "/message/v3/notifier/token", {"liffAccessToken": "x"}, headers=headers).status == 401


@pytest.mark.parametrize(
    "config",
    [
        Config(bind="0.0.0.0"),  # noqa: S104  what it must refuse
        Config(bind="192.168.1.5"),
        Config(bind="::"),
        Config(api_base="https://api.line.me"),
        Config(api_base="https://api-data.line.me/x"),
    ],
)
def test_refuses_unsafe_starts(config: Config) -> None:
    """§9.32: loopback only, and never as LINE itself."""
    with pytest.raises(UnsafeStart):
        config.checked()


def test_starts_on_loopback() -> None:
    for bind in ("127.0.0.1", "::1", "localhost"):
        assert Config(bind=bind).checked().bind == bind


def test_calls_are_recorded(rig: Rig) -> None:
    rig.fault("error_500_after", match={"endpoint": "push"})
    rig.push(rig.friend(), TEXT, key=KEY)
    row = rig.sim("GET", "/calls")["calls"][-1]
    assert (row["endpoint"], row["status"], row["fault"], row["retry_key"]) == ("push", 500, "error_500_after", KEY)


@rule.table
def test_rule(rig: Rig, check: Check) -> None:
    check(rig)
