"""`python -m local.stack up|down|status|logs [FUNCTION]`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from local.endpoints import NotRunning, home_of_stack, load
from local.stack import logs
from local.stack.assembly import SynthFailed
from local.stack.deploy import DeployFailed
from local.stack.processes import Desk, StartFailed
from local.stack.settings import BadSetting, from_environment
from local.stack.up import NotInstalled, down, healthy, up

_EXPECTED = (
    BadSetting,
    DeployFailed,
    LookupError,
    NotInstalled,
    NotRunning,
    StartFailed,
    SynthFailed,
)


def main() -> int:
    """Entry point; every expected failure is one message on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description="The whole system on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything; returns when healthy")
    commands.add_parser("down", help="stop what `up` started")
    commands.add_parser("status", help="what runs, and where")
    reader = commands.add_parser("logs", help="what a function wrote")
    reader.add_argument("function", nargs="?", default="", help="line_events, push_sender, …; empty lists them")
    reader.add_argument("-n", "--lines", type=int, default=200, help="the last N lines")
    chosen = parser.parse_args()
    try:
        return {"up": _up, "down": _down, "status": _status, "logs": _logs}[chosen.command](chosen)
    except _EXPECTED as error:
        print(f"local stack: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"local stack: the embedded AWS said no: {error}", file=sys.stderr)
    return 1


def _up(_: argparse.Namespace) -> int:
    print(json.dumps(asdict(up(from_environment(), lambda line: print(line, flush=True))), indent=2))
    return 0


def _down(_: argparse.Namespace) -> int:
    print(f"stopped {down(home_of_stack())} process(es)")
    return 0


def _status(_: argparse.Namespace) -> int:
    desk = Desk(home_of_stack())
    for process in desk.started():
        print(f"{process.name:<8}{'running' if process.alive else 'DEAD':<9}pid {process.pid}")
    endpoints = load()
    print(json.dumps(asdict(endpoints), indent=2))
    well = healthy(endpoints)
    print("healthy" if well else "NOT healthy")
    return 0 if well else 1


def _logs(chosen: argparse.Namespace) -> int:
    for line in logs.read(load(), chosen.function, chosen.lines):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
