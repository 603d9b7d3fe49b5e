"""uv, installed with pip from a hash-pinned file into `.build/uv`. Standard library only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.tools.paths import ROOT, UV_HOME, UV_LOCK

_MEND = (
    "This Python can make no virtual environment and has no pip.\n"
    "On Debian or Ubuntu: apt-get install -y python3-venv   (then run make again)"
)


def install() -> None:
    """Install uv unless it is there. Works with venv, with pip alone, and as root on Debian with neither."""
    if UV_HOME.exists():
        shutil.rmtree(UV_HOME)
    if _by_venv() or _by_pip():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        # A bare Debian python3 ships without ensurepip; make promises to need only python3, make and git.
        print("installing python3-venv (this Python has neither venv nor pip)", file=sys.stderr)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "python3-venv"], check=False, stdout=subprocess.DEVNULL)
        if _by_venv():
            return
    raise SystemExit(_MEND)


def run(*arguments: str) -> None:
    """Run uv; its own words explain a failure, so ours is only the exit code."""
    done = subprocess.run([str(_binary()), *arguments], cwd=ROOT, env=_env(), check=False)
    if done.returncode != 0:
        raise SystemExit(f"uv {' '.join(arguments[:2])} failed ({done.returncode})")


def version() -> str | None:
    """What `uv --version` says, or None when uv is not installed."""
    try:
        done = subprocess.run([str(_binary()), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _binary() -> Path:
    return UV_HOME / "bin" / "uv"


def _env() -> dict[str, str]:
    # uv must use the interpreter that we found, and never fetch one or follow a venv that happens to be active.
    env = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    return {**env, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def _by_venv() -> bool:
    made = subprocess.run([sys.executable, "-m", "venv", str(UV_HOME)], capture_output=True, check=False)
    if made.returncode != 0:
        shutil.rmtree(UV_HOME, ignore_errors=True)
        return False
    return _pip(str(UV_HOME / "bin" / "python"))


def _by_pip() -> bool:
    return _pip(sys.executable, "--target", str(UV_HOME))


def _pip(python: str, *where: str) -> bool:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *where]
    done = subprocess.run([*command, "-r", str(UV_LOCK)], check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0 and _binary().exists()
