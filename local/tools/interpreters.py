"""Finding the Python that builds the layers, runs the embedded AWS and runs the tests.

One interpreter does all three, so that compiled modules, wheels and the process that loads them agree.
The Lambda's own minor comes first. Standard library only: setup runs this before any package is installed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAMBDA_MINOR = (3, 13)
OLDEST_MINOR = (3, 11)

_PROBE = (
    "import sys, ssl, sqlite3, zlib, ctypes; "
    "print(sys.version_info[0], sys.version_info[1], getattr(sys, '_base_executable', sys.executable), sep='|')"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that really starts and has the modules we need."""

    path: Path
    minor: tuple[int, int]

    @property
    def is_lambda_minor(self) -> bool:
        return self.minor == LAMBDA_MINOR

    def __str__(self) -> str:
        return f"{self.path} ({self.minor[0]}.{self.minor[1]})"


def probe(candidate: str) -> Interpreter | None:
    """The interpreter behind a name, or None when it does not start or lacks a module.

    A pyenv shim answers only for versions that pyenv has activated, and uv fails on the shim itself;
    asking the process for its own path gives the real binary.
    """
    try:
        done = subprocess.run(
            [candidate, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False, env=_clean_env()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = done.stdout.strip().split("|")
    if done.returncode != 0 or len(parts) != 3:
        return None
    return Interpreter(Path(parts[2]).resolve(), (int(parts[0]), int(parts[1])))


def find_minor(minor: tuple[int, int]) -> Interpreter | None:
    """An interpreter of exactly this minor, or None."""
    for candidate in _candidates(minor):
        found = probe(candidate)
        if found and found.minor == minor:
            return found
    return None


def best() -> Interpreter | None:
    """The interpreter to build with: MUSUBI_PYTHON if set, else the Lambda's minor, else python3 ≥ 3.11."""
    wished = os.environ.get("MUSUBI_PYTHON")
    if wished:
        return _new_enough(probe(wished))
    return (
        find_minor(LAMBDA_MINOR)
        or _new_enough(probe("python3"))
        or find_minor((3, 12))
        or find_minor((3, 11))
        or find_minor((3, 14))
    )


def _new_enough(found: Interpreter | None) -> Interpreter | None:
    return found if found and found.minor >= OLDEST_MINOR else None


def _candidates(minor: tuple[int, int]) -> Iterator[str]:
    name = f"python{minor[0]}.{minor[1]}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from (str(p) for p in sorted(pyenv.glob(f"{minor[0]}.{minor[1]}*/bin/python"), reverse=True))


def _clean_env() -> dict[str, str]:
    """The environment without what would make a probe answer for another Python."""
    return {k: v for k, v in os.environ.items() if k not in {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}}
