"""What every construct of the stateless stack is handed: the stage, its names, layers, grants and alarms."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import ConfigError, StageConfig
from infra.lib.alarm_desk import AlarmDesk
from infra.lib.grants import Grants
from infra.names import Names

LAYERS = ("core", "deps", "content")


@dataclass(frozen=True, slots=True)
class Site:
    """The surroundings of a construct; ``key`` is the customer's key or None."""

    config: StageConfig
    names: Names
    grants: Grants
    layers: dict[str, lambda_.LayerVersion]
    desk: AlarmDesk
    key: kms.IKey | None


def require_layers(layers_dir: Path) -> None:
    """Raise ConfigError, naming the command, unless the built layers lie in the folder."""
    missing = [name for name in LAYERS if not (layers_dir / name).is_dir()]
    if missing:
        where = f"{layers_dir}/{{{','.join(missing)}}}"
        raise ConfigError(f"no built layers at {where}: run `make layers` first")


def build_layers(scope: Construct, config: StageConfig, names: Names) -> dict[str, lambda_.LayerVersion]:
    """Take the built layers as plain assets: synthesis builds nothing and needs no network."""
    require_layers(config.layers_dir)
    return {
        name: lambda_.LayerVersion(
            scope,
            f"{name.title()}Layer",
            layer_version_name=names.of(name),
            code=lambda_.Code.from_asset(str(config.layers_dir / name)),
            compatible_runtimes=[runtime(config)],
            compatible_architectures=[architecture(config)],
        )
        for name in LAYERS
    }


def runtime(config: StageConfig) -> lambda_.Runtime:
    """Return the Python runtime of the stage."""
    known = {
        "3.12": lambda_.Runtime.PYTHON_3_12,
        "3.13": lambda_.Runtime.PYTHON_3_13,
        "3.14": lambda_.Runtime.PYTHON_3_14,
    }
    return known[config.python]


def architecture(config: StageConfig) -> lambda_.Architecture:
    """Return the processor architecture of the stage; arm64 is a fifth cheaper."""
    return lambda_.Architecture.ARM_64 if config.architecture == "arm64" else lambda_.Architecture.X86_64
