"""The README's own commands, in order, on a stack of their own: what a newcomer types works."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from local import screenshot
from local.endpoints import ROOT, Endpoints
from local.stack.up import down
from tests.e2e.conftest import free_block
from tests.support.markdown import fences, page

BLOCKS = fences(page("README.md"), "sh")
PATIENCE_S = 600

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A newcomer's environment: nothing set but what keeps this stack apart from others."""
    home = tmp_path_factory.mktemp("readme")
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "LINE_", "SHOP_"))
    }
    for name in ("CI", "HOLD", "GO_LIVE", "TESTERS", "MFLAGS"):
        mine.pop(name, None)
    try:
        yield {**mine, "PORT_BASE": str(free_block()), "MUSUBI_LOCAL_DIR": str(home)}
    finally:
        down(home)


def test_there_is_something_to_run() -> None:
    text = "\n".join(BLOCKS)
    for command in ("make demo", "make up", "make clock", "make down", "musubi explain"):
        assert command in text


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block(number: int, shell: Mapping[str, str]) -> None:
    done = run(BLOCKS[number], shell)
    assert done.returncode == 0, f"{BLOCKS[number]}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    if "musubi explain" in BLOCKS[number]:
        assert "accepted" in done.stdout or "not_linked" in done.stdout


def run(block: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A block in a shell that stops at the first command that fails; its children end with it when time is up."""
    shell = ["bash", "-eu", "-o", "pipefail", "-c", block]
    started = subprocess.Popen(
        shell,
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = started.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGTERM)
        out, err = started.communicate()
        err += f"\nstopped after {PATIENCE_S} s"
    return subprocess.CompletedProcess(shell, started.returncode, out, err)


@pytest.mark.browser
def test_the_pictures_can_be_taken_again(stack: Endpoints, tmp_path: Path) -> None:
    created = httpx.post(f"{stack.line}/_sim/friends", json={"display_name": "みお"}, timeout=20).json()
    httpx.post(f"{stack.line}/_sim/friends/{created['user_id']}/follow", json={}, timeout=60).raise_for_status()
    first = {name: text for name, text in screenshot.SCREENS.items() if name == "phone-link.png"}
    (picture,) = screenshot.take(screenshot.phone_of(stack.line, "みお"), tmp_path, first)
    data = picture.read_bytes()
    assert int.from_bytes(data[16:20], "big") == screenshot.WIDTH
    assert len(data) <= screenshot.MAX_BYTES


def test_a_phone_that_is_not_there_is_told(stack: Endpoints) -> None:
    with pytest.raises(screenshot.NoPicture, match="make demo HOLD=1"):
        screenshot.phone_of(stack.line, "だれか")
