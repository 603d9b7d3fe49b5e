"""Turns chat items and flex JSON into what the templates need: action numbers, safe styles, local image URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.line.clock import jst
from local.line.state import ChatItem, User
from local.line.taps import actions_of, quick_replies
from local.line.values import Json

_WEEKDAYS = "月火水木金土日"
_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}")
_LENGTH = re.compile(r"\d{1,4}(\.\d+)?(px|%)")
_GAPS = {"none": 0, "xs": 2, "sm": 4, "md": 8, "lg": 12, "xl": 16, "xxl": 20}
_TEXT = {"xxs": 11, "xs": 12, "sm": 13, "md": 15, "lg": 17, "xl": 20, "xxl": 24, "3xl": 28, "4xl": 34, "5xl": 42}
_IMAGE = {
    "xxs": 40,
    "xs": 60,
    "sm": 80,
    "md": 100,
    "lg": 120,
    "xl": 140,
    "xxl": 160,
    "3xl": 180,
    "4xl": 200,
    "5xl": 220,
}
_SIDES = {"start": "left", "end": "right", "center": "center"}


class Bubble:
    """One chat item for the templates."""

    def __init__(self, item: ChatItem) -> None:
        self.n, self.sender, self.message, self.message_id = item.n, item.sender, item.message, item.message_id
        moment = jst(item.shown_at)
        self.time = moment.strftime("%H:%M")
        self.day = f"{moment.month}月{moment.day}日({_WEEKDAYS[moment.weekday()]})"
        self.iso = moment.isoformat(timespec="seconds")
        self._actions = actions_of(item.message) if item.sender == "bot" else []

    def index(self, action: Json) -> int:
        """Number of an action within its bubble, as taps count them."""
        return next((i for i, known in enumerate(self._actions) if known is action), 0)

    @property
    def kind(self) -> str:
        """Message type."""
        return str(self.message.get("type", "text"))


def chat(user: User) -> list[tuple[str, list[Bubble]]]:
    """A person's bubbles by Tokyo day, oldest first."""
    days: list[tuple[str, list[Bubble]]] = []
    for item in user.timeline:
        bubble = Bubble(item)
        if not days or days[-1][0] != bubble.day:
            days.append((bubble.day, []))
        days[-1][1].append(bubble)
    return days


def open_quick_replies(user: User) -> tuple[Bubble | None, list[Json]]:
    """Quick replies of the newest bubble only; any newer message hides them (§2.9)."""
    shown = [item for item in user.timeline if item.sender != "note"]
    if not shown or shown[-1].sender != "bot":
        return None, []
    return Bubble(shown[-1]), quick_replies(shown[-1].message)


def image_url(image_map: Mapping[str, Path], url: str) -> str:
    """The address the page loads: a local one when the public base is mapped, else the https URL as it is."""
    for number, base in enumerate(image_map):
        if url.startswith(f"{base}/"):
            return f"/phone/image/{number}/{url[len(base) + 1 :].partition('?')[0]}"
    return url


def _length(value: Any, names: Mapping[str, int]) -> str | None:
    if not isinstance(value, str):
        return None
    if value in names:
        return f"{names[value]}px"
    return value if _LENGTH.fullmatch(value) else None


def _color(value: Any) -> str | None:
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else None


def flex_style(node: Json, parent: str = "vertical", gap: str | None = None) -> str:
    """Inline CSS of a flex component. Only colours and lengths of a known shape pass, so no CSS can be injected."""
    rules: dict[str, str | None] = {
        "background-color": _color(node.get("backgroundColor")),
        "color": _color(node.get("color")) if node.get("type") in ("text", "span") else None,
        "width": _length(node.get("width"), {}),
        "height": _length(node.get("height"), {}) if node.get("type") == "box" else None,
        "padding": _length(node.get("paddingAll"), _GAPS),
        "padding-top": _length(node.get("paddingTop"), _GAPS),
        "padding-bottom": _length(node.get("paddingBottom"), _GAPS),
        "padding-left": _length(node.get("paddingStart"), _GAPS),
        "padding-right": _length(node.get("paddingEnd"), _GAPS),
        "border-radius": _length(node.get("cornerRadius"), {k: v * 2 for k, v in _GAPS.items()}),
        "flex": _grow(node, parent),
        f"margin-{'top' if parent == 'vertical' else 'left'}": _length(node.get("margin", gap), _GAPS),
    }
    if _color(node.get("borderColor")):
        rules["border"] = f"{_length(node.get('borderWidth'), {}) or '1px'} solid {node['borderColor']}"
    rules |= _text_rules(node)
    return ";".join(f"{name}:{value}" for name, value in rules.items() if value)


def _grow(node: Json, parent: str) -> str | None:
    share = node.get("flex")
    if isinstance(share, int) and not isinstance(share, bool) and share >= 0:
        return "0 0 auto" if share == 0 else f"{share} 1 0"
    if parent in ("horizontal", "baseline") and node.get("type") not in ("icon", "separator"):
        return "1 1 0"
    return None


def _text_rules(node: Json) -> dict[str, str | None]:
    if node.get("type") not in ("text", "span"):
        return {"justify-content": _justify(node)} if node.get("type") == "box" else {}
    return {
        "font-size": _length(node.get("size", "md" if node["type"] == "text" else None), _TEXT),
        "font-weight": "700" if node.get("weight") == "bold" else None,
        "text-align": _SIDES.get(str(node.get("align"))),
        "white-space": "pre-wrap" if node.get("wrap") else None,
        "text-decoration": {"underline": "underline", "line-through": "line-through"}.get(str(node.get("decoration"))),
    }


def _justify(node: Json) -> str | None:
    allowed = ("center", "flex-start", "flex-end", "space-between", "space-around", "space-evenly")
    return node.get("justifyContent") if node.get("justifyContent") in allowed else None


def image_style(node: Json) -> str:
    """Inline CSS of a flex image: size keyword, ratio, cover or fit."""
    size = str(node.get("size", "md"))
    width = "100%" if size == "full" else (_length(size, _IMAGE) or "100px")
    ratio = str(node.get("aspectRatio", "1:1"))
    ratio = ratio.replace(":", "/") if re.fullmatch(r"\d{1,4}(\.\d+)?:\d{1,4}(\.\d+)?", ratio) else "1/1"
    fit = "cover" if node.get("aspectMode") == "cover" else "contain"
    return f"width:{width};aspect-ratio:{ratio};object-fit:{fit}"


def color_of(value: Any) -> str:
    """A colour that is safe in a style attribute, or nothing."""
    return _color(value) or ""
