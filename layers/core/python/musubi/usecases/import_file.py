"""A dropped file: send its rows on as messages, page by page, and leave a report beside it.

Each page is emitted, then the cursor behind it is committed: a crash in between emits the page again, with the same ids,
and they are taken once. An import never messages anybody (its events are backfill).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from musubi.domain.errors import Permanent, Retryable
from musubi.domain.ids import derived_id
from musubi.domain.imports import FoundFile, Import, ImportJob, ImportState, RowCounts
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.store_keys import ImportKey
from musubi.domain.writes import Committed, Create, Replace
from musubi.ports import Clock, FileReplaced, ImportFiles, ImportJobs, RowQueue, Store

_CONTENDED_S = 60


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    files: ImportFiles
    rows: RowQueue
    jobs: ImportJobs
    shops: tuple[str, ...]


def import_file(job: ImportJob, deps: Deps, out_of_time: Callable[[], bool]) -> Outcome:
    """Read a file to its end, or until the time is nearly up: a message to ourselves then lets it go on.

    Raises Retryable when another copy reads the same file, and Permanent when the file is gone.
    """
    where = deps.files.place(job.key)
    if where is None:
        return Outcome(Verdict.IGNORED, "no_file")
    if where.shop_id not in deps.shops:
        raise Permanent("import: its key names no shop of this deployment")
    found = deps.files.find(job.key)
    import_id = derived_id("import", found.key, found.etag, found.uploaded_at.isoformat())
    if job.import_id is not None and job.import_id != import_id:
        return _replaced(job.import_id, deps)
    one = _begun(import_id, found, deps)
    if one.state is not ImportState.READING:
        return Outcome(Verdict.STALE, f"import_{one.state.value}")
    before = one.tally
    try:
        one, at_end = _read(one, deps, out_of_time)
    except FileReplaced:
        return _replaced(import_id, deps)
    except Permanent as error:
        refused = one.ended(ImportState.REFUSED, error.reason, deps.clock.machine())
        return _end(refused, deps, before, {"ImportsRefused": 1})
    if not at_end:
        deps.jobs.send(ImportJob(job.key, import_id))
        return Outcome(Verdict.DONE, "import_goes_on", _counts(one.tally, before))
    done = one.ended(ImportState.DONE, "end_of_file", deps.clock.machine())
    return _end(done, deps, before, {"ImportsDone": 1})


def _begun(import_id: str, found: FoundFile, deps: Deps) -> Import:
    key = ImportKey(import_id)
    known = deps.store.load([key]).get(key)
    if known is not None:
        return known
    new = Import(
        import_id=import_id,
        shop_id=found.place.shop_id,
        kind=found.place.kind,
        file_key=found.key,
        etag=found.etag,
        size=found.size,
        as_of=min(found.as_of, found.uploaded_at),
        started_at=deps.clock.machine(),
    )
    if isinstance(deps.store.commit([Create(new)]), Committed):
        return new
    raise _contended()


def _read(one: Import, deps: Deps, out_of_time: Callable[[], bool]) -> tuple[Import, bool]:
    """The import behind the last page that was emitted, and whether that was the file's end."""
    for page in deps.files.pages(one):
        deps.rows.send(page.messages)
        one = one.after(page)
        _commit(one, deps)
        if out_of_time() and one.offset < one.size:
            return one, False
    return one, True


def _end(one: Import, deps: Deps, before: RowCounts, counts: dict[str, int]) -> Outcome:
    """The report first: without it nobody would know what became of the file, twice written it is the same."""
    deps.files.report(one)
    _commit(one, deps)
    return Outcome(Verdict.DONE, f"import_{one.state.value}", counts | _counts(one.tally, before))


def _replaced(import_id: str, deps: Deps) -> Outcome:
    """Another file has its key now. It has been announced by itself; here only the old import ends."""
    key = ImportKey(import_id)
    old = deps.store.load([key]).get(key)
    if old is not None and old.state is ImportState.READING:
        _commit(old.ended(ImportState.REPLACED, "the file went or another one came", deps.clock.machine()), deps)
    return Outcome(Verdict.STALE, "import_replaced", {"ImportsReplaced": 1})


def _commit(one: Import, deps: Deps) -> None:
    if not isinstance(deps.store.commit([Replace(one)]), Committed):
        raise _contended()


def _contended() -> Retryable:
    """Another copy reads this file. If it dies, this record must come back to go on where it stopped."""
    return Retryable("another copy reads this file", after_s=_CONTENDED_S)


def _counts(now: RowCounts, before: RowCounts) -> dict[str, int]:
    return {
        "ImportRowsTaken": now.taken - before.taken,
        "ImportRowsRefused": now.refused - before.refused,
        "ImportRowsSkipped": now.skipped - before.skipped,
    }
