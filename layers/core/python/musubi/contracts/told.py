"""Our own facts, as a rule of the bus puts them on a queue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from musubi.contracts.jobs import fields_of
from musubi.domain.errors import Permanent
from musubi.domain.write_backs import ToldFact

_Id = Annotated[str, Field(min_length=1, max_length=512)]


class _Detail(BaseModel):
    """More may be in it: a later version tells more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: _Id
    shop_id: _Id
    member_id: _Id
    user_id: _Id
    occurred_at: AwareDatetime
    at: AwareDatetime | None = None
    channel: str | None = None
    purpose: str | None = None
    state: Literal["allowed", "refused"] | None = None
    points: Annotated[int, Field(ge=0)] = 0
    note: Annotated[str, Field(max_length=200)] = ""


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["musubi"]
    type: Annotated[str, Field(alias="detail-type", min_length=1, max_length=64)]
    detail: _Detail


def read_fact(body: str) -> ToldFact:
    """The fact in an EventBridge envelope; raises Permanent naming what does not fit, never its value."""
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError as error:
        raise Permanent(f"fact: {fields_of(error)}") from None
    detail = envelope.detail
    on_line = (detail.channel, detail.purpose) == ("line", "marketing")
    return ToldFact(
        fact_id=detail.id,
        type=envelope.type,
        shop_id=detail.shop_id,
        member_id=detail.member_id,
        user_id=detail.user_id,
        occurred_at=detail.occurred_at,
        said_at=detail.at,
        allowed=detail.state == "allowed" if on_line and detail.state is not None else None,
        points=detail.points,
        note=detail.note,
    )
