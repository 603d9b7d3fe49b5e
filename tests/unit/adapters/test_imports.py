"""What an import costs is part of the contract: the webhook doors have less than 2 s, cold start included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = ("pydantic", "linebot", "aws_lambda_powertools", "requests", "aiohttp")


def loaded_by(code: str) -> set[str]:
    """Top-level packages in a fresh interpreter after `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    path = str(ROOT / "layers/core/python")
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["sqs", "claims", "secrets", "tokens", "eventbridge", "aws"])
def test_light_adapters_load_nothing_heavy(module: str) -> None:
    assert not loaded_by(f"import musubi.adapters.{module}") & set(HEAVY)


def test_importing_the_gateway_does_not_load_the_sdk() -> None:
    """It is loaded when a gateway is made: in the init phase, by the functions that talk to LINE."""
    assert "linebot" not in loaded_by("import musubi.adapters.line.gateway")


def test_no_adapter_makes_a_client_while_it_is_imported() -> None:
    modules = ["aws", "sqs", "claims", "secrets", "eventbridge", "clock", "tokens", "dynamo.store", "line.gateway"]
    code = "\n".join(f"import musubi.adapters.{module}" for module in modules)
    assert "linebot" not in loaded_by(code + "\nimport boto3\nassert boto3.DEFAULT_SESSION is None")
