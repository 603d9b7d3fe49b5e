"""Takes out of an installed layer what no Lambda of ours loads. Standard library only."""

import shutil
from pathlib import Path

SERVICES = frozenset({"dynamodb", "events", "kms", "s3", "sqs", "ssm", "sts"})
"""AWS services that botocore keeps its descriptions of: those our adapters call, and what credentials need."""

_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_DEAD_FILES = ("*.c", "*.h", "*.pyi", "*.pyx", "*.pxd", "_py2.py")


def prune(packages: Path) -> None:
    """Prune a folder that `pip install --target` filled."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    (packages / ".lock").unlink(missing_ok=True)
    for data in (packages / "botocore" / "data", packages / "boto3" / "data"):
        _prune_services(data)
    shutil.rmtree(packages / "boto3" / "examples", ignore_errors=True)
    for folder in [f for f in packages.glob("*/**") if f.is_dir() and f.name in _TEST_FOLDERS]:
        shutil.rmtree(folder, ignore_errors=True)
    for pattern in _DEAD_FILES:
        for file in packages.rglob(pattern):
            file.unlink()
    for record in packages.glob("*.dist-info/RECORD"):
        record.unlink()  # it lists files that are gone now


def _prune_services(data: Path) -> None:
    for folder in data.iterdir() if data.is_dir() else ():
        if folder.is_dir() and folder.name not in SERVICES:
            shutil.rmtree(folder)
