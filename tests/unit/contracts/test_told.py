"""Our own facts, read back from the bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from musubi.contracts.told import read_fact
from musubi.domain.errors import Permanent
from tests.support.markdown import ROOT

SAMPLES = ROOT / "events" / "bus"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_a_link_a_wish_and_a_reward_are_read() -> None:
    made = read_fact(json.dumps(sample("fact_link_made")))
    assert (made.type, made.member_id, made.allowed, made.points) == ("LinkMade", "1001", None, 0)
    wish = read_fact(json.dumps(sample("fact_consent_changed")))
    assert (wish.allowed, wish.said_at) == (False, datetime(2026, 12, 20, 3, 15, 0, 456000, UTC))
    reward = read_fact(json.dumps(sample("fact_reward_due")))
    assert (reward.type, reward.points, reward.note) == ("RewardDue", 500, "LINE連携の特典")


def test_a_wish_about_another_channel_is_none_for_line() -> None:
    told = sample("fact_consent_changed")
    told["detail"]["channel"] = "email"
    assert read_fact(json.dumps(told)).allowed is None


def test_a_later_version_may_tell_more() -> None:
    told = sample("fact_link_made")
    told["detail"]["more"] = {"a": 1}
    assert read_fact(json.dumps(told)).member_id == "1001"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("source",), "shop.cart", "source"),
        (("detail",), None, "detail"),
        (("detail", "member_id"), "", "member_id"),
        (("detail", "occurred_at"), "2026-12-20T03:15:00", "occurred_at"),
        (("detail", "points"), "-5", "points"),
        (("detail", "state"), "perhaps", "state"),
    ],
)
def test_what_can_not_be_read_is_named_without_its_value(path: tuple[str, ...], value: Any, named: str) -> None:
    told = sample("fact_consent_changed")
    place = told
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Permanent, match=named) as caught:
        read_fact(json.dumps(told))
    assert "perhaps" not in str(caught.value)
    with pytest.raises(Permanent, match="fact: body"):
        read_fact("{not json")
