"""Names of what people can do, as control calls and phone pages use them."""

from __future__ import annotations

from collections.abc import Callable

from local.line import events, rare, taps
from local.line.events import Impossible
from local.line.state import User, World
from local.line.values import Json

_ACTS: dict[str, Callable[[World, User, Json], list[Json]]] = {
    "follow": events.follow,
    "unfollow": events.unfollow,
    "delete_account": events.delete_account,
    "standby": events.standby,
    "message": events.say,
    "text": lambda world, user, want: events.say(world, user, {**want, "kind": "text"}),
    "sticker": lambda world, user, want: events.say(world, user, {**want, "kind": "sticker"}),
    "image": lambda world, user, want: events.say(world, user, {**want, "kind": "image"}),
    "postback": events.postback,
    "unsend": events.unsend,
    "raw": events.raw,
}


def perform(world: World, user_id: str, action: str, want: Json) -> tuple[list[Json], Json | None]:
    """Let a person act: the events that follow and, for a tap, the action. Raises Impossible or KeyError."""
    user = world.users[user_id]
    if action == "tap":
        return taps.tap(world, user, want)
    if action == "account_link":
        nonce = str(want.get("nonce", ""))
        return events.account_link(world, user, nonce, ok=bool(want.get("ok", True))), None
    if action in rare.TYPES:
        return rare.happen(world, user, action, want), None
    if action not in _ACTS:
        raise Impossible(f"unknown action {action}: {', '.join([*_ACTS, *rare.TYPES, 'tap', 'account_link'])}")
    return _ACTS[action](world, user, want), None
