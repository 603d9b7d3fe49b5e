"""Action objects (§2.9 "Actions"): which kinds a place allows, how long their texts may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.line.validate.counting import graphemes
from local.line.validate.report import Report

_EVERYWHERE = ("postback", "message", "uri", "datetimepicker", "clipboard")
_INPUTS = ("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice")
_SCHEMES = ("http", "https", "line", "tel")
_FORMATS = {"date": "%Y-%m-%d", "time": "%H:%M", "datetime": "%Y-%m-%dT%H:%M"}
_PROPERTIES = {
    "postback": {"type", "label", "data", "displayText", "text", "inputOption", "fillInText"},
    "message": {"type", "label", "text"},
    "uri": {"type", "label", "uri", "altUri"},
    "datetimepicker": {"type", "label", "data", "mode", "initial", "max", "min"},
    "clipboard": {"type", "label", "clipboardText"},
    "camera": {"type", "label"},
    "cameraRoll": {"type", "label"},
    "location": {"type", "label"},
}


@dataclass(frozen=True)
class Place:
    """Where an action stands: the label's limit, whether it must be there, and the kinds allowed."""

    name: str
    label_max: int
    label_required: bool
    kinds: tuple[str, ...] = _EVERYWHERE


TEMPLATE = Place("template", 20, True)
IMAGE_CAROUSEL = Place("image_carousel", 12, False)
QUICK_REPLY = Place("quick reply", 20, True, (*_EVERYWHERE, "camera", "cameraRoll", "location"))
FLEX_BUTTON = Place("flex button", 40, True)
FLEX = Place("flex", 40, False)
DEFAULT_ACTION = Place("default action", 20, False)


def check_action(report: Report, action: Any, path: str, place: Place) -> None:
    """Add what is wrong with one action object."""
    if not isinstance(action, dict):
        report.add(path, "must be specified" if action is None else "must be an object")
        return
    kind = report.enum(action, "type", path, place.kinds, required=True)
    if kind is None:
        return
    report.known(action, path, _PROPERTIES[kind])
    report.text(
        action,
        "label",
        path,
        place.label_max,
        required=place.label_required,
        count=graphemes,
        least=1 if place.label_required else 0,
    )
    check = _CHECKS.get(kind)
    if check:
        check(report, action, path, place)


def _postback(report: Report, action: dict[str, Any], path: str, place: Place) -> None:
    report.text(action, "data", path, 300, required=True)
    report.text(action, "displayText", path, 300, count=graphemes)
    report.text(action, "text", path, 300, count=graphemes)
    if "displayText" in action and "text" in action:
        report.add(f"{path}.displayText", "cannot be used with text")
    option = report.enum(action, "inputOption", path, _INPUTS)
    if "fillInText" in action:
        report.text(action, "fillInText", path, 300, count=graphemes)
        if option != "openKeyboard":
            report.add(f"{path}.fillInText", "can be used only when inputOption is openKeyboard")


def _message(report: Report, action: dict[str, Any], path: str, place: Place) -> None:
    report.text(action, "text", path, 300, required=True, count=graphemes)


def _uri(report: Report, action: dict[str, Any], path: str, place: Place) -> None:
    report.url(action, "uri", path, most=report.uri_max, required=True, schemes=_SCHEMES)
    if "altUri" not in action:
        return
    if place not in (FLEX, FLEX_BUTTON):
        report.add(f"{path}.altUri", "Must not be specified")
        return
    alternative = report.child(action, "altUri", path)
    if alternative is not None:
        report.url(alternative, "desktop", f"{path}.altUri", most=report.uri_max, schemes=_SCHEMES)


def _datetimepicker(report: Report, action: dict[str, Any], path: str, place: Place) -> None:
    report.text(action, "data", path, 300, required=True)
    mode = report.enum(action, "mode", path, tuple(_FORMATS), required=True)
    if mode is None:
        return
    seen: dict[str, datetime] = {}
    for key in ("initial", "max", "min"):
        if key in action:
            moment = _moment(str(action[key]), mode)
            if moment is None:
                report.add(f"{path}.{key}", f"must be a valid {mode}")
            else:
                seen[key] = moment
    if "min" in seen and "max" in seen and seen["min"] >= seen["max"]:
        report.add(f"{path}.min", "min must be less than max")


def _moment(text: str, mode: str) -> datetime | None:
    if not re.fullmatch(r"[0-9:\-Tt]+", text):
        return None
    try:
        moment = datetime.strptime(text.upper(), _FORMATS[mode])  # noqa: DTZ007  a picker's value has no zone
    except ValueError:
        return None
    return moment if mode == "time" or 1900 <= moment.year <= 2100 else None


def _clipboard(report: Report, action: dict[str, Any], path: str, place: Place) -> None:
    report.text(action, "clipboardText", path, 1000, required=True)


_CHECKS = {
    "postback": _postback,
    "message": _message,
    "uri": _uri,
    "datetimepicker": _datetimepicker,
    "clipboard": _clipboard,
}
