"""`make lock`: resolve pyproject.toml again into the hash-pinned lock files. Standard library only.

A lock names packages, versions and hashes, and no registry: whoever installs uses the one they have.
"""

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
    "--upgrade",
)
_HEADER = "# Written by `make lock` from pyproject.toml ({what}). Do not edit.\n"


def lock(output: Path, what: str, *sources: str) -> None:
    """Resolve the sources into one file."""
    uv.run("pip", "compile", *_OPTIONS, *sources, "--output-file", str(output))
    text = output.read_text(encoding="utf-8")
    if "://" in text:
        raise SystemExit(f"{output.name} names an address; locks hold names and hashes only")
    output.write_text(_HEADER.format(what=what) + text, encoding="utf-8")


def main() -> None:
    """Lock the developers' environment, its subset for the Lambdas, and the embedded AWS's own."""
    project = str(ROOT / "pyproject.toml")
    lock(DEV_LOCK, "dependencies and group dev", project, "--group", f"{project}:dev")
    # The Lambdas run exactly what the tests ran: the first lock constrains the second.
    lock(DEPS_LOCK, "dependencies", project, "--constraints", str(DEV_LOCK))
    lock(STACK_LOCK, "group stack", "--group", f"{project}:stack")


if __name__ == "__main__":
    main()
