"""How a story ended, in terms that do not depend on when and in how many attempts it got there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from musubi.domain.ledger import Send
from musubi.domain.operations import Fact, FactState
from musubi.domain.people import Link, Side
from musubi.domain.scenario import Enrolment
from tests.support.flows_history import told
from tests.support.flows_line import Accepted, StrictLine

T = TypeVar("T")


class Peek(Protocol):
    def __call__(self, kind: type[T]) -> list[T]:
        """All stored rows of `kind`: for assertions, no access pattern of the system."""
        ...


@dataclass(frozen=True)
class Ending:
    """What a story came to. Two runs with the same ending did the same for everybody."""

    accepted: Counter[tuple[str, str]]
    sends: Counter[tuple[str, ...]]
    enrolments: Counter[tuple[str, ...]]
    pairs: frozenset[tuple[str, str]]
    facts: Counter[tuple[str, str, str]]
    history: Counter[tuple[str, ...]]

    def minus(self, other: Ending) -> list[str]:
        """In words, where this ending differs from `other`."""
        return [
            f"{name}: {mine} instead of {theirs}"
            for name in ("accepted", "sends", "enrolments", "pairs", "facts", "history")
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        ]


def ending_of(peek: Peek, line: StrictLine, history: Sequence[str]) -> Ending:
    """What was stored and accepted, without what may differ between two good runs (attempts, times, nonces)."""
    sends: Counter[tuple[str, ...]] = Counter(
        (f"{s.scenario}/{s.step}", s.person, _plain_key(s.key_value), s.state.value, _plain(s.reason))
        for s in peek(Send)
    )
    links = peek(Link)
    friends, members = ({(x.user_id, x.member_id) for x in links if x.side is side} for side in Side)
    assert friends == members, "one side of a link is missing"
    return Ending(
        accepted=Counter((one.to, _plain_text(one)) for one in line.accepted),
        sends=sends,
        enrolments=Counter(
            (e.scenario, e.person, _plain_key(e.key_value), e.state.value, str(e.ended_reason)) for e in peek(Enrolment)
        ),
        pairs=frozenset(friends),
        facts=Counter(
            (f.type, f.data["user_id"], f.data["member_id"]) for f in peek(Fact) if f.state is FactState.PUBLISHED
        ),
        history=Counter(told(line) for line in history),
    )


def _plain(reason: str) -> str:
    return "accepted" if reason.startswith("accepted") else reason


def _plain_key(key_value: str) -> str:
    """Who logs in again gets another nonce, and its digest is the key of the link."""
    return "*" if re.fullmatch(r"[0-9a-f]{64}", key_value) else key_value


def _plain_text(one: Accepted) -> str:
    return re.sub(r'linkToken=[^"&]+', "linkToken=*", json.dumps(one.messages, ensure_ascii=False))
