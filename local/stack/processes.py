"""Start and stop the stack's processes.

Each leads a process group of its own, so that its children go with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_STOP_S = 5.0


class StartFailed(RuntimeError):
    """A process ended or never answered; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Started:
    """A process of ours.

    `born` (clock ticks since boot) tells it from another that got the same number later.
    """

    name: str
    pid: int
    born: int

    @property
    def alive(self) -> bool:
        return born_of(self.pid) == self.born


@dataclass(frozen=True)
class Desk:
    """Knows where process files and logs of one stack lie."""

    home: Path

    @property
    def pids(self) -> Path:
        return self.home / "pids"

    def log_of(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Started:
        """Start a process with its output in its log; its file is written before this returns."""
        log = self.log_of(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        self.pids.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Started(name, process.pid, born_of(process.pid) or 0)
        (self.pids / f"{name}.json").write_text(json.dumps(asdict(started)), encoding="utf-8")
        return started

    def started(self) -> list[Started]:
        """Every process that `start` noted and `stop` has not removed, dead ones included."""
        found = []
        for path in sorted(self.pids.glob("*.json")):
            with contextlib.suppress(ValueError, TypeError):
                found.append(Started(**json.loads(path.read_text(encoding="utf-8"))))
        return found

    def stop(self, process: Started) -> bool:
        """Stop a process with its whole group and forget it; True if it was alive."""
        was_alive = process.alive
        if was_alive:
            _stop_group(process)
        elif born_of(process.pid) is None:
            # The leader was killed: its number is free, so the group of that number can only be its orphans.
            _signal(process.pid, signal.SIGKILL)
        (self.pids / f"{process.name}.json").unlink(missing_ok=True)
        return was_alive

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a process's log, for error messages."""
        path = self.log_of(name)
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return "\n".join(text.splitlines()[-lines:])


def born_of(pid: int) -> int | None:
    """Start time of a living process in clock ticks since boot.

    None if there is none (or only its zombie).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _born_without_proc(pid)
    state, *rest = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(rest[18])


def _born_without_proc(pid: int) -> int | None:
    """Where there is no /proc (macOS): ask `ps`, whose start time is as stable."""
    if Path("/proc/self/stat").exists():
        return None
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    started = found.stdout.strip()
    return int(time.mktime(time.strptime(started))) if started else None


def _stop_group(process: Started) -> None:
    _signal(process.pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_S
    while process.alive and time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        time.sleep(0.02)
    # Also when the leader is gone: a worker that ignored SIGTERM would keep its port and its memory.
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def busy_ports(ports: Sequence[int]) -> list[int]:
    """Ports of 127.0.0.1 that somebody listens on."""
    busy = []
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                busy.append(port)
    return busy
