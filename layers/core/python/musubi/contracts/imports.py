"""What an import reads and says: the layout of a shop's tables (YAML), the messages that carry rows, the jobs on `imports`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from musubi.contracts.jobs import ShopMessage, fields_of
from musubi.contracts.text import parse_json
from musubi.domain.changes import MemberChange, OrderChange, PointsChange
from musubi.domain.errors import Permanent
from musubi.domain.events import Mode, ShopEvent
from musubi.domain.ids import derived_id
from musubi.domain.imports import ImportJob
from musubi.domain.orders import LineKind
from musubi.domain.people import Attribute, MemberState

PLATFORM = "csv"

Kind = Literal["members", "orders", "points"]

_MEMBER_FIELDS = """
    member_id family_name given_name name born_on birth_year birth_month birth_day registered_at updated_at withdrawn_at
    status rank_code rank_name rank_until tags points points_expire_on email_consent line_consent sms_consent
"""
_ORDER_FIELDS = """
    order_id order_number member_id total status ordered_at paid_at shipped_at delivered_at cancelled_at returned_at
    updated_at carrier tracking_number is_test title quantity unit_price product_id sku category line_kind
"""
FIELDS: Mapping[str, frozenset[str]] = {
    "members": frozenset(_MEMBER_FIELDS.split()),
    "points": frozenset({"member_id", "balance", "lot_points", "expires_on", "updated_at"}),
    "orders": frozenset(_ORDER_FIELDS.split()),
}
"""What a column of each kind of table can mean."""

MEMBER_STATES: Mapping[str, MemberState | None] = {
    "active": MemberState.ACTIVE,
    "withdrawn": MemberState.WITHDRAWN,
    "skip": None,
}
ORDER_STATES = frozenset(
    {"placed", "paid", "payment_failed", "payment_overdue", "dispatched", "ready_for_pickup", "delivered", "cancelled"}
    | {"returned", "skip"}
)

_Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
_AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AttributeColumn(_Strict):
    """One column of the shop's own that becomes an attribute of the member."""

    column: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["text", "number", "flag", "date"] = "text"


class LayoutFile(_Strict):
    """`imports/*.yaml`: what the columns and words of one kind of table mean; `shop` None: of every shop.

    A later file adds its names before those known; `flags` and `statuses` are words as they stand in cells.
    """

    kind: Kind
    shop: str | None = None
    columns: dict[str, _Names] = {}
    attributes: dict[_AttributeName, AttributeColumn] = {}
    flags: dict[Literal["yes", "no"], _Names] = {}
    statuses: dict[str, _Names] = {}
    line_kinds: dict[LineKind, _Names] = {}

    @model_validator(mode="after")
    def _known(self) -> LayoutFile:
        if strange := self.columns.keys() - FIELDS[self.kind]:
            raise ValueError(f"columns: {min(strange)} is not one of {', '.join(sorted(FIELDS[self.kind]))}")
        states = {"members": MEMBER_STATES.keys(), "orders": ORDER_STATES, "points": frozenset[str]()}[self.kind]
        if strange := self.statuses.keys() - states:
            raise ValueError(f"statuses: {min(strange)} is not one of {', '.join(sorted(states))}")
        if self.attributes and self.kind != "members":
            raise ValueError("attributes: only members have them")
        return self


@dataclass(frozen=True, kw_only=True)
class ImportedRow:
    """What one row, or several of the same thing, says: one canonical event on its way to the worker.

    `dates`: names of attributes that are dates, which JSON can not say.
    """

    type: str
    occurred_at: datetime
    as_of: datetime
    is_test: bool = False
    member: MemberChange | None = None
    points: PointsChange | None = None
    order: OrderChange | None = None
    dates: tuple[str, ...] = ()


