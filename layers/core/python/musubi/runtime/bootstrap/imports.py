"""Tables that shops drop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.domain.imports import ImportJob
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import Worker

_STOP_S = 30
"""Seconds that must be left to begin a page: 4 MiB from S3, four requests to SQS and the cursor, at their slowest."""
_NEEDS_S = 45


def import_file() -> Worker[ImportJob]:
    """The queue imports (EventBridge's word of a new object, and our own of an unfinished one) → `import_file`."""
    from musubi.adapters.aws import client
    from musubi.adapters.clock import RealClock
    from musubi.adapters.csv.layout import Layouts
    from musubi.adapters.csv.queues import SqsImportJobs, SqsRowQueue
    from musubi.adapters.csv.reading import TableReader
    from musubi.adapters.csv.s3 import S3ImportFiles
    from musubi.contracts.imports import read_job
    from musubi.runtime.work import Deadline
    from musubi.usecases.import_file import Deps, import_file

    s = settings.load(settings.ImportFile)
    sqs, deadline = client("sqs"), Deadline()
    deps = Deps(
        store=parts.work_store(s.work_table),
        clock=RealClock(),
        # A range is 4 MiB: more than the three seconds that a small answer may take.
        files=S3ImportFiles(client("s3", read_s=20), s.imports_bucket, TableReader(Layouts(s.content_dir), parts.now)),
        rows=SqsRowQueue(sqs, s.shop_events_queue_url),
        jobs=SqsImportJobs(sqs, s.imports_queue_url),
        shops=s.shops,
    )

    def use(job: ImportJob) -> Iterable[Outcome]:
        yield import_file(job, deps, lambda: deadline.left_s() < _STOP_S)

    return parts.worker(
        "imports",
        lambda body, sent_at: read_job(body),
        use,
        lambda job: {"file": job.key},
        s.quarantine_queue_url,
        needs_s=_NEEDS_S,
        deadline=deadline,
    )
