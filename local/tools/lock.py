"""`make lock`: resolve pyproject.toml into the hash-pinned lock files. Standard library only.

Versions in a lock stay while they fit; ``make lock UPGRADE=1`` takes the newest that fit. ``--check`` writes nothing
and fails when a lock no longer fits.

A lock names packages, versions and hashes, and no registry: whoever installs uses the one they have.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from local.tools import uv
from local.tools.paths import DEPS_LOCK, DEV_LOCK, ROOT, STACK_LOCK

_OPTIONS = (
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--python-version=3.11",
)
_LOCKS = (DEV_LOCK, DEPS_LOCK, STACK_LOCK)
_HEADER = "# Written by `make lock` from pyproject.toml ({what}). Do not edit.\n"


def lock(output: Path, what: str, *sources: str) -> None:
    """Resolve the sources into one file, keeping the versions that it holds already."""
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") == "1" else []
    uv.run("pip", "compile", *_OPTIONS, *upgrade, *sources, "--output-file", str(output))
    text = output.read_text(encoding="utf-8")
    if "://" in text:
        raise SystemExit(f"{output.name} names an address; locks hold names and hashes only")
    output.write_text(_HEADER.format(what=what) + text, encoding="utf-8")


def write_all(home: Path) -> None:
    """Lock the developers' environment, its subset for the Lambdas, and the embedded AWS's own, under a folder."""
    project = str(ROOT / "pyproject.toml")
    dev, deps, stack = (home / path.relative_to(ROOT) for path in (DEV_LOCK, DEPS_LOCK, STACK_LOCK))
    lock(dev, "dependencies and group dev", project, "--group", f"{project}:dev")
    # The Lambdas run exactly what the tests ran: the first lock constrains the second.
    lock(deps, "dependencies", project, "--constraints", str(dev))
    lock(stack, "group stack", "--group", f"{project}:stack")


def stale() -> list[str]:
    """The locks that resolving again would change."""
    with tempfile.TemporaryDirectory() as folder:
        for path in _LOCKS:
            copy = Path(folder) / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        write_all(Path(folder))
        return [
            str(path.relative_to(ROOT))
            for path in _LOCKS
            if (Path(folder) / path.relative_to(ROOT)).read_bytes() != path.read_bytes()
        ]


def main(arguments: list[str]) -> None:
    """Write the locks, or check them."""
    if arguments != ["--check"]:
        write_all(ROOT)
    elif changed := stale():
        raise SystemExit(f"out of date: {', '.join(changed)}: run make lock")


if __name__ == "__main__":
    main(sys.argv[1:])
