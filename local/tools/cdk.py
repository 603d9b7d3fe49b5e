"""The pinned CDK command line with our Node: ``python -m local.tools.cdk synth|diff|deploy|bootstrap STAGE [options]``."""

import os
import subprocess
import sys
from typing import Any

from infra.config import StageConfig
from infra.stages import load
from local.tools import layers, node
from local.tools.paths import CDK_SCRIPT, LAYERS, ROOT

_VERBS = ("synth", "diff", "deploy", "destroy", "bootstrap")


def refusal(manifest: dict[str, Any], config: StageConfig, *, allow_no_pyc: bool) -> str | None:
    """Why this stage must not be deployed with layers of this manifest, or None when it may."""
    if config.placeholders:
        fields = ", ".join(config.placeholders)
        return (
            f"infra/stages/{config.stage}.py still has this repository's example of {fields}: put the shop's own there"
        )
    if not manifest:
        return "no layers are built for AWS: make layers"
    built, wanted = (manifest.get("python"), manifest.get("arch")), (config.python, config.architecture)
    if built != wanted:
        return f"the layers are built for {built}, the stage runs {wanted}: set LAYER_ARCH, or mend the stage file"
    if not manifest.get("pyc") and not allow_no_pyc:
        return (
            f"the layers hold no compiled modules (no Python {manifest.get('python')} on this machine), and a cold"
            " start without them imports 2.6 times as long: install that Python, or set ALLOW_NO_PYC=1"
        )
    return None


def run(verb: str, stage: str, options: list[str]) -> int:
    """Run the CDK command line and return its exit code."""
    if not CDK_SCRIPT.exists():
        raise SystemExit("no CDK command line: make setup")
    if verb == "deploy":
        manifest = layers.read_manifest(LAYERS / "aws")
        reason = refusal(manifest, load(stage), allow_no_pyc=os.environ.get("ALLOW_NO_PYC") == "1")
        if reason:
            raise SystemExit(f"refused: {reason}")
    env = node.environment()
    command = [str(node.binary()), str(CDK_SCRIPT), verb, "-c", f"stage={stage}", "--no-notices"]
    if verb == "synth":
        command.append("--quiet")
    elif verb in {"deploy", "destroy"}:
        command.append("--all")
    return subprocess.run([*command, *options], cwd=ROOT, env=env, check=False).returncode


def main(arguments: list[str]) -> int:
    """Check the arguments and run."""
    if len(arguments) < 2 or arguments[0] not in _VERBS:
        raise SystemExit(f"usage: python -m local.tools.cdk {'|'.join(_VERBS)} STAGE [options]")
    return run(arguments[0], arguments[1], arguments[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
