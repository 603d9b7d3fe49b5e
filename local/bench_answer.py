"""First answer of the webhook: fresh process -> 200, beside a ten-line handler and the SDK's way, in alternating runs.

Each run is a process of its own with the built layers (compiled modules included) and the environment that the
synthesised template gives `line_webhook`. AWS is a stub at the socket, so only our own work and boto3's is measured:
no network, no TLS, no Lambda start. On AWS each client of ours adds a TLS handshake of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.endpoints import ROOT, Endpoints
from local.line.signing import sign
from local.outside import Outside, api_gateway_event
from local.stack.assembly import stacks, synthesise
from local.stack.settings import REGION, Settings

RUNS, WARM_UPS = 21, 2
GOAL = 1.3
_DOORS = ROOT / "local" / "bench_doors"
VARIANTS = {
    "musubi": (ROOT / "functions" / "line_webhook", "handler"),
    "ten lines": (_DOORS, "ten_lines"),
    "line-bot-sdk": (_DOORS, "sdk_path"),
}


class BenchFailed(RuntimeError):
    """A measured process did not answer 200; the message holds what it said."""


class _Stub(BaseHTTPRequestHandler):
    """SQS and SSM, as far as a webhook door asks them."""

    protocol_version = "HTTP/1.1"
    secret = ""
    asked: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        action = self.headers["x-amz-target"].rpartition(".")[2]
        self.asked.append(action)
        answer = json.dumps(self._answer(action, body)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if action == "GetParameter":
            return {"Parameter": {"Name": body["Name"], "Type": "SecureString", "Value": self.secret, "Version": 1}}
        if action == "SendMessage":
            return {"MessageId": "1", "MD5OfMessageBody": _md5(body["MessageBody"])}
        entries = body["Entries"]
        return {
            "Successful": [
                {"Id": e["Id"], "MessageId": "1", "MD5OfMessageBody": _md5(e["MessageBody"])} for e in entries
            ]
        }

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is the library's
        """Silence: a line per request would be measured too."""


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def first_answers(settings: Settings, runs: int = RUNS) -> dict[str, Any]:
    """Milliseconds from the start of the process to its 200: median, least and most per variant, and the ratios."""
    synthesise(settings)
    asked: list[str] = []
    stub = type("Stub", (_Stub,), {"secret": settings.channel_secret, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        environment = function_environment(settings, url)
        event = _event_file(settings)
        times: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for turn in range(runs + WARM_UPS):
            for name in VARIANTS:
                milliseconds = _one(name, environment, event)
                if turn >= WARM_UPS:
                    times[name].append(milliseconds)
    finally:
        server.shutdown()
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "runs": runs,
        "milliseconds": {
            name: {"median": round(medians[name], 1), "least": round(min(t), 1), "most": round(max(t), 1)}
            for name, t in times.items()
        },
        "ratio": {name: round(medians[name] / medians["ten lines"], 3) for name in VARIANTS},
        "goal": GOAL,
        "aws_requests": {action: asked.count(action) for action in sorted(set(asked))},
    }


def _one(name: str, environment: Mapping[str, str], event: Path) -> float:
    folder, module = VARIANTS[name]
    began = time.perf_counter()
    done = subprocess.Popen(
        [_interpreter(), "-S", "-s", str(_DOORS / "child.py"), str(folder), module, str(event)],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.stdout is not None
    said = done.stdout.readline()
    while said and not said.strip().isdigit():  # log lines come first
        said = done.stdout.readline()
    milliseconds = (time.perf_counter() - began) * 1000
    _, complaint = done.communicate()
    if said.strip() != "200":
        raise BenchFailed(f"{name} answered {said.strip()!r}:\n{complaint[-3000:]}")
    return milliseconds


def _interpreter() -> str:
    """The one that the local layers were built and compiled for."""
    return str(ROOT / ".venv" / "bin" / "python")


def function_environment(settings: Settings, aws: str) -> dict[str, str]:
    """The variables of `line_webhook` in the synthesised template, and what Lambda itself sets."""
    found = next(
        resource["Properties"]
        for stack in stacks(settings.assembly)
        for resource in stack.body()["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
        and str(resource["Properties"].get("FunctionName", "")).endswith("line_webhook")
    )
    own = {name: _plain(name, value, aws) for name, value in found["Environment"]["Variables"].items()}
    layers = [str(settings.layers / layer / "python") for layer in ("core", "deps")]
    return {
        **own,
        "PYTHONPATH": os.pathsep.join(layers),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task can not be written
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": str(found["FunctionName"]),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(found["MemorySize"]),
        "AWS_ENDPOINT_URL": aws,
        "BENCH_CHANNEL_SECRET": settings.channel_secret,
    }


def _plain(name: str, value: Any, aws: str) -> str:
    """References of the template have no value without a deployment; only a queue's address matters here."""
    if isinstance(value, str):
        return value
    return f"{aws}/000000000000/line-events" if name.endswith("_QUEUE_URL") else f"stub-{name.lower()}"


def _event_file(settings: Settings) -> Path:
    nowhere = Endpoints(api="", line="", shop="", aws="")
    outside = Outside.of(nowhere, settings)
    body = outside.line_body(outside.text_event("U" + "0123456789abcdef" * 2, "会員連携"))
    headers = {"content-type": "application/json", "x-line-signature": sign(settings.channel_secret, body)}
    path = settings.home / "bench-event.json"
    path.write_text(json.dumps(api_gateway_event(body, headers, encoded=False)), encoding="utf-8")
    return path
