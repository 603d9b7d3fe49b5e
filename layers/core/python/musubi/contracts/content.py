"""Recipes and a shop's content files: YAML → the domain's scenarios, templates, commands and words.

Strict, because a misspelt key would otherwise be a scenario that does something else than its author believes. Every
error names the file and the key; it is raised while the function starts, not when the first message is due.
"""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator, model_validator

from musubi.domain.errors import ConfigError
from musubi.domain.events import SHOP_EVENTS, FriendEvent
from musubi.domain.scenario import (
    Audience,
    DateEntry,
    DateKind,
    EventEntry,
    KeyKind,
    Scenario,
    SendClass,
    Step,
    Wait,
)

Command = Literal["start_link", "unlink", "refuse_promo", "allow_promo"]

MAX_MESSAGES = 5
"""Message objects that LINE takes in one request."""

_FRIEND_EVENTS = frozenset(event.value for event in FriendEvent)
_KEYS_OF_EVENTS = {
    KeyKind.EVENT: SHOP_EVENTS | _FRIEND_EVENTS,
    KeyKind.ORDER: frozenset(name for name in SHOP_EVENTS if name.startswith("Order")),
    KeyKind.SHIPMENT: frozenset({"ShipmentDispatched"}),
    KeyKind.LINK: frozenset({FriendEvent.LINKED.value}),
}
_KEY_OF_DATE = {DateKind.BIRTHDAY: KeyKind.YEAR, DateKind.POINT_EXPIRY: KeyKind.EXPIRY}

_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Whole = Annotated[int, Field(ge=0, le=3660)]
_M = TypeVar("_M", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Wait(_Strict):
    days: _Whole = 0
    hours: _Whole = 0
    minutes: _Whole = 0
    at: time | None = None

    @field_validator("at", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        # YAML 1.1 reads an unquoted 10:00 as the number 600.
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value)):
            raise ValueError('a quoted clock time like "10:00"')
        return value


class _Step(_Strict):
    id: _Id
    template: _Id
    wait: _Wait = _Wait()
    reply: bool = False
    essential: bool = True
    expires_h: Annotated[int, Field(gt=0)] | None = None
    awaits: Literal["shipment.numbers"] | None = None


class _EventEntry(_Strict):
    event: str
    key: KeyKind

    @model_validator(mode="after")
    def _known(self) -> _EventEntry:
        if self.event not in SHOP_EVENTS | _FRIEND_EVENTS:
            raise ValueError(f"unknown event {self.event}")
        if self.event not in _KEYS_OF_EVENTS.get(self.key, frozenset()):
            raise ValueError(f"{self.event} has no key {self.key}")
        return self


class _DateEntry(_Strict):
    date: DateKind
    key: KeyKind
    days_before: Annotated[tuple[_Whole, ...], Field(min_length=1)] = (0,)

    @model_validator(mode="after")
    def _known(self) -> _DateEntry:
        if self.key is not _KEY_OF_DATE[self.date]:
            raise ValueError(f"{self.date} has no key {self.key}")
        if len(set(self.days_before)) != len(self.days_before):
            raise ValueError("days_before names a day twice")
        return self


class ScenarioFile(_Strict):
    """`scenarios/<id>.yaml`."""

    id: _Id
    version: Annotated[int, Field(ge=1)]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    audience: Annotated[Audience, Field(alias="for")]
    send_class: Annotated[SendClass, Field(alias="class")]
    entry: _EventEntry | _DateEntry
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]
    exits: tuple[str, ...] = ()

    @field_validator("entry", mode="before")
    @classmethod
    def _one_kind(cls, value: object) -> object:
        # Chosen here, so that an error speaks of the kind that was meant and not of both.
        if isinstance(value, dict):
            return _DateEntry.model_validate(value) if "date" in value else _EventEntry.model_validate(value)
        return value

    @model_validator(mode="after")
    def _coherent(self) -> ScenarioFile:
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids):
            raise ValueError("two steps have one id")
        if unknown := [name for name in self.exits if name not in SHOP_EVENTS | _FRIEND_EVENTS]:
            raise ValueError(f"unknown event {unknown[0]} in exits")
        friendly = isinstance(self.entry, _EventEntry) and self.entry.event in _FRIEND_EVENTS
        if friendly is not (self.audience is Audience.FRIEND):
            raise ValueError(f"for: {self.audience} does not fit its entry")
        parcels = isinstance(self.entry, _EventEntry) and self.entry.key is KeyKind.SHIPMENT
        if any(step.awaits and not parcels for step in self.steps):
            raise ValueError("only a scenario with the key shipment awaits a parcel's numbers")
        if any(step.reply and (i > 0 or not friendly) for i, step in enumerate(self.steps)):
            raise ValueError("only the first step of a friend's scenario can reply")
        return self

    def to_domain(self) -> Scenario:
        return Scenario(
            id=self.id,
            version=self.version,
            title=self.title,
            audience=self.audience,
            send_class=self.send_class,
            entry=_entry(self.entry),
            steps=tuple(_step(step) for step in self.steps),
            exits=self.exits,
        )


class TemplateFile(_Strict):
    """`templates/<id>.yaml`: LINE message objects as LINE documents them, with `${placeholders}` in their texts."""

    id: _Id
    messages: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=MAX_MESSAGES)]

    @field_validator("messages")
    @classmethod
    def _typed(cls, value: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        if any(not isinstance(message.get("type"), str) for message in value):
            raise ValueError("every message needs a type")
        return value


class CommandsFile(RootModel[dict[str, Command]]):
    """`commands.yaml`: what a friend types → the command."""


class WordsFile(_Strict):
    """`words.yaml`: small words that messages need whatever the template. Absent ones keep musubi's."""

    honorific: str | None = None
    nameless: str | None = None
    link_reward: str | None = None


def _entry(entry: _EventEntry | _DateEntry) -> EventEntry | DateEntry:
    if isinstance(entry, _EventEntry):
        return EventEntry(entry.event, entry.key)
    return DateEntry(entry.date, entry.key, entry.days_before)


def _step(step: _Step) -> Step:
    wait = Wait(step.wait.days, step.wait.hours, step.wait.minutes, step.wait.at)
    return Step(step.id, step.template, wait, step.reply, step.essential, step.expires_h, step.awaits)


def read_content(model: type[_M], document: Any, file: str) -> _M:
    """`document` as `model`; ConfigError naming `file` and every wrong key."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in one['loc']) or 'file'}: {one['msg']}"
            for one in error.errors(include_url=False)
        ]
        raise ConfigError(f"{file}: {'; '.join(problems)}") from None
