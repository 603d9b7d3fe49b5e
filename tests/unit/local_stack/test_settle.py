"""What settling does while it waits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from local.endpoints import Endpoints
from local.schedules import Every, Schedule
from local.stack import settle
from local.stack.settle import Settling

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def beat(name: str, period: timedelta) -> Any:
    return SimpleNamespace(name=name, when=Every(period))


def test_what_mends_is_fired_and_what_brings_more_to_do_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    schedules = [
        beat("due_steps", timedelta(minutes=1)),
        beat("sweeper", timedelta(minutes=5)),
        beat("privacy_requests", timedelta(minutes=10)),
        beat("poll-main-eccube", timedelta(hours=1)),
        SimpleNamespace(name="daily", when=time(6)),
    ]
    fired: list[str] = []

    def fire(schedule: Schedule, at: datetime) -> None:
        assert at == NOW
        fired.append(schedule.name)

    firing: Any = SimpleNamespace(schedules=schedules, fire=fire)
    aws: Any = None
    monkeypatch.setattr(settle, "business_now", lambda aws: NOW)
    Settling(Endpoints(api="", line="", shop="", aws=""), aws, firing)._mend()
    assert fired == ["due_steps", "sweeper", "privacy_requests"]
