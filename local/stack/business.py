"""Business time of a running stack: the offset in the work table, and the schedules fired on that clock."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from local.schedules import Schedule, from_template, input_at
from local.stack.assembly import stacks
from local.stack.aws import Aws
from local.stack.settings import DEPLOYMENT

WORK_TABLE = f"{DEPLOYMENT}-work"
DUE_SHARDS = 32
TOKYO = ZoneInfo("Asia/Tokyo")
RUNS_AT = time(6)
"""Tokyo time of the daily run, as its schedule in the template says."""

_CLOCK = {"pk": {"S": "CONTROL"}, "sk": {"S": "CLOCK"}}
_FIRED = "schedules.json"
_LOCK = "clock.lock"
_FIRE_TRIES = 6
"""Lambda repeats a failed run twice, and the catch-up a quarter of an hour later as often."""


class FireFailed(RuntimeError):
    """A scheduled function failed; the message holds its error and the end of its log."""


def machine_now() -> datetime:
    """The machine's clock, which is never moved."""
    return datetime.now(UTC)


def offset(aws: Aws) -> timedelta:
    """How far business time is ahead of machine time."""
    item = aws.dynamodb.get_item(TableName=WORK_TABLE, Key=_CLOCK, ConsistentRead=True).get("Item")
    return timedelta(seconds=float(item["offset_s"]["N"])) if item else timedelta()


def set_offset(aws: Aws, value: timedelta) -> None:
    """Move the deployed functions' business clock; zero removes the item."""
    if not value:
        aws.dynamodb.delete_item(TableName=WORK_TABLE, Key=_CLOCK)
        return
    seconds = f"{value.total_seconds():.6f}"
    aws.dynamodb.put_item(TableName=WORK_TABLE, Item={**_CLOCK, "offset_s": {"N": seconds}})


def business_now(aws: Aws) -> datetime:
    """The instant that the deployed functions take for now."""
    return machine_now() + offset(aws)


def earliest_due(aws: Aws) -> datetime | None:
    """The instant of the oldest due item of all shards; None when nothing waits."""
    found = [instant for shard in range(DUE_SHARDS) if (instant := _oldest_of(aws, shard)) is not None]
    return min(found, default=None)


def _oldest_of(aws: Aws, shard: int) -> datetime | None:
    answer = aws.dynamodb.query(
        TableName=WORK_TABLE,
        KeyConditionExpression="pk = :pk",
        Limit=1,
        ConsistentRead=True,
        ExpressionAttributeValues={":pk": {"S": f"DUE#{shard:02d}"}},
        ProjectionExpression="sk",
    )
    return parse_due_key(answer["Items"][0]["sk"]["S"]) if answer["Items"] else None


def parse_due_key(sort_key: str) -> datetime:
    """The UTC instant with which a due item's sort key starts (`2026-12-24T00:00:00Z#…`)."""
    instant = datetime.fromisoformat(sort_key.partition("#")[0].replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def forget_runs(aws: Aws, after: datetime) -> int:
    """Drop the records of daily runs that have not been yet at `after`; returns how many rows went.

    Business time went back. Their records say "done", and nobody made known since then would be found when those days come
    again. Running them twice harms nobody: all ids are derived.
    """
    gone = 0
    for page in aws.dynamodb.get_paginator("scan").paginate(
        TableName=WORK_TABLE,
        ConsistentRead=True,
        FilterExpression="begins_with(pk, :run)",
        ExpressionAttributeValues={":run": {"S": "RUN#"}},
        ProjectionExpression="pk, sk",
    ):
        for key in page["Items"]:
            if run_starts(key["pk"]["S"], key["sk"]["S"]) > after:
                aws.dynamodb.delete_item(TableName=WORK_TABLE, Key=key)
                gone += 1
    return gone


def run_starts(pk: str, sk: str) -> datetime:
    """When the run starts that a row is about: `RUN#daily` / `2026-12-24`, `RUN#daily#2026-12-24` / `SHARD#07`."""
    _, _, shards_of = pk.removeprefix("RUN#").partition("#")
    return datetime.combine(date.fromisoformat(shards_of or sk), RUNS_AT, TOKYO)


class Firing:
    """Fires the schedules of a stack and remembers until when their instants have been taken care of."""

    def __init__(self, aws: Aws, home: Path) -> None:
        self._aws = aws
        self._home = home
        self.schedules = [schedule for stack in stacks(home / "cdk.out") for schedule in from_template(stack.body())]

    def named(self, function: str) -> Schedule:
        """The first schedule that calls a function (`due_steps`), found by the end of its physical name."""
        for schedule in self.schedules:
            if schedule.function == f"{DEPLOYMENT}-{function}":
                return schedule
        raise LookupError(f"the deployment has no schedule for {function}")

    def fire(self, schedule: Schedule, instant: datetime) -> None:
        """Call the schedule's function with the template's input and wait for it.

        A failed run is repeated, as Lambda repeats an asynchronous call. Raises FireFailed when all failed.
        """
        payload = input_at(schedule, instant).encode()
        for _ in range(_FIRE_TRIES):
            answer = self._aws.functions.invoke(FunctionName=schedule.function, Payload=payload)
            said = answer["Payload"].read().decode(errors="replace")
            if "FunctionError" not in answer:
                return
        raise FireFailed(f"{schedule.function} at {instant.isoformat()}: {said[:1500]}")

    def taken_until(self, default: datetime) -> datetime:
        """The business instant up to which wall-clock schedules have been fired."""
        try:
            return datetime.fromisoformat(json.loads((self._home / _FIRED).read_text())["taken_until"])
        except (FileNotFoundError, ValueError, KeyError):
            return default

    def take_until(self, instant: datetime) -> None:
        """Note that every wall-clock instant up to this one has been fired (or need not be)."""
        draft = self._home / f"{_FIRED}.tmp"
        draft.write_text(json.dumps({"taken_until": instant.astimezone(UTC).isoformat()}), encoding="utf-8")
        draft.replace(self._home / _FIRED)


@contextlib.contextmanager
def clock_lock(home: Path, *, wait: bool) -> Iterator[bool]:
    """One mover of business time at a time: yields False if it is somebody else's and `wait` is False."""
    with (home / _LOCK).open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
