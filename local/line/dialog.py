"""LINE's account-link dialog on the access host (§4a, §9.21)."""

from __future__ import annotations

from dataclasses import dataclass

from local.line import events
from local.line.state import LinkToken, World
from local.line.values import Json

LINK_TOKEN_S = 10 * 60.0
COOKIE = "line_browser_user"


@dataclass(frozen=True)
class Page:
    """What the browser shows next: a page name with its facts, and the webhook events that follow."""

    name: str
    status: int
    facts: Json
    events: tuple[Json, ...] = ()


def open_link(world: World, link_token: str, nonce: str, browser_user: str | None) -> Page:
    """The consent page; an error page for a bad token or nonce, and then there is no webhook at all."""
    problem = _problem(world, link_token, nonce)
    if problem:
        world.violation("account link dialog refused", problem, ordered=_by_clock(world, link_token))
        return Page("error", 400, {"reason": problem})
    user = browser_user or world.browser.user_id
    if user not in world.users:
        people = [{"user_id": u.user_id, "name": u.display_name} for u in world.users.values()]
        return Page("login", 200, {"people": people, "link_token": link_token, "nonce": nonce})
    if world.browser.auto_consent:
        return consent(world, link_token, nonce, user)
    name = world.users[user].display_name
    return Page(
        "consent",
        200,
        {
            "link_token": link_token,
            "nonce": nonce,
            "user_id": user,
            "name": name,
            "bot": world.config.bot_name,
        },
    )


def consent(world: World, link_token: str, nonce: str, browser_user: str | None) -> Page:
    """The person agrees: the token is spent; `ok` for the person it was issued for, else `failed`."""
    problem = _problem(world, link_token, nonce)
    if problem:
        world.violation("account link dialog refused", problem, ordered=_by_clock(world, link_token))
        return Page("error", 400, {"reason": problem})
    token = world.link_tokens[link_token]
    token.used = True
    user = world.users.get(browser_user or world.browser.user_id or "")
    ok = user is not None and user.user_id == token.user_id
    made = events.account_link(world, user, nonce, ok=ok)
    return Page("done" if ok else "failed", 200, {"bot": world.config.bot_name}, tuple(made))


def _problem(world: World, link_token: str, nonce: str) -> str | None:
    token = world.link_tokens.get(link_token)
    if token is None:
        return "unknown link token"
    if token.used:
        return "used link token"
    if _expired(world, token):
        return "expired link token"
    if not 10 <= len(nonce) <= 255:
        return "nonce must have 10 to 255 characters"
    return None


def _expired(world: World, token: LinkToken) -> bool:
    return world.clock.now() - token.issued_at >= LINK_TOKEN_S


def _by_clock(world: World, link_token: str) -> bool:
    """An aged link token is the person's slowness, played by the story; a bad nonce is the shop's mistake."""
    token = world.link_tokens.get(link_token)
    return token is not None and (token.used or _expired(world, token))
