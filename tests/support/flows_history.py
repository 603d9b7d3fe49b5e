"""What must stand in the history at the end of a story, by rules that know nothing of how it got there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from musubi.domain.ledger import Send

_SETTLED = {"accepted", "rejected", "skipped", "unknown"}
_WAITING = {"planned", "claimed"}


def told(line: str) -> tuple[str, ...]:
    """A line without what may differ between two good runs (times, attempts, which of LINE's answers said yes)."""
    found = json.loads(line)
    match found["kind"]:
        case "event":
            return "event", found["source"], found["event"], found["type"], found.get("intent", "")
        case "decision" if "send" not in found:
            return "decision", found["source"], found["event"], found["verdict"], found["reason"]
        case "decision":
            return "decision", *_which(found), found["verdict"], found["reason"]
        case _:
            reason = "accepted" if found["reason"].startswith("accepted") else found["reason"]
            return "send", *_which(found), found["state"], reason


def _which(found: dict[str, str]) -> tuple[str, ...]:
    occurrence = "*" if re.fullmatch(r"[0-9a-f]{64}", found["occurrence"]) else found["occurrence"]
    return found["scenario"], found["step"], found["person"], occurrence


def check_history(lines: Sequence[str], sends: Sequence[Send]) -> None:
    """One line for each id; of every Send that waits or is settled all its decisions, and its end if it has one."""
    found = [json.loads(line) for line in lines]
    twice = {record_id: n for record_id, n in Counter(line["id"] for line in found).items() if n > 1}
    assert twice == {}, "lines doubled"
    decided = {(f["send"], f["verdict"], f["reason"]) for f in found if f["kind"] == "decision" and "send" in f}
    ended = Counter((f["send"], f["state"]) for f in found if f["kind"] == "send")
    wanted = {
        (send.send_id, one.verdict, one.reason)
        for send in sends
        if send.state.value not in _WAITING
        for one in send.decisions
    }
    assert wanted - decided == set(), "decisions lost"
    assert ended == Counter((s.send_id, s.state.value) for s in sends if s.state.value in _SETTLED), "ends differ"
