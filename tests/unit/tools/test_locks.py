"""The locks name packages, versions and hashes, and nothing else: no registry stands in a commit."""

import json
import re
from pathlib import Path

import pytest

from local.tools.paths import CDK_LOCK, DEPS_LOCK, DEV_LOCK, STACK_LOCK, UV_LOCK

LOCKS = [DEV_LOCK, DEPS_LOCK, STACK_LOCK, UV_LOCK]


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)


def test_the_lambdas_run_what_the_tests_ran() -> None:
    tested, shipped = pins(DEV_LOCK), pins(DEPS_LOCK)
    assert shipped
    assert {name: tested.get(name) for name in shipped} == shipped


def test_the_cdk_command_line_is_exact_and_comes_from_no_named_registry() -> None:
    lock = json.loads((CDK_LOCK / "package-lock.json").read_text(encoding="utf-8"))
    package = lock["packages"]["node_modules/aws-cdk"]
    assert package["version"] == "2.1148.1"
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package
