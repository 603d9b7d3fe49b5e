import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.stages import load
from local.tools import cdk, layers, prune
from local.tools.layers import Target

MANIFEST: dict[str, Any] = {"target": "aws", "python": "3.13", "arch": "arm64", "pyc": True}


EDITED = replace(load("dev"), shop_login_url="https://shop.example.jp/line/login", line_channel_id="2000000001")


def test_layers_that_fit_are_deployed() -> None:
    assert cdk.refusal(MANIFEST, EDITED, allow_no_pyc=False) is None


@pytest.mark.parametrize("stage", ["dev", "stg", "prod"])
def test_a_stage_file_that_nobody_edited_is_refused(stage: str) -> None:
    """It would deploy well, send links to a login page that is not there, and tell its alarms to nobody."""
    reason = cdk.refusal(MANIFEST, load(stage), allow_no_pyc=False)
    assert reason is not None
    assert "shop_login_url, line_channel_id" in reason
    assert load("local").placeholders == []


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({}, "make layers"),
        (MANIFEST | {"arch": "x86_64"}, "x86_64"),
        (MANIFEST | {"python": "3.11"}, "3.11"),
        (MANIFEST | {"pyc": False}, "ALLOW_NO_PYC"),
    ],
)
def test_layers_that_do_not_fit_are_refused(manifest: dict[str, Any], said: str) -> None:
    reason = cdk.refusal(manifest, EDITED, allow_no_pyc=False)
    assert reason is not None
    assert said in reason


def test_layers_without_compiled_modules_are_deployed_when_told() -> None:
    assert cdk.refusal(MANIFEST | {"pyc": False}, EDITED, allow_no_pyc=True) is None


def test_pruning_keeps_what_our_adapters_call(tmp_path: Path) -> None:
    kept = [
        "botocore/data/sqs/service-2.json",
        "botocore/data/endpoints.json",
        "pydantic/main.py",
        "x.dist-info/METADATA",
    ]
    gone = [
        "botocore/data/ec2/service-2.json",
        "yaml/tests/test_a.py",
        "bin/normalizer",
        "x.dist-info/RECORD",
        "m/a.pyi",
    ]
    for name in kept + gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune.prune(tmp_path)
    assert all((tmp_path / name).exists() for name in kept)
    assert not any((tmp_path / name).exists() for name in gone)


@pytest.fixture
def goal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A target in an empty folder, whose dependencies need no network."""
    monkeypatch.setattr(layers, "LAYERS", tmp_path)
    monkeypatch.setitem(layers._BUILDERS, "deps", lambda goal, fresh: (fresh / "python").mkdir())
    return Target("aws", (3, 13), "arm64", None)


def test_a_layer_is_built_once_per_input(goal: Target) -> None:
    assert layers.build(goal) == ["core", "deps", "content"]
    assert layers.build(goal) == []
    manifest = json.loads((goal.home / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["python"], manifest["arch"], manifest["pyc"]) == ("3.13", "arm64", False)


def test_the_core_layer_leaves_the_command_line_out(goal: Target) -> None:
    layers.build(goal)
    package = goal.home / "core" / "python" / "musubi"
    assert (package / "recipes").is_dir()
    assert not (package / "cli").exists()


def test_a_build_that_breaks_leaves_the_old_layer(goal: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    layers.build(goal)
    (goal.home / "manifest.json").unlink()

    def broken(goal: Target, fresh: Path) -> None:
        raise SystemExit("no space left")

    monkeypatch.setitem(layers._BUILDERS, "core", broken)
    with pytest.raises(SystemExit, match="no space left"):
        layers.build(goal)
    assert (goal.home / "core" / "python" / "musubi").is_dir()
