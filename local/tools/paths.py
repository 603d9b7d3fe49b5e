"""Where built things lie. Standard library only: setup runs this before any package is installed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
UV_HOME = BUILD / "uv"
MINISTACK = BUILD / "ministack"
MINISTACK_PYTHON = MINISTACK / "bin" / "python"
CDK_HOME = BUILD / "cdk"
CDK_SCRIPT = CDK_HOME / "node_modules" / "aws-cdk" / "bin" / "cdk"
LAYERS = BUILD / "layers"

DEV_LOCK = ROOT / "requirements.lock"
STACK_LOCK = ROOT / "local" / "requirements.txt"
DEPS_LOCK = ROOT / "layers" / "deps" / "requirements.txt"
UV_LOCK = ROOT / "local" / "tools" / "uv.txt"
CDK_LOCK = ROOT / "local" / "tools" / "cdk_cli"
