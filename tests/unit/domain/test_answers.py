"""What LINE's answers mean (DESIGN §6.3), by status first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.answers import AnswerKind, classify

MONTHLY = "You have reached your monthly limit."
RATE = "The API rate limit has been exceeded. Try again later."


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (200, None, AnswerKind.ACCEPTED, "accepted"),
        (202, None, AnswerKind.ACCEPTED, "accepted"),
        (409, "The retry key is already accepted", AnswerKind.ACCEPTED, "accepted_before"),
        (None, None, AnswerKind.UNCLEAR, "no_answer"),
        (408, None, AnswerKind.UNCLEAR, "line_408"),
        (500, "An error occurred", AnswerKind.UNCLEAR, "line_500"),
        (502, None, AnswerKind.UNCLEAR, "line_502"),
        (503, None, AnswerKind.UNCLEAR, "line_503"),
        (504, None, AnswerKind.UNCLEAR, "line_504"),
        (429, RATE, AnswerKind.PASSING, "line_429"),
        (429, "many messages to the same user", AnswerKind.PASSING, "line_429"),
        (429, None, AnswerKind.PASSING, "line_429"),
        (429, MONTHLY, AnswerKind.MONTHLY, "monthly_limit"),
        (429, MONTHLY.upper(), AnswerKind.MONTHLY, "monthly_limit"),
        (401, "Authentication failed", AnswerKind.PASSING, "line_401"),
        (403, "Access to this API is not available for your account", AnswerKind.PASSING, "line_403"),
        (400, "The request body has 1 error(s)", AnswerKind.REFUSED, "line_400"),
        (400, MONTHLY, AnswerKind.REFUSED, "line_400"),
        (400, None, AnswerKind.REFUSED, "line_400"),
        (404, "Not found", AnswerKind.REFUSED, "line_404"),
        (413, None, AnswerKind.REFUSED, "line_413"),
        (415, None, AnswerKind.REFUSED, "line_415"),
        (422, None, AnswerKind.REFUSED, "line_422"),
    ],
)
def test_the_table(status: int | None, message: str | None, kind: AnswerKind, reason: str) -> None:
    answer = classify(status, message, "request-1")
    assert (answer.kind, answer.reason, answer.status) == (kind, reason, status)


@given(st.integers(100, 599), st.none() | st.text())
def test_every_status_has_one_meaning_whatever_the_words(status: int, message: str | None) -> None:
    answer = classify(status, message, None)
    accepted = 200 <= status < 300 or status == 409
    assert (answer.kind is AnswerKind.ACCEPTED) == accepted
    assert (answer.kind is AnswerKind.UNCLEAR) == (status >= 500 or status == 408)


def test_a_used_or_aged_reply_token_is_told_apart_from_other_refusals() -> None:
    answer = classify(400, "Invalid reply token", "request-1")
    assert (answer.kind, answer.reason, answer.bad_reply_token) == (AnswerKind.REFUSED, "invalid_reply_token", True)
    assert not classify(500, "Invalid reply token", None).bad_reply_token


def test_an_accepted_key_names_the_request_that_was_accepted() -> None:
    assert classify(409, None, "request-2", "request-1").request_id == "request-1"
    assert classify(409, None, "request-2").request_id == "request-2"


def test_only_the_beginning_of_lines_words_is_kept() -> None:
    assert len(classify(400, "x" * 5_000, None).message or "") == 300
