"""Where dropped files lie, and the report that is left beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from musubi.contracts.imports import FIELDS
from musubi.domain.errors import Permanent
from musubi.domain.imports import FilePlace, Import

REPORTS = "reports/"
_KEY = re.compile(rf"(?P<shop>[a-z0-9][a-z0-9_-]{{0,31}})/(?P<kind>{'|'.join(FIELDS)})/.+")


def place_of(key: str) -> FilePlace | None:
    """What `main/members/2026-01.csv` says; None for a report or a folder. Permanent for what lies elsewhere."""
    if key.startswith(REPORTS) or key.endswith("/"):
        return None
    found = _KEY.fullmatch(key)
    if found is None:
        raise Permanent("import: a file's key is <shop>/<members, orders or points>/<name>")
    return FilePlace(found["shop"], found["kind"])


def report_key(key: str) -> str:
    """`reports/main/members/2026-01.csv.json`"""
    return f"{REPORTS}{key}.json"


def report_of(one: Import) -> Mapping[str, Any]:
    """What became of a file. Lines and fields, never values."""
    tally = one.tally
    return {
        "file": one.file_key,
        "import_id": one.import_id,
        "state": one.state.value,
        "reason": one.reason,
        "as_of": one.as_of.isoformat(),
        "started_at": one.started_at.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "bytes": one.offset,
        "encoding": one.encoding or "ascii",
        "rows": tally.rows,
        "taken": tally.taken,
        "refused": tally.refused,
        "skipped": tally.skipped,
        "events": tally.events,
        "unknown_columns": list(one.unknown_columns),
        "values_left_out": dict(tally.left_out),
        "problems": [{"line": each.line, "field": each.field, "why": each.why} for each in tally.problems],
    }
