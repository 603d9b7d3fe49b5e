"""`make bench`: how fast the webhook gives its first answer, how fast orders are read, how long an event takes to
become a message, and what a table of a million rows costs.

Prints a table and writes `.local/bench.json`. BENCH_RUNS (21), BENCH_EVENTS (40) and BENCH_ROWS (1000000)
change how much is measured.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import Any

from local.bench_answer import GOAL, first_answers
from local.bench_flow import WARM_UPS, follow_to_reply, order_to_push
from local.bench_import import MOST_GROWTH_MB, ROWS, measure
from local.crowd import Crowd
from local.endpoints import ROOT
from local.outside import Outside
from local.stack.settings import Settings, from_environment
from local.stack.up import down, up
from local.story import Story

REQUESTS = {"webhook to reply": 6, "personal push": 4}
"""AWS requests at most, counted at botocore and asserted by the test suite (tests/flows)."""


def flows(settings: Settings, count: int) -> dict[str, Any]:
    """Latencies on a local stack of its own."""
    endpoints = up(settings, lambda line: None)
    try:
        story = Story(endpoints, settings.home)
        crowd = Crowd(story, Outside.of(endpoints, settings))
        members = crowd.members(count + WARM_UPS)
        users, reply = follow_to_reply(story, crowd, count)
        crowd.link(list(zip(users, members, strict=True)))
        story.settle()
        found: dict[str, Any] = {"follow to greeting (reply)": reply}
        for kind in ("shopify", "cloudevents", "bus"):
            found[f"order to thanks (push), {kind}"] = order_to_push(story, users, members, kind)
            story.settle()
        return found
    finally:
        down(settings.home)


def shopify_orders() -> dict[str, Any]:
    """How fast one core reads Shopify's orders, measured in a process that does nothing else."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers" / "core" / "python")}
    command = [sys.executable, "-m", "local.bench_shops"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show(result: dict[str, Any]) -> None:
    """The table."""
    answers = result["first_answer"]
    print(
        f"\nfirst answer: fresh process -> 200, median of {answers['runs']} alternating runs, AWS stubbed at the socket"
    )
    for name, row in answers["milliseconds"].items():
        ratio = answers["ratio"][name]
        print(f"  {name:<16}{row['median']:7.0f} ms   ({row['least']:.0f}-{row['most']:.0f})   {ratio:.2f} x")
    met = answers["ratio"]["musubi"] <= GOAL
    print(f"  goal: at most {GOAL} x the ten-line handler: {'met' if met else 'MISSED'}")
    print("\nevent -> accepted by LINE, one at a time on the local stack")
    for name, row in result["event_to_accepted"].items():
        print(f"  {name:<38}p50 {row['p50']:5.0f} ms   p95 {row['p95']:5.0f} ms   n {row['count']}")
    table = result["import"]
    print(f"\na table of {table['rows']:,} members, read to the messages that carry its rows")
    print(f"  {table['rows_per_cpu_second']:,} rows a CPU second; memory grows by {table['growth_mb']} MB")
    print(f"  goal: at most {MOST_GROWTH_MB} MB: {'met' if table['growth_mb'] <= MOST_GROWTH_MB else 'MISSED'}")
    orders = result["shopify_orders"]
    print(f"\nShopify orders read by one core, {orders['bodies']} bodies of {orders['bytes']} bytes on average")
    print(f"  musubi          {orders['orders_a_second']:7,} a second of CPU time")
    print(f"  plain models    {orders['plain_a_second']:7,}   {orders['times_plain']:.2f} x")
    print(f"  goals: {orders['goals']}: {'met' if orders['met'] else 'MISSED'}")
    print("\nAWS requests per thread (asserted by the suite)")
    for name, most in REQUESTS.items():
        print(f"  {name:<20}at most {most}")


def main() -> int:
    """Measure, print, write; exit code 1 when the goal of the first answer, of a table's memory or of orders is missed."""
    settings = from_environment()
    settings.home.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "first_answer": first_answers(settings, int(os.environ.get("BENCH_RUNS", "21"))),
        "shopify_orders": shopify_orders(),
        "event_to_accepted": flows(settings, int(os.environ.get("BENCH_EVENTS", "40"))),
        "import": measure(int(os.environ.get("BENCH_ROWS", str(ROWS)))),
        "aws_requests_at_most": REQUESTS,
    }
    show(result)
    path = settings.home / "bench.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    met = result["first_answer"]["ratio"]["musubi"] <= GOAL and result["import"]["growth_mb"] <= MOST_GROWTH_MB
    return 0 if met and result["shopify_orders"]["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
