"""LINE's events: what we act on is read, everything else is recorded, nothing is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from linebot.v3.models.events import UnknownEvent
from linebot.v3.webhook import WebhookParser

from musubi.contracts.line import read_claimed, read_line_event
from musubi.domain.errors import Permanent
from musubi.domain.events import LineEvent, LineEventType
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
USER = "U" + "a" * 32
SAMPLES = Path(__file__).parents[3] / "events" / "line"
NAMES = [
    "type", "mode", "timestamp", "webhookEventId", "replyToken", "source", "userId", "deliveryContext", "isRedelivery",
    "message", "text", "postback", "data", "link", "result", "nonce",
]  # fmt: skip


def read(**event: Any) -> LineEvent:
    return read_line_event({"source": {"type": "user", "userId": USER}, "timestamp": 1, **event}, NOW)


def sample_events() -> list[Any]:
    return [
        pytest.param(event, id=f"{path.stem}-{i}")
        for path in sorted(SAMPLES.glob("*.json"))
        if not path.name.endswith(".headers.json")
        for i, event in enumerate(json.loads(path.read_text())["events"])
    ]


@pytest.mark.parametrize("raw", sample_events())
def test_we_and_the_sdk_read_every_sample_alike(raw: dict[str, Any]) -> None:
    ours = read_line_event(raw, NOW)
    parser = WebhookParser("unused", skip_signature_verification=lambda: True)
    try:
        theirs = parser.parse(json.dumps({"destination": USER, "events": [raw]}), "")[0]
    except ValueError:
        # The SDK refuses the whole batch here (unknown mode, missing webhookEventId); we read what there is.
        return
    if isinstance(theirs, UnknownEvent):
        # Types it does not know, and known ones in standby, whose schema demands a reply token.
        assert ours.standby or ours.type in (LineEventType.OTHER, LineEventType.MESSAGE, LineEventType.FOLLOW)
        return
    their_user = theirs.source.user_id if getattr(theirs.source, "type", None) == "user" else None
    assert ours.event_id == theirs.webhook_event_id
    assert ours.user_id == their_user
    assert ours.at.timestamp() == theirs.timestamp / 1000
    assert ours.redelivered == theirs.delivery_context.is_redelivery
    assert ours.standby == (theirs.mode.value == "standby")
    assert ours.raw_type.split("/")[-2 if hasattr(theirs, "message") else -1] == theirs.type
    if their_user:
        assert ours.reply_token == getattr(theirs, "reply_token", None)
    if hasattr(theirs, "message"):
        assert ours.text == (theirs.message.text if theirs.message.type == "text" else None)
    if hasattr(theirs, "postback"):
        assert ours.postback == theirs.postback.data
    if hasattr(theirs, "link"):
        assert (ours.link_ok, ours.link_nonce) == (theirs.link.result == "ok", theirs.link.nonce)


@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_what_is_no_object_can_never_be_read(value: Any) -> None:
    with pytest.raises(Permanent):
        read_line_event(value, NOW)


@given(value=JSON | objects_with(NAMES))
def test_no_json_value_breaks_the_reader(value: Any) -> None:
    try:
        event = read_line_event(value, NOW)
    except Permanent:
        assert not isinstance(value, dict)
        return
    for text in (event.event_id, event.raw_type, event.user_id, event.reply_token, event.text, event.postback):
        (text or "").encode()
    assert event.at.tzinfo is not None


def test_standby_has_no_reply_token_whatever_the_body_says() -> None:
    event = read(type="follow", mode="standby", replyToken="r")
    assert (event.standby, event.reply_token) == (True, None)


def test_an_unknown_mode_is_recorded_and_not_answered() -> None:
    assert read(type="follow", mode="hologram", replyToken="r").standby


def test_in_a_group_nobody_speaks_for_one_person() -> None:
    event = read_line_event(
        {"type": "message", "source": {"type": "group", "groupId": "C1", "userId": USER}, "replyToken": "r",
         "message": {"type": "text", "text": "連携解除"}}, NOW
    )  # fmt: skip
    assert (event.type, event.user_id, event.reply_token) == (LineEventType.OTHER, None, None)
    assert event.raw_type == "group/message/text"


def test_an_event_without_an_id_gets_the_same_one_on_every_delivery() -> None:
    first = read(type="follow", deliveryContext={"isRedelivery": False})
    again = read(type="follow", deliveryContext={"isRedelivery": True})
    other = read(type="unfollow")
    assert first.event_id == again.event_id != other.event_id
    assert again.redelivered


def test_a_failed_link_names_nobody_but_its_nonce() -> None:
    event = read_line_event({"type": "accountLink", "link": {"result": "failed", "nonce": "n+/="}}, NOW)
    assert (event.type, event.user_id, event.link_ok, event.link_nonce) == (
        LineEventType.ACCOUNT_LINK, None, False, "n+/=",
    )  # fmt: skip


def test_timestamps_are_milliseconds_and_nonsense_is_the_time_of_arrival() -> None:
    assert read(type="follow", timestamp=1795316400123).at == datetime(2026, 11, 22, 3, 0, 0, 123000, UTC)
    for nonsense in (True, "1", -1, 10**30, 1.5, None):
        assert read(type="follow", timestamp=nonsense).at == NOW


def test_only_text_messages_have_text() -> None:
    assert read(type="message", message={"type": "hologram", "text": "連携解除"}).text is None
    assert read(type="message", message={"type": "text", "text": "a\ud800b"}).text == "ab"


def test_only_what_we_understand_counts_as_read() -> None:
    assert not read(type="message", message={"type": "text", "text": "a"}).unread
    assert not read(type="message", message={"type": "sticker"}).unread
    assert not read(type="follow").unread
    assert read(type="message", message={"type": "hologram"}).unread
    assert read(type="message").unread
    assert read(type="beacon").unread


def test_a_huge_event_is_kept_in_part() -> None:
    assert len(read(type="message", message={"type": "x", "blob": "あ" * 200_000}).raw) == 64_000


def test_a_claim_that_is_no_json_can_never_be_read() -> None:
    assert read_claimed('{"type":"follow"}') == {"type": "follow"}
    with pytest.raises(Permanent):
        read_claimed("{")
