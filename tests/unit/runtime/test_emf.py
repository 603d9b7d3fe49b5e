"""The doors' counter writes one embedded-metric line per count."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from musubi.runtime.emf import EmfCounter


def test_a_count_is_one_line_that_cloudwatch_reads() -> None:
    out = io.StringIO()
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    counter = EmfCounter("musubi", "musubi-prod-line_webhook", lambda: now, out)
    counter("SignatureRefused", "mismatch")
    counter("BodiesTooLarge", "over_5_mb")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == {
        "_aws": {
            "Timestamp": 1795316400000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "musubi",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "SignatureRefused", "Unit": "Count"}],
                }
            ],
        },
        "service": "musubi-prod-line_webhook",
        "reason": "mismatch",
        "SignatureRefused": 1,
    }
    assert second["BodiesTooLarge"] == 1
