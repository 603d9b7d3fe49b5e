"""Browser sessions of the shop pages: who is logged in and what lies in the cart."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

COOKIE = "musubi_shoten"
# The demo members have one password, printed on the login page: nothing here protects anybody's data.
DEMO_PASSWORD = "musubi-demo"  # noqa: S105
MAX_SESSIONS = 10_000


@dataclass
class Session:
    """One browser."""

    member_id: str | None = None
    cart: dict[str, int] = field(default_factory=dict)


class Sessions:
    """Sessions by an unguessable cookie value; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._held: dict[str, Session] = {}

    def find(self, cookie: str | None) -> Session:
        """The browser's session, or an empty one that is not stored yet."""
        return self._held.get(cookie or "", Session())

    def keep(self, cookie: str | None, session: Session, *, renew: bool = False) -> str:
        """Store a session, return its cookie; `renew` gives a new one, as a login must (session fixation)."""
        if cookie and cookie in self._held and not renew:
            return cookie
        self._held.pop(cookie or "", None)
        while len(self._held) >= MAX_SESSIONS:
            self._held.pop(next(iter(self._held)))
        fresh = secrets.token_urlsafe(24)
        self._held[fresh] = session
        return fresh


def password_ok(given: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), DEMO_PASSWORD.encode())
