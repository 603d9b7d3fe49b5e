"""Message objects: the list, the common properties and the plain types (§2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local.line.validate.actions import QUICK_REPLY, check_action
from local.line.validate.counting import graphemes
from local.line.validate.flex import check_flex
from local.line.validate.imagemap import check_imagemap
from local.line.validate.report import Report
from local.line.validate.templates import check_template

_COMMON = {"type", "quickReply", "sender"}
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_messages(report: Report, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Validate `messages` of a send or validate/* call; returns the list (meaningful when nothing was added)."""
    items = report.array(body, "messages", "", 1, 5)
    for index, item in enumerate(items):
        _message(report, item, f"messages[{index}]")
    return [item for item in items if isinstance(item, dict)]


def _message(report: Report, item: Any, path: str) -> None:
    if not isinstance(item, dict):
        report.add(path, "must be an object")
        return
    kind = report.enum(item, "type", path, tuple(_TYPES), required=True)
    if kind is None:
        return
    check, properties = _TYPES[kind]
    report.known(item, path, _COMMON | properties)
    _quick_reply(report, item, path)
    _sender(report, item, path)
    check(report, item, path)


def _quick_reply(report: Report, item: dict[str, Any], path: str) -> None:
    if "quickReply" not in item:
        return
    reply = report.child(item, "quickReply", path)
    if reply is None:
        return
    for index, button in enumerate(report.array(reply, "items", f"{path}.quickReply", 1, 13)):
        where = f"{path}.quickReply.items[{index}]"
        if not isinstance(button, dict):
            report.add(where, "must be an object")
            continue
        report.enum(button, "type", where, ("action",), required=True)
        report.url(button, "imageUrl", where)
        check_action(report, button.get("action"), f"{where}.action", QUICK_REPLY)


def _sender(report: Report, item: dict[str, Any], path: str) -> None:
    sender = report.child(item, "sender", path, required=False) if "sender" in item else None
    if sender is None:
        return
    name = report.text(sender, "name", f"{path}.sender", 20)
    if name and "line" in name.lower():
        report.add(f"{path}.sender.name", "contains a word that cannot be used")
    report.url(sender, "iconUrl", f"{path}.sender")


def _text(report: Report, item: dict[str, Any], path: str) -> None:
    value = report.text(item, "text", path, 5000, required=True)
    report.text(item, "quoteToken", path, 1000)
    emojis = report.array(item, "emojis", path, 0, 20, required=False)
    for index, emoji in enumerate(emojis):
        where = f"{path}.emojis[{index}]"
        if not isinstance(emoji, dict):
            report.add(where, "must be an object")
            continue
        report.text(emoji, "productId", where, 100, required=True)
        report.text(emoji, "emojiId", where, 100, required=True)
        _emoji_index(report, emoji.get("index"), value or "", where)


