"""A worker of whole batches: single records come back, what can not be read is set aside, the rest is done together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from musubi.adapters.memory.queues import MemoryQuarantine
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.outcome import Outcome, Verdict
from musubi.runtime import entry
from musubi.runtime.work import BatchWorker
from tests.unit.runtime.test_entry import Context, metrics, record


@dataclass
class Rig:
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    handed_back: list[tuple[str, int]] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    left_s: float = 0

    def parse(self, body: str) -> str:
        if body == "unreadable":
            raise Permanent("no_such_shape")
        return body

    def use(self, jobs: Sequence[str]) -> tuple[Outcome, Mapping[int, Retryable]]:
        self.batches.append(list(jobs))
        self.left_s = self.worker.deadline.left_s()
        if "crash" in jobs:
            raise KeyError("bug")
        late = {n: Retryable("under_way", after_s=7) for n, job in enumerate(jobs) if job == "later"}
        return Outcome(Verdict.DONE, "written", {"LinesWritten": len(jobs) - len(late)}), late

    def hand_back(self, queue_arn: str, receipt: str, after_s: int) -> None:
        self.handed_back.append((receipt, after_s))

    def run(self, *bodies: str, receives: int = 1) -> list[str]:
        self.worker = BatchWorker("log", self.parse, self.use, self.quarantine, self.hand_back)
        records = [record(f"m{i}", body, receives) for i, body in enumerate(bodies)]
        answer = entry.queue_batch(self.worker)({"Records": records}, Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "musubi")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"service-{request.node.name}")
    entry._log.cache_clear()
    entry._metrics.cache_clear()


def test_a_batch_is_one_job_with_one_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig()
    assert rig.run("a", "b", "c") == []
    assert rig.batches == [["a", "b", "c"]]
    assert 50 < rig.left_s <= 60
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (said,) = (line for line in lines if line.get("message") == "record done")
    assert (said["records"], said["LinesWritten"], said["reason"]) == (3, 3, "written")


def test_only_what_could_not_be_done_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig()
    assert rig.run("a", "unreadable", "later", "b", receives=2) == ["m2"]
    assert rig.batches == [["a", "later", "b"]]
    assert rig.handed_back == [("receipt-m2", 21)]
    assert rig.quarantine.kept == [("log", "no_such_shape", "unreadable")]
    counted: dict[str, Any] = metrics(capsys.readouterr().out)
    assert counted == {"Quarantined": 1, "RecordsRetried": 1, "RecordsDone": 1, "LinesWritten": 2}


def test_what_quarantine_does_not_take_comes_back() -> None:
    rig = Rig(quarantine=MemoryQuarantine(fail_next=1))
    assert rig.run("a", "unreadable") == ["m1"]
    assert rig.batches == [["a"]]


def test_a_crash_brings_the_whole_batch_back(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig()
    assert rig.run("a", "unreadable", "crash") == ["m0", "m2"]
    assert metrics(capsys.readouterr().out) == {"Quarantined": 1, "RecordsCrashed": 2}
