"""Our own queue messages. Strict: both ends are ours, so a surprise is a bug or a forgery, never a new LINE feature."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import date as Day
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from musubi.contracts.history import Line, line_of, parcels
from musubi.domain.errors import Permanent
from musubi.domain.history import Record
from musubi.domain.ids import SHARDS, parse_person
from musubi.domain.operations import PushRef
from musubi.ports import ShardJob, Snapshot

CLAIM_OVER = 200 * 1024
"""Bytes of a queue message above which the payload goes to S3 and the message carries its key."""

_Text = Annotated[str, Field(min_length=1, max_length=512)]
_M = TypeVar("_M", bound="_Message")


class _Message(BaseModel):
    # Read from JSON, where strict mode still takes the text forms of times and dates but no "1" for 1.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    v: Literal[1]


class LineMessage(_Message):
    """`line-events`: one raw LINE event, or the S3 key under which it waits."""

    destination: str | None = None
    received_at: AwareDatetime
    event: Any = None
    claim: _Text | None = None


class ShopMessage(_Message):
    """`shop-events`: one verified webhook body as it came, or the S3 key under which it waits.

    What was found by asking the shop has the same form, and says so. `backfill`: old when it was found, news to nobody.
    """

    shop_id: _Text
    platform: _Text
    received_at: AwareDatetime
    headers: dict[str, str]
    body: str | None = None
    claim: _Text | None = None
    encoding: Literal["base64"] | None = None
    mode: Literal["push", "poll"] = "push"
    backfill: bool = False

    @model_validator(mode="after")
    def _one_payload(self) -> ShopMessage:
        if (self.body is None) == (self.claim is None):
            raise ValueError("either body or claim")
        return self


class PushMessage(_Message):
    """`push`: which Send, for whom, and the friend that was last known for that person.

    `riders` are lines for the history that travel along: of the event that led to the Send.
    """

    send_id: _Text
    person: _Text
    enrolment_id: _Text
    hint_user: _Text | None = None
    riders: tuple[Line, ...] = ()


class LogMessage(_Message):
    """`log`: lines for the history."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1)]


class ShardMessage(_Message):
    """`alert-shards`: one shard of one business date's daily run."""

    date: Day
    shard: Annotated[int, Field(ge=0, lt=SHARDS)]


def read_line(body: str) -> LineMessage:
    """The message in a `line-events` body; raises Permanent."""
    return _read(LineMessage, body)


def read_shop(body: str) -> ShopMessage:
    """The message in a `shop-events` body; raises Permanent."""
    return _read(ShopMessage, body)


def shop_payload(message: ShopMessage, claimed: str | None = None) -> bytes:
    """The raw body of a shop message; `claimed` is what was stored under its claim. Raises Permanent."""
    text = claimed if claimed is not None else message.body or ""
    if message.encoding is None:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Permanent("shop message: body is not base64") from None


def found_body(
    shop_id: str, platform: str, found: Snapshot, at: datetime, backfill: bool, claim: Callable[[str], str]
) -> str:
    """The `shop-events` body for what a poll found at `at`; one over `CLAIM_OVER` bytes goes through `claim`."""
    message = ShopMessage(
        v=1,
        shop_id=shop_id,
        platform=platform,
        received_at=at,
        headers=dict(found.headers),
        body=found.body.decode(),
        mode="poll",
        backfill=backfill,
    )
    text = message.model_dump_json(exclude_none=True)
    if len(text.encode()) <= CLAIM_OVER:
        return text
    claimed = message.model_copy(update={"body": None, "claim": claim(found.body.decode())})
    return claimed.model_dump_json(exclude_none=True)


def push_body(ref: PushRef, riders: Sequence[Record] = ()) -> str:
    """The `push` body for `ref`."""
    message = PushMessage(
        v=1,
        send_id=ref.send_id,
        person=ref.person,
        enrolment_id=ref.enrolment_id,
        hint_user=ref.hint_user,
        riders=tuple(line_of(record) for record in riders),
    )
    return message.model_dump_json(exclude=None if riders else {"riders"})


def read_push(body: str) -> tuple[PushRef, tuple[Record, ...]]:
    """The reference in a `push` body, and the lines that came along; raises Permanent."""
    message = _read(PushMessage, body)
    try:
        parse_person(message.person)
    except ValueError:
        raise Permanent("push message: person") from None
    ref = PushRef(message.send_id, message.person, message.enrolment_id, message.hint_user)
    return ref, tuple(line.record() for line in message.riders)


def log_bodies(records: Sequence[Record]) -> list[str]:
    """The `log` bodies for `records`."""
    return [LogMessage(v=1, lines=tuple(parcel)).model_dump_json() for parcel in parcels(records)]


def read_log(body: str) -> tuple[Record, ...]:
    """The records in a `log` body; raises Permanent."""
    return tuple(line.record() for line in _read(LogMessage, body).lines)


def shard_body(job: ShardJob) -> str:
    """The `alert-shards` body for `job`."""
    return ShardMessage(v=1, date=job.on, shard=job.shard).model_dump_json()


def read_shard(body: str) -> ShardJob:
    """The job in an `alert-shards` body; raises Permanent."""
    message = _read(ShardMessage, body)
    return ShardJob(message.date, message.shard)


def is_bus_envelope(body: str) -> bool:
    """True for an EventBridge envelope, which the rule puts on `shop-events` beside our own messages."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "detail-type" in document


def _read(model: type[_M], body: str) -> _M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Permanent(f"{model.__name__}: {fields_of(error)}") from None


def fields_of(error: ValidationError) -> str:
    """What is wrong, field by field, without the values: they may be personal data and this is logged."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(str(p) for p in one['loc']) or 'body'}: {one['type']}" for one in problems[:5])
