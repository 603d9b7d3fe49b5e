"""What EventBridge Scheduler puts into the functions that it starts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from musubi.contracts.jobs import fields_of
from musubi.domain.errors import Permanent

_M = TypeVar("_M", bound=BaseModel)


class Tick(BaseModel):
    """A rate schedule's input. Nothing in it matters: what is due is read from the tables."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _no_placeholder(value: object) -> object:
    # Scheduler replaces `<aws.scheduler.scheduled-time>`; whoever does not would start the run of a guessed day.
    if isinstance(value, str) and value.startswith("<"):
        raise ValueError("placeholder was not replaced")
    if not isinstance(value, str):
        raise ValueError("not a time")
    return value


class DailyTick(BaseModel):
    """The daily run's input: its business date comes from `scheduled_at`, so a late invocation runs its own day."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schedule: Literal["daily", "catch_up"]
    scheduled_at: Annotated[AwareDatetime, BeforeValidator(_no_placeholder)]


class PollTick(BaseModel):
    """A poll's input: which shop is asked. It is asked up to now, whenever that is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    shop_id: Annotated[str, Field(min_length=1)]
    platform: Annotated[str, Field(min_length=1)]


def read_tick(event: Any) -> Tick:
    """The tick in an invocation; raises Permanent if it is no object."""
    return _read(Tick, event)


def read_daily(event: Any) -> DailyTick:
    """The daily tick in an invocation; raises Permanent naming what is missing."""
    return _read(DailyTick, event)


def read_poll(event: Any) -> PollTick:
    """The poll's tick in an invocation; raises Permanent naming what is missing."""
    return _read(PollTick, event)


def _read(model: type[_M], event: Any) -> _M:
    try:
        return model.model_validate(event)
    except ValidationError as error:
        raise Permanent(f"schedule input: {fields_of(error)}") from None
