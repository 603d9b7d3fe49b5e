"""What the webhook doors load at start: LINE counts an answer after 2 s as a failure, and imports are most of a cold one."""

import json
import os
import subprocess
import sys

import pytest

from local.tools.paths import ROOT

HEAVY = ("pydantic", "linebot", "aws_lambda_powertools", "aiohttp", "requests", "yaml")
ENVIRONMENT = {
    "STAGE": "local",
    "DEPLOYMENT": "musubi-local",
    "LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "door",
    "POWERTOOLS_METRICS_NAMESPACE": "musubi",
    "LINE_EVENTS_QUEUE_URL": "https://sqs.ap-northeast-1.amazonaws.com/000000000000/musubi-local-line-events",
    "SHOP_EVENTS_QUEUE_URL": "https://sqs.ap-northeast-1.amazonaws.com/000000000000/musubi-local-shop-events",
    "CLAIM_BUCKET": "musubi-local-claims",
    "PARAM_PREFIX": "/musubi/local",
    "SHOPS": "main",
    "CLOCK": "real",
    "AWS_REGION": "ap-northeast-1",
    "AWS_DEFAULT_REGION": "ap-northeast-1",
    "AWS_LAMBDA_FUNCTION_NAME": "door",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
PROGRAM = f"import sys, json, handler; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"


@pytest.mark.parametrize("function", ["line_webhook", "shop_webhook"])
def test_a_webhook_door_starts_without_heavy_libraries(function: str) -> None:
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "core" / "python")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
