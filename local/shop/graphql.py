"""As much of GraphQL as EC-CUBE's Web API plugin needs to be asked: queries with aliases, arguments, variables, fragments.

Strict: a field that is not in the schema, an object without a selection or an unused fragment is an error, as in the
real thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'\s*(?:,|(\.\.\.|[{}():!$=\[\]]|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"))')

Schema = Mapping[str, Mapping[str, str | None]]
"""Type → field → the type of the object it holds, None for a plain value."""

Resolve = Callable[[str, Mapping[str, Any]], Any]
"""(field of the query, its arguments) → document."""


class QueryError(Exception):
    """The query can not be answered; the message is what the client gets."""


@dataclass(frozen=True)
class Field:
    """One field of a selection, or the spread of a fragment (`name` begins with `...`)."""

    name: str
    alias: str
    arguments: Mapping[str, Any]
    selection: tuple[Field, ...] = ()


@dataclass(frozen=True)
class _Variable:
    name: str


class _Reader:
    """A query's tokens, read from front to back."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError(f"Syntax Error: Cannot parse the unexpected character at {at}.")
            if found[1]:
                self._tokens.append(found[1])
            at = found.end()
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at] if not self.done else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise QueryError(f"Syntax Error: Expected {wanted or 'more'}, found {token or '<EOF>'}.")
        self._at += 1
        return token

    def selection(self) -> tuple[Field, ...]:
        self.take("{")
        fields = []
        while self.peek() != "}":
            fields.append(self._field())
        self.take("}")
        if not fields:
            raise QueryError("Syntax Error: Expected Name, found }.")
        return tuple(fields)

    def _field(self) -> Field:
        name = self.take()
        if name == "...":
            return Field("..." + self.take(), "", {})
        alias = name
        if self.peek() == ":":
            self.take()
            name = self.take()
        arguments: dict[str, Any] = {}
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                argument = self.take()
                self.take(":")
                arguments[argument] = self._value()
            self.take(")")
        return Field(name, alias, arguments, self.selection() if self.peek() == "{" else ())

    def _value(self) -> Any:
        found = self.take()
        if found == "$":
            return _Variable(self.take())
        if found.startswith('"'):
            return found[1:-1]
        if re.fullmatch(r"-?\d+", found):
            return int(found)
        raise QueryError(f"Syntax Error: Unexpected {found}.")

    def variables(self) -> dict[str, str]:
        """The variables that a query declares, with their types."""
        found: dict[str, str] = {}
        if self.peek() != "(":
            return found
        self.take()
        while self.peek() != ")":
            self.take("$")
            name = self.take()
            self.take(":")
            found[name] = self.take()
            if self.peek() == "!":
                self.take()
        self.take(")")
        return found


def execute(query: str, variables: Mapping[str, Any], schema: Schema, resolve: Resolve) -> dict[str, Any]:
    """The `data` of a query on type `Query`; raises QueryError."""
    fields, fragments, declared = _parsed(query)
    given = {name: variables.get(name) for name in declared}
    used: set[str] = set()
    selected = _expanded(fields, "Query", schema, fragments, used)
    if unused := fragments.keys() - used:
        raise QueryError(f'Fragment "{min(unused)}" is never used.')
    data = {}
    for field in selected:
        arguments = {name: _filled(value, given) for name, value in field.arguments.items()}
        data[field.alias] = _shown(resolve(field.name, arguments), field.selection)
    return data


def _parsed(query: str) -> tuple[tuple[Field, ...], dict[str, tuple[str, tuple[Field, ...]]], dict[str, str]]:
    reader = _Reader(query)
    fields: tuple[Field, ...] = ()
    fragments: dict[str, tuple[str, tuple[Field, ...]]] = {}
    declared: dict[str, str] = {}
    while not reader.done:
        if reader.peek() == "fragment":
            reader.take()
            name = reader.take()
            reader.take("on")
            fragments[name] = (reader.take(), reader.selection())
            continue
        if reader.peek() != "{":
            reader.take("query")
            declared = reader.variables()
        fields = reader.selection()
    return fields, fragments, declared


def _expanded(
    fields: Sequence[Field],
    kind: str,
    schema: Schema,
    fragments: Mapping[str, tuple[str, tuple[Field, ...]]],
    used: set[str],
) -> tuple[Field, ...]:
    """`fields` of an object of type `kind`, checked, with the fragments in their places."""
    found: list[Field] = []
    for field in fields:
        if field.name.startswith("..."):
            name = field.name[3:]
            if name not in fragments or fragments[name][0] != kind:
                raise QueryError(f'Unknown fragment "{name}" on type "{kind}".')
            used.add(name)
            found.extend(_expanded(fragments[name][1], kind, schema, fragments, used))
            continue
        if field.name not in schema[kind]:
            raise QueryError(f'Cannot query field "{field.name}" on type "{kind}".')
        inner = schema[kind][field.name]
        if (inner is None) == bool(field.selection):
            raise QueryError(f'Field "{field.name}" of type "{inner or "scalar"}" and its selection do not fit.')
        selection = _expanded(field.selection, inner, schema, fragments, used) if inner else ()
        found.append(Field(field.name, field.alias, field.arguments, selection))
    return tuple(found)


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if not isinstance(value, _Variable):
        return value
    if value.name not in given:
        raise QueryError(f'Variable "${value.name}" is not defined.')
    return given[value.name]


def _shown(document: Any, selection: Sequence[Field]) -> Any:
    if document is None or not selection:
        return document
    if isinstance(document, list):
        return [_shown(one, selection) for one in document]
    return {field.alias: _shown(document.get(field.name), field.selection) for field in selection}
