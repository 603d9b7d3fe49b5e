"""Flex messages: containers, boxes and components (§2.9).

Property paths go on as in other messages (a gap: LINE's own form is not documented).
"""

from __future__ import annotations

import json
from typing import Any

from local.line.validate.actions import FLEX, FLEX_BUTTON, check_action
from local.line.validate.report import Report

BUBBLE_BYTES = 30 * 1024
CAROUSEL_BYTES = 50 * 1024
_SIZES = ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
_PLACED = {"position", "offsetTop", "offsetBottom", "offsetStart", "offsetEnd", "margin", "flex", "type"}
_PADDED = {"paddingAll", "paddingTop", "paddingBottom", "paddingStart", "paddingEnd"}
_PROPERTIES: dict[str, set[str]] = {
    "box": _PLACED
    | _PADDED
    | {
        "layout",
        "contents",
        "backgroundColor",
        "borderColor",
        "borderWidth",
        "cornerRadius",
        "width",
        "maxWidth",
        "height",
        "maxHeight",
        "spacing",
        "action",
        "justifyContent",
        "alignItems",
        "background",
    },
    "button": _PLACED | {"action", "height", "style", "color", "gravity", "adjustMode", "scaling"},
    "image": _PLACED
    | {
        "url",
        "align",
        "gravity",
        "size",
        "aspectRatio",
        "aspectMode",
        "backgroundColor",
        "action",
        "animated",
    },
    "video": {"type", "url", "previewUrl", "altContent", "aspectRatio", "action"},
    "icon": _PLACED | {"url", "size", "aspectRatio", "scaling"},
    "text": _PLACED
    | {
        "text",
        "contents",
        "adjustMode",
        "size",
        "align",
        "gravity",
        "wrap",
        "lineSpacing",
        "maxLines",
        "weight",
        "color",
        "action",
        "style",
        "decoration",
        "scaling",
    },
    "span": {"type", "text", "color", "size", "weight", "style", "decoration"},
    "separator": {"type", "margin", "color"},
    "filler": {"type", "flex"},
    "spacer": {"type", "size"},
}
_BUBBLE = {"type", "size", "direction", "header", "hero", "body", "footer", "styles", "action"}
_IN_BOX = ("box", "button", "image", "text", "separator", "filler", "spacer")
_IN_BASELINE = ("icon", "text", "filler", "spacer")


def check_flex(report: Report, contents: dict[str, Any], path: str) -> None:
    """Add what is wrong with one flex container."""
    kind = report.enum(contents, "type", path, ("bubble", "carousel"), required=True)
    if kind == "bubble":
        _bubble(report, contents, path, in_carousel=False)
    elif kind == "carousel":
        _unknown(report, contents, path, {"type", "contents"})
        bubbles = report.array(contents, "contents", path, 1, 12)
        for index, bubble in enumerate(bubbles):
            where = f"{path}.contents[{index}]"
            if isinstance(bubble, dict) and bubble.get("type") == "bubble":
                _bubble(report, bubble, where, in_carousel=True)
            else:
                report.add(f"{where}.type", "Must be one of the following values: [bubble]")
        if len({b.get("size", "mega") for b in bubbles if isinstance(b, dict)}) > 1:
            report.add(f"{path}.contents", "all bubbles must have the same size")
        _weight(report, contents, path, CAROUSEL_BYTES)


def _weight(report: Report, container: dict[str, Any], path: str, most: int) -> None:
    if len(json.dumps(container, ensure_ascii=False, separators=(",", ":")).encode()) > most:
        report.add(path, f"size must be at most {most // 1024} KB")


def _unknown(report: Report, obj: dict[str, Any], path: str, allowed: set[str]) -> None:
    for key in obj:
        if key not in allowed:
            report.add(f"{path}.{key}", "unknown field")


def _bubble(report: Report, bubble: dict[str, Any], path: str, *, in_carousel: bool) -> None:
    _unknown(report, bubble, path, _BUBBLE)
    report.enum(bubble, "size", path, _SIZES)
    report.enum(bubble, "direction", path, ("ltr", "rtl"))
    for block in ("header", "body", "footer"):
        if block in bubble:
            _component(report, bubble[block], f"{path}.{block}", ("box",))
    if "hero" in bubble:
        _component(report, bubble["hero"], f"{path}.hero", ("box", "image", "video"))
        _hero_video(report, bubble, path, in_carousel=in_carousel)
    if "action" in bubble:
        check_action(report, bubble["action"], f"{path}.action", FLEX)
    if not any(block in bubble for block in ("header", "hero", "body", "footer")):
        report.add(path, "at least one block must be specified")
    _weight(report, bubble, path, BUBBLE_BYTES)


def _hero_video(report: Report, bubble: dict[str, Any], path: str, *, in_carousel: bool) -> None:
    hero = bubble["hero"]
    if not isinstance(hero, dict) or hero.get("type") != "video":
        return
    if in_carousel:
        report.add(f"{path}.hero", "a video cannot be used in a carousel")
    if bubble.get("size", "mega") not in ("kilo", "mega", "giga"):
        report.add(f"{path}.size", "Must be one of the following values: [kilo, mega, giga]")


def _component(report: Report, item: Any, path: str, kinds: tuple[str, ...]) -> None:
    if not isinstance(item, dict):
        report.add(path, "must be an object")
        return
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        report.add(f"{path}.type", f"Must be one of the following values: [{', '.join(kinds)}]")
        return
    _unknown(report, item, path, _PROPERTIES[kind])
    if kind == "box":
        _box(report, item, path)
    elif kind == "button":
        report.enum(item, "style", path, ("link", "primary", "secondary"))
        report.enum(item, "height", path, ("sm", "md"))
        check_action(report, item.get("action"), f"{path}.action", FLEX_BUTTON)
    elif kind in ("image", "icon"):
        report.url(item, "url", path, required=True)
    elif kind == "video":
        report.url(item, "url", path, required=True)
        report.url(item, "previewUrl", path, required=True)
        _component(report, item.get("altContent"), f"{path}.altContent", ("box", "image"))
    elif kind == "text":
        _text(report, item, path)
    if kind != "button" and "action" in item:
        check_action(report, item["action"], f"{path}.action", FLEX)


def _box(report: Report, box: dict[str, Any], path: str) -> None:
    layout = report.enum(box, "layout", path, ("horizontal", "vertical", "baseline"), required=True)
    contents = box.get("contents")
    if not isinstance(contents, list):
        report.add(f"{path}.contents", "must be specified")
        return
    kinds = _IN_BASELINE if layout == "baseline" else _IN_BOX
    for index, item in enumerate(contents):
        _component(report, item, f"{path}.contents[{index}]", kinds)


def _text(report: Report, item: dict[str, Any], path: str) -> None:
    spans = item.get("contents")
    if "text" not in item and not spans:
        report.add(f"{path}.text", "must be specified")
    elif "text" in item and (not isinstance(item["text"], str) or (not item["text"] and not spans)):
        report.add(f"{path}.text", "must be non-empty text")
    for index, span in enumerate(spans if isinstance(spans, list) else []):
        where = f"{path}.contents[{index}]"
        _component(report, span, where, ("span",))
        if isinstance(span, dict) and not isinstance(span.get("text"), str):
            report.add(f"{where}.text", "must be specified")
