"""One metric and one log line in one: CloudWatch's embedded metric format, written by hand for the webhook doors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TextIO


class EmfCounter:
    """Counts into `namespace`, whose only dimension is the service, as one JSON line each. `now` is machine time."""

    def __init__(self, namespace: str, service: str, now: Callable[[], datetime], out: TextIO | None = None) -> None:
        self._namespace = namespace
        self._service = service
        self._now = now
        self._out = out

    def __call__(self, metric: str, reason: str) -> None:
        """Count one `metric`; `reason` is a short code without personal data."""
        definition = {
            "Namespace": self._namespace,
            "Dimensions": [["service"]],
            "Metrics": [{"Name": metric, "Unit": "Count"}],
        }
        line = {
            "_aws": {"Timestamp": int(self._now().timestamp() * 1000), "CloudWatchMetrics": [definition]},
            "service": self._service,
            "reason": reason,
            metric: 1,
        }
        # One write: lines of two writes can be torn apart in the log.
        (self._out or sys.stdout).write(json.dumps(line) + "\n")
