"""Queue workers and schedules: what a record raised decides what happens to it, and logs hold nobody's data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from musubi.adapters.memory.queues import MemoryQuarantine
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.outcome import Outcome, Verdict
from musubi.runtime import entry
from musubi.runtime.work import Scheduled, Worker, pseudonym

ARN = "arn:aws:sqs:ap-northeast-1:123456789012:musubi-local-push"


class Context:
    """As much of Lambda's context as is looked at."""

    function_name = "x"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn"
    aws_request_id = "r"

    def __init__(self, left_ms: int = 60_000) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@dataclass
class Rig:
    """A worker whose records say what shall happen to them."""

    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    handed_back: list[tuple[str, int]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    refuse_visibility: bool = False
    crash_after_s: int | None = None

    def parse(self, body: str, sent_at: datetime) -> str:
        assert sent_at == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
        if body == "unreadable":
            raise Permanent("no_such_shape")
        return body

    def use(self, job: str) -> Iterable[Outcome]:
        self.used.append(job)
        if job.startswith("later"):
            raise Retryable("throttled", after_s=int(job.removeprefix("later")))
        if job == "never":
            raise Permanent("no_such_person")
        if job == "crash":
            raise KeyError("bug")
        yield Outcome(Verdict.DONE, "sent", {"PushesAccepted": 1, "Nothing": 0})

    def hand_back(self, queue_arn: str, receipt: str, after_s: int) -> None:
        if self.refuse_visibility:
            raise OSError("no route")
        self.handed_back.append((receipt, after_s))

    def run(self, *bodies: str, receives: int = 1, left_ms: int = 60_000) -> list[str]:
        """The message ids that are reported as failed."""
        worker = Worker("push", self.parse, self.use, labels, self.quarantine, self.hand_back, self.crash_after_s)
        records = [record(f"m{i}", body, receives) for i, body in enumerate(bodies)]
        answer = entry.queue_worker(worker)({"Records": records}, Context(left_ms))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def labels(job: str) -> Mapping[str, str]:
    return {"person": pseudonym(job)}


def record(message_id: str, body: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1795316400000"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "ap-northeast-1",
    }


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "musubi")
    # Loggers of one name share their handler, which keeps the stdout of the test that made it.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"service-{request.node.name}")
    entry._log.cache_clear()
    entry._metrics.cache_clear()


def metrics(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in text.splitlines():
        document = json.loads(line)
        for definition in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert definition["Dimensions"] == [["service"]]
            for metric in definition["Metrics"]:
                values = document[metric["Name"]]
                found[metric["Name"]] = sum(values) if isinstance(values, list) else values
    return found


def test_done_records_are_acknowledged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert Rig().run("a", "b") == []
    assert metrics(capsys.readouterr().out) == {"RecordsDone": 2, "PushesAccepted": 2}


def test_each_record_meets_its_own_fate(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig()
    assert rig.run("a", "later4", "unreadable", "never", "crash", "b") == ["m1", "m4"]
    assert rig.used == ["a", "later4", "never", "crash", "b"]
    assert rig.quarantine.kept == [("push", "no_such_shape", "unreadable"), ("push", "no_such_person", "never")]
    assert rig.handed_back == [("receipt-m1", 4)]
    counted = metrics(capsys.readouterr().out)
    assert {k: counted[k] for k in ("RecordsRetried", "Quarantined", "RecordsCrashed", "RecordsDone")} == {
        "RecordsRetried": 1, "Quarantined": 2, "RecordsCrashed": 1, "RecordsDone": 2,
    }  # fmt: skip


def test_a_whole_batch_that_fails_is_reported_record_by_record() -> None:
    assert Rig().run("crash", "crash") == ["m0", "m1"]


@pytest.mark.parametrize(("receives", "delay"), [(1, 5), (2, 15), (3, 45), (9, 900)])
def test_records_come_back_later_with_each_receive(receives: int, delay: int) -> None:
    rig = Rig()
    rig.run("later5", receives=receives)
    assert rig.handed_back == [("receipt-m0", delay)]


def test_a_crash_comes_back_early_only_where_waiting_costs_more() -> None:
    patient, hasty = Rig(), Rig(crash_after_s=5)
    assert patient.run("crash") == hasty.run("crash") == ["m0"]
    assert (patient.handed_back, hasty.handed_back) == ([], [("receipt-m0", 5)])


def test_a_record_that_no_longer_fits_is_not_begun_and_comes_back_soon() -> None:
    """Cut off by Lambda it would bring the whole batch back, and leave a call to LINE that nobody knows the end of."""
    rig = Rig()
    assert rig.run("a", "b", left_ms=4_000) == ["m0", "m1"]
    assert rig.used == []
    assert rig.handed_back == [("receipt-m0", 1), ("receipt-m1", 1)]


def test_a_visibility_that_can_not_be_changed_changes_nothing_else() -> None:
    assert Rig(refuse_visibility=True).run("later5", "a") == ["m0"]


def test_what_can_not_be_kept_in_quarantine_comes_back() -> None:
    rig = Rig()
    rig.quarantine.fail_next = 1
    assert rig.run("unreadable") == ["m0"]


def test_logs_are_json_without_bodies_or_people(capsys: pytest.CaptureFixture[str]) -> None:
    Rig().run("結城さくら", "crash")
    out = capsys.readouterr()
    assert "結城" not in out.out + out.err
    lines = [json.loads(line) for line in out.out.splitlines() if "_aws" not in line]
    done = next(line for line in lines if line["message"] == "record done")
    assert (done["person"], done["verdict"], done["reason"]) == (pseudonym("結城さくら"), "done", "sent")
    crashed = next(line for line in lines if line["message"] == "record crashed")
    assert "KeyError" in crashed["exception"]


# schedules


def daily(event: Any) -> str:
    if "scheduled_at" not in event:
        raise Permanent("schedule input: scheduled_at: missing")
    return str(event["scheduled_at"])


def test_a_schedule_reports_its_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, bool]] = []

    def use(at: str, out_of_time: Callable[[], bool]) -> Outcome:
        seen.append((at, out_of_time()))
        return Outcome(Verdict.DONE, "ticked", {"OldestDueAgeSeconds": 12, "StepsQuarantined": 2})

    handler = entry.scheduled(Scheduled(daily, use))
    assert handler({"scheduled_at": "now"}, Context()) == {"verdict": "done", "reason": "ticked"}
    handler({"scheduled_at": "late"}, Context(left_ms=100))
    assert seen == [("now", False), ("late", True)]
    counted = metrics(capsys.readouterr().out)
    assert (counted["OldestDueAgeSeconds"], counted["Quarantined"]) == (12, 2)


def test_a_schedule_without_its_date_fails_the_invocation() -> None:
    handler = entry.scheduled(Scheduled(daily, lambda at, out: Outcome(Verdict.DONE, "ran")))
    with pytest.raises(Permanent, match="scheduled_at"):
        handler({}, Context())


def test_a_failed_item_inside_a_run_is_logged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def use(at: str, out_of_time: Callable[[], bool]) -> Outcome:
        entry.report_failure("enrolment-1", ValueError("broken"))
        return Outcome(Verdict.DONE, "ticked")

    entry.scheduled(Scheduled(daily, use))({"scheduled_at": "now"}, Context())
    out = capsys.readouterr().out
    assert metrics(out)["RecordsCrashed"] == 1
    assert "enrolment-1" in out


def test_pseudonyms_are_stable_and_say_nothing() -> None:
    assert pseudonym("U1") == pseudonym("U1") != pseudonym("U2")
    assert len(pseudonym("U1")) == 8
    assert pseudonym(None) == "-"
