"""The README's own commands, in order, on a stack of their own: what a newcomer types works."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from local import screenshot
from local.endpoints import ROOT, Endpoints
from local.stack.up import down
from local.tools import browser
from tests.e2e.conftest import free_block
from tests.support.markdown import fences, page

BLOCKS = fences(page("README.md"), "sh")
PATIENCE_S = 600
MEMBER = "1012"
"""The last of the demo shop's members: no other test links her on the session's stack."""

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
def test_tapping_through_the_tour(stack: Endpoints) -> None:
    """What the tour says of phones and shop, by tapping: link, order, and the thank-you comes."""
    httpx.post(f"{stack.shop}/_shop/members/announce", json={"members": [MEMBER], "timeout_s": 90}, timeout=120)
    owner = {"display_name": "ゆい", "person": f"tour-{os.getpid()}"}
    user = httpx.post(f"{stack.line}/_sim/friends", json=owner, timeout=20).json()["user_id"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.ensure(), args=list(browser.FLAGS))
        phone = chromium.new_context(viewport={"width": 390, "height": 844}, locale="ja-JP")
        phone.set_default_timeout(60_000)
        chat = phone.new_page()
        chat.goto(f"{stack.line}/phone/{user}")
        chat.get_by_label("メニュー", exact=True).click()
        chat.get_by_role("button", name="友だち追加").click()
        chat.get_by_role("button", name="会員連携").click()
        with phone.expect_page() as opened:
            chat.get_by_role("link", name="ログインして連携").click()
        log_in(opened.value)
        chat.locator(".row.bot", has_text="連携が完了しました").wait_for()
        order(opened.value, stack.shop)
        chat.locator(".row.bot", has_text="ご注文ありがとうございます").wait_for()
        chromium.close()


def log_in(page: Page) -> None:
    page.get_by_label("会員番号").fill(MEMBER)
    page.get_by_label("パスワード").fill("musubi-demo")
    page.get_by_role("button", name="ログインして連携する").click()
    page.get_by_role("button", name="連携する").click()
    page.get_by_text("連携しました").wait_for()


def order(page: Page, shop: str) -> None:
    page.goto(f"{shop}/products")
    page.locator("a[href^='/products/']").first.click()
    page.get_by_role("button", name="カートに入れる").click()
    page.get_by_role("button", name="注文を確定する").click()


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
