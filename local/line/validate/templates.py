"""Template messages: buttons, confirm, carousel, image_carousel (§2.9)."""

from __future__ import annotations

from typing import Any

from local.line.validate.actions import DEFAULT_ACTION, IMAGE_CAROUSEL, TEMPLATE, check_action
from local.line.validate.counting import graphemes
from local.line.validate.report import Report

_LOOK = {"imageAspectRatio", "imageSize", "imageBackgroundColor"}
_BUTTONS = {"type", "thumbnailImageUrl", "title", "text", "defaultAction", "actions"} | _LOOK
_COLUMN = {"thumbnailImageUrl", "imageBackgroundColor", "title", "text", "defaultAction", "actions"}


def check_template(report: Report, template: dict[str, Any], path: str) -> None:
    """Add what is wrong with one template object."""
    kind = report.enum(template, "type", path, ("buttons", "confirm", "carousel", "image_carousel"), required=True)
    if kind == "buttons":
        report.known(template, path, _BUTTONS)
        _look(report, template, path)
        _panel(report, template, path, plain=160, most_actions=4)
    elif kind == "confirm":
        report.known(template, path, {"type", "text", "actions"})
        report.text(template, "text", path, 240, required=True, count=graphemes)
        _actions(report, template, path, 2, 2)
    elif kind == "carousel":
        report.known(template, path, {"type", "columns"} | _LOOK)
        _look(report, template, path)
        _carousel(report, template, path)
    elif kind == "image_carousel":
        report.known(template, path, {"type", "columns"})
        _image_carousel(report, template, path)


def _look(report: Report, template: dict[str, Any], path: str) -> None:
    report.enum(template, "imageAspectRatio", path, ("rectangle", "square"))
    report.enum(template, "imageSize", path, ("cover", "contain"))


def _panel(report: Report, panel: dict[str, Any], path: str, *, plain: int, most_actions: int) -> None:
    report.url(panel, "thumbnailImageUrl", path)
    report.text(panel, "title", path, 40, count=graphemes)
    narrow = bool(panel.get("title") or panel.get("thumbnailImageUrl"))
    report.text(panel, "text", path, 60 if narrow else plain, required=True, count=graphemes)
    if "defaultAction" in panel:
        check_action(report, panel["defaultAction"], f"{path}.defaultAction", DEFAULT_ACTION)
    _actions(report, panel, path, 1, most_actions)


def _actions(report: Report, panel: dict[str, Any], path: str, least: int, most: int) -> None:
    for index, action in enumerate(report.array(panel, "actions", path, least, most)):
        check_action(report, action, f"{path}.actions[{index}]", TEMPLATE)


def _carousel(report: Report, template: dict[str, Any], path: str) -> None:
    columns = report.array(template, "columns", path, 1, 10)
    shapes = set()
    for index, column in enumerate(columns):
        where = f"{path}.columns[{index}]"
        if not isinstance(column, dict):
            report.add(where, "must be an object")
            continue
        report.known(column, where, _COLUMN)
        _panel(report, column, where, plain=120, most_actions=3)
        actions = column.get("actions")
        shapes.add(
            (
                len(actions) if isinstance(actions, list) else -1,
                bool(column.get("thumbnailImageUrl")),
                bool(column.get("title")),
            )
        )
    if len(shapes) > 1:
        report.add(f"{path}.columns", "all columns must have the same number of actions, images and titles")


def _image_carousel(report: Report, template: dict[str, Any], path: str) -> None:
    for index, column in enumerate(report.array(template, "columns", path, 1, 10)):
        where = f"{path}.columns[{index}]"
        if not isinstance(column, dict):
            report.add(where, "must be an object")
            continue
        report.url(column, "imageUrl", where, required=True)
        check_action(report, column.get("action"), f"{where}.action", IMAGE_CAROUSEL)
