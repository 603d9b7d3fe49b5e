"""`make setup`: uv, the developers' venv, the embedded AWS's venv and the CDK command line.

Run with the system's python3 (3.11 or newer); standard library only.
Each part is one make target with a stamp, so a second `make` does nothing.
"""

import shutil
import sys

from local.tools import interpreters, node, uv
from local.tools.paths import (
    CDK_HOME,
    CDK_LOCK,
    DEV_LOCK,
    MINISTACK,
    MINISTACK_PYTHON,
    STACK_LOCK,
    VENV,
    VENV_PYTHON,
)


def make_venv() -> None:
    """`.venv` from requirements.lock, made by the best interpreter there is."""
    found = interpreters.best()
    if found is None:
        raise SystemExit("No Python ≥ 3.11 found. On Debian or Ubuntu: apt-get install -y python3 python3-venv")
    print(f".venv: {found}")
    if not found.is_lambda_minor:
        print("  note: AWS runs 3.13; layers for AWS get no compiled modules from this interpreter (make doctor)")
    current = interpreters.probe(str(VENV_PYTHON))
    if current != found:
        uv.run("venv", "--quiet", "--clear", "--python", str(found.path), str(VENV))
    _install(VENV_PYTHON.as_posix(), DEV_LOCK.as_posix())
    node.link_into_venv()


def make_ministack() -> None:
    """`.build/ministack`: the embedded AWS pins botocore, so it cannot share our venv.

    It runs the Lambdas with its own interpreter, whatever the template's runtime says; so it gets ours.
    """
    base = interpreters.probe(str(VENV_PYTHON))
    if base is None:
        raise SystemExit("no .venv: make setup")
    uv.run("venv", "--quiet", "--clear", "--python", str(base.path), str(MINISTACK))
    _install(MINISTACK_PYTHON.as_posix(), STACK_LOCK.as_posix())


def make_cdk() -> None:
    """`.build/cdk`: the CDK command line at the exact version of its lock (npm's `latest` is a broken one)."""
    CDK_HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(CDK_LOCK / name, CDK_HOME / name)
    node.npm(
        "ci", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error", cwd=CDK_HOME
    )


def _install(python: str, lock: str) -> None:
    # `sync` also removes what the lock no longer names. Nothing is compiled ahead: the CDK library alone
    # would take 15 s, and a program compiles what it imports.
    uv.run("pip", "sync", "--quiet", "--python", python, "--require-hashes", lock)


_PARTS = {"uv": uv.install, "venv": make_venv, "ministack": make_ministack, "cdk": make_cdk}


def main(arguments: list[str]) -> None:
    """Make the named parts, in the order given."""
    for name in arguments:
        _PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
