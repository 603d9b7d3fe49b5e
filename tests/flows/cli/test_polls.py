"""`musubi polls`: how far a shop is known, what only polls brought, and asking it now."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.cli.deployment import Deployment
from musubi.domain.polling import Heard, Missed, Poll, Report
from tests.flows.cli.conftest import Desk

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
POLL = Poll(
    shop_id="main",
    platform="woocommerce",
    what="orders",
    since=NOW - timedelta(days=3),
    mark=NOW,
    last=Report(began_at=NOW, ended_at=NOW + timedelta(seconds=4), found=12),
)
MISSED = Missed(
    shop_id="main", platform="woocommerce", at=NOW + timedelta(seconds=9), type="OrderPaid", event_id="9f86"
)


def test_polls_show_how_far_a_shop_is_known_and_what_was_missed(desk: Desk) -> None:
    broken = replace(POLL, what="members", failure="woocommerce api: 403", failed_at=NOW, last=None)
    old = replace(MISSED, at=NOW - timedelta(hours=1), event_id="old")
    other = replace(POLL, shop_id="outlet")
    desk.put(POLL, broken, other, Heard(shop_id="main", platform="woocommerce", at=NOW), MISSED, old)
    found = desk.ask("polls", "list")
    members, orders = found["polls"]
    assert orders == {
        "platform": "woocommerce",
        "what": "orders",
        "known_until": "2026-11-24T12:00:00+09:00",
        "last_run": "2026-11-24T12:00:04+09:00",
        "found": 12,
        "missed": 1,
        "last_webhook": "2026-11-24T12:00:00+09:00",
        "failure": None,
    }
    assert (members["what"], members["last_run"], members["found"]) == ("members", None, None)
    assert members["failure"] == "2026-11-24T12:00:00+09:00 woocommerce api: 403"
    assert [(one["type"], one["event_id"]) for one in found["missed"]] == [("OrderPaid", "9f86"), ("OrderPaid", "old")]
    assert len(desk.ask("polls", "list", "--limit", "1")["missed"]) == 1
    assert [row["what"] for row in desk.ask("polls", "list", "--shop", "outlet")["polls"]] == ["orders"]
    shown = desk.run("polls", "list").stdout
    assert "woocommerce" in shown
    assert "9f86" in shown


def test_a_shop_that_was_never_polled_shows_nothing(desk: Desk) -> None:
    assert desk.ask("polls", "list") == {"polls": [], "missed": []}


class _Lambdas:
    def __init__(self, payload: Any, error: str | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answer = {"Payload": io.BytesIO(json.dumps(payload).encode())} | (
            {"FunctionError": error} if error else {}
        )

    def invoke(self, **request: Any) -> Any:
        self.asked.append(request)
        return self._answer


def test_a_shop_can_be_asked_now(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lambdas = _Lambdas({"verdict": "done", "reason": "orders done"})
    monkeypatch.setattr(Deployment, "lambdas", lambda self: lambdas)
    done = desk.run("polls", "run", "woocommerce", "--shop", "outlet")
    assert (done.exit_code, done.stdout) == (0, "done: orders done\n")
    (asked,) = lambdas.asked
    assert asked["FunctionName"] == "musubi-test-poll_shop"
    assert json.loads(asked["Payload"]) == {"schedule": "by_hand", "shop_id": "outlet", "platform": "woocommerce"}


def test_a_poll_that_fails_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"errorMessage": "shop_id, platform: the stage names no API for them", "errorType": "Permanent"}
    monkeypatch.setattr(Deployment, "lambdas", lambda self: _Lambdas(said, "Unhandled"))
    done = desk.run("polls", "run", "shopify")
    assert done.exit_code == 1
    assert "the stage names no API" in done.stderr
