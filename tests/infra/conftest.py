"""Every stage is synthesised once per session; the tests read the templates."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infra.app import build, context
from infra.config import Concurrency, CustomDomain, FactEndpoint, StageConfig, WriteBack
from infra.lib.site import LAYERS
from infra.lib.template import Function, Resource, Template, as_list, functions_of
from infra.stages import load, local

__all__ = ["FUNCTIONS", "STAGES", "Synthesised", "as_list", "functions_of"]

STAGES = ("dev", "stg", "prod", "local", "keyed")
FUNCTIONS = (
    "line_webhook",
    "shop_webhook",
    "line_events",
    "shop_events",
    "push_sender",
    "due_steps",
    "daily_alerts",
    "alert_shard",
    "log_writer",
    "import_file",
    "sweeper",
    "poll_shop",
    "privacy_requests",
    "write_back",
    "api",
)


@dataclass(frozen=True)
class Synthesised:
    """Both templates of a stage, and the configuration they came from."""

    config: StageConfig
    stateful: Template
    stateless: Template
    assembly: Path

    @property
    def prefix(self) -> str:
        """Beginning of every physical name of the stage."""
        return self.config.deployment

    @property
    def functions(self) -> dict[str, Function]:
        """Return the functions by folder name, with environment, timeout and the statements of their roles."""
        return functions_of(self.stateless, self.prefix)

    def metadata(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the CDK noted by construct path: warnings, acknowledged rules."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path in self.assembly.glob("*.metadata.json"):
            found |= json.loads(path.read_text(encoding="utf-8"))
        return found

    def queue(self, name: str) -> Resource:
        """Return a queue by its short name."""
        full = f"{self.prefix}-{name}"
        return next(q for q in self.stateless.of_type("AWS::SQS::Queue") if q.properties["QueueName"] == full)

    def named(self, kind: str, key: str, value: str) -> Resource:
        """Return the resource of a type whose property has the value, from either stack."""
        both = [*self.stateful.of_type(kind), *self.stateless.of_type(kind)]
        return next(each for each in both if each.properties.get(key) == value)


def config_of(stage: str) -> StageConfig:
    """Return a stage's own configuration; ``keyed`` is prod with every option turned on."""
    if stage == "local":
        return local.config({})
    if stage != "keyed":
        return load(stage)
    return replace(
        load("prod"),
        stage="keyed",
        customer_managed_key=True,
        shops=("main", "second"),
        partner_sources={
            "aws.partner/shopify.com/1234567/musubi-main": "main",
            "aws.partner/shopify.com/1234567/musubi-second": "second",
        },
        fact_endpoints={
            "crm": FactEndpoint(url="https://crm.shop.example/facts", types=("LinkMade", "LinkEnded"), per_second=5),
            "audit": FactEndpoint(url="https://audit.shop.example/in", header="authorization"),
        },
        shop_apis={
            "main/shopify": "https://musubi-shoten.myshopify.com",
            "second/shopify": "https://musubi-second.myshopify.com",
        },
        write_backs={
            "main/shopify": WriteBack(linked_tag="LINE連携", consent=True, link_points=500),
            "second/shopify": WriteBack(consent=True),
        },
        domain=CustomDomain(
            name="line.shop.example",
            certificate_arn="arn:aws:acm:ap-northeast-1:123456789012:certificate/00000000-0000-4000-8000-000000000000",
        ),
        concurrency=Concurrency(
            reserved={"line_webhook": 100, "push_sender": 20}, queue={"push_sender": 20, "alert_shard": 5}
        ),
    )


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with layers and handlers of no content: what they hold does not change a template."""
    root = tmp_path_factory.mktemp("stand-ins")
    for name in LAYERS:
        (root / "layers" / name).mkdir(parents=True)
        (root / "layers" / name / "empty").touch()
    for name in FUNCTIONS:
        (root / "functions" / name).mkdir(parents=True)
        (root / "functions" / name / "handler.py").write_text("lambda_handler = None\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def synthesise(stand_ins: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[StageConfig], Synthesised]:
    """Return a function that synthesises a configuration, both rule packs included."""

    def run(config: StageConfig) -> Synthesised:
        folder = tmp_path_factory.mktemp("cloud-assembly")
        config = replace(config, layers_dir=stand_ins / "layers", functions_dir=stand_ins / "functions")
        app = cdk.App(outdir=str(folder), context=context())
        stateful, stateless = build(app, config)
        assembly = app.synth()
        return Synthesised(
            config=config,
            stateful=Template(assembly.get_stack_by_name(stateful.stack_name).template),
            stateless=Template(assembly.get_stack_by_name(stateless.stack_name).template),
            assembly=folder,
        )

    return run


@pytest.fixture(scope="session")
def stages(synthesise: Callable[[StageConfig], Synthesised]) -> dict[str, Synthesised]:
    """Return every stage, synthesised."""
    return {stage: synthesise(config_of(stage)) for stage in STAGES}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, stages: dict[str, Synthesised]) -> Synthesised:
    """Return one stage after the other."""
    return stages[str(request.param)]


@pytest.fixture
def prod(stages: dict[str, Synthesised]) -> Synthesised:
    """Return stage ``prod``."""
    return stages["prod"]


@pytest.fixture
def keyed(stages: dict[str, Synthesised]) -> Synthesised:
    """Return prod with the customer's key, a domain, two shops and concurrency caps."""
    return stages["keyed"]
