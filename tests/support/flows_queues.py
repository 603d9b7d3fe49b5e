"""What the producers of a world see of its queues: the JSON that crosses SQS, put into one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from musubi.contracts import jobs
from musubi.domain.errors import Retryable
from musubi.domain.history import Record
from musubi.domain.operations import PushRef
from musubi.ports import ShardJob


@dataclass
class Message:
    queue: str
    body: str
    visible_at: datetime
    receives: int = 0


class Queues(Protocol):
    """As much of a world as its queues need."""

    queue_down: bool

    def put(self, queue: str, body: str, delay_s: int = 0) -> None: ...


@dataclass
class PushJobs:
    """Implements `PushQueue`."""

    world: Queues

    def send(self, refs: Sequence[PushRef], delay_s: int = 0, riders: Sequence[Record] = ()) -> None:
        if self.world.queue_down:
            raise Retryable(f"{len(refs)} of {len(refs)} messages not enqueued")
        for n, ref in enumerate(refs):
            self.world.put("push", jobs.push_body(ref, riders if n == 0 else ()), delay_s)


@dataclass
class LogLines:
    """Implements `Log`."""

    world: Queues

    def append(self, records: Sequence[Record]) -> None:
        for body in jobs.log_bodies(records):
            self.world.put("log", body)


@dataclass
class ShardJobs:
    """Implements `ShardQueue`."""

    world: Queues

    def send(self, jobs_: Sequence[ShardJob]) -> None:
        for job in jobs_:
            self.world.put("alert-shards", jobs.shard_body(job))
