"""Lines for the history on their way through a queue, and what a reader finds in an object of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from musubi.domain.history import SHARDS, Record, RecordKind

MESSAGE_BYTES = 200 * 1024
"""Several messages of this size still fit into one request to SQS (1 MiB)."""


class Line(BaseModel):
    """One record in a message."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: RecordKind
    at: AwareDatetime
    shard: Annotated[int, Field(ge=0, lt=SHARDS)]
    body: dict[str, Any]

    def record(self) -> Record:
        """The domain's record."""
        return Record(record_id=self.id, kind=self.kind, at=self.at, shard=self.shard, body=self.body)


def line_of(record: Record) -> Line:
    """`record` for a message."""
    return Line(id=record.record_id, kind=record.kind, at=record.at, shard=record.shard, body=record.body)


def parcels(records: Sequence[Record]) -> Iterator[list[Line]]:
    """`records` in as few messages as they fit into; most use cases need one."""
    parcel: list[Line] = []
    size = 0
    for record in records:
        line = line_of(record)
        length = len(line.model_dump_json().encode())
        if parcel and size + length > MESSAGE_BYTES:
            yield parcel
            parcel, size = [], 0
        parcel.append(line)
        size += length
    if parcel:
        yield parcel
