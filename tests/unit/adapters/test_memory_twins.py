"""The memory twins are strict where LINE and AWS are, or tests over them would prove nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from musubi.adapters.memory.clock import MemoryTokens
from musubi.adapters.memory.line import MemoryLine
from musubi.adapters.memory.queues import MemoryBus, MemoryPushQueue, MemoryQuarantine, MemoryShardQueue
from musubi.domain.answers import AnswerKind
from musubi.domain.errors import Retryable
from musubi.domain.operations import Fact, PushRef
from musubi.ports import Bus, LineGateway, PushQueue, Quarantine, ShardJob, ShardQueue, Tokens

USER = "U" + "0123456789abcdef" * 2
KEY = "8d2b0000-0000-5000-8000-000000000001"
TEXT = '[{"type":"text","text":"a"}]'


def test_twins_fit_their_ports() -> None:
    line: LineGateway = MemoryLine()
    queue: PushQueue = MemoryPushQueue()
    shards: ShardQueue = MemoryShardQueue()
    bus: Bus = MemoryBus()
    quarantine: Quarantine = MemoryQuarantine()
    tokens: Tokens = MemoryTokens()
    assert all((line, queue, shards, bus, quarantine, tokens))


def test_a_retry_key_is_accepted_once() -> None:
    line = MemoryLine()
    first = line.push(USER, TEXT, KEY)
    again = line.push(USER, TEXT, KEY)
    assert (first.kind, again.kind, again.reason) == (AnswerKind.ACCEPTED, AnswerKind.ACCEPTED, "accepted_before")
    assert again.request_id == first.request_id
    assert len(line.delivered) == 1
    assert line.violations == []
    line.push("U" + "f" * 32, TEXT, KEY)
    assert line.violations


def test_a_lost_answer_was_accepted_and_a_refused_call_was_not() -> None:
    line = MemoryLine()
    line.fail_next(None, accepted=True)
    assert line.push(USER, TEXT, KEY).kind is AnswerKind.UNCLEAR
    assert len(line.messages_to(USER)) == 1
    assert line.push(USER, TEXT, KEY).reason == "accepted_before"
    line.fail_next(500)
    assert line.push(USER, TEXT, KEY.replace("1", "2")).kind is AnswerKind.UNCLEAR
    assert len(line.delivered) == 1
    line.forget_keys()
    line.push(USER, TEXT, KEY)
    assert len(line.delivered) == 2, "after a day the same key is a second message"


def test_a_reply_token_works_once() -> None:
    line = MemoryLine()
    line.fail_next(None, accepted=True)
    assert line.reply("t", TEXT).kind is AnswerKind.UNCLEAR
    again = line.reply("t", TEXT)
    assert (again.kind, again.bad_reply_token) == (AnswerKind.REFUSED, True)
    assert len(line.delivered) == 1


def test_line_refuses_no_messages_and_six() -> None:
    line = MemoryLine()
    for messages in ("[]", "[" + ",".join(["{}"] * 6) + "]"):
        assert line.push(USER, messages, KEY).kind is AnswerKind.REFUSED
        assert line.reply("t", messages).kind is AnswerKind.REFUSED
    with pytest.raises(ValueError, match="UUID"):
        line.push(USER, TEXT, "not-a-key")


def test_link_tokens() -> None:
    line = MemoryLine()
    assert line.link_token(USER)
    line.linkable = False
    assert line.link_token(USER) is None
    line.fail_next(500)
    with pytest.raises(Retryable):
        line.link_token(USER)


def test_queues_fail_when_told_and_take_nothing_then() -> None:
    ref = PushRef("s", "m:main/1", "e")
    push, shards, kept = MemoryPushQueue(fail_next=1), MemoryShardQueue(fail_next=1), MemoryQuarantine(fail_next=1)
    job = ShardJob(date(2026, 12, 24), 7)
    with pytest.raises(Retryable):
        push.send([ref])
    with pytest.raises(Retryable):
        shards.send([job])
    with pytest.raises(Retryable):
        kept.put("push", "x", "{}")
    push.send([ref], 30)
    shards.send([job])
    kept.put("push", "x", "{}")
    assert (push.sent, shards.sent, kept.kept) == ([(ref, 30)], [job], [("push", "x", "{}")])
    assert (push.take(), push.take()) == ([ref], [])


def test_the_bus_takes_some() -> None:
    facts = [Fact(fact_id=f"f{n}", type="LinkMade", occurred_at=datetime(2026, 1, 1, tzinfo=UTC)) for n in range(3)]
    bus = MemoryBus(refuse_next=2)
    assert bus.publish(facts) == {"f2"}
    assert bus.publish(facts) == {"f0", "f1", "f2"}