def _emoji_index(report: Report, index: Any, text: str, path: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        report.add(f"{path}.index", "must be specified")
    elif units[index * 2 : index * 2 + 2] != "$".encode("utf-16-le"):
        report.add(f"{path}.index", "must point to the position of '$' in the text")


def _text_v2(report: Report, item: dict[str, Any], path: str) -> None:
    value = report.text(item, "text", path, 5000, required=True)
    given = report.child(item, "substitution", path, required=False) or {}
    if len(given) > 100:
        report.add(f"{path}.substitution", "Size must be between 0 and 100")
    for key, substitute in given.items():
        _substitute(report, key, substitute, f"{path}.substitution.{key}")
    for kind in ("mention", "emoji"):
        if sum(isinstance(s, dict) and s.get("type") == kind for s in given.values()) > 20:
            report.add(f"{path}.substitution", f"{kind}: Size must be between 0 and 20")
    for match in _PLACEHOLDER.finditer(value or ""):
        if match.group() in ("{", "}"):
            report.add(f"{path}.text", "a brace must be escaped by doubling it")
        elif match.group(1) is not None and match.group(1) not in given:
            report.add(f"{path}.text", f"placeholder {{{match.group(1)}}} must be specified in substitution")


def _substitute(report: Report, key: str, substitute: Any, path: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z_]{1,20}", key):
        report.add(path, "key must match [0-9A-Za-z_]{1,20}")
    if not isinstance(substitute, dict):
        report.add(path, "must be an object")
        return
    kind = report.enum(substitute, "type", path, ("mention", "emoji"), required=True)
    if kind == "mention" and not report.in_group:
        report.add(path, "a mention can be used only in group chats")
    if kind == "emoji":
        report.text(substitute, "productId", path, 100, required=True)
        report.text(substitute, "emojiId", path, 100, required=True)


def _sticker(report: Report, item: dict[str, Any], path: str) -> None:
    for key in ("packageId", "stickerId"):
        value = report.text(item, key, path, 20, required=True)
        if value and not value.isdigit():
            report.add(f"{path}.{key}", "must be a number in text form")


def _image(report: Report, item: dict[str, Any], path: str) -> None:
    report.url(item, "originalContentUrl", path, required=True)
    report.url(item, "previewImageUrl", path, required=True)


def _video(report: Report, item: dict[str, Any], path: str) -> None:
    _image(report, item, path)
    tracking = report.text(item, "trackingId", path, 100)
    if tracking and report.in_group:
        report.add(f"{path}.trackingId", "can be used only in one-on-one chats")


def _audio(report: Report, item: dict[str, Any], path: str) -> None:
    report.url(item, "originalContentUrl", path, required=True)
    report.number(item, "duration", path, 1, 10**9)


def _location(report: Report, item: dict[str, Any], path: str) -> None:
    report.text(item, "title", path, 100, required=True)
    report.text(item, "address", path, 100, required=True)
    report.number(item, "latitude", path, -90, 90, whole=False)
    report.number(item, "longitude", path, -180, 180, whole=False)


def _template(report: Report, item: dict[str, Any], path: str) -> None:
    report.text(item, "altText", path, 1500, required=True)
    template = report.child(item, "template", path)
    if template is not None:
        check_template(report, template, f"{path}.template")


def _flex(report: Report, item: dict[str, Any], path: str) -> None:
    report.text(item, "altText", path, 1500, required=True)
    contents = report.child(item, "contents", path)
    if contents is not None:
        check_flex(report, contents, f"{path}.contents")


def _coupon(report: Report, item: dict[str, Any], path: str) -> None:
    coupon = report.text(item, "couponId", path, 100, required=True)
    if coupon and coupon not in report.coupons:
        report.add(f"{path}.couponId", "coupon not found or closed")
    tag = report.text(item, "deliveryTag", path, 30, count=graphemes)
    if tag and not re.fullmatch(r"[A-Za-z0-9_]+", tag):
        report.add(f"{path}.deliveryTag", "must match [A-Za-z0-9_]+")


_TYPES: dict[str, tuple[Callable[[Report, dict[str, Any], str], None], set[str]]] = {
    "text": (_text, {"text", "emojis", "quoteToken"}),
    "textV2": (_text_v2, {"text", "substitution", "quoteToken"}),
    "sticker": (_sticker, {"packageId", "stickerId", "quoteToken"}),
    "image": (_image, {"originalContentUrl", "previewImageUrl"}),
    "video": (_video, {"originalContentUrl", "previewImageUrl", "trackingId"}),
    "audio": (_audio, {"originalContentUrl", "duration"}),
    "location": (_location, {"title", "address", "latitude", "longitude"}),
    "imagemap": (check_imagemap, {"baseUrl", "altText", "baseSize", "video", "actions"}),
    "template": (_template, {"altText", "template"}),
    "flex": (_flex, {"altText", "contents"}),
    "coupon": (_coupon, {"couponId", "deliveryTag"}),
}
