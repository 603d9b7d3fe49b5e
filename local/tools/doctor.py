"""`make doctor`: which tools are used, what is missing, and the command that mends it. Standard library only."""

import subprocess
import sys
from dataclasses import dataclass

from local.tools import browser, interpreters, node, uv
from local.tools.interpreters import LAMBDA_MINOR
from local.tools.layers import read_manifest
from local.tools.paths import CDK_SCRIPT, LAYERS, MINISTACK_PYTHON, VENV_PYTHON


@dataclass(frozen=True)
class Finding:
    """One tool: what was found, or the command that mends its absence."""

    tool: str
    found: str | None
    mend: str
    essential: bool = True

    def line(self) -> str:
        if self.found:
            return f"ok       {self.tool:<22} {self.found}"
        return f"{'MISSING' if self.essential else 'missing':<8} {self.tool:<22} {self.mend}"


def findings() -> list[Finding]:
    """Everything that make needs, in the order in which it is needed."""
    best, lambda_python = interpreters.best(), interpreters.find_minor(LAMBDA_MINOR)
    venv, stack = interpreters.probe(str(VENV_PYTHON)), interpreters.probe(str(MINISTACK_PYTHON))
    name = f"Python {LAMBDA_MINOR[0]}.{LAMBDA_MINOR[1]} (Lambda's)"
    return [
        Finding("python3 ≥ 3.11", _said(best), "apt-get install -y python3 python3-venv"),
        Finding(
            name,
            _said(lambda_python),
            "install it (pyenv, apt) and `make clean setup`; only needed to deploy to AWS",
            essential=False,
        ),
        Finding("uv", uv.version(), "make setup"),
        Finding(".venv", _said(venv), "make setup"),
        Finding("node", _version(node.binary()), "make setup"),
        Finding("cdk command line", _cdk_version(), "make setup"),
        Finding("embedded AWS", _ministack(stack), "make setup"),
        Finding("same interpreter", _agree(venv, stack), "make clean setup", essential=bool(venv and stack)),
        Finding("layers for local", _layers("local"), "make layers", essential=False),
        Finding("layers for AWS", _layers("aws"), "make layers", essential=False),
        Finding("browser", browser.find(), browser.MEND, essential=False),
        Finding("Japanese font", "found" if browser.has_japanese_font() else None, browser.MEND, essential=False),
    ]


def _said(found: interpreters.Interpreter | None) -> str | None:
    return str(found) if found else None


def _version(program: object, *arguments: str) -> str | None:
    if program is None:
        return None
    try:
        done = subprocess.run(
            [str(program), *(arguments or ("--version",))], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _cdk_version() -> str | None:
    return _version(node.binary(), str(CDK_SCRIPT), "--version") if CDK_SCRIPT.exists() else None


def _ministack(stack: interpreters.Interpreter | None) -> str | None:
    if stack is None:
        return None
    code = "import importlib.metadata as m; print('ministack', m.version('ministack'), 'microburst', m.version('microburst'))"
    return _version(MINISTACK_PYTHON, "-c", code)


def _agree(venv: interpreters.Interpreter | None, stack: interpreters.Interpreter | None) -> str | None:
    """The embedded AWS loads the layer that .venv's interpreter compiled: two minors would not fit."""
    return str(venv.path) if venv and stack and venv == stack else None


def _layers(target: str) -> str | None:
    manifest = read_manifest(LAYERS / target)
    if not manifest:
        return None
    pyc = "compiled" if manifest.get("pyc") else "NOT compiled"
    return f"Python {manifest.get('python')}, {manifest.get('arch')}, {pyc}"


def main() -> int:
    """Print the findings; 1 when something essential is missing."""
    found = findings()
    for finding in found:
        print(finding.line())
    return int(any(finding.essential and not finding.found for finding in found))


if __name__ == "__main__":
    sys.exit(main())
