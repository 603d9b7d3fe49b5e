"""The two clocks: business time, which only the local stage can move, and machine time, which nobody moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from musubi.adapters.aws import retryable
from musubi.adapters.dynamo.keys import CLOCK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CACHE = timedelta(seconds=1)


def machine_now() -> datetime:
    """Now by this machine, in UTC. The one place that asks."""
    return datetime.now(UTC)  # noqa: TID251


class RealClock:
    """Implements `Clock` where business time is machine time: every deployed stage."""

    def business(self) -> datetime:
        return machine_now()

    def machine(self) -> datetime:
        return machine_now()


class MovableClock:
    """Implements `Clock` with business time ahead of machine time by the `offset_s` in the work table. Local stage only."""

    ACTIONS: ClassVar[set[str]] = {"dynamodb:BatchGetItem"}

    def __init__(self, client: DynamoDBClient, work_table: str, machine: Callable[[], datetime] = machine_now) -> None:
        self._client = client
        self._table = work_table
        self._machine = machine
        self._offset = timedelta()
        self._read_at: datetime | None = None

    def business(self) -> datetime:
        """At most a second behind a move of the clock. Raises Retryable when the table does not answer."""
        now = self._machine()
        if self._read_at is None or now - self._read_at >= _CACHE:
            self._offset = self._read()
            self._read_at = now
        return now + self._offset

    def machine(self) -> datetime:
        return self._machine()

    def _read(self) -> timedelta:
        key = {"pk": {"S": CLOCK.pk}, "sk": {"S": CLOCK.sk}}
        with retryable("clock"):
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": [key], "ConsistentRead": True}})
        items = answer["Responses"].get(self._table, [])
        return timedelta(seconds=float(items[0]["offset_s"]["N"])) if items else timedelta()
