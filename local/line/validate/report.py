"""Collects the errors of one request body, each with its property path, in LINE's words (§2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.line.validate.counting import utf16

_URI_CHARS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass
class Report:
    """Errors refuse the request; flags do not, but a correct client never causes one."""

    uri_max: int = 10_000
    coupons: Collection[str] = ()
    in_group: bool = False
    errors: list[dict[str, str]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def add(self, path: str, message: str) -> None:
        """One error at a property path."""
        self.errors.append({"message": message, "property": path})

    @property
    def message(self) -> str:
        """The headline of the 400 answer."""
        return f"The request body has {len(self.errors)} error(s)"

    def known(self, obj: dict[str, Any], path: str, allowed: Collection[str]) -> None:
        """Flag properties that LINE does not document: it drops them silently, so a typo would vanish."""
        self.flags += [f"{path}.{key}: unknown property" for key in obj if key not in allowed]

    def text(
        self,
        obj: dict[str, Any],
        key: str,
        path: str,
        most: int,
        *,
        required: bool = False,
        count: Callable[[str], int] = utf16,
        least: int = 1,
    ) -> str | None:
        """A string property between `least` and `most` long by the given way of counting."""
        value, where = obj.get(key), f"{path}.{key}" if path else key
        if value is None:
            if required:
                self.add(where, "May not be empty")
            return None
        if not isinstance(value, str):
            self.add(where, "must be a string")
            return None
        if least and not value:
            self.add(where, "May not be empty")
            return None
        if not least <= count(value) <= most:
            self.add(where, f"Length must be between {0 if least <= 1 else least} and {most}")
            return None
        return value

    def url(
        self,
        obj: dict[str, Any],
        key: str,
        path: str,
        *,
        most: int = 2000,
        required: bool = False,
        schemes: Collection[str] = ("https",),
    ) -> str | None:
        """A percent-encoded URL with an allowed scheme; LINE's image and media URLs are https only."""
        value = self.text(obj, key, path, most, required=required)
        if value is None:
            return None
        scheme, _, rest = value.partition(":")
        ok = scheme.lower() in schemes and bool(rest) and bool(_URI_CHARS.fullmatch(value))
        if ok and scheme.lower() in {"http", "https"}:
            ok = bool(_host(value)) and not _BAD_PERCENT.search(value)
        if not ok:
            wrong = scheme.lower() not in schemes and "://" in value
            self.add(f"{path}.{key}", "invalid uri scheme" if wrong else "invalid uri")
            return None
        return value

    def enum(
        self, obj: dict[str, Any], key: str, path: str, values: Collection[str], *, required: bool = False
    ) -> str | None:
        """A property out of a closed set."""
        value = obj.get(key)
        if value is None:
            if required:
                self.add(f"{path}.{key}", "must be specified")
            return None
        if not isinstance(value, str) or value not in values:
            listed = ", ".join(values)
            self.add(f"{path}.{key}", f"Must be one of the following values: [{listed}]")
            return None
        return value

    def array(
        self, obj: dict[str, Any], key: str, path: str, least: int, most: int, *, required: bool = True
    ) -> list[Any]:
        """A list property of a bounded size; [] when it is missing or wrong."""
        value, where = obj.get(key), f"{path}.{key}" if path else key
        if value is None:
            if required:
                self.add(where, "May not be empty")
            return []
        if not isinstance(value, list):
            self.add(where, "must be an array")
            return []
        if not least <= len(value) <= most:
            self.add(where, f"Size must be between {least} and {most}")
            return []
        return value

    def child(self, obj: dict[str, Any], key: str, path: str, *, required: bool = True) -> dict[str, Any] | None:
        """An object property, or None with an error when it is required or no object."""
        value = obj.get(key)
        if value is None:
            if required:
                self.add(f"{path}.{key}", "must be specified")
            return None
        if not isinstance(value, dict):
            self.add(f"{path}.{key}", "must be an object")
            return None
        return value

    def number(
        self,
        obj: dict[str, Any],
        key: str,
        path: str,
        least: float,
        most: float,
        *,
        whole: bool = True,
        required: bool = True,
    ) -> None:
        """A number property in a range."""
        value = obj.get(key)
        if value is None:
            if required:
                self.add(f"{path}.{key}", "must be specified")
            return
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            self.add(f"{path}.{key}", f"must be between {least:g} and {most:g}")

    def boolean(self, obj: dict[str, Any], key: str, path: str) -> None:
        """An optional boolean property."""
        if key in obj and not isinstance(obj[key], bool):
            self.add(f"{path}.{key}" if path else key, "must be a boolean")


def _host(value: str) -> str | None:
    try:
        return urlsplit(value).hostname
    except ValueError:
        return None
