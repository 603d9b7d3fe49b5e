"""Skips in CI: a skipped test proves nothing and looks green, so it fails unless it is listed with a reason."""

from pathlib import Path

import pytest

LIST = Path(__file__).parents[1] / "allowed_skips.txt"


def allowed(text: str) -> dict[str, str]:
    """Node ids that may be skipped in CI, with their reasons; a line is ``<node id>  # <reason>``.

    Raises ValueError for an entry without a reason.
    """
    reasons = {}
    for line in text.splitlines():
        node_id, _, reason = line.partition("  # ")
        if not node_id.strip() or node_id.startswith("#"):
            continue
        if not reason.strip():
            raise ValueError(f"{LIST.name}: no reason for {node_id.strip()}")
        reasons[node_id.strip()] = reason.strip()
    return reasons


def fail_unlisted(report: pytest.TestReport | pytest.CollectReport, node_id: str, listed: dict[str, str]) -> None:
    """Turn the report of a skip into a failure, unless it is listed or an expected failure."""
    if not report.skipped or hasattr(report, "wasxfail") or node_id in listed:
        return
    report.outcome = "failed"
    report.longrepr = f"skipped in CI and not in {LIST.name}: {report.longrepr}"
