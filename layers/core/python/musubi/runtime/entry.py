"""The entry points of queue workers, schedules and the API: the one place with Powertools.

What a record raised or returned decides what happens to it, here and nowhere else:

| it | the record | log | metric |
| --- | --- | --- | --- |
| returned an Outcome | is done | INFO | `Records<Verdict>` and the outcome's counts |
| raised Retryable | comes back after a while, longer each time | WARNING | RecordsRetried |
| raised Permanent | is put into quarantine with its raw body, and done | ERROR | Quarantined |
| raised anything else | comes back, and ends in the dead letters | ERROR with traceback | RecordsCrashed |

One log line per record. It names what happened and to which kind of thing; bodies and people stay out of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import utils
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from musubi.domain.errors import Permanent, Retryable
from musubi.domain.outcome import Outcome
from musubi.runtime.work import BatchWorker, Scheduled, Worker

T = TypeVar("T")
Handler = Callable[[dict[str, Any], Any], Any]

_SPARE_MS = 8_000
"""What a scheduled function keeps of its time to finish what it is at."""

_LONGEST_BACK_S = 900
_GROWTH = 3


@cache
def _log() -> Logger:
    """Made at first use, which is while the handler loads: importing this module asks for no environment."""
    log = Logger()
    # The adapters' plain loggers write the same JSON lines.
    logging.getLogger("musubi")
    utils.copy_config_to_registered_loggers(source_logger=log, include={"musubi"})
    return log


@cache
def _metrics() -> Metrics:
    return Metrics()


def queue_worker(worker: Worker[T]) -> Handler:
    """A Lambda handler that works off SQS records one by one and reports the failed ones."""
    _log()
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def handle(record: SQSRecord) -> None:
        _one(record, worker)

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        worker.deadline.begin(context.get_remaining_time_in_millis() / 1000)
        try:
            return process_partial_response(event, handle, processor, context)
        finally:
            _flush()

    return lambda_handler


def queue_batch(worker: BatchWorker[T]) -> Handler:
    """A Lambda handler that works off all SQS records of an invocation together and reports the failed ones.

    One log line a batch. What nobody foresaw fails all of it: the records come back, and end in the dead letters.
    """
    _log()

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        worker.deadline.begin(context.get_remaining_time_in_millis() / 1000)
        try:
            late = _batch([SQSRecord(record) for record in event["Records"]], worker)
            return {"batchItemFailures": [{"itemIdentifier": record.message_id} for record in late]}
        finally:
            _flush()

    return lambda_handler


def _batch(records: Sequence[SQSRecord], worker: BatchWorker[T]) -> list[SQSRecord]:
    """Work off a batch; the records that SQS shall deliver again."""
    labels: dict[str, Any] = {"queue": worker.source, "records": len(records)}
    late: list[SQSRecord] = []
    jobs: list[tuple[SQSRecord, T]] = []
    for record in records:
        try:
            try:
                jobs.append((record, worker.parse(record.body)))
            except Permanent as error:
                worker.quarantine.put(worker.source, error.reason, record.body)
                _log().error("record quarantined", reason=error.reason, message_id=record.message_id, **labels)
                _count("Quarantined", 1)
        except Retryable as retry:
            late.append(_late(record, worker, retry))
    try:
        outcome, failed = worker.use([job for _, job in jobs])
    except Exception:
        _log().exception("batch crashed", **labels)
        _count("RecordsCrashed", len(jobs))
        return [*late, *(record for record, _ in jobs)]
    _report(outcome, labels)
    return [*late, *(_late(jobs[n][0], worker, error) for n, error in failed.items())]


def _late(record: SQSRecord, worker: BatchWorker[T], error: Retryable) -> SQSRecord:
    _log().warning("record handed back", reason=error.reason, queue=worker.source, message_id=record.message_id)
    _count("RecordsRetried", 1)
    _hand_back(record, worker, error.after_s)
    return record


def scheduled(job: Scheduled[T]) -> Handler:
    """A Lambda handler for a schedule. What it raises fails the invocation: Lambda repeats it, then sets it aside."""
    _log()

    def lambda_handler(event: dict[str, Any], context: Any) -> Mapping[str, str]:
        job.deadline.begin(context.get_remaining_time_in_millis() / 1000)
        try:
            outcome = job.use(job.parse(event), lambda: context.get_remaining_time_in_millis() < _SPARE_MS)
            _report(outcome, {})
            if outcome.counts.get("StepsQuarantined"):
                _count("Quarantined", outcome.counts["StepsQuarantined"])
            return {"verdict": outcome.verdict.value, "reason": outcome.reason}
        except (Permanent, Retryable) as error:
            _log().error("schedule failed", reason=error.reason)
            raise
        finally:
            _flush()

    return lambda_handler


def http_api(api: Callable[[dict[str, Any], Any], Any]) -> Handler:
    """A Lambda handler for HTTP requests, one log line each."""
    _log()

    def lambda_handler(event: dict[str, Any], context: Any) -> Any:
        answer = api(event, context)
        _log().info("request", route=event.get("routeKey", "-"), status=answer.get("statusCode"))
        return answer

    return lambda_handler


def report_failure(ref: str, error: Exception) -> None:
    """Log and count one item that failed inside a run which went on."""
    _log().error("item failed", ref=ref, exc_info=error)
    _count("RecordsCrashed", 1)


def _one(record: SQSRecord, worker: Worker[T]) -> None:
    """Work off one record. Returning means done; raising means that SQS delivers it again."""
    labels: dict[str, Any] = {
        "queue": worker.source,
        "message_id": record.message_id,
        "receives": _receives(record),
    }
    try:
        try:
            if worker.deadline.left_s() < worker.needs_s:
                # Begun and cut off, it would cost the whole batch its answer: every record of it would come back.
                raise Retryable("out_of_time", after_s=1)
            job = worker.parse(record.body, _sent_at(record))
            labels |= worker.labels(job)
            for outcome in worker.use(job):
                _report(outcome, labels)
        except Permanent as error:
            worker.quarantine.put(worker.source, error.reason, record.body)
            _log().error("record quarantined", reason=error.reason, **labels)
            _count("Quarantined", 1)
    except Retryable as error:
        _log().warning("record handed back", reason=error.reason, **labels)
        _count("RecordsRetried", 1)
        _hand_back(record, worker, error.after_s)
        raise
    except Exception:
        _log().exception("record crashed", **labels)
        _count("RecordsCrashed", 1)
        if worker.crash_after_s is not None:
            _hand_back(record, worker, worker.crash_after_s)
        raise


def _hand_back(record: SQSRecord, worker: Worker[T] | BatchWorker[T], after_s: int) -> None:
    """Make the record visible after `after_s`, and three times later with each receive: a short fault costs seconds, a
    long one does not use the receives up before it is over.
    """
    delay = min(_LONGEST_BACK_S, after_s * _GROWTH ** (_receives(record) - 1))
    try:
        worker.hand_back(record.event_source_arn, record.receipt_handle, delay)
    except Exception:
        # Only the moment of the next try is lost: the record comes back after its visibility timeout.
        _log().warning("visibility not changed", queue=worker.source, message_id=record.message_id, exc_info=True)


def _receives(record: SQSRecord) -> int:
    return max(1, int(record.attributes.approximate_receive_count or 1))


def _sent_at(record: SQSRecord) -> datetime:
    """When SQS took the record."""
    stamp = record.attributes.sent_timestamp
    return datetime.fromtimestamp(int(stamp) / 1000, UTC) if stamp else datetime.now(UTC)


def _report(outcome: Outcome, labels: Mapping[str, Any]) -> None:
    words: dict[str, Any] = {**labels, "verdict": outcome.verdict.value, "reason": outcome.reason}
    words |= {name: value for name, value in outcome.counts.items() if value}
    _log().info("record done", **words)
    _count(f"Records{outcome.verdict.value.title()}", 1)
    for name, value in outcome.counts.items():
        if value:
            _count(name, value)


def _count(name: str, value: int) -> None:
    unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
    _metrics().add_metric(name=name, unit=unit, value=value)


def _flush() -> None:
    if _metrics().provider.metric_set:
        _metrics().flush_metrics()
