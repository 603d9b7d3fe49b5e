"""Imagemap messages (§2.9)."""

from __future__ import annotations

from typing import Any

from local.line.validate.report import Report


def check_imagemap(report: Report, item: dict[str, Any], path: str) -> None:
    """Add what is wrong with one imagemap message."""
    base = report.url(item, "baseUrl", path, required=True)
    if base and base.rsplit("/", 1)[-1].lower().endswith((".png", ".jpg", ".jpeg")):
        report.add(f"{path}.baseUrl", "must have no file extension")
    report.text(item, "altText", path, 1500, required=True)
    size = report.child(item, "baseSize", path)
    if size is not None:
        report.number(size, "width", f"{path}.baseSize", 1040, 1040)
        report.number(size, "height", f"{path}.baseSize", 1, 10**6)
    for index, action in enumerate(report.array(item, "actions", path, 1, 50)):
        _action(report, action, f"{path}.actions[{index}]")


def _action(report: Report, action: Any, path: str) -> None:
    if not isinstance(action, dict):
        report.add(path, "must be an object")
        return
    kind = report.enum(action, "type", path, ("uri", "message", "clipboard"), required=True)
    report.text(action, "label", path, 100)
    if kind == "uri":
        report.url(action, "linkUri", path, most=1000, required=True, schemes=("http", "https", "line", "tel"))
    elif kind == "message":
        report.text(action, "text", path, 400, required=True)
    elif kind == "clipboard":
        report.text(action, "clipboardText", path, 1000, required=True)
    area = report.child(action, "area", path)
    for key in ("x", "y", "width", "height") if area is not None else ():
        report.number(area or {}, key, f"{path}.area", 0, 10**6)
