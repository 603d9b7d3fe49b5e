"""What is kept for years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.domain.errors import Retryable
    from musubi.domain.history import Record
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import BatchWorker


_OBJECT_NEEDS_S = 10
"""Time for one object: marks, claim, and a store that answers at its third try."""


def log_writer() -> BatchWorker[Sequence[Record]]:
    """The queue log → `write_log`."""
    from musubi.adapters.archive import S3Archive
    from musubi.adapters.aws import client
    from musubi.adapters.clock import RealClock
    from musubi.adapters.sqs import SqsQuarantine
    from musubi.adapters.tokens import RandomTokens
    from musubi.contracts.jobs import read_log
    from musubi.runtime.work import BatchWorker, Deadline
    from musubi.usecases.write_log import Deps, write_log

    s = settings.load(settings.LogWriter)
    deadline = Deadline()
    deps = Deps(
        store=parts.work_store(s.work_table),
        clock=RealClock(),
        archive=S3Archive(client("s3"), s.history_bucket),
        tokens=RandomTokens(),
    )

    def use(jobs: Sequence[Sequence[Record]]) -> tuple[Outcome, Mapping[int, Retryable]]:
        every = [record for records in jobs for record in records]
        written = write_log(every, deps, lambda: deadline.left_s() < _OBJECT_NEEDS_S)
        late: dict[int, Retryable] = {}
        for n, records in enumerate(jobs):
            reasons = [written.late[record.record_id] for record in records if record.record_id in written.late]
            if reasons:
                late[n] = max(reasons, key=lambda reason: reason.after_s)
        return written.outcome, late

    sqs = client("sqs")
    return BatchWorker(
        source="log",
        parse=read_log,
        use=use,
        quarantine=SqsQuarantine(sqs, s.quarantine_queue_url),
        hand_back=parts.hand_back(sqs, s.quarantine_queue_url),
        deadline=deadline,
    )
