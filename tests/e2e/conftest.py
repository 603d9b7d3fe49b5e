"""A running stack for the end-to-end tests: the real CDK app in the embedded AWS, driven from outside only."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.endpoints import Endpoints
from local.stack.settings import Settings, from_environment
from local.stack.up import down, up

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