class _Identified(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    row: ImportedRow


class _Rows(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1]
    kind: Kind
    rows: Annotated[tuple[_Identified, ...], Field(min_length=1)]


@cache
def _row() -> TypeAdapter[ImportedRow]:
    return TypeAdapter(ImportedRow)


def row_json(source: str, row: ImportedRow) -> bytes:
    """`row` as JSON with its event's id, which derives from who says it and all that it says: the same row of the same
    version is the same event, however often its file is imported.
    """
    body = _row().dump_json(row, exclude_defaults=True)
    event_id = derived_id("csv", source, hashlib.sha256(body).hexdigest())
    return b'{"id":"%s","row":%s}' % (event_id.encode(), body)


def rows_message(shop_id: str, kind: str, rows: Sequence[bytes], at: datetime) -> str:
    """The `shop-events` message with `rows` (each from `row_json`), imported at `at` (machine time)."""
    body = f'{{"v":1,"kind":"{kind}","rows":[{b",".join(rows).decode()}]}}'
    message = ShopMessage(v=1, shop_id=shop_id, platform=PLATFORM, received_at=at, headers={}, body=body)
    return message.model_dump_json(exclude_none=True)


def read_rows(body: bytes, shop_id: str, received_at: datetime) -> tuple[ShopEvent, ...]:
    """The events in a body of `rows_message`. All are backfill: an import messages nobody. Permanent if it is none of ours."""
    try:
        found = _Rows.model_validate_json(body)
    except ValidationError as error:
        raise Permanent(f"rows: {fields_of(error)}") from None
    source = source_of(shop_id, found.kind)
    return tuple(_event(one, shop_id, source, received_at) for one in found.rows)


def source_of(shop_id: str, kind: str) -> str:
    """Who says what an imported row says: `main/csv/members`."""
    return f"{shop_id}/{PLATFORM}/{kind}"


def _event(one: _Identified, shop_id: str, source: str, received_at: datetime) -> ShopEvent:
    row = one.row
    return ShopEvent(
        source=source,
        event_id=one.id,
        type=row.type,
        shop_id=shop_id,
        platform=PLATFORM,
        occurred_at=row.occurred_at,
        as_of=row.as_of,
        received_at=received_at,
        content=one.id,
        is_test=row.is_test,
        is_backfill=True,
        mode=Mode.IMPORT,
        member=_dated(row.member, row.dates) if row.member and row.dates else row.member,
        points=row.points,
        order=row.order,
    )


def _dated(member: MemberChange, dates: tuple[str, ...]) -> MemberChange:
    return replace(member, attributes=tuple(_as_date(a) if a.name in dates else a for a in member.attributes))


def _as_date(attribute: Attribute) -> Attribute:
    try:
        return replace(attribute, value=date.fromisoformat(str(attribute.value)))
    except ValueError:
        raise Permanent("rows: an attribute is not a date") from None


class _Job(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    v: Literal[1]
    key: Annotated[str, Field(min_length=1, max_length=1024)]
    import_id: Annotated[str, Field(min_length=1, max_length=64)]


def job_body(job: ImportJob) -> str:
    """The message that lets an import go on."""
    return _Job(v=1, key=job.key, import_id=job.import_id or "").model_dump_json()


def read_job(body: str) -> ImportJob:
    """The job in an `imports` body: our own message, or EventBridge's word of a new object. Permanent otherwise."""
    document = parse_json(body, "import job")
    if isinstance(document, dict) and "detail-type" in document:
        return ImportJob(_object_key(document))
    try:
        found = _Job.model_validate_json(body)
    except ValidationError as error:
        raise Permanent(f"import job: {fields_of(error)}") from None
    return ImportJob(found.key, found.import_id)


def _object_key(envelope: Mapping[str, Any]) -> str:
    detail = envelope.get("detail")
    found = detail.get("object") if isinstance(detail, dict) else None
    key = found.get("key") if isinstance(found, dict) else None
    if envelope["detail-type"] != "Object Created" or not isinstance(key, str) or not key:
        raise Permanent("import job: no new object")
    return key


def report_json(report: Mapping[str, Any]) -> str:
    """A report as people read it."""
    return json.dumps(report, ensure_ascii=False, indent=2) + "\n"
