"""Bring lines into the history, each exactly once, whatever is delivered twice and whoever dies at which point.

What is stored is an object of up to `BATCH` lines, written whole, once, or never. Before it is written, one transaction
claims its ids: each gets a mark that names the object. A mark is moved to another object only after its old one was made
void: from then on nothing can ever be written under that name, also not by a writer who was only slow. So a line whose
object holds lines is there, a line whose object is void is nowhere, and there is no third case to guess about. The object
itself says whether it is done: a second mark would be one more write per line, and one more moment to die before.

How long the first writer is waited for (`LEASE`) decides only how often two of them meet, never what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from musubi.domain.errors import Retryable
from musubi.domain.history import LogMark, Record
from musubi.domain.ids import derived_id
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.writes import MAX_WRITES, Committed, Create, Replace, Write
from musubi.ports import Archive, Clock, Loaded, Store, Tokens

BATCH = MAX_WRITES
"""Lines of one object: their ids are claimed by one transaction."""

LEASE = timedelta(seconds=90)
"""How long a claimed object may be under way: longer than log_writer's timeout (60 s), so that its owner is gone by then."""

_LOOK_AGAIN_S = 3
"""An owner that lives is done in a moment; with the growing waits of a queue the lease is over at the fifth look."""

_ATTEMPTS = 3


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    archive: Archive
    tokens: Tokens


@dataclass
class Written:
    """What became of a batch; `late` are the ids that are not in the history yet, with the reason."""

    counts: dict[str, int] = field(default_factory=lambda: {"LinesWritten": 0, "LinesKnown": 0})
    late: dict[str, Retryable] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        verdict = Verdict.DONE if self.counts["LinesWritten"] else Verdict.STALE
        return Outcome(verdict, "written" if self.counts["LinesWritten"] else "known", self.counts)


def write_log(records: Iterable[Record], deps: Deps, out_of_time: Callable[[], bool] = lambda: False) -> Written:
    """Bring `records` into the history. What could not be brought now is named in the answer, and the rest is done."""
    once = {record.record_id: record for record in records}
    written = Written()
    try:
        marks = deps.store.load([record.mark for record in once.values()])
    except Retryable as error:
        written.late |= dict.fromkeys(once, error)
        return written
    for _, group in groupby(sorted(once.values(), key=_order), key=lambda record: record.folder):
        members = list(group)
        for start in range(0, len(members), BATCH):
            lines = members[start : start + BATCH]
            try:
                if out_of_time():
                    raise Retryable("out_of_time", after_s=1)
                _write(lines, marks, deps, written)
            except Retryable as error:
                written.late |= {line.record_id: error for line in lines if line.record_id not in written.late}
    return written


def _order(record: Record) -> tuple[str, str]:
    return record.folder, record.record_id


def _write(lines: Sequence[Record], marks: Loaded, deps: Deps, written: Written) -> None:
    """One object. A conflict means that somebody claimed one of the ids since `marks` were read: look again who."""
    for _ in range(_ATTEMPTS):
        free = _free(lines, marks, deps, written)
        if not free:
            return
        owner, now = deps.tokens.owner(), deps.clock.machine()
        # The owner is part of the name: a name that nobody else can have is one that nobody else writes or voids by chance.
        name = derived_id("object", owner, *(line.record_id for line in free))
        key = f"{free[0].folder}/{name}.jsonl"
        claims = [_claim(line, marks.get(line.mark), key, now) for line in free]
        if not isinstance(deps.store.commit(claims), Committed):
            marks = deps.store.load([line.mark for line in lines])
            continue
        if not deps.archive.write(key, "".join(line.line() + "\n" for line in free)):
            raise Retryable("object_voided", after_s=1)
        written.counts["LinesWritten"] += len(free)
        return
    raise Retryable("contended", after_s=2)


def _free(lines: Sequence[Record], marks: Loaded, deps: Deps, written: Written) -> list[Record]:
    """Those of `lines` that are in no object and never will be by an earlier claim. Each object is asked about once."""
    free: list[Record] = []
    claimed: dict[str, list[tuple[Record, LogMark]]] = {}
    for line in lines:
        mark = marks.get(line.mark)
        if mark is None:
            free.append(line)
        else:
            claimed.setdefault(mark.object_key, []).append((line, mark))
    for key, held in claimed.items():
        holds = deps.archive.holds(key)
        if holds is None:
            if deps.clock.machine() - held[0][1].claimed_at < LEASE:
                late = Retryable("object_under_way", after_s=_LOOK_AGAIN_S)
                written.late |= {line.record_id: late for line, _ in held}
                continue
            holds = not deps.archive.void(key)
        if holds:
            written.counts["LinesKnown"] += len(held)
        else:
            free += [line for line, _ in held]
    return free


def _claim(line: Record, before: LogMark | None, key: str, now: datetime) -> Write:
    version = before.version + 1 if before else 1
    mark = LogMark(record_id=line.record_id, object_key=key, claimed_at=now, version=version)
    return Replace(mark) if before else Create(mark)
