"""The LINE gateway against a local server: what goes out, and what every kind of answer becomes."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.line import gateway as gateway_module
from musubi.adapters.line.gateway import LineApi
from musubi.adapters.line.rest import Budget
from musubi.adapters.memory.clock import MemoryClock
from musubi.domain.answers import AnswerKind
from musubi.domain.errors import Retryable
from tests.support.line_stub import LineStub, Say, line_stub, token_body

NOW = datetime(2026, 12, 24, 1, tzinfo=UTC)
USER = "U" + "0123456789abcdef" * 2
KEY = "8d2b0000-0000-5000-8000-000000000001"
TEXT = '[{"type":"text","text":"発送しました🎉"}]'


@dataclass
class Secrets:
    """Channel secrets; what a fresh read finds is in `rotated`."""

    known: tuple[str, ...] = ("secret-1",)
    rotated: tuple[str, ...] | None = None
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def lines(self, name: str, *, fresh: bool = False) -> tuple[str, ...]:
        self.asked.append((name, fresh))
        if fresh and self.rotated is not None:
            self.known = self.rotated
        return self.known


@pytest.fixture
def line() -> Iterator[LineStub]:
    with line_stub() as stub:
        yield stub


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(NOW)


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def api(line: LineStub, clock: MemoryClock, secrets: Secrets) -> LineApi:
    return LineApi(api_url=line.url, channel_id="2000000001", secrets=secrets, clock=clock)


# What goes out


RENDERED = [
    {
        "type": "flex",
        "altText": "お知らせ",
        "contents": {
            "type": "bubble",
            "futureProperty": {"nested": [1, 2.5, True, None, ""]},
            "body": {"type": "unknownBox", "layout": "vertical", "contents": []},
        },
        "quickReply": {"items": []},
    },
    {"type": "text", "text": 'a\u2028b\u0000🎉 \\ " </script>'},
]


def test_line_gets_what_was_rendered_property_for_property(api: LineApi, line: LineStub) -> None:
    answer = api.push(USER, json.dumps(RENDERED, ensure_ascii=False), KEY)
    assert answer.kind is AnswerKind.ACCEPTED
    (call,) = line.calls
    assert call.path == "/v2/bot/message/push"
    assert call.json == {"to": USER, "messages": RENDERED}
    assert call.headers["x-line-retry-key"] == KEY
    assert call.headers["authorization"] == "Bearer token-1"
    assert call.headers["content-type"] == "application/json"


def test_a_reply_has_no_retry_key(api: LineApi, line: LineStub) -> None:
    assert api.reply("reply-token", TEXT).kind is AnswerKind.ACCEPTED
    (call,) = line.calls
    assert call.path == "/v2/bot/message/reply"
    assert call.json == {"replyToken": "reply-token", "messages": json.loads(TEXT)}
    assert "x-line-retry-key" not in call.headers


def test_messages_that_are_no_array_are_a_bug(api: LineApi, line: LineStub) -> None:
    for messages in ('{"type":"text"}', "no json"):
        with pytest.raises((TypeError, ValueError)):
            api.push(USER, messages, KEY)
    assert line.calls == []


# What comes back


def error(message: str | None, **more: Any) -> str:
    return json.dumps({"message": message, **more})


A, U, P, M, R = AnswerKind.ACCEPTED, AnswerKind.UNCLEAR, AnswerKind.PASSING, AnswerKind.MONTHLY, AnswerKind.REFUSED
MONTHLY = error("You have reached your monthly limit.")
RATE = error("The API rate limit has been exceeded. Try again later.")
INVALID = error(
    "The request body has 1 error(s)", details=[{"message": "May not be empty", "property": "messages[0].text"}]
)


@pytest.mark.parametrize(
    ("say", "kind", "reason", "status"),
    [
        (Say(), A, "accepted", 200),
        (Say(202, "{}"), A, "accepted", 202),
        (Say(body="<html>"), A, "accepted", 200),
        (Say(body='{"sentMessages":[{"id":1}]}'), A, "accepted", 200),
        (Say(body=""), A, "accepted", 200),
        (Say(body='{"sentMess', cut=True), A, "accepted", 200),
        (Say(409, error("already accepted"), {"X-Line-Accepted-Request-Id": "req-0"}), A, "accepted_before", 409),
        (Say(400, INVALID), R, "line_400", 400),
        (Say(400, '{"message":null,"key":null,"stacktrace":null,"code":null}'), R, "line_400", 400),
        (Say(400, "[]"), R, "line_400", 400),
        (Say(403, error("Access to this API is not available for your account")), P, "line_403", 403),
        (Say(404, error("Not found")), R, "line_404", 404),
        (Say(413, ""), R, "line_413", 413),
        (Say(429, RATE), P, "line_429", 429),
        (Say(429, MONTHLY), M, "monthly_limit", 429),
        (Say(429, ""), P, "line_429", 429),
        (Say(500, error("Internal error")), U, "line_500", 500),
        (Say(503, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), U, "line_503", 503),
        (Say(302, "", {"location": "http://127.0.0.1:1/elsewhere"}), R, "line_302", 302),
        (Say(None), U, "no_answer", None),
    ],
    ids=lambda value: f"{value.status}-{value.body[:12]}" if isinstance(value, Say) else None,
)
def test_answers(api: LineApi, line: LineStub, say: Say, kind: AnswerKind, reason: str, status: int | None) -> None:
    line.answers += [say, say]
    for answer in (api.push(USER, TEXT, KEY), api.reply("t", TEXT)):
        assert (answer.kind, answer.reason, answer.status) == (kind, reason, status)
        if status is not None:
            assert answer.request_id == ("req-0" if status == 409 else "req-1")
    assert len(line.calls) == 2, "whoever asks decides about another attempt, nobody below does"


def test_lines_own_words_reach_the_operator(api: LineApi, line: LineStub) -> None:
    line.answers.append(Say(400, INVALID))
    assert api.push(USER, TEXT, KEY).message == "The request body has 1 error(s); messages[0].text: May not be empty"


def test_a_used_reply_token_is_told_apart(api: LineApi, line: LineStub) -> None:
    line.answers.append(Say(400, error("Invalid reply token")))
    answer = api.reply("t", TEXT)
    assert (answer.kind, answer.bad_reply_token) == (R, True)


def test_no_answer_in_time_is_unclear(api: LineApi, line: LineStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_PUSH_READ_S", 0.2)
    monkeypatch.setattr(gateway_module, "_REPLY_READ_S", 0.2)
    line.answers += [Say(wait_s=1), Say(wait_s=1)]
    for answer in (api.push(USER, TEXT, KEY), api.reply("t", TEXT)):
        assert (answer.kind, answer.reason, answer.status) == (U, "no_answer", None)
    assert len(line.calls) == 2


def test_nobody_at_home_is_a_clear_no_while_there_is_no_token(clock: MemoryClock, secrets: Secrets) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        api = LineApi(
            api_url=f"http://127.0.0.1:{taken.getsockname()[1]}", channel_id="1", secrets=secrets, clock=clock
        )
        answer = api.push(USER, TEXT, KEY)
    assert (answer.kind, answer.reason) == (P, "no_token"), "no token, so nothing was sent"


def test_a_connection_that_is_refused_after_the_token_is_unclear(clock: MemoryClock, secrets: Secrets) -> None:
    with line_stub() as stub:
        api = LineApi(api_url=stub.url, channel_id="1", secrets=secrets, clock=clock)
        assert api.push(USER, TEXT, KEY).kind is A
    clock.pass_time(timedelta(seconds=30))
    assert api.push(USER, TEXT, KEY).kind is U


# Channel tokens


def test_one_token_serves_until_a_minute_before_its_end(api: LineApi, line: LineStub, clock: MemoryClock) -> None:
    for seconds in (0, 400, 438):
        clock.pass_time(timedelta(seconds=seconds))
        api.push(USER, TEXT, KEY)
    assert len(line.token_calls) == 1
    clock.pass_time(timedelta(seconds=1))
    api.push(USER, TEXT, KEY)
    assert len(line.token_calls) == 2
    assert line.calls[-1].headers["authorization"] == "Bearer token-2"
    form = line.token_calls[0].form
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_id"] == ["2000000001"]
    assert form["client_secret"] == ["secret-1"]
    assert set(form) == {"grant_type", "client_id", "client_secret"}, (
        "an empty assertion beside the secret may be refused"
    )


def test_business_time_does_not_age_a_token(api: LineApi, line: LineStub, clock: MemoryClock) -> None:
    api.push(USER, TEXT, KEY)
    clock.move_business(NOW + timedelta(days=365))
    api.push(USER, TEXT, KEY)
    assert len(line.token_calls) == 1


def test_while_no_token_is_issued_the_one_in_hand_is_used_to_its_end(
    api: LineApi, line: LineStub, clock: MemoryClock
) -> None:
    api.push(USER, TEXT, KEY)
    line.token_answers += [Say(500, ""), Say(None), Say(500, "")]
    for seconds in (850, 40):
        clock.pass_time(timedelta(seconds=seconds))
        assert api.push(USER, TEXT, KEY).kind is A
    clock.pass_time(timedelta(seconds=10))
    answer = api.push(USER, TEXT, KEY)
    assert (answer.kind, answer.reason, answer.status) == (P, "no_token", 500)
    assert len(line.calls) == 3


def test_401_renews_token_and_secret_once(api: LineApi, line: LineStub, secrets: Secrets) -> None:
    secrets.rotated = ("secret-2", "secret-1")
    line.answers += [Say(401, error("Authentication failed")), Say()]
    assert api.push(USER, TEXT, KEY).kind is A
    assert [call.headers["authorization"] for call in line.calls] == ["Bearer token-1", "Bearer token-2"]
    assert {call.headers["x-line-retry-key"] for call in line.calls} == {KEY}
    assert line.calls[0].body == line.calls[1].body
    assert line.token_calls[1].form["client_secret"] == ["secret-2"]
    assert secrets.asked == [("line/channel-secret", False), ("line/channel-secret", True)]


def test_401_twice_is_a_passing_no(api: LineApi, line: LineStub) -> None:
    line.answers += [Say(401, error("x")), Say(401, error("Authentication failed"))]
    answer = api.reply("t", TEXT)
    assert (answer.kind, answer.reason, answer.message) == (P, "line_401", "Authentication failed")
    assert (len(line.calls), len(line.token_calls)) == (2, 2)


def test_401_without_a_new_token_stays_401(api: LineApi, line: LineStub) -> None:
    api.push(USER, TEXT, KEY)
    line.answers.append(Say(401, error("x")))
    line.token_answers.append(Say(400, '{"error":"invalid_client","error_description":"invalid client_secret"}'))
    assert api.push(USER, TEXT, KEY).reason == "line_401"
    assert api.push(USER, TEXT, KEY).kind is A, "the next call asks for a token again"


@pytest.mark.parametrize(
    "say",
    [Say(400, '{"error":"invalid_client"}'), Say(200, "not json"), Say(200, '{"token_type":"Bearer"}'), Say(None)],
    ids=["400", "unreadable", "no-token-in-it", "dropped"],
)
def test_without_a_token_nothing_is_sent(api: LineApi, line: LineStub, say: Say) -> None:
    line.token_answers += [say, say]
    assert api.push(USER, TEXT, KEY).kind is P
    assert api.reply("t", TEXT).kind is P
    assert line.calls == []


def test_a_missing_secret_is_a_passing_no(api: LineApi, line: LineStub, secrets: Secrets) -> None:
    secrets.known = ()
    assert api.push(USER, TEXT, KEY).reason == "no_channel_secret"
    assert line.got == []


def test_short_lived_token_is_renewed_each_time(api: LineApi, line: LineStub) -> None:
    line.token_answers.append(Say(200, token_body("short", 30)))
    api.push(USER, TEXT, KEY)
    api.push(USER, TEXT, KEY)
    assert len(line.token_calls) == 2


# Link tokens


def test_link_token(api: LineApi, line: LineStub) -> None:
    line.answers.append(Say(body='{"linkToken":"NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY"}'))
    assert api.link_token(USER) == "NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY"
    (call,) = line.calls
    assert call.path == f"/v2/bot/user/{USER}/linkToken"
    assert call.body == b""
    assert "x-line-retry-key" not in call.headers


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_link_token_is_none(api: LineApi, line: LineStub, status: int) -> None:
    line.answers.append(Say(status, error("Not found")))
    assert api.link_token(USER) is None


@pytest.mark.parametrize(
    "say",
    [Say(500, ""), Say(None), Say(429, RATE), Say(403, ""), Say(body="unreadable"), Say(body='{"linkToken":3}')],
    ids=["500", "dropped", "429", "403", "unreadable", "number"],
)
def test_no_link_token_now_is_retryable(api: LineApi, line: LineStub, say: Say) -> None:
    line.answers.append(say)
    with pytest.raises(Retryable, match="link token"):
        api.link_token(USER)


def test_no_link_token_without_a_channel_token(api: LineApi, line: LineStub) -> None:
    line.token_answers.append(Say(500, ""))
    with pytest.raises(Retryable, match="no_token"):
        api.link_token(USER)


# Connections and time


def test_connections_are_kept_while_warm_and_dropped_after_a_pause(
    api: LineApi, line: LineStub, clock: MemoryClock
) -> None:
    for _ in range(3):
        api.push(USER, TEXT, KEY)
    assert line.connections == 1
    clock.pass_time(timedelta(seconds=60))
    assert api.push(USER, TEXT, KEY).kind is A
    assert line.connections == 2


def test_a_reply_fits_into_the_functions_time(line: LineStub, clock: MemoryClock, secrets: Secrets) -> None:
    """Token 2.5 s, then the call: together never more than 5 s of the 6 s that the function has."""
    passed = [0.0]
    api = LineApi(api_url=line.url, channel_id="1", secrets=secrets, clock=clock, monotonic=lambda: passed[0])
    budget = Budget(5.0, lambda: passed[0])
    assert budget.timeout(1.0, 3.0) == (1.0, 3.0)
    passed[0] = 2.5
    connect, read = budget.timeout(1.0, 3.0)
    assert connect + read == pytest.approx(2.5)
    passed[0] = 4.9
    assert budget.spent
    passed[0] = 0.0
    assert api.reply("t", TEXT).kind is A


def test_no_second_try_after_401_when_the_time_is_gone(line: LineStub, clock: MemoryClock, secrets: Secrets) -> None:
    passed = [0.0]

    def tick() -> float:
        passed[0] += 1.6
        return passed[0]

    api = LineApi(api_url=line.url, channel_id="1", secrets=secrets, clock=clock, monotonic=tick)
    line.answers.append(Say(401, error("x")))
    assert api.reply("t", TEXT).reason == "line_401"
    assert len(line.calls) == 1


def test_nothing_personal_and_no_secret_is_logged(
    api: LineApi, line: LineStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line.token_answers.append(Say(400, error("x")))
    line.answers += [Say(400, INVALID), Say(401, error("x")), Say(401, error("x")), Say(None)]
    for _ in range(4):
        api.push(USER, TEXT, KEY)
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert logged, "a token that was not issued is worth a line"
    for secret in (USER, "発送", "secret-1", "token-1", "token-2"):
        assert secret not in logged


def test_no_call_outlives_the_invocation_it_is_made_in(line: LineStub, secrets: Secrets, clock: MemoryClock) -> None:
    line.answers.append(Say(wait_s=3))
    api = LineApi(api_url=line.url, channel_id="1", secrets=secrets, clock=clock, left_s=lambda: 1.0)
    began = time.monotonic()
    assert api.push(USER, TEXT, KEY).kind is AnswerKind.UNCLEAR
    assert time.monotonic() - began < 2
