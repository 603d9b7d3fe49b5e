"""Faults on order, on both sides: LINE's (the simulator's fault orders) and AWS's (rules of the fault proxy).

One rate is split evenly over the kinds, so 0.05 means that one call in twenty meets a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from local.endpoints import Endpoints
from local.stack.settings import Settings
from local.story import Story

LINE_MODES = ("error_500_before", "error_500_after", "drop_before", "drop_after", "rate_429", "unreadable_200")
"""Before: LINE did not take the call. After: it did, and the caller can not know."""

_THROTTLES = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "sqs": "RequestThrottled",
    "ssm": "ThrottlingException",
    "events": "ThrottlingException",
}
SERVICES = tuple(_THROTTLES)
_FIRED = re.compile(r'microburst_faults_total\{service="([^"]*)",operation="[^"]*",action="([^"]*)"\} (\d+)')


def line_orders(rate: float, seed: int = 1) -> list[dict[str, Any]]:
    """Fault orders for every endpoint of LINE."""
    share = rate / len(LINE_MODES)
    return [
        {"match": {"probability": share, "seed": seed + place}, "mode": mode} for place, mode in enumerate(LINE_MODES)
    ]


def aws_rules(rate: float, services: Sequence[str] = SERVICES) -> list[dict[str, Any]]:
    """Three kinds per service: throttled, connection broken before, and done but the answer lost."""
    share = rate / 3
    rules: list[dict[str, Any]] = []
    for service in services:
        rules += [
            {"service": service, "probability": share, "error": {"code": _THROTTLES[service]}},
            {"service": service, "probability": share, "reset": True},
            {"service": service, "probability": share, "response": {"abort_bytes": 0}},
        ]
    return rules


def no_rules_yet(home: Path) -> Path:
    """A file for AWS_FAULTS with which the proxy starts and lets everything pass: a start is no part of a fault run."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "aws-faults.json"
    path.write_text("[]", encoding="utf-8")
    return path


class Weather:
    """Turns faults on and off on a running stack, and counts what they hit."""

    def __init__(self, endpoints: Endpoints, settings: Settings) -> None:
        self._line, self._proxy = endpoints.line, settings.proxy

    def on(self, rate: float, seed: int = 1, services: Sequence[str] = SERVICES) -> None:
        """Faults from now on, on both sides."""
        orders = {"orders": line_orders(rate, seed)}
        httpx.post(f"{self._line}/_sim/faults", json=orders, timeout=10).raise_for_status()
        httpx.post(f"{self._proxy}/_microburst/rules", json=aws_rules(rate, services), timeout=10).raise_for_status()

    def off(self) -> None:
        """No faults any more; the counts stay readable until then, so read them first."""
        httpx.delete(f"{self._line}/_sim/faults", timeout=10).raise_for_status()
        httpx.post(f"{self._proxy}/_microburst/rules", json=[], timeout=10).raise_for_status()

    def line_hits(self) -> Counter[str]:
        """How often each kind hit a call to LINE."""
        orders = httpx.get(f"{self._line}/_sim/faults", timeout=10).json()["orders"]
        hits: Counter[str] = Counter()
        for order in orders:
            hits[order["mode"]] += order["hits"]
        return hits

    def aws_hits(self) -> Counter[str]:
        """How often each kind hit a call to AWS, as `service kind`; the proxy counts over its whole life."""
        text = httpx.get(f"{self._proxy}/_microburst/metrics", timeout=10).text
        hits: Counter[str] = Counter()
        for service, action, count in _FIRED.findall(text):
            hits[f"{service} {action}"] += int(count)
        return hits

    def aws_requests(self) -> tuple[int, int]:
        """Requests that the functions made through the proxy, and how many of them met a fault."""
        found = httpx.get(f"{self._proxy}/_microburst/stats", timeout=10).json()["requests"]
        return int(found["total"]), int(found["faulted"])


def described(hits: Counter[str]) -> str:
    """`kind n, kind n`, most frequent first."""
    return ", ".join(f"{kind} {count}" for kind, count in hits.most_common()) or "none"


def unexplained(story: Story, flagged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the simulator flagged and no fault explains.

    A reply token may be used twice when AWS lost the note that the reply had been accepted: asking again with the same
    token is the only way to find out. LINE can not know of that fault, so it has to be shown by the product's own
    ledger that it took LINE's refusal for what it was.
    """
    return [row for row in flagged if not _found_out_by_token(story, row)]


def _found_out_by_token(story: Story, row: Mapping[str, Any]) -> bool:
    if row["kind"] != "reply token used twice" or not row.get("user"):
        return False
    sends = story.musubi("explain", str(row["user"]))["sends"]
    return any(send["reason"] == "accepted_inferred" for send in sends)
