"""Synthesise the CDK app for the local stage and read its cloud assembly.

The app is run as it is, without the CDK's command line: its context and output folder come by the two
environment variables that the command line itself sets. An assembly whose inputs have not changed is used
again.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.endpoints import ROOT
from local.stack.settings import ACCOUNT, CHANNEL_ID, REGION, SHOP_ID, STAGE, Settings
from local.tools import node

_INPUTS = ("infra", "functions", "cdk.json", "requirements.lock")
_STAMP = "inputs.sha256"


class SynthFailed(RuntimeError):
    """The CDK app did not synthesise; the message is what it said."""


@dataclass(frozen=True)
class Asset:
    """A file or folder of the assembly and where in S3 the template expects it."""

    id: str
    source: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class Stack:
    """One CloudFormation stack of the assembly."""

    name: str
    template: Path
    assets: tuple[Asset, ...]
    needs: frozenset[str]

    def body(self) -> dict[str, Any]:
        """The template as JSON."""
        found: dict[str, Any] = json.loads(self.template.read_text(encoding="utf-8"))
        return found


def current(settings: Settings) -> bool:
    """True if the assembly there is was made from what the sources and settings are now."""
    stamp = settings.home / _STAMP
    digest = _digest(settings, app_variables(settings))
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == digest and settings.assembly.is_dir()


def synthesise(settings: Settings) -> bool:
    """Bring the assembly up to date; True if the app had to run.

    Raises SynthFailed with the app's own words.
    """
    if current(settings):
        return False
    variables = app_variables(settings)
    digest = _digest(settings, variables)
    shutil.rmtree(settings.assembly, ignore_errors=True)
    settings.assembly.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        _command(), cwd=ROOT, env={**node.environment(), **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SynthFailed(f"synthesising stage {STAGE} failed:\n{done.stdout[-2000:]}{done.stderr[-6000:]}")
    (settings.home / _STAMP).write_text(digest, encoding="utf-8")
    return True


def app_variables(settings: Settings) -> dict[str, str]:
    """What the app is told.

    The CDK's own two variables, and the `LOCAL_…` settings of `infra/stages/local.py`.
    """
    api, data, access = settings.line_hosts
    context = {**_cdk_json().get("context", {}), "stage": STAGE}
    return {
        "CDK_OUTDIR": str(settings.assembly),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "LOCAL_LINE_API_URL": api,
        "LOCAL_LINE_DATA_URL": data,
        "LOCAL_LINE_ACCESS_URL": access,
        "LOCAL_LINE_CHANNEL_ID": CHANNEL_ID,
        "LOCAL_SHOPS": SHOP_ID,
        "LOCAL_SHOP_APIS": ",".join(f"{SHOP_ID}/{name}={url}" for name, url in settings.shop_apis.items()),
        "LOCAL_SHOP_LOGIN_URL": f"{settings.shop}/line/login",
        "LOCAL_GO_LIVE": "1" if settings.go_live else "0",
        "LOCAL_TESTERS": settings.testers,
        "LOCAL_LOG_LEVEL": settings.log_level,
        # The emulator unpacks layers beside the function, not to /opt: content is read from where it was built.
        "LOCAL_CONTENT_DIR": str(_content_folder(settings)),
    }


def _content_folder(settings: Settings) -> Path:
    return settings.layers / "content" / "content"


def _cdk_json() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    return found


def _command() -> list[str]:
    program, *arguments = shlex.split(_cdk_json()["app"])
    # The interpreter that runs us has the CDK; the name in cdk.json need not be on the PATH.
    return [sys.executable if Path(program).name.startswith("python") else program, *arguments]


def _digest(settings: Settings, variables: Mapping[str, str]) -> str:
    """A fingerprint of everything that the assembly depends on; the layers count by what was built."""
    digest = hashlib.sha256(json.dumps(variables, sort_keys=True).encode())
    for path in (*(ROOT / name for name in _INPUTS), settings.layers / "manifest.json"):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def stacks(assembly: Path) -> list[Stack]:
    """The assembly's stacks in the order in which they must be deployed."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    artifacts: dict[str, Any] = manifest["artifacts"]
    found = {
        name: Stack(
            name=artifact.get("properties", {}).get("stackName", name),
            template=assembly / artifact["properties"]["templateFile"],
            assets=tuple(_assets(assembly, artifacts, artifact)),
            needs=frozenset(artifact.get("dependencies", ())),
        )
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    return _ordered(found)


def _ordered(found: Mapping[str, Stack]) -> list[Stack]:
    ready: dict[str, Stack] = {}
    while len(ready) < len(found):
        free = [
            name for name, stack in found.items() if name not in ready and stack.needs & found.keys() <= ready.keys()
        ]
        if not free:
            raise SynthFailed(f"the stacks need each other in a circle: {sorted(found.keys() - ready.keys())}")
        ready |= {name: found[name] for name in free}
    return list(ready.values())


def _assets(assembly: Path, artifacts: Mapping[str, Any], stack: Mapping[str, Any]) -> Iterator[Asset]:
    for name in stack.get("dependencies", ()):
        artifact = artifacts[name]
        if artifact["type"] != "cdk:asset-manifest":
            continue
        listed = json.loads((assembly / artifact["properties"]["file"]).read_text(encoding="utf-8"))
        for asset_id, asset in listed["files"].items():
            for destination in asset["destinations"].values():
                yield Asset(
                    id=asset_id,
                    source=(assembly / asset["source"]["path"]).resolve(),
                    zipped=asset["source"].get("packaging") == "zip",
                    bucket=_here(destination["bucketName"]),
                    key=_here(destination["objectKey"]),
                )


def _here(text: str) -> str:
    """Fill in the account and region that the emulator has."""
    for placeholder, value in {"AccountId": ACCOUNT, "Region": REGION, "Partition": "aws"}.items():
        text = text.replace(f"${{AWS::{placeholder}}}", value)
    return text
