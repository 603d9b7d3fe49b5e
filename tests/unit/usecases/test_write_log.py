"""Each line of the history stands in it once: whatever comes twice, whoever dies where, however slow somebody is."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from musubi.adapters.memory.archive import MemoryArchive
from musubi.domain.errors import Retryable
from musubi.domain.history import LogMark, RecordKind
from musubi.domain.outcome import Verdict
from musubi.usecases.write_log import BATCH, LEASE, write_log
from tests.support.flows_faults import Crash, Mode, Points
from tests.support.history_rig import Rig, record

MESSAGES = [[record(n), record(n + 1, kind=RecordKind.SEND)] for n in (0, 1, 2)] + [[record(0)], [record(9)]]
"""Five messages of six lines; some come twice."""
IDS = {one.record_id: 1 for message in MESSAGES for one in message}


def test_lines_lie_by_kind_day_and_shard() -> None:
    rig = Rig()
    some = [record(1), record(2), record(3, shard=2), record(4, kind=RecordKind.SEND), record(5, days=1)]
    written = write_log(some, rig.deps)
    assert written.late == {}
    assert (written.outcome.verdict, written.outcome.counts) == (Verdict.DONE, {"LinesWritten": 5, "LinesKnown": 0})
    folders = {key.rpartition("/")[0]: len(text.splitlines()) for key, text in rig.read().items()}
    assert folders == {
        "history/event/2026/12/24/00": 2,
        "history/event/2026/12/24/02": 1,
        "history/event/2026/12/25/00": 1,
        "history/send/2026/12/24/00": 1,
    }
    assert all(key.endswith(".jsonl") for key in rig.read())
    assert json.loads(rig.lines()[0]).keys() == {"id", "kind", "at", "number"}


def test_what_comes_again_is_known_and_asks_its_object_once() -> None:
    points = Points()
    rig = Rig(points=points)
    some = [record(n) for n in range(7)]
    write_log(some, rig.deps)
    points.passed.clear()
    again = write_log([*some, record(99)], rig.deps)
    assert again.outcome.counts == {"LinesWritten": 1, "LinesKnown": 7}
    assert points.passed == ["store.load", "archive.holds", "store.commit", "archive.write"]
    assert write_log(some, rig.deps).outcome.verdict is Verdict.STALE
    assert set(rig.ids().values()) == {1}


def test_the_cost_of_a_line_does_not_grow() -> None:
    """One look at all marks, two requests for each object of a hundred lines, whatever is there already."""
    points = Points()
    rig = Rig(points=points)
    for batch in range(3):
        points.passed.clear()
        write_log([record(batch * 1000 + n) for n in range(2 * BATCH)], rig.deps)
        assert points.passed == ["store.load", *["store.commit", "archive.write"] * 2]
    assert len(rig.lines()) == 6 * BATCH


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("seed", range(6))
def test_a_fault_at_every_call_loses_and_doubles_nothing(mode: Mode, seed: int) -> None:
    clean = Rig()
    clean.work_off(MESSAGES, seed)
    assert clean.ids() == IDS
    at = 1
    while True:
        rig = Rig(points=Points(at, mode))
        rig.work_off(MESSAGES, seed)
        assert rig.ids() == IDS, (at, mode)
        if not rig.points.fired:
            break
        at += 1
    assert at > 6


def dies_at(rig: Rig, at: int, mode: Mode, *numbers: int) -> None:
    with pytest.raises(Crash):
        write_log([record(n) for n in numbers], rig.wired(Points(at, mode)))


def test_a_writer_that_was_only_slow_finds_its_object_void() -> None:
    """It claimed, it was given up, its ids went elsewhere: then its write arrives."""
    rig = Rig()
    dies_at(rig, 3, Mode.CRASH_BEFORE, 1, 2, 3)
    (key,) = {mark.object_key for mark in marks(rig, 1, 2, 3)}
    text = "".join(record(n).line() + "\n" for n in (1, 2, 3))
    rig.clock.pass_time(LEASE)
    assert write_log([record(2), record(4)], rig.deps).late == {}
    assert rig.archive.write(key, text) is False
    assert write_log([record(1), record(3)], rig.deps).late == {}
    assert rig.ids() == {record(n).record_id: 1 for n in (1, 2, 3, 4)}


def test_a_writer_that_died_after_its_object_was_stored_had_finished() -> None:
    rig = Rig()
    dies_at(rig, 3, Mode.CRASH_AFTER, 1, 2)
    assert write_log([record(1), record(2)], rig.deps).outcome.counts == {"LinesWritten": 0, "LinesKnown": 2}
    assert len(rig.lines()) == 2


def test_an_object_under_way_is_waited_for_until_its_lease_is_over() -> None:
    rig = Rig()
    dies_at(rig, 3, Mode.CRASH_BEFORE, 1)
    late = write_log([record(1), record(2)], rig.deps).late
    assert set(late) == {record(1).record_id}
    assert late[record(1).record_id].after_s == 3
    assert rig.ids() == {record(2).record_id: 1}
    rig.clock.pass_time(LEASE - timedelta(seconds=1))
    assert write_log([record(1)], rig.deps).late
    rig.clock.pass_time(timedelta(seconds=1))
    assert write_log([record(1)], rig.deps).late == {}
    assert rig.ids() == {record(n).record_id: 1 for n in (1, 2)}


def test_two_writers_with_the_same_lines_at_once() -> None:
    """The second one claims between the first one's look and its claim."""
    rig = Rig()
    load = rig.store.load
    other = rig.wired(Points())

    class Meeting:
        def __init__(self) -> None:
            self.met = False

        def __getattr__(self, name: str) -> object:
            return getattr(rig.store, name)

        def load(self, keys: object) -> object:
            found = load(keys)  # type: ignore[arg-type]
            if not self.met:
                self.met = True
                assert write_log([record(1), record(2)], other).late == {}
            return found

    deps = rig.wired(Points())
    mine = type(deps)(Meeting(), deps.clock, deps.archive, deps.tokens)  # type: ignore[arg-type]
    written = write_log([record(1), record(2), record(3)], mine)
    assert written.late == {}
    assert rig.ids() == {record(n).record_id: 1 for n in (1, 2, 3)}


def test_what_there_is_no_time_for_comes_back() -> None:
    rig = Rig()
    asked = iter([False, True])
    late = write_log([record(1), record(2, shard=1)], rig.deps, lambda: next(asked)).late
    assert [error.reason for error in late.values()] == ["out_of_time"]
    assert len(rig.lines()) == 1


def test_a_store_that_is_away_fails_what_it_holds_and_nothing_else() -> None:
    rig = Rig()

    class Away(MemoryArchive):
        def write(self, key: str, text: str) -> bool:
            if "/send/" in key:
                raise Retryable("history: SlowDown")
            return super().write(key, text)

    rig.archive = away = Away()
    written = write_log([record(1), record(2, kind=RecordKind.SEND)], rig.wired(Points()))
    assert set(written.late) == {record(2).record_id}
    assert len(away.lines()) == 1


def marks(rig: Rig, *numbers: int) -> list[LogMark]:
    loaded = rig.store.load([record(n).mark for n in numbers])
    return [mark for n in numbers if (mark := loaded.get(record(n).mark))]
