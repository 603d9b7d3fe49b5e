"""The import of a file, in memory: crashes before and after every effect, a second copy, a file that is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from musubi.adapters.csv import reading as csv_reading
from musubi.adapters.csv.reading import TableReader
from musubi.adapters.csv.reports import place_of, report_key, report_of
from musubi.adapters.memory.clock import MemoryClock
from musubi.adapters.memory.store import MemoryStore
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.imports import FilePlace, FoundFile, Import, ImportJob, ImportPage, ImportState
from musubi.domain.outcome import Verdict
from musubi.domain.writes import CommitResult, Write
from musubi.ports import FileReplaced
from musubi.usecases.import_file import Deps, import_file
from tests.unit.imports.reading import LAYOUTS, NOW, events_of

KEY = "main/members/november.csv"
ROWS = 40
TABLE = "会員ID,氏名\n" + "".join(f"{n},会員{n}\n" for n in range(ROWS)) + "x y,broken\n"


class Crash(Exception):
    """The function dies here."""


@dataclass
class Place:
    """Everything outside of the import, with one crash to come: `crash_at` counts effects from 0."""

    raw: bytes = TABLE.encode()
    etag: str = "e1"
    dropped_at: datetime = NOW - timedelta(minutes=5)
    made_at: datetime | None = None
    store: MemoryStore = field(default_factory=MemoryStore)
    sent: list[str] = field(default_factory=list)
    jobs: list[ImportJob] = field(default_factory=list)
    reports: dict[str, str] = field(default_factory=dict)
    crash_at: int = -1
    after: bool = False
    effects: int = 0

    def effect(self, work: object = None) -> Iterator[None]:
        """Before and after one effect: the place for a crash."""
        mine, self.effects = self.effects, self.effects + 1
        if mine == self.crash_at and not self.after:
            raise Crash
        yield
        if mine == self.crash_at and self.after:
            raise Crash

    # Store

    def load(self, keys: Iterable[object]) -> object:
        return self.store.load(keys)  # type: ignore[arg-type]

    def commit(self, writes: Sequence[Write]) -> CommitResult:
        found: list[CommitResult] = []
        for _ in self.effect():
            found.append(self.store.commit(writes))
        return found[0]

    # ImportFiles

    def place(self, key: str) -> FilePlace | None:
        return place_of(key)

    def find(self, key: str) -> FoundFile:
        place = place_of(key)
        assert place is not None
        as_of = self.made_at or self.dropped_at
        size = len(self.raw)
        return FoundFile(key=key, place=place, etag=self.etag, size=size, uploaded_at=self.dropped_at, as_of=as_of)

    def pages(self, one: Import) -> Iterable[ImportPage]:
        def read_from(offset: int) -> Iterator[bytes]:
            if one.etag != self.etag:
                raise FileReplaced
            yield self.raw[offset:]

        return TableReader(LAYOUTS, lambda: NOW).pages(one, read_from)

    def report(self, one: Import) -> None:
        for _ in self.effect():
            self.reports[report_key(one.file_key)] = json.dumps(report_of(one))

    # RowQueue and ImportJobs

    def send(self, what: Sequence[str] | ImportJob) -> None:
        for _ in self.effect():
            if isinstance(what, ImportJob):
                self.jobs.append(what)
            else:
                self.sent += what

    def deps(self) -> Deps:
        outside: object = self
        return Deps(outside, MemoryClock(NOW), outside, outside, outside, ("main",))  # type: ignore[arg-type]

    def members(self) -> list[str]:
        """Ids of members by distinct event, as the worker will take them."""
        once = {event.event_id: event for event in events_of(self.sent)}
        return [event.member.member_id for event in once.values() if event.member]

    def the_import(self) -> Import:
        (one,) = self.store.all_of(Import)
        return one

    def report_now(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.reports[f"reports/{KEY}.json"])
        return found


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reading, "PAGE_RECORDS", 10)


def run(place: Place, job: ImportJob, stop_after: int = 99) -> None:
    """One invocation after the other until the import ends, each with time for `stop_after` pages."""
    for _ in range(ROWS):
        calls = iter(range(1, 1000))
        import_file(job, place.deps(), lambda: next(calls) >= stop_after)  # noqa: B023 - used up in this round
        if not place.jobs:
            return
        job = place.jobs.pop()
    raise AssertionError("never ends")


def whole(place: Place) -> None:
    """The file has been imported, each row once."""
    assert place.members() == [str(n) for n in range(ROWS)]
    one = place.the_import()
    assert (one.state, one.offset) == (ImportState.DONE, len(place.raw))
    assert (one.tally.rows, one.tally.taken, one.tally.refused) == (ROWS + 1, ROWS, 1)
    report = place.report_now()
    assert (report["state"], report["taken"], report["refused"]) == ("done", ROWS, 1)
    assert report["problems"] == [{"line": ROWS + 2, "field": "member_id", "why": "no id"}]


@pytest.mark.parametrize("stop_after", [1, 2, 99])
def test_a_file_is_read_to_its_end_in_as_many_invocations_as_it_takes(stop_after: int) -> None:
    place = Place()
    run(place, ImportJob(KEY), stop_after)
    whole(place)
    again = import_file(ImportJob(KEY), place.deps(), lambda: False)
    assert (again.verdict, again.reason) == (Verdict.STALE, "import_done")
    assert len(events_of(place.sent)) == ROWS


def _effects(stop_after: int) -> int:
    place = Place()
    run(place, ImportJob(KEY), stop_after)
    return place.effects


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stop_after", [1, 99])
def test_a_crash_before_or_after_any_effect_loses_and_repeats_no_row(stop_after: int, after: bool) -> None:
    for crash_at in range(_effects(stop_after)):
        place = Place(crash_at=crash_at, after=after)
        with pytest.raises(Crash):
            run(place, ImportJob(KEY), stop_after)
        waiting = [*place.jobs, ImportJob(KEY)]  # SQS hands the message of the dead function out again
        place.jobs.clear()
        for job in waiting:
            run(place, job, stop_after)
        whole(place)


def test_metrics_count_each_row_once_over_all_invocations() -> None:
    place = Place()
    counts = []
    job = ImportJob(KEY)
    while True:
        outcome = import_file(job, place.deps(), lambda: True)
        counts.append(outcome.counts)
        if not place.jobs:
            break
        job = place.jobs.pop()
    assert sum(one.get("ImportRowsTaken", 0) for one in counts) == ROWS
    assert sum(one.get("ImportRowsRefused", 0) for one in counts) == 1
    assert sum(one.get("ImportsDone", 0) for one in counts) == 1


def test_a_second_copy_steps_back_and_comes_again() -> None:
    place = Place()

    class Meanwhile(Place):
        def send(self, what: Sequence[str] | ImportJob) -> None:
            if not place.sent:  # the other copy reads a page while this one is at its first
                run(place, ImportJob(KEY))

    slow = Meanwhile(store=place.store)
    with pytest.raises(Retryable) as caught:
        import_file(ImportJob(KEY), slow.deps(), lambda: False)
    assert caught.value.after_s == 60
    whole(place)


def test_a_file_that_is_replaced_while_it_is_read_ends_its_import_and_the_new_one_has_its_own() -> None:
    place = Place()
    import_file(ImportJob(KEY), place.deps(), lambda: True)
    (job,) = place.jobs
    place.raw, place.etag = "会員ID\n7\n".encode(), "e2"
    assert import_file(job, place.deps(), lambda: False).reason == "import_replaced"
    assert [one.state for one in place.store.all_of(Import)] == [ImportState.REPLACED]
    run(place, ImportJob(KEY))
    assert [one.state for one in place.store.all_of(Import)] == [ImportState.REPLACED, ImportState.DONE]
    assert place.report_now()["taken"] == 1


def test_a_file_that_changes_between_two_ranges_is_replaced_too() -> None:
    place = Place()
    found = place.find(KEY)

    class Changing(Place):
        def find(self, key: str) -> FoundFile:
            return replace(found, etag="e0")

    outcome = import_file(ImportJob(KEY), Changing(store=place.store).deps(), lambda: False)
    assert outcome.counts == {"ImportsReplaced": 1}


def test_a_file_that_is_no_table_leaves_a_report_and_rings() -> None:
    place = Place(raw="氏名,電話\n結城,1\n".encode())
    outcome = import_file(ImportJob(KEY), place.deps(), lambda: False)
    assert (outcome.reason, outcome.counts["ImportsRefused"]) == ("import_refused", 1)
    assert place.sent == []
    report = place.report_now()
    assert report["state"] == "refused"
    assert str(report["reason"]).startswith("file: no column for member_id")
    assert "結城" not in json.dumps(report, ensure_ascii=False)


def test_the_shops_own_date_of_a_file_is_its_version_but_never_later_than_it_was_dropped() -> None:
    early = Place(made_at=NOW - timedelta(days=1))
    run(early, ImportJob(KEY))
    assert early.the_import().as_of == NOW - timedelta(days=1)
    late = Place(made_at=NOW + timedelta(days=1))
    run(late, ImportJob(KEY))
    assert late.the_import().as_of == late.dropped_at


@pytest.mark.parametrize("key", ["reports/main/members/x.csv.json", "main/members/"])
def test_reports_and_folders_are_no_files(key: str) -> None:
    assert import_file(ImportJob(key), Place().deps(), lambda: False).verdict is Verdict.IGNORED


@pytest.mark.parametrize("key", ["x.csv", "main/people/x.csv", "other/members/x.csv", "main/members"])
def test_a_misplaced_file_goes_to_quarantine(key: str) -> None:
    with pytest.raises(Permanent, match="import: "):
        import_file(ImportJob(key), Place().deps(), lambda: False)
