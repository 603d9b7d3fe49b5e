"""Where imported rows and unfinished imports go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from musubi.adapters.sqs import ACTIONS, send_batch
from musubi.contracts.imports import job_body
from musubi.domain.imports import ImportJob

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsRowQueue:
    """Implements `RowQueue`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, messages: Sequence[str]) -> None:
        """Raises Retryable naming how many were not taken."""
        send_batch(self._client, self._queue_url, messages)


class SqsImportJobs:
    """Implements `ImportJobs`."""

    ACTIONS: ClassVar[set[str]] = ACTIONS

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, job: ImportJob) -> None:
        """Raises Retryable if it was not taken."""
        send_batch(self._client, self._queue_url, [job_body(job)])
