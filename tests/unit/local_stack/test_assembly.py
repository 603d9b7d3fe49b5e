"""Reading a cloud assembly: order of the stacks, places of the assets, zips that do not change."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.stack.assembly import Asset, SynthFailed, stacks
from local.stack.deploy import zipped


def assembly(folder: Path, needs: dict[str, list[str]]) -> Path:
    """An assembly of stacks with one zipped asset each."""
    artifacts: dict[str, Any] = {}
    for name, others in needs.items():
        (folder / f"{name}.template.json").write_text("{}", encoding="utf-8")
        place = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": f"{name}.zip"}
        source = {"path": f"asset.{name}", "packaging": "zip"}
        listed = {"files": {name: {"source": source, "destinations": {"here": place}}}}
        (folder / f"{name}.assets.json").write_text(json.dumps(listed), encoding="utf-8")
        artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json", "stackName": f"musubi-{name}"},
            "dependencies": [*others, f"{name}.assets"],
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")
    return folder


def test_a_stack_comes_after_those_it_needs(tmp_path: Path) -> None:
    found = stacks(assembly(tmp_path, {"functions": ["tables"], "tables": ["keys"], "keys": []}))
    assert [stack.name for stack in found] == ["musubi-keys", "musubi-tables", "musubi-functions"]


def test_stacks_that_need_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthFailed, match="circle"):
        stacks(assembly(tmp_path, {"a": ["b"], "b": ["a"]}))


def test_assets_know_their_place_in_the_emulators_account(tmp_path: Path) -> None:
    (stack,) = stacks(assembly(tmp_path, {"only": []}))
    (asset,) = stack.assets
    assert (asset.bucket, asset.key) == ("assets-000000000000-ap-northeast-1", "only.zip")
    assert asset.zipped
    assert asset.source == tmp_path / "asset.only"


def test_a_zip_is_made_once_and_readable_by_everybody(tmp_path: Path) -> None:
    source = tmp_path / "code"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "handler.py").write_text("x = 1\n", encoding="utf-8")
    (source / "inner" / "handler.py").chmod(0o600)
    asset = Asset(id="ab12", source=source, zipped=True, bucket="b", key="k")
    first = zipped(asset, tmp_path / "zips")
    content = first.read_bytes()
    (source / "inner" / "handler.py").touch()
    assert zipped(asset, tmp_path / "zips") == first
    first.unlink()
    assert zipped(asset, tmp_path / "zips").read_bytes() == content
    with zipfile.ZipFile(first) as archive:
        (entry,) = archive.infolist()
    assert entry.filename == "inner/handler.py"
    assert entry.external_attr >> 16 & 0o777 == 0o644
