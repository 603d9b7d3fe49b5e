"""Figures that tests record (`record_property`), added up at the end of the session, over all workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

LINES = {"crash_points": "fault points (crash before, crash after, answer lost, not done)"}
"""Property → what it counts; `<property>_failed` counts those that did not end as they must."""

TABLE = "table"
"""Property that is printed as it is."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    totals: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                totals.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == TABLE and report.when == "call":
                    terminalreporter.write_line(value)
    for name, words in LINES.items():
        if totals[name]:
            terminalreporter.write_line(f"{totals[name]} {words}, {totals[f'{name}_failed']} failed")
