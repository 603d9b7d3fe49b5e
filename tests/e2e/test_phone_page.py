"""A finger on the phone page: headless Chromium taps, writes and follows a link (390 px wide)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from local.line.config import Config
from local.line.edge import Simulator, serve
from local.tools.browser import FLAGS, find

pytestmark = pytest.mark.browser

WELCOME: dict[str, Any] = {
    "type": "template",
    "altText": "ようこそ",
    "template": {
        "type": "buttons",
        "title": "むすび商店",
        "text": "会員連携すると、発送のお知らせが届きます。",
        "actions": [
            {"type": "postback", "label": "会員連携", "data": "v=1&do=start_link", "displayText": "会員連携する"},
            {"type": "uri", "label": "お店を見る", "uri": "http://127.0.0.1:1/shop"},
        ],
    },
    "quickReply": {"items": [{"type": "action", "action": {"type": "message", "label": "あとで", "text": "あとで"}}]},
}


def free_base() -> int:
    """A port whose two neighbours are free as well."""
    for _ in range(50):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            base: int = first.getsockname()[1]
        try:
            for offset in range(3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise RuntimeError("no three free ports in a row")


@pytest.fixture(scope="module")
def line() -> Iterator[Simulator]:
    """A running simulator without a webhook receiver."""
    simulator = Simulator(Config(port_base=free_base()))
    loop, ready = asyncio.new_event_loop(), threading.Event()
    task = loop.create_task(serve(simulator, ready.set))
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield simulator
    simulator.shutdown()
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A phone-sized page."""
    path = find()
    assert path, "no Chromium: python -m local.tools.browser installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser.new_page(viewport={"width": 390, "height": 844}, locale="ja-JP")
        browser.close()


@pytest.fixture
def chat(line: Simulator, page: Page) -> Iterator[tuple[httpx.Client, str]]:
    """A friend whose phone is open, with the welcome message on it."""
    with httpx.Client(base_url=line.config.base(0), trust_env=False) as api:
        user_id = api.post("/_sim/friends", json={"display_name": "花子", "relation": "friend"}).json()["user_id"]
        token = api.post("/_sim/tokens", json={"kind": "long"}).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"to": user_id, "messages": [WELCOME]}
        assert api.post("/v2/bot/message/push", json=body, headers=headers).status_code == 200
        page.goto(f"{line.config.base(0)}/phone/{user_id}")
        yield api, user_id


def sent(api: httpx.Client, user_id: str) -> list[dict[str, Any]]:
    """What the person has written, oldest first."""
    shown = api.get(f"/_sim/friends/{user_id}").json()["chat"]
    return [item["message"] for item in shown if item["sender"] == "user"]


def test_tapping_a_button_sends_its_postback(page: Page, chat: tuple[httpx.Client, str]) -> None:
    page.get_by_role("button", name="会員連携").click()
    page.locator(".row.user", has_text="会員連携する").wait_for()
    assert sent(*chat)[-1]["text"] == "会員連携する"


def test_quick_replies_vanish_when_used(page: Page, chat: tuple[httpx.Client, str]) -> None:
    page.get_by_role("navigation").get_by_text("あとで").click()
    page.locator(".row.user", has_text="あとで").wait_for()
    assert page.get_by_role("navigation").count() == 0


def test_writing_and_receiving_without_reload(page: Page, chat: tuple[httpx.Client, str]) -> None:
    api, user_id = chat
    page.get_by_placeholder("メッセージを入力").fill("注文はいつ届きますか")
    page.get_by_role("button", name="送信").click()
    page.locator(".row.user", has_text="注文はいつ届きますか").wait_for()
    token = api.post("/_sim/tokens", json={"kind": "long"}).json()["access_token"]
    answer = {"to": user_id, "messages": [{"type": "text", "text": "明日お届けします"}]}
    api.post("/v2/bot/message/push", json=answer, headers={"Authorization": f"Bearer {token}"})
    page.locator(".row.bot", has_text="明日お届けします").wait_for()


def test_blocking_and_coming_back(page: Page, chat: tuple[httpx.Client, str]) -> None:
    api, user_id = chat
    page.get_by_label("メニュー", exact=True).click()
    page.get_by_role("button", name="ブロック", exact=True).click()
    page.get_by_text("ブロックしました").wait_for()
    assert api.get(f"/_sim/friends/{user_id}").json()["relation"] == "blocked"
    page.get_by_label("メニュー", exact=True).click()
    page.get_by_role("button", name="友だち追加").click()
    page.get_by_text("ブロックを解除しました").wait_for()


def test_links_lead_out_with_the_owner_as_browser_user(page: Page, chat: tuple[httpx.Client, str]) -> None:
    link = page.get_by_role("link", name="お店を見る")
    assert link.get_attribute("target") == "_blank"
    assert f"/phone/{chat[1]}/open" in str(link.get_attribute("href"))
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert cookies["line_browser_user"] == chat[1]


def test_fits_a_phone(page: Page, chat: tuple[httpx.Client, str]) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.evaluate(
        "[...document.querySelectorAll('.chat button, .chat a')].filter(e => e.getBoundingClientRect().height < 40).length"
    )
    assert small == 0
