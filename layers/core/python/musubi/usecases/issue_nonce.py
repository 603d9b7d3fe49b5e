"""The shop has seen a member log in and wants to link: issue the nonce that LINE will hand back."""

from __future__ import annotations

from datetime import datetime, timedelta

from musubi.domain.errors import Retryable
from musubi.domain.linking import nonce_digest
from musubi.domain.people import Nonce
from musubi.domain.writes import Committed, Create
from musubi.ports import Store, Tokens

NONCE_LIFE = timedelta(minutes=10)
"""LINE's link token lives as long; an older login proves nothing any more."""


def issue_nonce(store: Store, tokens: Tokens, *, shop_id: str, member_id: str, now: datetime) -> tuple[str, Nonce]:
    """A fresh single-use nonce for `member_id` and what is stored of it. `now` is machine time.

    Source: Messaging API, "User account linking": 10–255 characters, unpredictable, ≥ 128 bits, used once.
    """
    nonce = tokens.secret()
    stored = Nonce(
        digest=nonce_digest(nonce),
        shop_id=shop_id,
        member_id=member_id,
        issued_at=now,
        expires_at=now + NONCE_LIFE,
    )
    if not isinstance(store.commit([Create(stored)]), Committed):
        raise Retryable("nonce_taken", after_s=1)
    return nonce, stored
