"""Actions that a shown bubble offers, in reading order, and what happens when the person taps one."""

from __future__ import annotations

from typing import Any

from local.line import events
from local.line.state import ChatItem, User, World
from local.line.values import Json


def actions_of(message: Json) -> list[Json]:
    """Tappable actions of a message: template, flex, imagemap, then its quick replies."""
    kind = message.get("type")
    found: list[Json] = []
    if kind == "template":
        found += _template_actions(message.get("template", {}))
    elif kind == "flex":
        found += _walk(message.get("contents", {}))
    elif kind == "imagemap":
        found += [_imagemap_action(action) for action in message.get("actions", [])]
    return found + quick_replies(message)


def quick_replies(message: Json) -> list[Json]:
    """The actions of a message's quick reply buttons."""
    items = (message.get("quickReply") or {}).get("items", [])
    return [item["action"] for item in items]


def _template_actions(template: Json) -> list[Json]:
    panels = template.get("columns") or [template]
    found: list[Json] = []
    for panel in panels:
        if "action" in panel:
            found.append(panel["action"])
        if "defaultAction" in panel:
            found.append(panel["defaultAction"])
        found += panel.get("actions", [])
    return found


def _imagemap_action(action: Json) -> Json:
    if action.get("type") == "uri":
        return {"type": "uri", "label": action.get("label", ""), "uri": action.get("linkUri", "")}
    return action


def _walk(node: Any) -> list[Json]:
    found: list[Json] = []
    if isinstance(node, list):
        for item in node:
            found += _walk(item)
    elif isinstance(node, dict):
        if isinstance(node.get("action"), dict):
            found.append(node["action"])
        for key in ("header", "hero", "body", "footer", "contents", "altContent"):
            if key in node:
                found += _walk(node[key])
    return found


def find(user: User, want: Json) -> tuple[ChatItem, Json]:
    """The bubble and action meant by `bubble` (number, or the newest with actions), and `index` or `label`."""
    shown = [item for item in user.timeline if item.sender == "bot" and actions_of(item.message)]
    label, number = want.get("label"), want.get("bubble")
    for item in reversed(shown):
        if number is not None and str(item.n) != str(number) and item.message_id != str(number):
            continue
        actions = actions_of(item.message)
        if label is None:
            index = int(want.get("index", 0))
            if 0 <= index < len(actions):
                return item, actions[index]
            raise events.Impossible(f"bubble {item.n} has {len(actions)} actions, not index {index}")
        match = next((action for action in actions if label in (action.get("label"), action.get("text"))), None)
        if match is not None:
            return item, match
    raise events.Impossible("no shown bubble has that action")


def tap(world: World, user: User, want: Json) -> tuple[list[Json], Json]:
    """Tap an action: the webhook events it causes, and the action itself (a uri action causes none)."""
    _, action = find(user, want)
    kind = action.get("type")
    if kind == "message":
        return events.say(world, user, {"text": action.get("text", "")}), action
    if kind == "postback":
        shown = action.get("displayText") or action.get("text")
        return events.postback(world, user, {"data": action["data"], "display_text": shown}), action
    if kind == "datetimepicker":
        value = want.get("value") or action.get("initial") or _DEFAULTS[action["mode"]]
        params = {action["mode"]: value}
        return events.postback(world, user, {"data": action["data"], "params": params}), action
    return [], action


_DEFAULTS = {"date": "2026-12-24", "time": "10:00", "datetime": "2026-12-24T10:00"}
