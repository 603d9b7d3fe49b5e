"""Erasing and exporting people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.contracts.schedule import Tick
    from musubi.domain.outcome import Outcome
    from musubi.runtime.work import OutOfTime, Scheduled


def privacy_requests() -> Scheduled[Tick]:
    """Every five minutes → `run_privacy_requests`."""
    from musubi.adapters.aws import client
    from musubi.adapters.dynamo.person_rows import DynamoPersonRows
    from musubi.adapters.exports import S3Exports
    from musubi.contracts.schedule import read_tick
    from musubi.runtime.entry import report_failure
    from musubi.runtime.work import Scheduled
    from musubi.usecases.run_privacy_requests import Deps, run_privacy_requests

    s = settings.load(settings.PrivacyRequests)
    deps = Deps(
        store=parts.store(s.people_table, s.work_table),
        rows=DynamoPersonRows(client("dynamodb"), people_table=s.people_table, work_table=s.work_table),
        exports=S3Exports(lambda: client("s3"), s.claim_bucket),
        clock=parts.clock(s, s.work_table),
        on_error=report_failure,
    )

    def use(tick: Tick, out_of_time: OutOfTime) -> Outcome:
        return run_privacy_requests(deps, out_of_time)

    return Scheduled(read_tick, use)
