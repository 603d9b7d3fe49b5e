"""A running stack for the end-to-end tests: the real CDK app in the embedded AWS, driven from outside only."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from local.crowd import Crowd
from local.endpoints import Endpoints
from local.outside import Outside
from local.stack.aws import Aws
from local.stack.settings import Settings, from_environment
from local.stack.up import down, up
from local.story import Story
from tests.e2e.acting import Calendar

_BLOCK = 6
_FIRST, _LAST = 20_000, 32_000


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the session's stack: PORT_BASE if given, else a free block, and a folder of its own."""
    found = from_environment()
    port_base = found.port_base if "PORT_BASE" in os.environ else free_block()
    return replace(found, port_base=port_base, home=stack_home(tmp_path_factory))


@pytest.fixture(scope="session")
def stack(stack_settings: Settings) -> Iterator[Endpoints]:
    """The endpoints of a healthy stack, which is taken down after the session."""
    try:
        yield up(stack_settings)
    finally:
        down(stack_settings.home)


@pytest.fixture(scope="session")
def stack_home_dir(stack_settings: Settings) -> Path:
    """The state folder of the session's stack, for `settle(…, home=…)` and `move(…, home=…)`."""
    return stack_settings.home


def stack_home(factory: pytest.TempPathFactory) -> Path:
    """MUSUBI_LOCAL_DIR if given; else a folder of this session, so that a stack started by hand is left alone."""
    given = os.environ.get("MUSUBI_LOCAL_DIR")
    return Path(given).resolve() if given else factory.mktemp("stack")


def free_block() -> int:
    """The first base of a block of free ports; blocks start at an offset of this process, to keep sessions apart."""
    span = (_LAST - _FIRST) // _BLOCK
    for step in range(span):
        base = _FIRST + (os.getpid() + step) % span * _BLOCK
        if all(_is_free(base + offset) for offset in range(_BLOCK)):
            return base
    raise RuntimeError(f"no {_BLOCK} free ports in a row between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def story(stack: Endpoints, stack_home_dir: Path) -> Story:
    """A story of its own on the session's stack: people of other tests are strangers to it, no fault order is left."""
    httpx.delete(f"{stack.line}/_sim/faults", timeout=10).raise_for_status()
    httpx.post(f"{stack.line}/_sim/webhook", json={"redelivery": False}, timeout=10).raise_for_status()
    return Story(stack, stack_home_dir, patience_s=120)


@pytest.fixture
def outside(stack: Endpoints, stack_settings: Settings) -> Outside:
    """Somebody who holds the secrets of LINE and of the shop."""
    return Outside.of(stack, stack_settings)


@pytest.fixture
def crowd(story: Story, outside: Outside) -> Crowd:
    """Bulk acts of the same story."""
    return Crowd(story, outside)


@pytest.fixture
def aws(stack: Endpoints) -> Aws:
    """The operator's access to the embedded AWS."""
    return Aws.of(stack)


@pytest.fixture(scope="session")
def calendar(stack: Endpoints, stack_home_dir: Path) -> Calendar:
    """Hands out business days that no other test has lived through."""
    return Calendar(stack, stack_home_dir)
