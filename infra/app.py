"""Entry of the CDK app: ``cdk synth -c stage=prod``; without a stage it is ``dev``."""

import json
import os
import sys

import aws_cdk as cdk

from infra.config import LOCAL, ROOT, ConfigError, StageConfig
from infra.lib.nag import add_rule_packs
from infra.lib.site import require_layers
from infra.stages import load
from infra.stateful_stack import StatefulStack
from infra.stateless_stack import StatelessStack


def build(app: cdk.App, config: StageConfig) -> tuple[StatefulStack, StatelessStack]:
    """Put both stacks of a stage into the app. Raises ConfigError when the stage cannot be built."""
    require_layers(config.layers_dir)
    stateful = StatefulStack(app, f"{config.deployment}-stateful", config=config, synthesizer=_synthesizer(config))
    stateless = StatelessStack(app, config.deployment, config=config, synthesizer=_synthesizer(config))
    stateless.add_stack_dependency(stateful, "finds tables, bus and bucket by name")
    if config.placeholders and config.stage != LOCAL:
        cdk.Annotations.of(stateless).add_warning_v2(
            "musubi:placeholders",
            f"infra/stages/{config.stage}.py still has this repository's example of: {', '.join(config.placeholders)}",
        )
    cdk.Tags.of(app).add("app", "musubi")
    cdk.Tags.of(app).add("stage", config.stage)
    add_rule_packs(app)
    return stateful, stateless


def context() -> dict[str, object]:
    """Return the feature flags of ``cdk.json``, which the CDK's command line passes by itself."""
    flags: dict[str, object] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return flags


def _synthesizer(config: StageConfig) -> cdk.IStackSynthesizer:
    return cdk.CliCredentialsStackSynthesizer() if config.own_credentials else cdk.DefaultStackSynthesizer()


def main() -> None:
    """Synthesise the stage named by the context key ``stage`` or the variable ``STAGE``."""
    app = cdk.App()
    stage = app.node.try_get_context("stage") or os.environ.get("STAGE") or "dev"
    try:
        build(app, load(str(stage)))
    except ConfigError as error:
        sys.exit(f"musubi infra: {error}")
    app.synth()


if __name__ == "__main__":
    main()
