"""What LINE's answers mean. By status first, by words only where LINE gives one status two meanings.

Source: Messaging API reference, "Retry failed requests", "Rate limits", "Status codes".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_MONTHLY = "monthly limit"
_USED_UP = "Invalid reply token"
_MAX_WORDS = 300


class AnswerKind(StrEnum):
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    """Nobody knows whether LINE accepted: same key, same body, later."""
    PASSING = "passing"
    """A clear no that will pass: rate limit, token, access. The breaker opens; no attempt is counted."""
    MONTHLY = "monthly"
    """The month's messages are used up."""
    REFUSED = "refused"
    """A clear, final no."""


@dataclass(frozen=True)
class Answer:
    """`reason` is our code for it, `message` LINE's own words (for the operator, never matched except above)."""

    kind: AnswerKind
    reason: str
    status: int | None = None
    request_id: str | None = None
    message: str | None = None
    bad_reply_token: bool = False


def classify(
    status: int | None, message: str | None, request_id: str | None, accepted_request_id: str | None = None
) -> Answer:
    """The meaning of one answer; `status` None is no answer at all (timeout, broken connection).

    409 is success: LINE has accepted this retry key before, `accepted_request_id` names that request.
    """
    words = (message or "")[:_MAX_WORDS] or None
    if status is None or status >= 500 or status in (408,):
        return Answer(
            AnswerKind.UNCLEAR, "no_answer" if status is None else f"line_{status}", status, request_id, words
        )
    if 200 <= status < 300:
        return Answer(AnswerKind.ACCEPTED, "accepted", status, request_id, words)
    if status == 409:
        return Answer(AnswerKind.ACCEPTED, "accepted_before", status, accepted_request_id or request_id, words)
    if status == 429 and _MONTHLY in (words or "").lower():
        return Answer(AnswerKind.MONTHLY, "monthly_limit", status, request_id, words)
    if status in (401, 403, 429):
        return Answer(AnswerKind.PASSING, f"line_{status}", status, request_id, words)
    bad_token = status == 400 and _USED_UP.lower() in (words or "").lower()
    reason = "invalid_reply_token" if bad_token else f"line_{status}"
    return Answer(AnswerKind.REFUSED, reason, status, request_id, words, bad_token)
