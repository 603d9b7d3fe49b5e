"""Handlers: thin, complete, and the webhook doors light."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.unit.runtime import environment

ROOT = Path(__file__).parents[2]
HANDLERS = sorted((ROOT / "functions").glob("*/handler.py"))

_LOAD = """
import json, sys
sys.path[:0] = [{core!r}, {function!r}]
{prelude}
import handler
assert callable(handler.lambda_handler)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""

# A fake for SSM at the client: what a door imports must not be hidden by a test library's own imports.
_SSM = """
import musubi.adapters.aws as aws
class Fake:
    def get_parameter(self, Name, WithDecryption):
        assert Name.startswith("/musubi/local/") and WithDecryption
        return {"Parameter": {"Value": "current\\nprevious\\n"}}
real = aws.client
aws.client = lambda service, **config: Fake() if service == "ssm" else real(service, **config)
"""


@cache
def load(function: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Load a handler in a fresh interpreter with its environment and nothing else."""
    script = _LOAD.format(
        core=str(ROOT / "layers/core/python"), function=str(ROOT / "functions" / function), prelude=_SSM
    )
    aws = {"AWS_DEFAULT_REGION": "ap-northeast-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    env = {"PATH": os.environ["PATH"], **aws, **environment.of(function), **changes}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_thin(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 10
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {node.module if isinstance(node, ast.ImportFrom) else None for node in imports} == {"musubi.runtime"}


@pytest.mark.parametrize("function", sorted(environment.OWN))
def test_every_handler_loads_with_the_environment_of_its_function(function: str) -> None:
    done = load(function)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", ["line_webhook", "shop_webhook"])
def test_the_webhook_doors_load_nothing_heavy(function: str) -> None:
    done = load(function)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"pydantic", "pydantic_core", "linebot", "aws_lambda_powertools", "yaml", "requests", "aiohttp"}


@pytest.mark.parametrize(
    ("function", "name"), [("line_webhook", "PARAM_PREFIX"), ("push_sender", "LINE_API_URL"), ("api", "SHOPS")]
)
def test_a_wrong_deployment_fails_while_it_starts_and_says_why(function: str, name: str) -> None:
    done = load(function, **{name: ""})
    assert done.returncode != 0
    assert f"{name}: missing" in done.stderr
