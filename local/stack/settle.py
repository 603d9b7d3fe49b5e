"""Wait until a running stack has nothing left to do at its present business time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from local.endpoints import Endpoints, home_of_stack
from local.schedules import Every
from local.stack.aws import Aws
from local.stack.business import WORK_TABLE, Firing, business_now, earliest_due
from local.stack.settings import QUEUES

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

DEFAULT_S = 60.0
_LOOK_EVERY_S = 0.05
_MEND_EVERY_S = 25.0
"""The ticker's five minutes: see SQUEEZE there."""

_MENDS = timedelta(minutes=10)
"""What comes round so often looks after what was left lying. What is rarer, the poll of a shop above all, would bring a load
run more to do each time that it waits.
"""

_QUIET_LOOKS = 2
"""A queue looks empty between a worker's delete and the enqueue of what it caused.

One quiet look proves nothing.
"""

_COUNTS: Final[tuple[QueueAttributeNameType, ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_UNFINISHED = frozenset({"planned", "claimed"})


class Unsettled(TimeoutError):
    """Time is up and something still moves; `pending` says what."""

    def __init__(self, seconds: float, pending: list[str]) -> None:
        self.pending = pending
        super().__init__(f"not settled after {seconds:.0f} s:\n  " + "\n  ".join(pending))


def settle(endpoints: Endpoints, timeout: float = DEFAULT_S, home: Path | None = None) -> None:
    """Return once queues are empty, no Send is planned or claimed, and nothing is due at the present business
    time.

    Due items are not waited for but worked off: the due-steps schedule is fired as often as needed. Held and
    parked Sends wait for their own moment and do not count. Raises Unsettled naming everything that still
    moves.
    """
    aws = Aws.of(endpoints)
    Settling(endpoints, aws, Firing(aws, home or home_of_stack())).run(timeout)


class Settling:
    """The waiting loop, with the clients it looks through."""

    def __init__(self, endpoints: Endpoints, aws: Aws, firing: Firing) -> None:
        self._endpoints = endpoints
        self._aws = aws
        self._firing = firing

    def run(self, timeout: float = DEFAULT_S) -> datetime | None:
        """See `settle`; returns the instant of the oldest due item that still lies ahead."""
        began, quiet, ahead = time.monotonic(), 0, None
        end, mend_at = began + timeout, began + _MEND_EVERY_S
        while True:
            pending = list(self.moving())
            if not pending and quiet == 0:
                ahead, overdue = self._work_off_due()
                pending = [*overdue, *self._webhooks_under_way()]
            quiet = 0 if pending else quiet + 1
            if quiet >= _QUIET_LOOKS:
                return ahead
            if time.monotonic() > end:
                raise Unsettled(timeout, pending or ["nothing was seen, but not twice in a row"])
            if time.monotonic() > mend_at:
                self._mend()
                mend_at = time.monotonic() + _MEND_EVERY_S
            time.sleep(_LOOK_EVERY_S)

    def moving(self) -> Iterator[str]:
        """What is under way now, one line each: the shop's messages, queues, open Sends."""
        if not self._shop_is_idle():
            yield "demo shop: messages on their way"
        for queue in QUEUES:
            if count := self._messages_in(queue):
                yield f"queue {queue}: {count} message(s)"
        yield from self._unfinished_sends()

    def _shop_is_idle(self) -> bool:
        try:
            answer = httpx.get(f"{self._endpoints.shop}/_shop/idle", params={"timeout_s": 0.05}, timeout=5)
        except httpx.ConnectError:
            return True
        return answer.status_code == 200

    def _messages_in(self, queue: str) -> int:
        answer = self._aws.sqs.get_queue_attributes(QueueUrl=self._aws.queue_url(queue), AttributeNames=[*_COUNTS])
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)

    def _unfinished_sends(self) -> Iterator[str]:
        """Open rows by the sparse index; a scan of it is cheap here, where nothing else runs."""
        for page in self._aws.dynamodb.get_paginator("scan").paginate(TableName=WORK_TABLE, IndexName="open"):
            for item in page["Items"]:
                state = item.get("state", {}).get("S", "")
                if state in _UNFINISHED:
                    yield f"{item['pk']['S']}: {state} ({item.get('reason', {}).get('S', 'no reason')})"

    def _webhooks_under_way(self) -> Iterator[str]:
        """Webhooks that the simulator has yet to deliver (its list is long after a load run: asked once per quiet)."""
        try:
            listed = httpx.get(f"{self._endpoints.line}/_sim/webhooks", timeout=10).json()["webhooks"]
        except httpx.ConnectError:
            return
        if waiting := sum(not webhook["attempts"] for webhook in listed):
            yield f"LINE simulator: {waiting} webhook(s) on their way"

    def _mend(self) -> None:
        """Fire the schedules that find what was left lying (a lost enqueue, a run's lost shard).

        The ticker fires them too, but it stands still while somebody walks through time and waits here.
        """
        now = business_now(self._aws)
        for schedule in self._firing.schedules:
            if isinstance(schedule.when, Every) and schedule.when.period <= _MENDS:
                self._firing.fire(schedule, now)

    def _work_off_due(self) -> tuple[datetime | None, list[str]]:
        """Fire the due steps if something is due; returns the oldest due instant, and what was due in words."""
        due, now = earliest_due(self._aws), business_now(self._aws)
        if due is None or due > now:
            return due, []
        self._firing.fire(self._firing.named("due_steps"), now)
        return due, [f"due item of {due.isoformat()} (business time {now.isoformat(timespec='seconds')})"]
