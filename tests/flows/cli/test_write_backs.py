"""`musubi write-backs`: what a shop refused, and what nobody knows of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from musubi.domain.write_backs import ShopWrite, WriteKind, WriteState
from tests.flows.cli.conftest import Desk

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
REFUSED = ShopWrite(
    write_id="4c1d", shop_id="main", platform="shopify", member_id="1001", kind=WriteKind.ADD_TAG, value="LINE連携",
    said_at=NOW, planned_at=NOW, state=WriteState.REFUSED, reason="shopify api: 403", attempts=1, settled_at=NOW,
)  # fmt: skip


def test_what_needs_an_eye_is_listed_oldest_first(desk: Desk) -> None:
    unclear = replace(
        REFUSED, write_id="older", kind=WriteKind.GRANT_POINTS, value="500", platform="square", settled_at=None,
        state=WriteState.CLAIMED, reason="square api: 500", attempts=3, first_unclear_at=NOW.replace(hour=1),
    )  # fmt: skip
    done = replace(REFUSED, write_id="done", state=WriteState.DONE)
    desk.put(REFUSED, unclear, done)
    first, second = desk.ask("write-backs", "list")
    assert first == {
        "since": "2026-11-24T10:00:00+09:00",
        "state": "unclear",
        "shop": "main/square",
        "member": "1001",
        "what": "grant_points",
        "value": "500",
        "reason": "square api: 500",
        "attempts": 3,
        "write_id": "older",
    }
    assert (second["write_id"], second["state"], second["since"]) == ("4c1d", "refused", "2026-11-24T12:00:00+09:00")
    assert len(desk.ask("write-backs", "list", "--limit", "1")) == 1
    assert "shopify api: 403" in desk.run("write-backs", "list").stdout


def test_nothing_to_show_is_no_error(desk: Desk) -> None:
    assert desk.ask("write-backs", "list") == []
