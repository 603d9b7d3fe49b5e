"""Builds the Lambda layers without Docker: ``python -m local.tools.layers local|aws``.

``.build/layers/<target>/core``     our package under ``python/``, without the command line
``.build/layers/<target>/deps``     third-party packages under ``python/``, from layers/deps/requirements.txt
``.build/layers/<target>/content``  what the shop owns, under ``content/``
``.build/layers/<target>/manifest.json`` says what was built, for the deployment to check.

Target ``local`` is built for this machine and the interpreter of `.venv`, which also runs the embedded AWS;
target ``aws`` for Lambda's own Linux, Python 3.13 and LAYER_ARCH. Compiled modules are shipped since /opt is
read-only: without them every cold start compiles again, which takes 2.6 × the import time.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.tools import interpreters, prune, uv
from local.tools.interpreters import LAMBDA_MINOR, Interpreter
from local.tools.paths import DEPS_LOCK, LAYERS, ROOT, VENV_PYTHON

UNZIPPED_LIMIT = 250 * 1024 * 1024
"""Bytes that a function and all its layers may take unzipped (Lambda quota)."""

_NAMES = ("core", "deps", "content")
_UV_PLATFORM = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
_OUR_PACKAGE = ROOT / "layers" / "core" / "python" / "musubi"
_CONTENT = ROOT / "layers" / "content"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "cli")


@dataclass(frozen=True)
class Target:
    """What the layers are built for. ``compiler`` makes the .pyc files; None when no Python of that minor is here."""

    name: str
    minor: tuple[int, int]
    arch: str
    compiler: Interpreter | None

    @property
    def home(self) -> Path:
        return LAYERS / self.name

    @property
    def python(self) -> str:
        return f"{self.minor[0]}.{self.minor[1]}"

    def install_options(self) -> list[str]:
        """uv's words for this platform; none for the machine we are on."""
        if self.name == "local":
            return []
        return ["--python-platform", _UV_PLATFORM[self.arch], "--python-version", self.python]


def target(name: str) -> Target:
    """The target of that name. Raises SystemExit for an unknown name or architecture."""
    venv = interpreters.probe(str(VENV_PYTHON))
    if venv is None:
        raise SystemExit("no .venv: make setup")
    if name == "local":
        return Target(name, venv.minor, os.uname().machine, venv)
    arch = os.environ.get("LAYER_ARCH") or "arm64"
    if name != "aws" or arch not in _UV_PLATFORM:
        raise SystemExit(f"unknown layer target {name}/{arch}; use local or aws, LAYER_ARCH={'|'.join(_UV_PLATFORM)}")
    compiler = venv if venv.is_lambda_minor else interpreters.find_minor(LAMBDA_MINOR)
    return Target(name, LAMBDA_MINOR, arch, compiler)


def build(goal: Target) -> list[str]:
    """Build what changed since the last build of this target, write the manifest, return what was built."""
    before = read_manifest(goal.home)
    inputs = {
        "core": _digest([_OUR_PACKAGE], goal),
        "deps": _digest([DEPS_LOCK], goal),
        "content": _digest([_CONTENT], goal),
    }
    built = []
    for name, digest in inputs.items():
        if before.get("inputs", {}).get(name) == digest and (goal.home / name).is_dir():
            continue
        fresh = _fresh_folder(goal.home / name)
        _BUILDERS[name](goal, fresh)
        _swap(fresh, goal.home / name)
        built.append(name)
    if built:
        _write_manifest(goal, inputs)
    return built


def _build_core(goal: Target, fresh: Path) -> None:
    shutil.copytree(_OUR_PACKAGE, fresh / "python" / "musubi", ignore=_LEFT_OUT)
    _compile(goal, fresh)


def _build_deps(goal: Target, fresh: Path) -> None:
    packages = fresh / "python"
    uv.run(
        "pip", "install", "--quiet", "--python", str(VENV_PYTHON), "--target", str(packages),
        *goal.install_options(), "--only-binary", ":all:", "--require-hashes", "--no-deps", "-r", str(DEPS_LOCK),
    )  # fmt: skip
    prune.prune(packages)
    _compile(goal, fresh)


def _build_content(_: Target, fresh: Path) -> None:
    shutil.copytree(_CONTENT, fresh / "content", ignore=_LEFT_OUT)


def _compile(goal: Target, folder: Path) -> None:
    if goal.compiler is None:
        return
    # unchecked-hash: the same source gives the same file, and Lambda never compares time stamps that zips round.
    command = [
        str(goal.compiler.path),
        "-W",
        "ignore",
        "-m",
        "compileall",
        "-q",
        "-j",
        "0",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    done = subprocess.run([*command, "-s", str(folder), "-p", "/opt", str(folder)], check=False)
    if done.returncode != 0:
        raise SystemExit(f"compiling {folder.name} failed")


_BUILDERS: dict[str, Callable[[Target, Path], None]] = {
    "core": _build_core,
    "deps": _build_deps,
    "content": _build_content,
}


def _fresh_folder(place: Path) -> Path:
    """An empty folder beside the layer: a build that breaks never leaves half a layer behind."""
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    return fresh


def _swap(fresh: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


def _digest(paths: Iterable[Path], goal: Target) -> str:
    """What decides a layer's bytes: its sources, this builder, the platform and the compiler's minor."""
    digest = hashlib.sha256()
    for path in (Path(__file__), Path(prune.__file__), *paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode())
                digest.update(file.read_bytes())
    digest.update(f"{goal.python}/{goal.arch}/{goal.compiler is not None}".encode())
    return digest.hexdigest()


def read_manifest(home: Path) -> dict[str, Any]:
    """The manifest of a target's folder; empty when nothing was built there."""
    try:
        found = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_manifest(goal: Target, inputs: dict[str, str]) -> None:
    manifest = {
        "target": goal.name,
        "python": goal.python,
        "arch": goal.arch,
        "pyc": goal.compiler is not None,
        "hash": hashlib.sha256("".join(inputs.values()).encode()).hexdigest(),
        "inputs": inputs,
        "bytes": {name: _size(goal.home / name) for name in _NAMES},
    }
    (goal.home / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _report(goal: Target, built: list[str]) -> None:
    sizes = read_manifest(goal.home)["bytes"]
    total = sum(sizes.values())
    parts = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
    state = f"built {', '.join(built)}" if built else "up to date"
    print(
        f"layers/{goal.name} (Python {goal.python}, {goal.arch}): {state}; unzipped {parts}, sum {total / 1e6:.1f} MB"
    )
    if goal.compiler is None:
        print(f"  no Python {goal.python} on this machine: no compiled modules; see make doctor")
    if total >= UNZIPPED_LIMIT:
        raise SystemExit(f"{total} bytes unzipped: Lambda takes {UNZIPPED_LIMIT} for a function with its layers")


def main(names: list[str]) -> None:
    """Build the named targets."""
    LAYERS.mkdir(parents=True, exist_ok=True)
    with (LAYERS / ".lock").open("w") as lock:
        # Two `make` at once would build into the same fresh folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            goal = target(name)
            _report(goal, build(goal))


if __name__ == "__main__":
    main(sys.argv[1:])
