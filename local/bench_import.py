"""A table of a million members, read as the function reads it: rows a second, and what memory it takes.

The table is made while it is read, piece by piece, so that the measured process holds no more of it than the function
does. Reading runs in a process of its own: its high-water mark is nobody else's.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from local.endpoints import ROOT

ROWS = 1_000_000
MOST_GROWTH_MB = 48
"""What reading may add to the process, however long the table is: pieces of 4 MiB, in and out, and one page."""
HEADER = (
    "会員ID,お名前(姓),お名前(名),生年月日,会員登録日,更新日時,会員ランク,ポイント残高,ポイント有効期限,メルマガ許可\n"
)
_PIECE = 20_000
_NOW = datetime(2026, 11, 24, tzinfo=UTC)


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Read a table of that many rows in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers' / 'core' / 'python'}"}
    done = subprocess.run(
        [sys.executable, "-m", "local.bench_import", str(rows)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pieces(rows: int) -> Iterator[bytes]:
    """The table, in pieces of some two megabytes."""
    yield HEADER.encode()
    for start in range(0, rows, _PIECE):
        yield "".join(_row(n) for n in range(start, min(start + _PIECE, rows))).encode()


def _row(n: int) -> str:
    born, on = f"{1950 + n % 55}/{1 + n % 12}/{1 + n % 28}", f"{1 + n % 20} {n % 24}:{n % 60:02d}:{n % 59:02d}"
    points = f'"{1 + n % 9},{n % 1000:03d}"'
    return f"{n},結城,さくら{n % 100},{born},20{10 + n % 15}/4/1,2026/11/{on},ゴールド,{points},2027/{1 + n % 12}/28,希望する\n"


def read(rows: int) -> dict[str, Any]:
    """Read the table here. The first rows warm up: what they load is loaded once, whatever the length."""
    _pass(2 * _PIECE)
    before = _peak_mb()
    began, worked = time.perf_counter(), time.process_time()
    tally, messages = _pass(rows)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    assert (tally.taken, tally.refused) == (rows, 0)
    return {
        "rows": rows,
        "events": tally.events,
        "messages": messages,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "rows_per_cpu_second": round(rows / cpu),
        "peak_mb": round(_peak_mb(), 1),
        "growth_mb": round(_peak_mb() - before, 1),
    }


def _pass(rows: int) -> Any:
    from musubi.adapters.csv.layout import Layouts
    from musubi.adapters.csv.reading import TableReader
    from musubi.domain.imports import Import

    def read_from(offset: int) -> Iterator[bytes]:
        found = pieces(rows)
        if offset:
            assert offset == len(next(found))
        return found

    one = Import(
        import_id="bench", shop_id="main", kind="members", file_key="-", etag="-", size=1, as_of=_NOW, started_at=_NOW
    )
    messages = 0
    for page in TableReader(Layouts(), lambda: _NOW).pages(one, read_from):
        one = one.after(page)
        messages += len(page.messages)
    return one.tally, messages


def _peak_mb() -> float:
    """High-water mark of this process; Linux counts in kilobytes, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(read(int(sys.argv[1]))))
